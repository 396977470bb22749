"""Errors between states, angles wrapped, coordinate by coordinate."""

import functools
import operator
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import require


def wrap(angle: Array) -> Array:
    """Angle to ±π by whole turns; an angle within is left bit for bit."""
    return angle - 2 * np.pi * jnp.round(angle / (2 * np.pi))


def total(parts: Sequence[Array]) -> Array:
    """Sum from left to right, without the 0 that `sum` starts from."""
    return functools.reduce(operator.add, parts)


def product(a: Array, b: Array) -> Array:
    """Matrix product of small a and b, where b may be a vector, in sums.

    Sums fuse into one loop under vmap, where XLA calls a dot once a lane.
    """
    if b.ndim == 1:
        return total([a[:, k] * b[k] for k in range(len(b))])
    return total([a[:, k, None] * b[None, k] for k in range(len(b))])


def seen(who: str, y: Array | Sequence[Array], places: Sequence[int]) -> list[Array]:
    """Entries of a measurement y; one that y lacks is refused, where JAX clamps.

    Raises:
        ValueError: y is shorter.
    """
    most = max(places, default=-1)
    require(
        most < len(y),
        f"{who} looks at measurement {most}, counted from 0, and is given {len(y)}; "
        "choose one that is measured, or take a plant or sensor that gives it",
    )
    return [y[place] for place in places]


def deviation(
    y: Array | Sequence[Array], x0: Array, angles: Sequence[int]
) -> list[Array]:
    """Coordinates of y - x0, angles wrapped.

    A list, because scalars fuse into one loop under vmap where vectors do not.
    """
    row = seen("an error from a state", y, range(len(x0)))
    errors = [row[i] - x0[i] for i in range(len(x0))]
    return [wrap(e) if i in angles else e for i, e in enumerate(errors)]
