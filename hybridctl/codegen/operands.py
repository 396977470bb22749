"""What a variable of a jaxpr holds: numbers one by one, or one array.

Small arrays are NumPy object arrays of scalar Values, so that slicing, transposing
and summing them is NumPy's own work; large ones are one array Value.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.fold import fold
from hybridctl.codegen.graph import Block, Value, constant, kind_of, table

MANY = 64  # more numbers than these are one array
FEW = 8  # of an array, these many are taken out one by one
Operand = Any  # np.ndarray of Values, or an array Value


def known(array: Any, name: str = "") -> Operand:
    """An operand for an array that is known."""
    array = np.asarray(array)
    if array.size > MANY:
        same = array.size and (array == array.flat[0]).all()
        if same:
            return fill(constant(array.flat[0], kind_of(array.dtype)), array.shape)
        return table(array, name)
    out = np.empty(array.shape, object)
    for at in np.ndindex(array.shape):
        part = "_".join([name, *map(str, _place(at, array.shape))]) if name else ""
        out[at] = constant(array[at], kind_of(array.dtype), part)
    return out


def _place(at: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    return [i for i, n in zip(at, shape, strict=True) if n > 1]


def boxed(value: Value) -> np.ndarray:
    """One number as an operand of shape ()."""
    out = np.empty((), object)
    out[()] = value
    return out


def is_array(operand: Operand) -> bool:
    """Whether it is one array Value."""
    return isinstance(operand, Value)


def fill(value: Value, shape: tuple[int, ...]) -> Value:
    """An array of the same number everywhere."""
    return Value("fill", (value,), value.kind, shape, block=value.block)


def one(operand: Operand) -> Value:
    """The number of an operand of size 1."""
    return numbers(operand).flat[0]


def uniform(operand: Operand) -> Value | None:
    """The number that an operand holds everywhere, if it is one."""
    if is_array(operand):
        return operand.args[0] if operand.op == "fill" else None
    flat = list(operand.flat)
    if not flat:
        return None
    first = flat[0]
    same = (
        v is first or (v.op == first.op == "const" and repr(v.info) == repr(first.info))
        for v in flat
    )
    return first if all(same) else None


def numbers(operand: Operand) -> np.ndarray:
    """An operand number by number."""
    if not is_array(operand):
        return operand
    out = np.empty(operand.shape, object)
    for i, at in enumerate(np.ndindex(operand.shape)):
        out[at] = item(operand, i)
    return out


def item(array: Value, index: int) -> Value:
    """One number of an array, by its place in row-major order."""
    if array.op == "fill":
        return array.args[0]
    if array.op == "table":
        return constant(array.info.flat[index], array.kind)
    if array.op == "pack":
        return array.args[index]
    return array.block.array("item", (array,), array.kind, (), index, key=index)


def whole(block: Block, operand: Operand) -> Value:
    """An operand as one array."""
    if is_array(operand):
        if operand.op != "fill":
            return operand
        return block.array("full", operand.args, operand.kind, operand.shape)
    flat = list(operand.flat)
    if all(v.op == "const" for v in flat):
        array = np.array([v.info for v in flat]).reshape(operand.shape)
        return table(array, re.sub(r"(_\d+)+$", "", flat[0].name))
    return block.array("pack", flat, flat[0].kind, operand.shape)


def each(block: Block, op: str, *operands: Operand, kind: str) -> Operand:
    """The same operation on every number."""
    arrays = [o for o in operands if is_array(o)]
    if not arrays:
        run = np.frompyfunc(
            lambda *v: block.scalar(op, *v, kind=kind), len(operands), 1
        )
        out = run(*operands)
        return boxed(out) if isinstance(out, Value) else out
    shape = np.broadcast_shapes(*(o.shape for o in operands))
    same = [uniform(o) for o in operands]
    if all(v is not None for v in same):
        return fill(block.scalar(op, *same, kind=kind), shape)  # type: ignore[arg-type]
    pairs = zip(operands, same, strict=True)
    args = [_as_wide(block, o, shape) if v is None else v for o, v in pairs]
    folded = fold(op, args, kind)
    if isinstance(folded, Value):
        return folded if folded.shape == shape else fill(folded, shape)
    if folded is not None and np.ndim(folded) == 0:
        return fill(constant(folded, kind), shape)
    if folded is not None:
        return table(np.broadcast_to(folded, shape))
    return block.array(op, args, kind, shape)


def _as_wide(block: Block, operand: Operand, shape: tuple[int, ...]) -> Value:
    """An operand of an operation that broadcasts, which NumPy does by itself."""
    array = whole(block, operand)
    if array.shape == shape:
        return array
    codes = np.broadcast_to(np.arange(array.size).reshape(array.shape), shape)
    info = Move(np.ascontiguousarray(codes), "{0}")
    key = ("native", codes.tobytes())
    return block.array("move", [array], array.kind, shape, info, key=key)


class Move:
    """Numbers put elsewhere: `codes` are places in the operands, one after the other.

    `text` says it in NumPy, with {0}, {1}, … for the operands.
    """

    def __init__(self, codes: np.ndarray, text: str):
        self.codes, self.text = codes, text


def move(block: Block, run: Callable, text: str, *operands: Operand) -> Operand:
    """Put numbers elsewhere as a NumPy function does."""
    if not any(is_array(o) for o in operands):
        out = np.asarray(run(*operands), object)
        if out.size <= MANY:
            return out
    same = [uniform(o) for o in operands]
    shape = run(*[np.empty(o.shape, np.int8) for o in operands]).shape
    if len({id(v) for v in same}) == 1 and same[0] is not None:
        return fill(same[0], shape)
    starts = np.cumsum([0, *(o.size for o in operands)])
    places = [
        np.arange(o.size).reshape(o.shape) + start
        for o, start in zip(operands, starts, strict=False)
    ]
    codes = np.asarray(run(*places), order="C")  # which keeps a number one
    if codes.size <= FEW:
        return _taken(operands, starts, codes)
    args = [whole(block, o) for o in operands]
    info = Move(codes, text)
    return block.array("move", args, args[0].kind, shape, info, key=codes.tobytes())


def _taken(operands: Any, starts: np.ndarray, codes: np.ndarray) -> np.ndarray:
    out = np.empty(codes.shape, object)
    for at in np.ndindex(codes.shape):
        which = int(np.searchsorted(starts, codes[at], side="right")) - 1
        operand, place = operands[which], int(codes[at] - starts[which])
        out[at] = item(operand, place) if is_array(operand) else operand.flat[place]
    return out
