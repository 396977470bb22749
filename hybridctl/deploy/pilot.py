"""`embed`: a controller as a `Pilot` that runs without JAX."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require
from hybridctl.controllers import Controller
from hybridctl.deploy.program import Leaf, Program, program
from hybridctl.deploy.pyfile import fields, python_text
from hybridctl.plants import Plant

State = dict[str, NDArray]


def embed(controller: Controller, dt: float, *, plant: Plant | None = None) -> "Pilot":
    """A controller for a real loop: NumPy only at every call.

    It is the code that `export` writes to a Python file, with the same memory as in a
    simulation: modes, integrators, observers, delays and normalizers.

    Args:
        controller: any controller, also one of your own.
        dt: control period [s] at which it will be called.
        plant: names the measurements where no part of the controller knows its plant.

    Returns:
        A `Pilot`.

    Raises:
        ValueError: the controller was designed for another period, does not run, or
            uses an operation that has no counterpart, by its name.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> pilot = embed(lqr, dt=0.02)
        >>> pilot([0.0, 3.0, 0.0, 0.0]).round(2)
        array([7.27])
    """
    made = program(controller, dt, plant)
    space: dict[str, Any] = {"__name__": "pilot"}
    text = python_text(made)
    exec(compile(text, f"<pilot of {type(controller).__name__}>", "exec"), space)
    return Pilot(made, space)


class Pilot:
    """A controller that is called once every control period.

    Attributes:
        dt: control period [s].
        modes: names of the modes of the outermost machine; empty without one.
        y: names and units of the measurements.
        u: names and units of the inputs.

    Made by `embed`; `pilot(y)` gives the input, `pilot.applied(u)` tells what the
    actuator made of it, where that is known and differs.
    """

    def __init__(self, made: Program, code: dict[str, Any]):
        self.dt, self.modes = made.dt, made.modes
        self.y, self.u = made.y, made.u
        self._memory, self._hash = made.memory, made.traced.hash
        self._sizes, self._fields = made.sizes, fields(made)
        self._shape, self._mode = (made.sizes.n_y,), code.get("MODE")
        self._init, self._step, self._applied = (
            code[name] for name in ("init", "step", "applied")
        )
        self.reset()

    def reset(self, y: Any = None, r: Any = None) -> None:
        """Begin anew.

        Args:
            y: first measurement [n_y], where the memory begins with it; None: that
                of the first call.
            r: first reference [n_r].
        """
        self._k = 0
        self._state = self._init(None if y is None else self._row(y), r)

    def __call__(self, y: Any, r: Any = None) -> NDArray:
        """The input of this period.

        Args:
            y: measurement [n_y].
            r: reference [n_r], where the controller follows one.

        Returns:
            The input u [n_u], which may be changed.

        Raises:
            ValueError: y or r has another shape.
        """
        if getattr(y, "shape", None) != self._shape:
            y = self._row(y)
        if self._sizes.n_r:
            r = self._reference(r)
        self._state, u = self._step(self._state, self._k * self.dt, y, r)
        self._k += 1
        return u

    def applied(self, u: Any) -> None:
        """Tell what was applied in the last period: u [n_u]; else it is what was asked.

        Raises:
            ValueError: u has another shape.
        """
        u, n_u = np.asarray(u, float), self._sizes.n_u
        require(u.shape == (n_u,), f"u has shape {u.shape}, expected ({n_u},)")
        self._state = self._applied(self._state, u)

    @property
    def mode(self) -> int | None:
        """The active mode, a place in `modes`; None without one or before it begins."""
        if self._mode is None or self._state is None:
            return None
        return int(self._state[self._mode])

    def state_dict(self) -> State:
        """The memory as arrays by name, to be kept and given to `load_state_dict`."""
        out: State = {"controller": np.array(self._hash), "tick": np.array(self._k)}
        if self._state is None:
            return out
        head = dict(zip(self._fields, self._state, strict=False))
        out |= {name: np.array(value) for name, value in head.items()}
        at = len(self._fields)
        for leaf in self._memory:
            cells = self._state[at : at + leaf.cells]
            out["memory." + leaf.name] = _array(leaf, cells)
            at += leaf.cells
        return out

    def load_state_dict(self, state: State) -> None:
        """Go on from a memory that `state_dict` gave.

        Raises:
            ValueError: it is another controller's, or not complete.
        """
        require(
            str(state.get("controller")) == self._hash,
            "this memory is another controller's; give one of the same controller",
        )
        names = [*self._fields, *("memory." + leaf.name for leaf in self._memory)]
        if not any(name in state for name in names) and names:
            self.reset()
            return
        cells: list[Any] = [_plain(state, name) for name in self._fields]
        for leaf in self._memory:
            cells += _cells(leaf, state.get("memory." + leaf.name))
        self._k, self._state = int(state["tick"]), tuple(cells)

    def _row(self, y: Any) -> NDArray:
        y, n_y = np.asarray(y, float), self._sizes.n_y
        fits = y.shape == (n_y,) or (self._sizes.more and y.ndim == 1 and len(y) > n_y)
        names = ", ".join(name for name, _ in self.y)
        require(fits, f"y has shape {y.shape}, expected ({n_y},): {names}")
        return y

    def _reference(self, r: Any) -> NDArray:
        n_r = self._sizes.n_r
        if r is None:
            fail(f"this controller follows a reference; give r [{n_r}] at every call")
        r = np.asarray(r, float)
        require(r.shape == (n_r,), f"r has shape {r.shape}, expected ({n_r},)")
        return r


def _array(leaf: Leaf, cells: Any) -> NDArray:
    if not leaf.spread:
        return np.array(cells[0])
    return np.array(cells, leaf.dtype).reshape(leaf.shape)


def _cells(leaf: Leaf, value: Any) -> list[Any]:
    array = np.asarray(value)
    require(
        value is not None and array.shape == leaf.shape,
        f"memory.{leaf.name} has shape {array.shape}, expected {leaf.shape}",
    )
    return array.ravel().tolist() if leaf.spread else [array.astype(leaf.dtype)]


def _plain(state: State, name: str) -> Any:
    require(name in state, f"the memory has no {name}; give all of it")
    return np.asarray(state[name]).item()
