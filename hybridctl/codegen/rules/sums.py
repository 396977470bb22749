"""Rules for primitives that bring many numbers together."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.graph import BOOL, FLOAT, INT, Block, Value, constant
from hybridctl.codegen.operands import (
    FEW,
    Operand,
    boxed,
    each,
    is_array,
    known,
    numbers,
    uniform,
    whole,
)
from hybridctl.codegen.rules.elementwise import out_kind
from hybridctl.codegen.rules.moves import reshaped

PRODUCTS = 128  # a dot product of more is not written product by product
REDUCE = {
    "reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max",
    "reduce_min": "min", "reduce_and": "and", "reduce_or": "or",
}  # fmt: skip
EMPTY: dict[str, Any] = {
    "add": 0, "mul": 1, "max": -np.inf, "min": np.inf, "and": True, "or": False,
}  # fmt: skip
CUMULATE = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}


def _dot(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    a, b = ins
    shape = eqn.outvars[0].aval.shape
    (contract, _), (batch, _) = eqn.params["dimension_numbers"]
    depth = int(np.prod([a.shape[d] for d in contract], dtype=int))
    zero = constant(0.0, FLOAT)
    if any((v := uniform(o)) is not None and v.info == 0 for o in ins):
        return [known(np.zeros(shape))]
    if depth == 1 and not batch and int(np.prod(shape, dtype=int)) > FEW:
        return [_outer(block, a, b, eqn)]
    most = FEW if is_array(a) or is_array(b) else PRODUCTS
    if depth * int(np.prod(shape, dtype=int)) > most:
        args, info = (whole(block, a), whole(block, b)), eqn.params["dimension_numbers"]
        key = str(info)
        if shape == ():
            made = block.array("dot", args, FLOAT, (1,), info, key)
            return [boxed(numbers(made).flat[0])]
        return [block.array("dot", args, FLOAT, shape, info, key)]
    return [_written_out(block, numbers(a), numbers(b), eqn, zero)]


def _outer(block: Block, a: Operand, b: Operand, eqn: Any) -> Operand:
    """Where one product is no sum: every number of `a` times every one of `b`."""
    (ca, cb), _ = eqn.params["dimension_numbers"]
    rows = [n for d, n in enumerate(a.shape) if d not in ca]
    columns = tuple(n for d, n in enumerate(b.shape) if d not in cb)
    left = reshaped(block, a, (*rows, *[1] * len(columns)))
    right = whole(block, reshaped(block, b, columns))
    return each(block, "mul", left, right, kind=FLOAT)


def _written_out(block: Block, a: Any, b: Any, eqn: Any, zero: Value) -> np.ndarray:
    a, b = _arranged(a, b, eqn.params["dimension_numbers"])
    out = np.empty((len(a), a.shape[1], b.shape[2]), object)
    for n, i, j in np.ndindex(out.shape):
        parts = zip(a[n, i], b[n, :, j], strict=True)
        products = [block.scalar("mul", x, y) for x, y in parts]
        out[n, i, j] = functools.reduce(
            lambda s, p: block.scalar("add", s, p), products, zero
        )
    return out.reshape(eqn.outvars[0].aval.shape)


def _arranged(a: Any, b: Any, dims: Any) -> tuple[Any, Any]:
    """Both as [batch, rows, depth] and [batch, depth, columns]."""
    (ca, cb), (ba, bb) = dims
    fa = [d for d in range(a.ndim) if d not in (*ca, *ba)]
    fb = [d for d in range(b.ndim) if d not in (*cb, *bb)]
    size = lambda x, dims: int(np.prod([x.shape[d] for d in dims], dtype=int))  # noqa: E731
    batch, depth = size(a, ba), size(a, ca)
    left = a.transpose([*ba, *fa, *ca]).reshape(batch, size(a, fa), depth)
    right = b.transpose([*bb, *cb, *fb]).reshape(batch, depth, size(b, fb))
    return left, right


def _reduce(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    op, axes, x = REDUCE[eqn.primitive.name], eqn.params["axes"], ins[0]
    kind, shape = out_kind(eqn), eqn.outvars[0].aval.shape
    if is_array(x):
        x = whole(block, x)
        if shape == ():
            made = block.array("reduce", (x,), kind, (1,), (op, axes), (op, axes))
            return [boxed(numbers(made).flat[0])]
        return [block.array("reduce", (x,), kind, shape, (op, axes), (op, axes))]
    kept = [d for d in range(x.ndim) if d not in axes]
    deep = int(np.prod([x.shape[d] for d in axes], dtype=int))
    rows = x.transpose([*kept, *axes]).reshape(*shape, deep)
    out = np.empty(shape, object)
    for at in np.ndindex(shape):
        run = lambda a, b: block.scalar(op, a, b, kind=kind)  # noqa: E731
        row = rows[at] if deep else [constant(EMPTY[op], kind)]
        out[at] = functools.reduce(run, row)
    return [out]


def _cumulate(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    x, axis, kind = ins[0], eqn.params["axis"], out_kind(eqn)
    if is_array(x):
        raise NotImplementedError("on a large array")
    op = CUMULATE[eqn.primitive.name]
    rows = np.moveaxis(x, axis, 0)
    rows = rows[::-1] if eqn.params["reverse"] else rows
    run = lambda a, b: block.scalar(op, a, b, kind=kind)  # noqa: E731
    out = np.stack(list(itertools.accumulate(rows, np.frompyfunc(run, 2, 1))))
    out = out[::-1] if eqn.params["reverse"] else out
    return [np.moveaxis(out, 0, axis)]


def _arg(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    """Place of the largest or smallest; the first of equal ones; NaN wins."""
    x, axis = ins[0], eqn.params["axes"][0]
    rows = np.moveaxis(numbers(x), axis, -1)
    out = np.empty(rows.shape[:-1], object)
    for at in np.ndindex(out.shape):
        out[at] = _best(block, list(rows[at]), eqn.primitive.name == "argmax")
    return [out]


def _best(block: Block, row: list[Value], largest: bool) -> Value:
    place, best = constant(0, INT), row[0]
    for i, value in enumerate(row[1:], 1):
        pair = (best, value) if largest else (value, best)
        better = block.scalar("lt", *pair, kind=BOOL)
        if value.kind == FLOAT:
            broken = block.scalar("ne", value, value, kind=BOOL)
            sound = block.scalar("eq", best, best, kind=BOOL)
            worse = block.scalar("and", broken, sound, kind=BOOL)
            better = block.scalar("or", better, worse, kind=BOOL)
        place = block.scalar("select", better, constant(i, INT), place, kind=INT)
        best = block.scalar("select", better, value, best, kind=value.kind)
    return place


RULES: dict[str, Callable] = {
    **dict.fromkeys(REDUCE, _reduce),
    **dict.fromkeys(CUMULATE, _cumulate),
    "dot_general": _dot, "argmax": _arg, "argmin": _arg,
}  # fmt: skip
