"""What a simulation shows: signals by name, modes, settling."""

from typing import Any

import equinox as eqx
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from hybridctl.checks import fail, not_negative, number, require
from hybridctl.describe import Shown, plain_data
from hybridctl.kinds import check_kind
from hybridctl.loop.plot import plot_trace
from hybridctl.loop.record import fields_of
from hybridctl.plants import Equilibrium
from hybridctl.plants.hybrid.plant import Hits


class Trace(Shown, eqx.Module):
    """The signals of a closed loop over T control periods.

    Attributes:
        t: time [s], [T+1].
        x: state, [T+1, n_x].
        u: input that the actuator applied, [T, n_u].
        asked: input that the controller asked for, [T, n_u].
        mode: index of the active mode, [T], or None without modes.
        states: names of the states.
        inputs: names of the inputs.
        modes: names of the modes; empty without.
        units: unit by name, as pairs.
        angles: which states are angles.
        hits: the plant's events by control period, or None where it has none; see
            `events`.
        happenings: names of the plant's events.
        shown: what the controller's parts show of their memory, [T, ...] by name:
            the age of a mode, an estimate, an integral, `swing.mode` of a machine
            within the mode "swing"; see `Controller.shows`.

    With a batch of starts the arrays (but t) have a leading axis; `trace[i]` is
    one of them, `trace["theta"]` a signal by name.
    """

    t: Float[Array | np.ndarray, " T+1"]
    x: Float[Array, "*N T+1 n_x"]
    u: Float[Array, "*N T n_u"]
    asked: Float[Array, "*N T n_u"]
    mode: Int[Array, "*N T"] | None
    states: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    modes: tuple[str, ...] = eqx.field(static=True)
    units: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    hits: Hits | None = None
    happenings: tuple[str, ...] = eqx.field(static=True, default=())
    shown: dict[str, Array] = eqx.field(default_factory=dict)

    def __getitem__(self, name: str | int | np.integer) -> Any:
        """A signal by its name, or one trace of a batch by its number."""
        if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
            return self._lane(name)
        if not isinstance(name, str):
            fail(
                f"trace[{name!r}]: give the name of one signal, as in "
                f"trace[{self.states[0]!r}], or the number of one trace of a batch"
            )
        if name in self.states:
            return self.x[..., self.states.index(name)]
        if name in self.inputs:
            return self.u[..., self.inputs.index(name)]
        if name in ("t", "mode"):
            return getattr(self, name)
        if name in self.shown:
            return self.shown[name]
        part, _, state = name.rpartition(".")
        if part in self.shown and state in self.states:
            return self.shown[part][..., self.states.index(state)]
        names = dict.fromkeys((*self.states, *self.inputs, "t", "mode", *self.shown))
        known = ", ".join(names)
        raise KeyError(f"no signal {name!r}; the signals are {known}")

    def _lane(self, i: int | np.integer) -> "Trace":
        require(self.x.ndim == 3, "this trace is not a batch; index it by a name")
        n = len(self.x)
        if not -n <= i < n:  # JAX would clamp it, and `for` would never end
            raise IndexError(f"no trace {i} in a batch of {n}")
        mode = None if self.mode is None else self.mode[i]
        hits = None if self.hits is None else Hits(*(part[i] for part in self.hits))
        shown = {name: value[i] for name, value in self.shown.items()}
        parts = self.x[i], self.u[i], self.asked[i], mode, hits, shown
        where = lambda s: (s.x, s.u, s.asked, s.mode, s.hits, s.shown)  # noqa: E731
        return eqx.tree_at(where, self, parts, is_leaf=lambda n: n is None)

    def switches(self) -> list[tuple[float, str, str]]:
        """Mode changes as (time [s], from, to)."""
        self._single()
        if self.mode is None:
            return []
        mode = np.asarray(self.mode)
        where = np.flatnonzero(np.diff(mode)) + 1
        name = self.modes.__getitem__
        return [(float(self.t[k]), name(mode[k - 1]), name(mode[k])) for k in where]

    @property
    def events(self) -> list[tuple[float, str]]:
        """Events of the plant as (time [s], name), in order; empty without any."""
        self._single()
        if self.hits is None:
            return []
        index, offset = (np.asarray(part) for part in self.hits)
        period, slot = np.nonzero(index >= 0)
        times = np.asarray(self.t)[period] + offset[period, slot].astype(np.float64)
        names = (self.happenings[i] for i in index[period, slot])
        return list(zip(times.tolist(), names, strict=True))

    def settling_time(self, target: Equilibrium, **tolerance: float) -> float:
        """First time [s] after which all named errors stay within their tolerance.

        Args:
            target: the equilibrium.
            **tolerance: largest |error| by state name.

        Returns:
            The time, inf where the trace does not end settled.

        Raises:
            ValueError: no state, an unknown one, a tolerance below 0, or a target of
                another plant.
        """
        self._single()
        require(bool(tolerance), f"name at least one state: {', '.join(self.states)}")
        inside = np.ones(len(self.t), bool)
        for name, bound in tolerance.items():
            not_negative(name, number(name, bound))
            error = self.error(name, target)
            inside &= np.abs(error) <= bound
        out = np.flatnonzero(~inside)
        if not len(out):
            return float(self.t[0])
        last = int(out[-1]) + 1
        return float(self.t[last]) if last < len(self.t) else float("inf")

    def error(self, name: str, target: Equilibrium) -> np.ndarray:
        """Deviation of a state from an equilibrium, angles wrapped to ±π, [T+1]."""
        check_kind("target", target, Equilibrium)
        n, given = len(self.states), np.shape(target.x)
        require(
            given == (n,),
            f"target is a state of shape {given}, the trace has {n} states; give an "
            "equilibrium of its plant",
        )
        require(name in self.states, f"no state {name!r}; there are {self.states}")
        i = self.states.index(name)
        error = np.asarray(self.x[..., i], np.float64) - float(target.x[i])
        turn = 2 * np.pi
        return error - turn * np.round(error / turn) if i in self.angles else error

    def to_dict(self) -> dict[str, Any]:
        """All signals as lists by name, with t, modes and units: ready for JSON.

        A number that is not finite is None; `from_dict` reads it as NaN.
        """
        names = (*self.states, *self.inputs)
        signals = {name: plain_data(self[name]) for name in names}
        mode = plain_data(self.mode)
        extra: dict[str, Any] = {
            "mode": mode, "modes": list(self.modes), "units": dict(self.units),
            "angles": [self.states[i] for i in self.angles],
        }  # fmt: skip
        if self.hits is not None and self.x.ndim == 2:
            extra["events"] = [list(event) for event in self.events]
        return {"t": plain_data(self.t), **signals, **extra}

    @staticmethod
    def from_dict(values: Any) -> "Trace":
        """The trace that `to_dict` told of, in float64.

        What is not told stays out: `asked` is u, and events are not read.

        Args:
            values: of `to_dict`, or of JSON made of it.

        Returns:
            A single trace.

        Raises:
            ValueError: anything else; with what is wrong.

        Example:
            >>> import hybridctl as hc
            >>> trace = hc.simulate(hc.Pendulum(), hc.Constant([1.0]), [0, 0], 0.1)
            >>> Trace.from_dict(trace.to_dict())["theta"].shape
            (6,)
        """
        return Trace(**fields_of(values))

    def plot(self, **options: Any) -> Any:
        """Draw the signals over time; see `hybridctl.loop.plot.plot_trace`."""
        self._single()
        return plot_trace(self, **options)

    def _single(self) -> None:
        if self.x.ndim != 2:
            fail("this trace is a batch; choose one first: trace[0]")
