"""Fitting a network's value and its gradient to targets, by Adam on flat arrays."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.controllers.value_network import Layers, value_and_slope

SLOPE = 0.1  # weight of the gradient's error beside the value's
HUBER = 0.4  # error, in worths, from which it counts linearly
BETAS, TINY = (0.9, 0.95), 1e-8  # of Adam


class Batch(NamedTuple):
    """What is fitted; all shapes begin with [n].

    Attributes:
        z: features [m].
        jacobian: of the features, ∂φ/∂x [m, n_x].
        V: targets of the value, in worths.
        slope: targets of its gradient, in worths per unit of the states [n_x].
        counts: weight: 0 where an episode was not finite.
    """

    z: Array
    jacobian: Array
    V: Array
    slope: Array
    counts: Array


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

    def stepped(self, gradient: Array, rate: Array, clip: float | None) -> "Adam":
        """After one more step, along a gradient of at most that norm."""
        if clip is not None:
            norm = jnp.sqrt(jnp.sum(gradient**2))
            gradient = gradient * jnp.minimum(1.0, clip / (norm + TINY))
        (a, b), steps = BETAS, self.steps + 1.0
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


def loss(layers: Layers, batch: Batch, unit: Array) -> Array:
    """Mean error of V and of its gradient, in worths.

    Args:
        layers: of the network.
        batch: targets.
        unit: of the states [n_x], which makes the gradient's errors comparable.
    """
    V, slope = value_and_slope(layers, 1.0, batch.z)
    slope = jnp.einsum("bm,bmn->bn", slope, batch.jacobian) * unit
    errors = _huber(V - batch.V) + SLOPE * jnp.sum(_huber(slope - batch.slope), -1)
    return jnp.mean(batch.counts * errors)


def _huber(error: Array) -> Array:
    size = jnp.abs(error)
    return jnp.where(size < HUBER, error**2, HUBER * (2.0 * size - HUBER))


def fitted(
    adam: Adam,
    batch: Batch,
    order: Array,
    unravel: Callable[[Array], Layers],
    unit: Array,
    rate: Array,
    clip: float | None,
) -> Adam:
    """One step for each row of `order`, whose entries number a minibatch's states."""

    def step(adam: Adam, rows: Array) -> tuple[Adam, None]:
        part = Batch(*(values[rows] for values in batch))
        gradient = jax.grad(lambda at: loss(unravel(at), part, unit))(adam.at)
        return adam.stepped(gradient, rate, clip), None

    return jax.lax.scan(step, adam, order)[0]
