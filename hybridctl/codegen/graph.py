"""The graph between a jaxpr and code: values in blocks, with branches and loops.

A `Value` is one number, or an array that is too large to be written number by
number. Blocks hold values in an order in which they can be computed; nothing has a
side effect, so a value that nobody uses is left out, and one that is used once may be
written where it is used.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hybridctl.codegen.fold import fold

FLOAT, INT, BOOL = "float", "int", "bool"
_serial = itertools.count()


@dataclass(eq=False, slots=True)
class Value:
    """A number (shape ()) or an array.

    Attributes:
        op: what computes it; "const", "input", "table", "item", "carry", "cell", …
            are atoms that are known by a name.
        args: the values it is computed from.
        kind: float, int or bool.
        shape: of an array; () for a number.
        info: what else the operation needs.
        name: for people, where one is known.
        block: where it is computed.
    """

    op: str
    args: tuple["Value", ...] = ()
    kind: str = FLOAT
    shape: tuple[int, ...] = ()
    info: Any = None
    name: str = ""
    block: Any = None
    serial: int = field(default_factory=lambda: next(_serial))

    @property
    def size(self) -> int:
        """Numbers in it."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def is_array(self) -> bool:
        """Whether it is an array in the code that is written."""
        return self.shape != ()


@dataclass(eq=False)
class If:
    """One of several blocks, chosen by a number (or two, chosen by a bool)."""

    index: Value
    blocks: list["Block"]
    outs: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class Loop:
    """A block that is repeated.

    Attributes:
        count: how often, or None where `test` says whether to go on.
        reverse: from the last row to the first.
        body: the block.
        carry: what a turn hands to the next; args = (before, after the turn).
        rows: arrays that are read row by row, with the values of the row.
        made: arrays that are written row by row: out value and its cells.
        before: the block that computes `test`.
        test: whether there is another turn.
    """

    count: int | None
    reverse: bool
    body: "Block"
    carry: list[Value] = field(default_factory=list)
    rows: list[tuple[Value, list[Value]]] = field(default_factory=list)
    made: list[tuple[Value, list[Value]]] = field(default_factory=list)
    before: "Block | None" = None
    test: Value | None = None


class Block:
    """Values in order, each computed once."""

    def __init__(self, parent: "Block | None" = None, loops: bool = False):
        self.items: list[Value | If | Loop] = []
        self.parent = parent
        self.turn = self if loops or parent is None else parent.turn
        self._known: dict[Any, Value] = {}

    def scalar(self, op: str, *args: Value, kind: str = FLOAT) -> Value:
        """A number, folded where its arguments are constants."""
        folded = fold(op, args, kind)
        if isinstance(folded, Value):
            return folded
        if folded is not None:
            return constant(folded, kind)
        if op in ("min", "max"):
            op, args = _clipped(op, args)
        return self.array(op, args, kind, ())

    def array(
        self,
        op: str,
        args: Iterable[Value],
        kind: str,
        shape: tuple[int, ...],
        info: Any = None,
        key: Any = None,
    ) -> Value:
        """A value; the same one if it has been computed before."""
        args = tuple(args)
        full = (op, kind, shape, key, *(_key(a) for a in args))
        found = self._find(full) if info is None or key is not None else None
        if found is None:
            found = Value(op, args, kind, shape, info, block=self)
            self._known[full] = found
            self.items.append(found)
        return found

    def _find(self, key: Any) -> Value | None:
        block: Block | None = self
        while block is not None:
            if key in block._known:
                return block._known[key]
            block = block.parent
        return None


def _clipped(op: str, args: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    """min(high, max(low, x)) of constants, in whatever order, is one operation."""
    bound, inner = sorted(args, key=lambda v: v.op != "const")
    other = {"min": "max", "max": "min"}[op]
    if bound.op != "const" or inner.op != other:
        return op, args
    first, x = sorted(inner.args, key=lambda v: v.op != "const")
    low, high = (first, bound) if op == "min" else (bound, first)
    if first.op != "const" or not low.info <= high.info:
        return op, args
    return "clip", (low, x, high)


def _key(value: Value) -> Any:
    if value.op == "const":
        return (value.name, value.kind, repr(value.info))
    return value.serial


def constant(number: Any, kind: str, name: str = "") -> Value:
    """A number that is known."""
    plain = {FLOAT: float, INT: int, BOOL: bool}[kind](number)
    return Value("const", (), kind, (), plain, name)


def table(array: np.ndarray, name: str = "") -> Value:
    """An array that is known."""
    return Value("table", (), kind_of(array.dtype), array.shape, array, name)


def kind_of(dtype: Any) -> str:
    """float, int or bool."""
    letter = np.dtype(dtype).kind
    return {"f": FLOAT, "i": INT, "u": INT, "b": BOOL}.get(letter, str(dtype))


def reached(roots: Iterable[Value]) -> dict[Value, int]:
    """Every value that the roots need, with the number of places that use it."""
    uses: dict[Value, int] = {}
    todo = list(roots)
    while todo:
        value = todo.pop()
        uses[value] = uses.get(value, 0) + 1
        if uses[value] == 1:
            todo += value.args
    return uses


Rule = Callable[..., Any]
