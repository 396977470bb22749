"""What a jaxpr looks like in the releases of JAX that are supported."""

from typing import Any

import jax


def scan_counts(params: dict[str, Any]) -> tuple[int, int]:
    """How many inputs of a scan are the same in every turn, and how many are handed on.

    Example:
        >>> import numpy as np
        >>> adding = lambda x: jax.lax.scan(lambda c, v: (c + v, None), 0.0, x)
        >>> closed = jax.make_jaxpr(adding)(np.ones(3))
        >>> scan_counts(closed.eqns[0].params)
        (0, 1)
    """
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    same, carry, _ = params["ft_in"].unpack()  # from JAX 0.12 on
    return len(same), len(carry)


def expanded(eqn: Any) -> Any:
    """The jaxpr behind a primitive that JAX 0.12 and later keep whole."""
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars]
    with jax.enable_x64(any(shape.dtype.itemsize == 8 for shape in shapes)):
        return jax.make_jaxpr(eqn.params["_prim"].expand)(*shapes)
