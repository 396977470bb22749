"""Adam on a flat vector of parameters, and a rate that falls."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

BETAS, TINY = (0.9, 0.999), 1e-8


class Adam(NamedTuple):
    """Parameters [p] and Adam's moments of their gradient.

    Attributes:
        at: parameters.
        mean: of the gradient.
        square: of its square.
        steps: that were made, scalar.
    """

    at: Array
    mean: Array
    square: Array
    steps: Array

    @classmethod
    def at_rest(cls, at: Any) -> "Adam":
        """Parameters before any step; of NumPy's, nothing is compiled for it."""
        none: Any = np.zeros(())
        return cls(at, 0.0 * at, 0.0 * at, none)

    def stepped(
        self,
        gradient: Array,
        rate: Array,
        clip: float | None,
        betas: tuple[float, float] = BETAS,
    ) -> "Adam":
        """After one more step, along a gradient of at most that norm."""
        if clip is not None:
            norm = jnp.sqrt(jnp.sum(gradient**2))
            gradient = gradient * jnp.minimum(1.0, clip / (norm + TINY))
        (a, b), steps = betas, self.steps + 1.0
        mean = a * self.mean + (1.0 - a) * gradient
        square = b * self.square + (1.0 - b) * gradient**2
        size = jnp.sqrt(square / (1.0 - b**steps)) + TINY
        return Adam(
            self.at - rate * mean / (1.0 - a**steps) / size, mean, square, steps
        )


def cosine(first: float, last: float, along: Array) -> Array:
    """A rate that falls along half a cosine, to a share of itself.

    Args:
        first: rate at the start.
        last: what is left of it at the end, as a share.
        along: share of the way that is done, scalar or [n].
    """
    return first * (last + (1.0 - last) * (0.5 + 0.5 * jnp.cos(jnp.pi * along)))
