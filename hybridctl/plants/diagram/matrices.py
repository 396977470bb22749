"""The matrices of a linear system: what is checked of them, and their products."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import finite, shape


def check_matrices(system: Any) -> None:
    """Refuse matrices A, B, C and D that do not fit one another and the names.

    Args:
        system: with the matrices, and names of its inputs and measures.

    Raises:
        ValueError: another shape, or a number that is not finite.
    """
    n = len(system.states) or np.shape(system.A)[-1]
    m, p = len(system.inputs), len(system.measures)
    for name, expected in {"A": (n, n), "B": (n, m), "C": (p, n), "D": (p, m)}.items():
        value = getattr(system, name)
        if value is not None:
            shape(name, value, expected)
            finite(name, value)


def weighted(M: Array, v: Array) -> Array:
    """M v, column by column: the same bits alone and in a batch.

    Args:
        M: matrix [n, m].
        v: vector [m].
    """
    M = jnp.asarray(M, v.dtype)
    whole = M[:, 0] * v[0]
    for j in range(1, len(v)):
        whole = whole + M[:, j] * v[j]
    return whole


def measured(C: Array, D: Array | None, x: Array, u: Array) -> Array:
    """C x + D u [n_y]; D is None where u does not act at once."""
    y = weighted(C, x)
    return y if D is None else y + weighted(D, u)
