"""A JAX function as a CasADi function, by reading its jaxpr."""

from collections.abc import Callable
from typing import Any

import casadi
import jax
import numpy as np
from numpy.typing import NDArray


def casadi_of(function: Callable, *sizes: int) -> casadi.Function:
    """The CasADi function that does what a JAX function does.

    Args:
        function: of vectors, to a vector or a tuple of them; of arithmetic, sines,
            cosines and the like, without branches or loops.
        *sizes: length of each argument.

    Returns:
        It, of columns and to columns.

    Raises:
        ValueError: an operation that is not known here.
    """
    given = [np.zeros(size) for size in sizes]
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(function)(*given)
    columns = [casadi.SX.sym(f"x{i}", size) for i, size in enumerate(sizes)]
    values = [np.array(casadi.vertsplit(column), object) for column in columns]
    out = _run(closed.jaxpr, closed.consts, values)
    return casadi.Function("f", columns, [casadi.vertcat(*np.ravel(o)) for o in out])


def _run(jaxpr: Any, consts: list, values: list) -> list[NDArray]:
    known = dict(
        zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *values), strict=True)
    )
    read = lambda atom: atom.val if hasattr(atom, "val") else known[atom]  # noqa: E731
    for eqn in jaxpr.eqns:
        args = [np.asarray(read(atom), object) for atom in eqn.invars]
        known |= zip(eqn.outvars, _apply(eqn, args), strict=True)
    return [np.asarray(read(atom), object) for atom in jaxpr.outvars]


def _apply(eqn: Any, args: list[NDArray]) -> list[NDArray]:
    name, p = eqn.primitive.name, eqn.params
    if name in ("pjit", "jit", "closed_call"):
        return _run(p["jaxpr"].jaxpr, p["jaxpr"].consts, args)
    if name not in _OPERATIONS:
        raise ValueError(f"no CasADi for {name}; there is {', '.join(_OPERATIONS)}")
    return [np.asarray(_OPERATIONS[name](p, *args), object)]


def _each(function: Callable) -> Callable:
    """Entry by entry, whatever the shapes."""
    whole = np.frompyfunc(function, 1, 1)
    return lambda p, a: whole(a)


def _slice(p: dict, a: NDArray) -> NDArray:
    steps = p["strides"] or (1,) * a.ndim
    bounds = zip(p["start_indices"], p["limit_indices"], steps, strict=True)
    return a[tuple(slice(*bound) for bound in bounds)]


def _spread(p: dict, a: NDArray) -> NDArray:
    shape = [1] * len(p["shape"])
    for axis, size in zip(p["broadcast_dimensions"], a.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(a.reshape(shape), p["shape"])


_OPERATIONS: dict[str, Callable] = {
    "add": lambda p, a, b: a + b,
    "sub": lambda p, a, b: a - b,
    "mul": lambda p, a, b: a * b,
    "div": lambda p, a, b: a / b,
    "neg": lambda p, a: -a,
    "sin": _each(casadi.sin),
    "cos": _each(casadi.cos),
    "sqrt": _each(casadi.sqrt),
    "exp": _each(casadi.exp),
    "tanh": _each(casadi.tanh),
    "square": lambda p, a: a * a,
    "integer_pow": lambda p, a: a ** p["y"],
    "convert_element_type": lambda p, a: a,
    "squeeze": lambda p, a: np.squeeze(a, p["dimensions"]),
    "reshape": lambda p, a: a.reshape(p["new_sizes"]),
    "slice": _slice,
    "broadcast_in_dim": _spread,
    "stack": lambda p, *parts: np.stack(parts, p["axis"]),
    "concatenate": lambda p, *parts: np.concatenate(parts, p["dimension"]),
    "reduce_sum": lambda p, a: a.sum(axis=tuple(p["axes"])),
}
