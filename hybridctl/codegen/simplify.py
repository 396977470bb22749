"""A jaxpr with fewer kinds of operation, for converters that do not know them all."""

from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from hybridctl.codegen.lower import CALLS, INSIDE
from hybridctl.codegen.versions import expanded, scan_counts


def plain(closed: Any, *args: Any) -> list[Any]:
    """Evaluate a jaxpr: calls inlined, and some operations written with others.

    Choices between truth values by `and` and `or`, a `switch` by two-way branches,
    backward scans by forward ones.

    Args:
        closed: a ClosedJaxpr.
        args: its inputs.

    Example:
        >>> import jax
        >>> closed = jax.make_jaxpr(jax.jit(jnp.where))(True, False, True)
        >>> made = jax.make_jaxpr(lambda *args: plain(closed, *args))(True, False, True)
        >>> [eqn.primitive.name for eqn in made.eqns]
        ['and', 'not', 'and', 'or']
    """
    jaxpr = getattr(closed, "jaxpr", closed)
    values = dict(zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=True))
    values |= zip(jaxpr.invars, args, strict=True)

    def read(v: Any) -> Any:
        return np.asarray(v.val, v.aval.dtype) if hasattr(v, "val") else values[v]

    for eqn in jaxpr.eqns:
        outs = _equation(eqn, [read(v) for v in eqn.invars])
        values |= zip(eqn.outvars, outs, strict=True)
    return [read(v) for v in jaxpr.outvars]


def _equation(eqn: Any, ins: list[Any]) -> list[Any]:
    name = eqn.primitive.name
    if name in CALLS:
        inner = next(eqn.params[key] for key in INSIDE if key in eqn.params)
        return plain(inner, *ins)
    if name == "call_hi_primitive":
        return plain(expanded(eqn), *ins)
    if name in RULES:
        return RULES[name](ins, eqn.params)
    outs = eqn.primitive.bind(*ins, **eqn.params)
    return outs if eqn.primitive.multiple_results else [outs]


def _select(ins: list[Any], params: Any) -> list[Any]:
    which, *cases = ins
    if cases[0].dtype != bool:
        return [lax.select_n(which, *cases)]

    def chosen(out: Any, case: tuple[int, Any]) -> Any:
        hit = which if which.dtype == bool else which == case[0]
        return (hit & case[1]) | (~hit & out)

    return [reduce(chosen, enumerate(cases[1:], 1), cases[0])]


def _cond(ins: list[Any], params: Any) -> list[Any]:
    index, *args = ins
    first, *rest = params["branches"]
    if not rest:
        return plain(first, *args)
    after = {"branches": rest}
    return lax.cond(
        index <= 0,
        lambda *a: plain(first, *a),
        lambda *a: _cond([index - 1, *a], after),
        *args,
    )


def _scan(ins: list[Any], params: Any) -> list[Any]:
    n_const, n_carry = scan_counts(params)
    consts, start = ins[:n_const], ins[n_const : n_const + n_carry]
    turn = (lambda rows: rows[::-1]) if params["reverse"] else (lambda rows: rows)

    def body(carry: Any, rows: Any) -> Any:
        outs = plain(params["jaxpr"], *consts, *carry, *rows)
        return outs[:n_carry], outs[n_carry:]

    rows = [turn(row) for row in ins[n_const + n_carry :]]
    carry, made = lax.scan(body, start, rows, params["length"])
    return [*carry, *map(turn, made)]


def _while(ins: list[Any], params: Any) -> list[Any]:
    n, m = params["cond_nconsts"], params["body_nconsts"]
    for_test, for_body, start = ins[:n], ins[n : n + m], ins[n + m :]

    def going(carry: Any) -> Any:
        return plain(params["cond_jaxpr"], *for_test, *carry)[0]

    def body(carry: Any) -> list[Any]:
        tests, new = going(carry), plain(params["body_jaxpr"], *for_body, *carry)
        thin = lambda a: lax.expand_dims(tests, range(tests.ndim, a.ndim))  # noqa: E731
        pairs = zip(new, carry, strict=True)
        return [jnp.where(thin(a), a, b) for a, b in pairs] if tests.ndim else new

    return lax.while_loop(lambda carry: jnp.any(going(carry)), body, start)


def _unstack(ins: list[Any], params: Any) -> list[Any]:
    axis = params["axis"]
    return [lax.index_in_dim(ins[0], i, axis, False) for i in range(ins[0].shape[axis])]


def _less(ins: list[Any], params: Any) -> list[Any]:
    return [jnp.less(*ins)]


RULES = {
    "select_n": _select,
    "cond": _cond,
    "scan": _scan,
    "while": _while,
    "unstack": _unstack,
    "lt_to": _less,
}
