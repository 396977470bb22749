"""Loops that put numbers elsewhere or bring them together, in C and JavaScript."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.codegen.graph import FLOAT, Value

LONG = 8  # a sum of as many
PLACE = "place"  # a kind of number: where in an array


def strides(shape: tuple[int, ...]) -> list[int]:
    """Distances between neighbours in row-major order."""
    return [int(np.prod(shape[d + 1 :], dtype=int)) for d in range(len(shape))]


def affine(places: NDArray) -> tuple[int, list[int]] | None:
    """Offset and strides of places that depend on their indices linearly."""
    offset = int(places.flat[0])
    steps = [
        int(np.take(places, 1, d).flat[0]) - offset if n > 1 else 0
        for d, n in enumerate(places.shape)
    ]
    grid = np.indices(places.shape)
    line = offset + sum((s * g for s, g in zip(steps, grid, strict=True)), 0)
    return (offset, steps) if np.array_equal(places, line) else None


def place(offset: int, steps: list[int], indices: list[str]) -> str:
    """An index expression."""
    parts = [
        (i if s == 1 else f"{s} * {i}")
        for s, i in zip(steps, indices, strict=True)
        if s and i != "0"
    ]
    parts = [*([str(offset)] if offset or not parts else []), *parts]
    return " + ".join(parts).replace("+ -", "- ")


def nested(writer: Any, shape: tuple[int, ...]) -> tuple[list[str], int]:
    """Open a loop over every axis that is longer than one."""
    indices, opened = [], 0
    for n in shape:
        if n == 1:
            indices.append("0")
            continue
        i = writer.names.new("i")
        writer.repeat(i, n)
        indices.append(i)
        opened += 1
    return indices, opened


def moved(writer: Any, name: str, value: Value) -> None:
    """Every number to its new place."""
    codes, start = value.info.codes, 0
    for source in value.args:
        mine = (codes >= start) & (codes < start + source.size)
        if mine.any():
            _part(writer, name, codes, mine, start, source)
        start += source.size


def _part(
    writer: Any, name: str, codes: NDArray, mine: NDArray, start: int, source: Value
) -> None:
    """What comes from one source."""
    targets = np.flatnonzero(mine)
    places = codes.ravel()[targets] - start
    if mine.all():
        shape, targets, places = codes.shape, targets.reshape(codes.shape), None
        places = codes - start
    elif len(targets) == source.size and len(np.unique(places)) == source.size:
        order = np.argsort(places)
        shape = source.shape
        targets, places = targets[order].reshape(shape), places[order].reshape(shape)
    else:
        shape = targets.shape
    to, at = affine(targets), affine(places)
    if to is None or at is None:
        shape = (len(targets.ravel()),)
        to, at = _tabled(writer, targets), _tabled(writer, places)
        i = writer.names.new("i")
        writer.repeat(i, shape[0])
        text = writer.element(source, f"{at}[{i}]")
        writer.line(f"{name}[{to}[{i}]] = {text};")
        writer.close()
        return
    indices, opened = nested(writer, shape)
    text = writer.element(source, place(*at, indices))
    writer.line(f"{name}[{place(*to, indices)}] = {text};")
    _close(writer, opened)


def _tabled(writer: Any, places: NDArray) -> str:
    flat = np.ascontiguousarray(places.ravel())
    return writer.table(Value("table", (), PLACE, flat.shape, flat, "places"))


def dot(writer: Any, name: str, value: Value) -> None:
    """Sums of products; the last free axis is the innermost loop, side by side.

    Where there is none, a long sum is one of halves, which do not wait for each other.
    """
    a, b = value.args
    (ca, cb), (ba, bb) = value.info
    fa = [d for d in range(len(a.shape)) if d not in (*ca, *ba)]
    fb = [d for d in range(len(b.shape)) if d not in (*cb, *bb)]
    outer = tuple(a.shape[d] for d in (*ba, *fa))
    inner = tuple(b.shape[d] for d in fb)
    deep = tuple(a.shape[d] for d in ca)
    steps = strides((*outer, *inner))
    halved = math.prod(inner) == 1 and math.prod(deep) >= LONG
    if not halved:
        writer.over(value.size, name, lambda i: "0")
    front, n_front = nested(writer, outer)
    products = _declared(writer, value, math.prod(deep)) if halved else ""
    middle, n_middle = nested(writer, deep)
    last, n_last = nested(writer, inner)
    at_a = dict(zip((*ba, *fa, *ca), (*front, *middle), strict=True))
    at_b = dict(zip((*bb, *fb, *cb), (*front[: len(ba)], *last, *middle), strict=True))
    row_a = place(0, strides(a.shape), [at_a[d] for d in range(len(a.shape))])
    row_b = place(0, strides(b.shape), [at_b[d] for d in range(len(b.shape))])
    product = f"{writer.element(a, row_a, 11)} * {writer.element(b, row_b, 12)}"
    target = f"{name}[{place(0, steps, [*front, *last])}]"
    if halved:
        writer.line(f"{products}[{place(0, strides(deep), middle)}] = {product};")
        _close(writer, n_middle + n_last)
        _halves(writer, products, math.prod(deep))
        writer.line(f"{target} = {products}[0];")
        _close(writer, n_front)
    else:
        writer.line(f"{target} += {product};")
        _close(writer, n_front + n_middle + n_last)


def _declared(writer: Any, like: Value, size: int) -> str:
    name = writer.names.new("products")
    writer.declare(like.kind, name, size)
    return name


def _halves(writer: Any, name: str, n: int) -> None:
    """The sum of n numbers into the first: the second half onto the first, again."""
    while n > 1:
        half = (n + 1) // 2
        writer.over(
            n - half, name, lambda i, h=half: f"{name}[{i}] + {name}[{h} + {i}]"
        )
        n = half


def _close(writer: Any, n: int) -> None:
    for _ in range(n):
        writer.close()


def reduced(writer: Any, name: str, value: Value) -> None:
    """A sum, product, extreme or decision over some axes."""
    op, axes = value.info
    (x,) = value.args
    kept = [d for d in range(len(x.shape)) if d not in axes]
    shape = tuple(x.shape[d] for d in kept)
    front, n_front = nested(writer, shape)
    target = f"{name}[{place(0, strides(shape), front)}]"
    first = dict(zip(kept, front, strict=True)) | {d: "0" for d in axes}
    row = place(0, strides(x.shape), [first[d] for d in range(len(x.shape))])
    writer.line(f"{target} = {writer.element(x, row)};")
    deep = tuple(x.shape[d] for d in axes)
    back, n_back = nested(writer, deep)
    here = first | dict(zip(axes, back, strict=True))
    row = place(0, strides(x.shape), [here[d] for d in range(len(x.shape))])
    skip = " || ".join(i for i in back if i != "0")
    item = writer.element(x, row, 12)
    if skip:
        writer.line(
            f"if ({skip}) {{ {target} = {_joined(op, target, item, value.kind)}; }}"
        )
    _close(writer, n_back + n_front)


def _joined(op: str, a: str, b: str, kind: str) -> str:
    if op in ("add", "mul"):
        return f"{a} {'+' if op == 'add' else '*'} {b}"
    if op in ("and", "or"):
        return f"{a} {'&&' if op == 'and' else '||'} {b}"
    return extreme(op, a, b, kind)


def extreme(op: str, a: str, b: str, kind: str) -> str:
    """The larger or smaller; NaN goes through, on either side."""
    sign = ">" if op == "max" else "<"
    broken = f" || {a} != {a}" if kind == FLOAT else ""
    return f"({a} {sign} {b}{broken}) ? {a} : {b}"


def window(writer: Any, name: str, value: Value) -> None:
    """A part of an array that begins at a place known only while running."""
    source, *starts = value.args
    indices, opened = nested(writer, value.shape)
    steps = strides(source.shape)
    parts = [
        f"{s} * ({writer.text(start)} + {i})"
        if s != 1
        else f"{writer.text(start)} + {i}"
        for s, start, i in zip(steps, starts, indices, strict=True)
    ]
    target = place(0, strides(value.shape), indices)
    writer.line(f"{name}[{target}] = {writer.element(source, ' + '.join(parts))};")
    _close(writer, opened)
