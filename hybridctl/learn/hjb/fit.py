"""Fitting a network's value and its gradient to targets."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.controllers.value_network import Layers, value_and_slope
from hybridctl.learn.adam import Adam

SLOPE = 0.1  # weight of the gradient's error beside the value's
HUBER = 0.4  # error, in worths, from which it counts linearly
BETAS = (0.9, 0.95)  # of Adam


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
        return adam.stepped(gradient, rate, clip, BETAS), None

    return jax.lax.scan(step, adam, order)[0]
