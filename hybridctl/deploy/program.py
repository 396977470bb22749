"""A traced controller as two graphs over named values."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np

from hybridctl import ports
from hybridctl.checks import fail, is_number, one_of, positive
from hybridctl.codegen.graph import (
    FLOAT,
    INT,
    Block,
    Value,
    constant,
    kind_of,
    reached,
)
from hybridctl.codegen.lower import lower
from hybridctl.codegen.operands import Operand, boxed, known, numbers, whole
from hybridctl.controllers import Controller
from hybridctl.controllers.bind import on_its_own
from hybridctl.controllers.controller import walk
from hybridctl.controllers.trial import GUESSES, Sizes
from hybridctl.deploy.jaxprs import Traced, mode_place, trace
from hybridctl.deploy.labels import names_of, shortest, words
from hybridctl.plants import Plant
from hybridctl.plants.mujoco.plant import check_written
from hybridctl.ports import Ports

SPREAD = 32  # a memory of more numbers is kept as an array
MISSING = ("hold", "nan", "error")  # what a pilot does where it gets no measurement


class Leaf(NamedTuple):
    """One array of a controller's memory.

    Attributes:
        name: short, of where it is.
        shape: of the array.
        dtype: of the array.
        spread: whether it is kept number by number.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    spread: bool

    @property
    def kind(self) -> str:
        """float, int or bool."""
        return kind_of(self.dtype)

    @property
    def wide(self) -> np.dtype:
        """In a pilot: whole numbers have 64 bits, as counters run for years."""
        return np.dtype(np.int64) if self.kind == INT else self.dtype

    @property
    def cells(self) -> int:
        """Values that it is kept in."""
        return int(np.prod(self.shape, dtype=int)) if self.spread else 1


@dataclass
class Part:
    """One verb: what it sees, in a block, and what it gives."""

    block: Block
    memory: list[Value]
    t: Value
    k: Value
    y: list[Value]
    r: list[Value]
    applied: list[Value]
    asked: list[Value]
    after: list[Value]
    u: list[Value]

    def needs(self, values: list[Value]) -> bool:
        """Whether its results depend on some of these."""
        used = reached([*self.after, *self.u])
        return any(v in used for v in values)


@dataclass
class Program:
    """A controller as two graphs.

    Attributes:
        controller: that it was made from.
        dt: control period [s].
        plant: whose state it measures, if that is known.
        traced: its jaxprs.
        memory: the arrays that it remembers.
        begin: makes the memory at the first tick.
        step: one control period.
        mode: which array of the memory is the active mode, or None.
        modes: their names.
        y: names and units of the measurements.
        u: names and units of the inputs.
        on_missing: what a measurement that is not finite does: "hold", "nan", "error".
    """

    controller: Controller
    dt: float
    plant: Plant | None
    traced: Traced
    memory: list[Leaf]
    begin: Part
    step: Part
    mode: int | None
    modes: tuple[str, ...]
    y: list[tuple[str, str]]
    u: list[tuple[str, str]]
    on_missing: str = "nan"

    @property
    def guarded(self) -> bool:
        """Whether it looks if its measurements are finite."""
        return self.on_missing != "nan"

    @property
    def holds(self) -> bool:
        """Whether it gives the last good input where a measurement is missing."""
        return self.on_missing == "hold"

    @property
    def sizes(self) -> Sizes:
        """Of measurement, input and reference."""
        return self.traced.sizes

    @property
    def fed(self) -> bool:
        """Whether its output is an input; that of an observer is none."""
        return self.sizes.fed

    def sees(self, i: int) -> bool:
        """Whether it looks at a measurement."""
        return any(part.needs([part.y[i]]) for part in (self.begin, self.step))

    @property
    def start(self) -> list[Any] | None:
        """The memory's values where they are the same at every start, else None."""
        if all(v.op in ("const", "table") for v in self.begin.after):
            return [v.info for v in self.begin.after]
        return None


def program(
    controller: Controller,
    dt: float,
    plant: Plant | None = None,
    on_missing: str = "nan",
) -> Program:
    """A controller as two graphs.

    Args:
        controller: anything with init and step.
        dt: control period [s].
        plant: whose state it measures, where its parts do not say how much that is.
        on_missing: what a measurement that is not finite does; see `embed`.

    Raises:
        ValueError: it does not run, or uses a primitive that has no counterpart.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> program(Constant([1.5]), 0.02).step.u[0].info
        1.5
    """
    one_of("on_missing", on_missing, MISSING)
    known = _checked(controller, dt)
    if known.y is None and plant is not None:
        known = known.but(y=plant.ports.y)
    plant = _plant_of(controller) if plant is None else plant
    controller = on_its_own(controller, known)
    traced = trace(controller, known)
    if traced.sizes.more:  # as far as it looks, which JAX does not check
        wide = trace(controller, known, GUESSES)
        seen = _graphs(controller, known, dt, plant, wide)
        n_y = 1 + max([0, *(i for i in range(GUESSES) if seen.sees(i))])
        traced = trace(controller, known, n_y)
        traced.sizes = traced.sizes._replace(more=True)
    made = _graphs(controller, known, dt, plant, traced)
    return replace(made, on_missing=on_missing)


def _checked(controller: Any, dt: float) -> Ports:
    """The ports of a controller that is asked every dt [s]."""
    if not isinstance(controller, Controller):
        fail(
            f"expected a Controller, got {type(controller).__name__}; of a training "
            "run, give run.controller"
        )
    positive("dt", dt)
    known = ports.of(controller)
    known.check_dt(dt)
    check_written(walk(controller), "embedded or exported")
    return known


def _plant_of(controller: Controller) -> Plant | None:
    """The first plant that a part of a controller knows."""
    return next((node for node in walk(controller) if isinstance(node, Plant)), None)


def _graphs(
    controller: Controller,
    known: Ports,
    dt: float,
    plant: Plant | None,
    traced: Traced,
) -> Program:
    memory = _memory(traced.memory)
    constants = _constants(controller, traced.leaves)
    y, u = names_of(known, plant, traced.sizes)
    labels = [name for name, _ in y]
    begin = _part(traced, traced.begin, constants, [], memory, labels)
    step = _part(traced, traced.step, constants, memory, memory, labels)
    mode, modes = mode_place(traced.memory), known.mode
    return Program(
        controller, dt, plant, traced, memory, begin, step, mode, modes, y, u
    )


def _memory(memory: Any) -> list[Leaf]:
    leaves = jax.tree_util.tree_flatten_with_path(memory)[0]
    names = shortest([words(memory, path) for path, _ in leaves])
    return [
        Leaf(name, leaf.shape, np.dtype(leaf.dtype), leaf.size <= SPREAD)
        for name, (_, leaf) in zip(names, leaves, strict=True)
    ]


def _constants(controller: Controller, leaves: list[Any]) -> list[Operand]:
    """Named numbers; arrays of one last name and the same bits are one."""
    paths = jax.tree_util.tree_flatten_with_path(controller)[0]
    named = [words(controller, path) for path, leaf in paths if is_number(leaf)]
    keys = [
        (path[-1], leaf.shape, leaf.dtype.str, leaf.tobytes())
        for path, leaf in zip(named, leaves, strict=True)
    ]
    first = {key: keys.index(key) for key in keys}
    names = shortest([list(map(str.upper, named[i])) for i in first.values()])
    made = {
        key: known(leaves[i], name.upper())
        for (key, i), name in zip(first.items(), names, strict=True)
    }
    return [made[key] for key in keys]


def _part(
    traced: Traced,
    closed: Any,
    constants: list[Operand],
    before: list[Leaf],
    memory: list[Leaf],
    labels: list[str],
) -> Part:
    block, sizes = Block(), traced.sizes
    held = [_held(block, leaf) for leaf in before]
    t, k = _input("t", FLOAT), _input("k", INT)
    y, r = _row(labels), _row([f"r{i}" for i in range(sizes.n_r)])
    applied, asked = (
        _row([f"{name}{i}" for i in range(sizes.n_u)]) for name in ("applied", "asked")
    )
    if closed is traced.begin:  # before the first period all of it is zero
        t, k = constant(0, FLOAT), constant(0, INT)
        applied = asked = known(np.zeros(sizes.n_u))
    ticks = [boxed(t), boxed(k), y, *([r] if sizes.n_r else []), applied, asked]
    outs = lower(block, closed, [*constants, *held, *ticks])
    after = [
        value
        for leaf, out in zip(memory, outs, strict=False)
        for value in _values(block, leaf, out)
    ]
    u = [v for out in outs[len(memory) :] for v in numbers(out).flat]
    cells = [v for leaf, x in zip(before, held, strict=True) for v in _flat(leaf, x)]
    return Part(
        block, cells, t, k, list(y), list(r), list(applied), list(asked), after, u
    )


def _input(name: str, kind: str) -> Value:
    return Value("input", (), kind, (), None, name)


def _row(names: list[str]) -> np.ndarray:
    out = np.empty(len(names), object)
    out[:] = [_input(name, FLOAT) for name in names]
    return out


def _held(block: Block, leaf: Leaf) -> Operand:
    if not leaf.spread:
        return Value("input", (), leaf.kind, leaf.shape, None, leaf.name, block)
    out = np.empty(leaf.shape, object)
    for at in np.ndindex(leaf.shape):
        out[at] = _input("_".join([leaf.name, *map(str, at)]), leaf.kind)
    return out


def _flat(leaf: Leaf, operand: Operand) -> list[Value]:
    return list(operand.flat) if leaf.spread else [operand]


def _values(block: Block, leaf: Leaf, out: Operand) -> list[Value]:
    return list(numbers(out).flat) if leaf.spread else [whole(block, out)]
