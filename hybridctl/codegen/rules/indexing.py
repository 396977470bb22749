"""Rules for primitives that read and write at places known only while running."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.graph import BOOL, INT, Block, Value, constant
from hybridctl.codegen.operands import (
    FEW,
    MANY,
    Operand,
    boxed,
    each,
    move,
    numbers,
    one,
    whole,
)
from hybridctl.codegen.rules.elementwise import out_kind
from hybridctl.codegen.rules.moves import reshaped

LOOKUPS = 32  # places that are looked up one by one


def _dynamic_slice(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    x, *starts = ins
    sizes = eqn.params["slice_sizes"]
    return [window(block, x, [one(s) for s in starts], sizes)]


def window(block: Block, x: Operand, starts: list[Value], sizes: Any) -> Operand:
    """A part of an array that begins at a place within it."""
    limits = [n - size for n, size in zip(x.shape, sizes, strict=True)]
    pairs = zip(starts, limits, strict=True)
    starts = [_within(block, start, limit) for start, limit in pairs]
    if all(s.op == "const" for s in starts):
        cut = tuple(
            slice(s.info, s.info + n) for s, n in zip(starts, sizes, strict=True)
        )
        text = ", ".join(f"{c.start}:{c.stop}" for c in cut)
        return move(block, lambda x: x[cut], f"{{0}}[{text}]", x)
    args, sizes = (whole(block, x), *starts), tuple(sizes)
    kind = args[0].kind
    if sizes == ():
        return x
    made = block.array("window", args, kind, sizes, sizes, key=sizes)
    return numbers(made) if made.size <= FEW else made


def _within(block: Block, start: Value, limit: int) -> Value:
    low, high = constant(0, INT), constant(limit, INT)
    if limit == 0:
        return low
    return block.scalar("clip", low, start, high, kind=INT)


def _gather(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    """For every place one window, arranged as the dimension numbers say."""
    p, (x, places) = eqn.params, ins
    dims = p["dimension_numbers"]
    if dims.operand_batching_dims:
        raise NotImplementedError("in batches")
    batch = places.shape[:-1]
    if int(np.prod(batch, dtype=int)) > LOOKUPS:
        raise NotImplementedError(f"of more than {LOOKUPS} places at a time")
    kept = [d for d in range(x.ndim if hasattr(x, "ndim") else len(x.shape))]
    kept = [d for d in kept if d not in dims.collapsed_slice_dims]
    inner = tuple(p["slice_sizes"][d] for d in kept)
    rows = [
        _looked_up(block, x, list(numbers(places)[at]), p, eqn, inner)
        for at in np.ndindex(batch)
    ]
    front = _stacked(block, rows, (*batch, *inner))
    n = len(batch) + len(inner)
    outer = [d for d in range(n) if d not in dims.offset_dims]
    order = np.argsort([*outer, *dims.offset_dims])
    order = tuple(int(i) for i in order)
    return [
        move(block, lambda a: a.transpose(order), f"{{0}}.transpose({order})", front)
    ]


def _stacked(block: Block, rows: list[Operand], shape: tuple[int, ...]) -> Operand:
    if len(rows) == 1:
        return reshaped(block, rows[0], shape)
    inside = ", ".join(f"{{{i}}}" for i in range(len(rows)))
    text = f"np.stack(({inside},)).reshape({shape})"
    return move(block, lambda *a: np.stack(a).reshape(shape), text, *rows)


def _looked_up(
    block: Block, x: Operand, place: list[Value], p: Any, eqn: Any, inner: Any
) -> Operand:
    starts = [constant(0, INT)] * len(x.shape)
    for value, d in zip(place, p["dimension_numbers"].start_index_map, strict=True):
        starts[d] = value
    part = reshaped(block, window(block, x, starts, p["slice_sizes"]), inner)
    if "FILL" not in str(p["mode"]):
        return part
    inside = constant(True, BOOL)
    for start, n, size in zip(starts, x.shape, p["slice_sizes"], strict=True):
        for pair in ((constant(0, INT), start), (start, constant(n - size, INT))):
            ok = block.scalar("le", *pair, kind=BOOL)
            inside = block.scalar("and", inside, ok, kind=BOOL)
    kind = out_kind(eqn)
    empty = p["fill_value"]
    if empty is None:
        empty = np.nan if kind == "float" else np.iinfo(np.int32).min
    filler = boxed(constant(empty, kind))
    return each(block, "select", boxed(inside), part, filler, kind=kind)


def _update(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    x, new, *starts = ins
    return [_written(block, x, new, [one(s) for s in starts])]


def _written(block: Block, x: Operand, new: Operand, starts: list[Value]) -> Operand:
    """X with a window replaced."""
    limits = [n - size for n, size in zip(x.shape, new.shape, strict=True)]
    pairs = zip(starts, limits, strict=True)
    starts = [_within(block, start, limit) for start, limit in pairs]
    if all(s.op == "const" for s in starts):
        cut = tuple(
            slice(s.info, s.info + n) for s, n in zip(starts, new.shape, strict=True)
        )
        return move(block, lambda x, new: _set(x, cut, new), "", x, new)
    moving = [d for d, s in enumerate(starts) if s.op != "const"]
    if x.size > MANY or any(new.shape[d] != 1 for d in moving):
        raise NotImplementedError("at a moving place of a large array")
    old: Any = numbers(x)
    fresh = numbers(new)
    out = np.empty(x.shape, object)
    for at in np.ndindex(x.shape):
        out[at] = _chosen(block, old[at], fresh, at, starts, set(moving))
    return out


def _set(x: Any, cut: Any, new: Any) -> Any:
    out = np.array(x)
    out[cut] = new
    return out


def _chosen(
    block: Block, old: Value, new: Any, at: Any, starts: list[Value], moving: set[int]
) -> Value:
    hit, place = constant(True, BOOL), []
    for d, (i, start) in enumerate(zip(at, starts, strict=True)):
        if d in moving:
            same = block.scalar("eq", start, constant(i, INT), kind=BOOL)
            hit = block.scalar("and", hit, same, kind=BOOL)
            place.append(0)
        elif 0 <= i - start.info < new.shape[d]:
            place.append(i - start.info)
        else:
            return old
    return block.scalar("select", hit, new[tuple(place)], old, kind=old.kind)


def _scatter(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    """One window: `x.at[i].set(v)`; beyond the array it is lost, or moved into it."""
    x, places, new = ins
    dims = eqn.params["dimension_numbers"]
    plain = dims.scatter_dims_to_operand_dims
    if int(np.prod(places.shape[:-1], dtype=int)) != 1:
        raise NotImplementedError("to several places at a time")
    starts = [constant(0, INT)] * len(x.shape)
    for value, d in zip(numbers(places).flat, plain, strict=True):
        starts[d] = value
    thin = list(new.shape)
    for d in sorted(dims.inserted_window_dims):
        thin.insert(d, 1)
    window_shape = tuple(thin[-len(x.shape) :])
    new = reshaped(block, new, window_shape)
    written = _written(block, x, new, starts)
    if eqn.primitive.name == "scatter-add":
        old = window(block, x, starts, window_shape)
        kind = out_kind(eqn)
        more = each(block, "add", reshaped(block, old, window_shape), new, kind=kind)
        written = _written(block, x, more, starts)
    if "FILL" not in str(eqn.params["mode"]):
        return [written]
    return [_unless_outside(block, x, written, starts, window_shape, out_kind(eqn))]


def _unless_outside(
    block: Block, x: Operand, new: Operand, starts: list[Value], sizes: Any, kind: str
) -> Operand:
    inside = constant(True, BOOL)
    for start, n, size in zip(starts, x.shape, sizes, strict=True):
        for pair in ((constant(0, INT), start), (start, constant(n - size, INT))):
            ok = block.scalar("le", *pair, kind=BOOL)
            inside = block.scalar("and", inside, ok, kind=BOOL)
    return each(block, "select", boxed(inside), new, x, kind=kind)


RULES: dict[str, Callable] = {
    "dynamic_slice": _dynamic_slice, "gather": _gather,
    "dynamic_update_slice": _update, "scatter": _scatter, "scatter-add": _scatter,
}  # fmt: skip
