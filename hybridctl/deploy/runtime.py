"""What a `Pilot` runs on: the memory and the code of one controller."""

import abc
import copy
import ctypes
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.c_library import build
from hybridctl.deploy.program import Leaf, Program
from hybridctl.deploy.python_file import fields, held, python_text

Arrays = dict[str, NDArray]
CURE = "give finite numbers, or embed with on_missing='hold'"


class Engine(abc.ABC):
    """Memory and code of a controller."""

    @abc.abstractmethod
    def init(self, y: Any, r: Any) -> None:
        """Begin anew, with the first measurement where it is known."""

    @abc.abstractmethod
    def step(self, t: float, y: Any, r: Any) -> NDArray:
        """One period."""

    @abc.abstractmethod
    def applied(self, u: NDArray) -> None:
        """What was applied in the last period."""

    @abc.abstractmethod
    def mode(self) -> int | None:
        """The active mode."""

    @abc.abstractmethod
    def missed(self) -> int:
        """Periods without a measurement so far."""

    @abc.abstractmethod
    def read(self) -> Arrays:
        """The memory; empty before it begins."""

    @abc.abstractmethod
    def write(self, arrays: Arrays, k: int) -> None:
        """Go on from a memory at period k."""

    def foresee(self, y: NDArray, applied: NDArray) -> None:
        """What comes: measurements, and inputs that are applied, of the next periods.

        For code that is far away, and had better be asked for many periods at once.
        """
        del y, applied

    def copy(self) -> Self:
        """The same code with a memory of its own, as it is now."""
        return copy.copy(self)  # where a period makes a new memory


class PythonEngine(Engine):
    """Runs the text of the Python file.

    Args:
        program: the controller's graphs.
        code: its functions and constants by name, where they are there already.
    """

    def __init__(self, program: Program, code: dict[str, Any] | None = None):
        self.code = _compiled(program) if code is None else code
        self.memory, self.fields = program.memory, fields(program)
        self._held, self._lazy = held(program), program.start is None
        self._step, self._mode = self.code["step"], self.code.get("MODE")
        self.state: Any = None
        self._refused = 0

    def init(self, y: Any, r: Any) -> None:
        """Begin anew."""
        self.state, self._refused = self.code["init"](y, r), 0

    def step(self, t: float, y: Any, r: Any) -> NDArray:
        """One period."""
        try:
            self.state, u = self._step(self.state, t, y, r)
        except ValueError:
            self._refused += 1
            raise
        return u

    def applied(self, u: NDArray) -> None:
        """What was applied in the last period."""
        self.state = self.code["applied"](self.state, u)

    def mode(self) -> int | None:
        """The active mode."""
        if self._mode is None or not isinstance(self.state, tuple):
            return None
        return int(self.state[self._mode])

    def missed(self) -> int:
        """Periods without a measurement so far."""
        if not self._held:
            return self._refused
        begun = isinstance(self.state, tuple)
        return self.state[-1 - len(self._held)] if begun else self.state or 0

    def read(self) -> Arrays:
        """The memory."""
        if not isinstance(self.state, tuple):
            return {"missed": np.array(self.state)} if self.state else {}
        pairs = zip(self.fields, self.state, strict=False)
        out = {name: np.array(value) for name, value in pairs if name != "k"}
        at = len(self.fields)
        for leaf in self.memory:
            cells = self.state[at : at + leaf.cells]
            value = np.array(cells if leaf.spread else cells[0], leaf.wide)
            out["memory." + leaf.name] = value.reshape(leaf.shape)
            at += leaf.cells
        kept = ["missed", *self._held] if self._held else []
        pairs = zip(kept, self.state[at:], strict=True)
        return out | {name: np.array(value) for name, value in pairs}

    def write(self, arrays: Arrays, k: int) -> None:
        """Go on from a memory."""
        if self._lazy and not begun(arrays):
            self.state = int(arrays.get("missed", 0)) or None
            return
        given = {"k": np.array(k), **arrays}
        cells: list[Any] = [np.asarray(given[name]).item() for name in self.fields]
        for leaf in self.memory:
            value = checked(arrays, leaf)
            cells += value.ravel().tolist() if leaf.spread else [value]
        if self._held:
            cells.append(int(arrays.get("missed", 0)))
        cells += [float(arrays.get(name, 0.0)) for name in self._held]
        self.state = tuple(cells)


def _compiled(program: Program) -> dict[str, Any]:
    """The Python file's functions and constants by name."""
    code: dict[str, Any] = {"__name__": "pilot"}
    name = f"<pilot of {type(program.controller).__name__}>"
    exec(compile(python_text(program), name, "exec"), code)
    return code


class CEngine(Engine):
    """Runs the compiled C file through ctypes.

    Args:
        program: the controller's graphs.
        real: "double" or "float".
    """

    def __init__(self, program: Program, real: str = "double"):
        file = CFile(program, "pilot", real)
        self.library = build(file, "pilot")
        self.memory, self.names = program.memory, file.fields
        self._lazy, self._sizes = file.lazy, program.sizes
        self._guarded, self._strict = program.guarded, program.on_missing == "error"
        self._number = ctypes.c_double if real == "double" else ctypes.c_float
        self._code, place = self.library.pilot_step, program.mode
        self._mode = None if place is None else self.names[place]
        self._place(_struct(program, file, self._number)())

    def _place(self, state: ctypes.Structure) -> None:
        """Where the memory is, and what goes in and out."""
        self.state, self._at = state, ctypes.byref(state)
        dtype, sizes = np.dtype(self._number), self._sizes
        self._y, self._u = np.zeros(sizes.n_y, dtype), np.zeros(sizes.n_out, dtype)
        self._r, self._put = np.zeros(sizes.n_r, dtype), np.zeros(sizes.n_u, dtype)
        pointers = [_pointer(a) for a in (self._y, self._r, self._u)]
        self._arguments = pointers if sizes.n_r else [pointers[0], pointers[2]]

    def copy(self) -> "CEngine":
        """The same code with a memory of its own, as it is now."""
        other = copy.copy(self)
        other._place(type(self.state).from_buffer_copy(self.state))
        return other

    def init(self, y: Any, r: Any) -> None:
        """Begin anew; the memory begins with the first period."""
        self.library.pilot_init(self._at)

    def step(self, t: float, y: Any, r: Any) -> NDArray:
        """One period."""
        self._y[:] = y[: len(self._y)]
        if r is not None and len(self._r):
            self._r[:] = r
        missing = self._code(self._at, self._number(t), *self._arguments)
        if self._strict and missing:
            fail(f"not finite: y={y}{'' if r is None else f', r={r}'}; {CURE}")
        return self._u.astype(float)

    def applied(self, u: NDArray) -> None:
        """What was applied in the last period."""
        self._put[:] = u
        self.library.pilot_applied(self._at, _pointer(self._put))

    def mode(self) -> int | None:
        """The active mode."""
        if self._mode is None or (self._lazy and not self.state.begun):
            return None
        return int(getattr(self.state, self._mode))

    def missed(self) -> int:
        """Periods without a measurement so far."""
        return int(self.state.missed) if self._guarded else 0

    def read(self) -> Arrays:
        """The memory."""
        out: Arrays = {"missed": np.array(self.missed())} if self._guarded else {}
        if self._lazy and not self.state.begun:
            return out if self.missed() else {}
        for head in ("applied", "asked", "held")[: 2 + self._guarded]:
            values = np.ctypeslib.as_array(getattr(self.state, head))
            out |= {f"{head}{i}": np.array(v, float) for i, v in enumerate(values)}
        for leaf, name in zip(self.memory, self.names, strict=True):
            value = np.array(getattr(self.state, name), leaf.wide)
            out["memory." + leaf.name] = value.reshape(leaf.shape)
        return out

    def write(self, arrays: Arrays, k: int) -> None:
        """Go on from a memory."""
        self.init(None, None)
        self.state.k = k
        if self._guarded:
            self.state.missed = int(arrays.get("missed", 0))
        if self._lazy and not begun(arrays):
            return
        if self._lazy:
            self.state.begun = 1
        for head in ("applied", "asked", "held")[: 2 + self._guarded]:
            row = getattr(self.state, head)
            for i in range(len(row)):
                row[i] = float(arrays.get(f"{head}{i}", 0.0))
        for leaf, name in zip(self.memory, self.names, strict=True):
            value = checked(arrays, leaf)
            if leaf.shape:
                getattr(self.state, name)[:] = value.ravel().tolist()
            else:
                setattr(self.state, name, value.item())


def begun(arrays: Arrays) -> bool:
    """Whether a memory has begun."""
    return any(name.startswith("memory.") for name in arrays)


def checked(arrays: Arrays, leaf: Leaf) -> NDArray:
    """An array of a memory, with its shape checked."""
    name = f"memory.{leaf.name}"
    require(name in arrays, f"the memory has no {name}; give all of it")
    value = np.asarray(arrays[name], leaf.wide)
    require(
        value.shape == leaf.shape,
        f"{name} has shape {value.shape}, expected {leaf.shape}",
    )
    return value


def _pointer(array: NDArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _struct(program: Program, file: CFile, number: Any) -> Any:
    """The struct of the header."""
    kinds = {"float": number, "int": ctypes.c_longlong, "bool": ctypes.c_int}
    row = number * program.sizes.n_u
    rows: list[Any] = [("k", ctypes.c_longlong)]
    rows += [("begun", ctypes.c_int)] * file.lazy
    rows += [("applied", row), ("asked", row)]
    for leaf, name in zip(program.memory, file.fields, strict=True):
        kind = kinds[leaf.kind]
        rows.append((name, kind * int(np.prod(leaf.shape)) if leaf.shape else kind))
    if program.guarded:
        rows += [("missed", ctypes.c_longlong), ("held", number * program.sizes.n_out)]
    return type("State", (ctypes.Structure,), {"_fields_": rows})
