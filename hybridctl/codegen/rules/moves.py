"""Rules for primitives that only put numbers elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.graph import Block
from hybridctl.codegen.operands import Operand, known, move, numbers


def _slice(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    p = eqn.params
    steps = p["strides"] or [1] * len(p["start_indices"])
    ends = zip(p["start_indices"], p["limit_indices"], steps, strict=True)
    cut = tuple(slice(*three) for three in ends)
    text = ", ".join(f"{c.start}:{c.stop}:{c.step}".removesuffix(":1") for c in cut)
    return [move(block, lambda x: x[cut], f"{{0}}[{text}]", ins[0])]


def _reshape(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return [reshaped(block, ins[0], eqn.outvars[0].aval.shape)]


def reshaped(block: Block, x: Operand, shape: tuple[int, ...]) -> Operand:
    """The same numbers in another shape."""
    return move(block, lambda x: x.reshape(shape), f"{{0}}.reshape({shape})", x)


def _transpose(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    order = tuple(eqn.params["permutation"])
    return [move(block, lambda x: x.transpose(order), f"{{0}}.transpose{order}", *ins)]


def _broadcast(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    shape, dims = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    sizes = dict(zip(dims, ins[0].shape, strict=True))
    thin = tuple(sizes.get(d, 1) for d in range(len(shape)))

    def run(x: Any) -> Any:
        return np.broadcast_to(x.reshape(thin), shape)

    return [
        move(block, run, f"np.broadcast_to({{0}}.reshape({thin}), {shape})", ins[0])
    ]


def _concatenate(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    axis = eqn.params["dimension"]
    inside = ", ".join(f"{{{i}}}" for i in range(len(ins)))
    text = f"np.concatenate(({inside},), {axis})"
    return [move(block, lambda *x: np.concatenate(x, axis), text, *ins)]


def _unstack(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    axis, (x,) = eqn.params["axis"], ins
    return [
        move(
            block, lambda x, i=i: np.take(x, i, axis), f"np.take({{0}}, {i}, {axis})", x
        )
        for i in range(x.shape[axis])
    ]


def _stack(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    axis = eqn.params["axis"]
    inside = ", ".join(f"{{{i}}}" for i in range(len(ins)))
    return [
        move(
            block, lambda *x: np.stack(x, axis), f"np.stack(({inside},), {axis})", *ins
        )
    ]


def _split(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    axis, sizes = eqn.params["axis"], eqn.params["sizes"]
    ends = np.cumsum(sizes)
    out = []
    for end, size in zip(ends, sizes, strict=True):
        cut = (slice(None),) * axis + (slice(int(end - size), int(end)),)
        text = "".join([":, "] * axis) + f"{end - size}:{end}"
        out.append(move(block, lambda x, c=cut: x[c], f"{{0}}[{text}]", ins[0]))
    return out


def _rev(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    dims = tuple(eqn.params["dimensions"])
    return [move(block, lambda x: np.flip(x, dims), f"np.flip({{0}}, {dims})", *ins)]


def _pad(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    config, shape = eqn.params["padding_config"], eqn.outvars[0].aval.shape
    if any(low < 0 or high < 0 for low, high, _ in config):
        raise NotImplementedError("with negative padding")
    place = tuple(
        slice(low, low + (n - 1) * (inner + 1) + 1, inner + 1)
        for (low, _, inner), n in zip(config, ins[0].shape, strict=True)
    )

    def run(x: Any, value: Any) -> Any:
        out = np.empty(shape, x.dtype)
        out[...] = value
        out[place] = x
        return out

    return [move(block, run, "", ins[0], numbers(ins[1]).reshape(1))]


def _tile(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    reps = tuple(eqn.params["reps"])
    return [move(block, lambda x: np.tile(x, reps), f"np.tile({{0}}, {reps})", *ins)]


def _iota(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    thin = [-1 if d == axis else 1 for d in range(len(shape))]
    row = np.arange(shape[axis], dtype=eqn.params["dtype"]).reshape(thin)
    return [known(np.broadcast_to(row, shape))]


RULES: dict[str, Callable] = {
    "slice": _slice, "reshape": _reshape, "squeeze": _reshape,
    "expand_dims": _reshape, "transpose": _transpose, "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate, "stack": _stack, "unstack": _unstack,
    "split": _split, "rev": _rev, "pad": _pad, "iota": _iota, "tile": _tile,
}  # fmt: skip
