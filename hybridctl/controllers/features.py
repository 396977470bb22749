"""What a policy observes: chosen columns of a tick as one vector."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.controllers.controller import State, Tick
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, checked
from hybridctl.plants import Plant
from hybridctl.ports import Names, Ports, Signals, find, named, unnamed


class Features(Shown, eqx.Module):
    """Map Ticks to observation vectors.

    Args:
        n_y: number of measurements that are expected.
        columns: which measurements are used, in order.
        angles: which of those are given as (sin, cos) instead of the angle.
        n_u: number of applied inputs appended (0: none).
        n_modes: length of the one-hot active mode appended (0: none).
        n_r: number of references appended (0: none).
        age: append the ticks since the active mode was entered.
        history: observations of so many decisions before, newest first, appended;
            with the applied input they tell one plant from another.
        measures: names and units of the measurements, where known.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> Features.of(CartPole()).names(CartPole().states)
        ('x', 'sin theta', 'cos theta', 'dx', 'dtheta')
    """

    CURE: ClassVar[str] = "; give hc.Features.of(plant)"

    n_y: int = eqx.field(static=True)
    columns: tuple[int, ...] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    n_u: int = eqx.field(static=True, default=0)
    n_modes: int = eqx.field(static=True, default=0)
    n_r: int = eqx.field(static=True, default=0)
    age: bool = eqx.field(static=True, default=False)
    history: int = eqx.field(static=True, default=0)
    measures: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        check_fields(self)
        require(
            all(0 <= c < self.n_y for c in self.columns),
            f"Features columns {self.columns} reach beyond {self.n_y} measurements",
        )
        for name in ("n_u", "n_modes", "n_r", "history"):
            value = getattr(self, name)
            ok = isinstance(value, int) and value >= 0
            require(ok, f"{name}={value!r} must be a whole number of at least 0")
        require(self.size > 0, "Features is empty; choose at least one column")

    @staticmethod
    @checked
    def of(
        plant: Plant,
        *,
        measured: Signals | None = None,
        trig: bool = True,
        applied: bool = False,
        n_modes: int = 0,
        n_r: int = 0,
        age: bool = False,
        history: int = 0,
    ) -> "Features":
        """All that is measured of a plant, angles as sin and cos.

        Args:
            plant: the plant.
            measured: what a loop measures of it, `loop.measured(plant)`; None: its
                states.
            trig: angles as (sin, cos); False: the measurement as it is.
            applied: append the applied input.
            n_modes: append the active mode, one-hot.
            n_r: append the reference.
            age: append the time in the active mode.
            history: append the observations of so many decisions before.

        Returns:
            Features of the whole measurement.
        """
        y = (plant.ports.y or ()) if measured is None else measured
        columns, n_u = tuple(range(len(y))), plant.n_u if applied else 0
        angles = tuple(i for i in columns if y[i].angle and trig)
        names = tuple((s.name, s.unit) for s in y) if all(s.name for s in y) else ()
        return Features(len(y), columns, angles, n_u, n_modes, n_r, age, history, names)

    def on(self, y: Signals) -> "Features":
        """The same observation from all that is measured, wherever it stands there.

        Args:
            y: what is measured.

        Raises:
            ValueError: some of it is not measured.
        """
        own = self.ports.y or ()
        places = find("Features", own, y, by_name=False) if self.measures else None
        if places is None or places == tuple(range(len(y))):
            return self
        return dataclasses.replace(
            self,
            n_y=len(y),
            columns=tuple(places[c] for c in self.columns),
            angles=tuple(places[c] for c in self.angles),
            measures=tuple((s.name, s.unit) for s in y),
        )

    @property
    def ports(self) -> Ports:
        """The part of a tick that it looks at."""
        y, r = named(self.measures, self.n_y, self.angles), unnamed(self.n_r)
        return Ports(y, r, applied=unnamed(self.n_u))

    @property
    def frame(self) -> int:
        """Length of what is observed at one tick."""
        turned = sum(c in self.angles for c in self.columns)
        extra = self.n_u + self.n_modes + self.n_r + self.age
        return len(self.columns) + turned + extra

    @property
    def size(self) -> int:
        """Length of the observation."""
        return self.frame * (1 + self.history)

    def names(self, states: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the observation's columns, from the names of the states."""
        now: list[str] = []
        for c in self.columns:
            name = states[c]
            now += [f"sin {name}", f"cos {name}"] if c in self.angles else [name]
        now += [f"applied {i}" for i in range(self.n_u)]
        now += [f"mode {i}" for i in range(self.n_modes)]
        now += [f"reference {i}" for i in range(self.n_r)] + ["age"] * self.age
        past = range(1, self.history + 1)
        return (*now, *(f"{name}, {i} before" for i in past for name in now))

    def init(self, tick: Tick) -> State:
        """Memory at the first tick: as if it had always been so; None if not needed."""
        return [self.now(tick)] * self.history if self.history else None

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Memory after this decision, and the observation [size] for it."""
        now = self.now(tick)
        if not self.history:
            return state, now
        return [now, *state[:-1]], jnp.concatenate([now, *state])

    def __call__(self, tick: Tick) -> Array:
        """Observation at a first tick, shape [size]."""
        return self.step(self.init(tick), tick)[1]

    def now(self, tick: Tick) -> Array:
        """What is observed at one tick, shape [frame]."""
        out: list[Any] = []
        for c in self.columns:
            value = tick.y[c]
            turned = c in self.angles
            out += [jnp.sin(value), jnp.cos(value)] if turned else [value]
        if self.n_u:
            applied = _known("applied input", "u_applied", tick.u_applied, "n_u=0")
            out += [applied[i] for i in range(self.n_u)]
        if self.n_modes:
            mode = jnp.int32(0) if tick.mode is None else tick.mode
            out += list(jax.nn.one_hot(mode, self.n_modes, dtype=tick.y.dtype))
        if self.n_r:
            reference = _known("reference", "r", tick.r, "n_r=0")
            out += [reference[i] for i in range(self.n_r)]
        if self.age:
            age = _known("mode of a machine", "age", tick.age, "age=False")
            out.append(age.astype(tick.y.dtype))
        return jnp.stack(out)


def _known(what: str, name: str, value: Array | None, cure: str) -> Array:
    if value is None:
        fail(f"this tick has no {what}; give {name}, or {cure}")
    return value
