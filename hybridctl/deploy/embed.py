"""`embed`: a controller as a `Pilot` that runs without JAX."""

import copy
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, one_of, plain, require
from hybridctl.controllers import Controller
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.runtime import CEngine, Engine, PythonEngine
from hybridctl.kinds import checked
from hybridctl.plants import Plant

LANGUAGES = ("python", "c")
REALS = ("double", "float")
State = dict[str, NDArray]


@checked
def embed(
    controller: Controller,
    dt: float,
    *,
    plant: Plant | None = None,
    language: str = "python",
    real: str = "double",
    on_missing: str = "hold",
) -> "Pilot":
    """A controller for a real loop: NumPy only at every call.

    It is the code that `export` writes to a file, with the same memory as in a
    simulation: modes, integrators, observers, delays and normalizers.

    Args:
        controller: any controller, also one of your own.
        dt: control period [s] at which it will be called.
        plant: names the measurements where no part of the controller knows its plant.
        language: "python", or "c": compiled on this machine and called by ctypes.
        real: numbers in C, "double" or "float".
        on_missing: what a measurement or reference does that is not finite, in any of
            its entries. "hold": the last good input is given again (0 before the
            first), the memory stays as it was while time goes on, and `missed` counts.
            "nan": it goes through, as in a simulation, and most memories keep it.
            "error": a ValueError, and the call was none.

    Returns:
        A `Pilot`.

    Raises:
        ValueError: the controller was designed for another period, does not run, or
            uses an operation that has no counterpart, by its name; or there is no
            C compiler.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> pilot = embed(lqr, dt=0.02)
        >>> pilot([0.0, 3.0, 0.0, 0.0]).round(2)
        array([7.27])
    """
    one_of("language", language, LANGUAGES)
    one_of("real", real, REALS)
    made = program(controller, dt, plant, on_missing)
    pilot = Pilot(
        made, PythonEngine(made) if language == "python" else CEngine(made, real)
    )
    pilot._recipe = functools.partial(
        embed, controller, dt, plant=plant, language=language, real=real,
        on_missing=on_missing,
    )  # fmt: skip
    return pilot


class Pilot:
    """A controller that is called once every control period.

    `pilot(y)` gives the input; `pilot.applied(u)` tells what the actuator made of it,
    where that is known and differs. Made by `embed`.

    Attributes:
        dt: control period [s].
        modes: names of the modes of the outermost machine; empty without one.
        y: names and units of the measurements.
        u: names and units of the inputs.
        on_missing: what a measurement that is not finite does: "hold", "nan", "error".
        follows: whether it follows a reference, and wants r at every call.
    """

    def __init__(self, made: Program, engine: Engine):
        self.dt, self.modes = made.dt, made.modes
        self.y, self.u = made.y, made.u
        self._hash, self._sizes, self._engine = made.traced.hash, made.sizes, engine
        self._name = type(made.controller).__name__
        self._shape, self._step, self._k = (made.sizes.n_y,), engine.step, 0
        self.follows, self.on_missing = made.sizes.n_r > 0, made.on_missing
        self._recipe: Any = functools.partial(
            embed, made.controller, made.dt, on_missing=made.on_missing
        )
        self.reset()

    def __repr__(self) -> str:
        (y, u), modes = ([n for n, _ in row] for row in (self.y, self.u)), self.modes
        more = f", modes={list(modes)}" if modes else ""
        return f"Pilot({self._name}, dt={self.dt:g}, y={y}, u={u}{more})"

    def copy(self) -> "Pilot":
        """The same controller with a memory of its own, as it is now: for a second rig.

        Example:
            >>> import hybridctl as hc
            >>> pilot = hc.embed(hc.PID(1.0, 2.0, 0.0, dt=0.1), dt=0.1)
            >>> other = pilot.copy()
            >>> pilot([1.0]), pilot([1.0]), other([1.0])
            (array([-1.]), array([-1.2]), array([-1.]))
        """
        other = copy.copy(self.__dict__) | {"_engine": self._engine.copy()}
        pilot = object.__new__(Pilot)
        pilot.__dict__ = other | {"_step": other["_engine"].step}
        return pilot

    def __copy__(self) -> "Pilot":
        return self.copy()

    def __deepcopy__(self, memo: dict) -> "Pilot":
        return self.copy()

    def __reduce__(self) -> Any:
        """Its controller and its memory: the code is made again where it is read."""
        return self._recipe, (), self.state_dict()

    def __setstate__(self, state: State) -> None:
        self.load_state_dict(state)

    def reset(self, y: Any = None, r: Any = None) -> None:
        """Begin anew.

        Args:
            y: first measurement [n_y], where the memory begins with it; None: that
                of the first call.
            r: first reference [n_r], given with y where the controller follows one.

        Raises:
            ValueError: y or r has another shape.
        """
        self._k = 0
        if y is None:
            self._engine.init(None, None)
        else:
            r = self._reference(r) if self.follows else None
            self._engine.init(self._row(y), r)

    def __call__(self, y: Any, r: Any = None) -> NDArray:
        """The input of this period.

        Args:
            y: measurement [n_y]; where it is not finite, `on_missing` counts.
            r: reference [n_r], where the controller follows one.

        Returns:
            The input u [n_u], which may be changed.

        Raises:
            ValueError: y or r has another shape, or is not finite where `on_missing`
                is "error".
        """
        if getattr(y, "shape", None) != self._shape:
            y = self._row(y)
        if self.follows:
            r = self._reference(r)
        u = self._step(self._k * self.dt, y, r)
        self._k += 1
        return u

    def applied(self, u: Any) -> None:
        """Tell what was applied in the last period: u [n_u]; else it is what was asked.

        So it is where u is not finite, unless `on_missing` is "nan".

        Raises:
            ValueError: u has another shape.
        """
        u = self._numbers("u", u)
        n_u = self._sizes.n_u
        require(u.shape == (n_u,), f"u has shape {u.shape}, expected ({n_u},)")
        if self.on_missing == "nan" or np.isfinite(u).all():
            self._engine.applied(u)

    @property
    def missed(self) -> int:
        """Periods since the beginning in which a measurement or reference was missing.

        Example:
            >>> import hybridctl as hc
            >>> pilot = hc.embed(hc.PID(1.0, 2.0, 0.0, dt=0.1), dt=0.1)
            >>> pilot([1.0]), pilot([np.nan]), pilot([1.0]), pilot.missed
            (array([-1.]), array([-1.]), array([-1.2]), 1)
        """
        return self._engine.missed()

    @property
    def mode(self) -> int | None:
        """The active mode, a place in `modes`; None without one or before it begins."""
        return self._engine.mode()

    def state_dict(self) -> State:
        """The memory as arrays by name, for `load_state_dict`.

        A memory of Python code goes on in C, and the other way round.
        """
        head = {"controller": np.array(self._hash), "tick": np.array(self._k)}
        return head | self._engine.read()

    def load_state_dict(self, state: State) -> None:
        """Go on from a memory that `state_dict` gave.

        Raises:
            ValueError: it is another controller's, or not complete.
        """
        require(
            str(state.get("controller")) == self._hash,
            "this memory is another controller's; give one of the same controller",
        )
        require("tick" in state, "the memory has no tick; give all of it")
        k = int(state["tick"])
        if k == 0 and not any(name.startswith("memory") for name in state):
            self._engine.init(None, None)
        else:
            self._engine.write(state, k)
        self._k = k

    def _row(self, y: Any) -> NDArray:
        y, n_y = self._numbers("y", y), self._sizes.n_y
        fits = y.shape == (n_y,) or (self._sizes.more and y.ndim == 1 and len(y) > n_y)
        names = ", ".join(name for name, _ in self.y)
        require(fits, f"y has shape {y.shape}, expected ({n_y},): {names}")
        return y

    def _numbers(self, name: str, value: Any) -> NDArray:
        try:
            return np.asarray(value, float)
        except (TypeError, ValueError):
            fail(f"{name}={plain(repr(value), 80)} is no row of numbers; give a list")

    def _reference(self, r: Any) -> NDArray:
        n_r = self._sizes.n_r
        if r is None:
            fail(f"this controller follows a reference; give r [{n_r}] at every call")
        r = self._numbers("r", r)
        require(r.shape == (n_r,), f"r has shape {r.shape}, expected ({n_r},)")
        return r
