"""From a jaxpr to the graph, one equation after the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridctl.checks import fail
from hybridctl.codegen.graph import BOOL, FLOAT, INT, Block, kind_of
from hybridctl.codegen.operands import Operand, known
from hybridctl.codegen.rules import control, elementwise, indexing, moves, sums
from hybridctl.codegen.versions import expanded

RULES = elementwise.RULES | moves.RULES | sums.RULES | indexing.RULES
INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")  # of primitives that only call
CALLS = (
    "jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call",
    "custom_vjp_call_jaxpr", "custom_vmap_call", "remat", "remat2", "checkpoint",
    "custom_lin",
)  # fmt: skip
RANDOM = ("random_", "threefry", "rng_")
HOST = ("callback", "infeed", "outfeed", "custom_call", "ffi_call")


def lower(block: Block, closed: Any, args: Sequence[Operand]) -> list[Operand]:
    """A jaxpr's outputs; the values that they need are in the block.

    Args:
        block: is filled.
        closed: a ClosedJaxpr.
        args: operands for its inputs.

    Raises:
        ValueError: a primitive that has no rule, by its name and where it is used.
    """
    return _run(block, closed, list(args))


def _run(
    block: Block, closed: Any, args: list[Operand], callers: tuple = ()
) -> list[Operand]:
    jaxpr = getattr(closed, "jaxpr", closed)
    consts = getattr(closed, "consts", ())
    values: dict[Any, Operand] = {}
    values |= zip(jaxpr.constvars, map(known, consts), strict=True)
    values |= zip(jaxpr.invars, args, strict=True)

    def read(v: Any) -> Operand:
        return known(np.asarray(v.val)) if hasattr(v, "val") else values[v]

    for eqn in jaxpr.eqns:
        outs = _equation(block, eqn, [read(v) for v in eqn.invars], (eqn, *callers))
        values |= zip(eqn.outvars, outs, strict=True)
    return [read(v) for v in jaxpr.outvars]


def _equation(
    block: Block, eqn: Any, ins: list[Operand], callers: tuple
) -> list[Operand]:
    name = eqn.primitive.name
    if name in CALLS:
        inner = next(eqn.params[key] for key in INSIDE if key in eqn.params)
        return _run(block, inner, ins, callers)
    if name == "call_hi_primitive":
        return _run(block, expanded(eqn), ins, callers)
    if name in control.RULES:
        return control.RULES[name](
            block, lambda b, c, a: _run(b, c, a, callers), ins, eqn
        )
    if name not in RULES:
        _refuse(callers)
    odd = [v.aval.dtype for v in eqn.outvars if not _is_plain(v.aval.dtype, name)]
    if odd:
        fail(
            f"{_named(callers)} gives {odd[0]} numbers; use real numbers of 32 or 64 "
            "bits, or whole ones with a sign"
        )
    try:
        return RULES[name](block, ins, eqn)
    except NotImplementedError as error:
        fail(
            f"{_named(callers)} {error} cannot be embedded or exported; write that "
            "part with other operations, or without it"
        )


def _is_plain(dtype: Any, name: str) -> bool:
    """Whether what a primitive gives is neither rounded coarsely, nor made to wrap."""
    kind, size = kind_of(dtype), np.dtype(dtype).itemsize
    wraps = np.dtype(dtype).kind == "u" and name in ("mul", "integer_pow")
    return kind == BOOL or (kind in (FLOAT, INT) and size >= 4 and not wraps)


def _refuse(callers: tuple) -> None:
    name = callers[0].primitive.name
    if name.startswith(RANDOM):
        fail(f"{_named(callers)} draws random numbers; a pilot cannot")
    if any(part in name for part in HOST):
        fail(f"{_named(callers)} calls back into Python; write it with jax.numpy")
    fail(
        f"{_named(callers)} cannot be embedded or exported; write that part with other "
        "operations (sums, products, comparisons, jnp.where, lax.cond, lax.scan)"
    )


def _named(callers: tuple) -> str:
    """The primitive, and the method of the user's or the toolkit's that used it."""
    at = next(filter(None, map(_method, callers)), "")
    name = callers[0].primitive.name
    return f"the primitive {name!r}" + (f" in {at}" if at else "")


def _method(eqn: Any) -> str:
    frames = getattr(eqn.source_info.traceback, "frames", ())
    methods = (
        frame.function_name
        for frame in frames
        if "." in frame.function_name and "/jax/" not in frame.file_name
    )
    return next(methods, "")
