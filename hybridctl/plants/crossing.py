"""One Runge-Kutta step of a plant with events."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.plants.hybrid import HybridPlant, Look, due, jump, look

HALVINGS, NEWTONS = 5, 3  # of the cubic through both ends of a step
NEVER = 2.0  # share of a step that is not reached

Stepper = Callable[[HybridPlant, Array, Array, Array, Array], Array]


def crossing_step(
    step: Stepper, plant: HybridPlant, t: Array, x: Array, u: Array, h: Array
) -> tuple[Array, Array, Array]:
    """A step of length h [s] with at most one event in it.

    The event is located by the cubic through the guard and its rate at both ends,
    O(h⁴), and one Newton correction along the flow, O(h⁸); the correction carries the
    derivative of the time of the event. Then come reset and the rest of the step.

    Args:
        step: a step (plant, t, x, u, h) -> x without events.
        plant: with events.
        t: begin [s].
        x: state [n_x].
        u: input [n_u], held.
        h: length [s].

    Returns:
        The state after the step [n_x], the event's index (int32; -1: none), and its
        time since t [s].
    """
    free = step(plant, t, x, u, h)
    share, index = _first(plant, t, x, free, u, h)
    share = jax.lax.stop_gradient(share)
    landing = step(plant, t, x, u, share * h)
    late = _late(look(plant, t + share * h, landing, u), index)
    late = jnp.clip(late, -share * h, h - share * h)
    at = share * h + late
    landing = landing + late * plant.ode(t + share * h, landing, u)
    after = step(plant, t + at, jump(plant, t + at, landing, u, index), u, h - at)
    return jnp.where(index < 0, free, after), index, at


def _first(
    plant: HybridPlant, t: Array, x: Array, free: Array, u: Array, h: Array
) -> tuple[Array, Array]:
    """Share of the step at which the first event happens, and its index."""
    a, b = look(plant, t, x, u), look(plant, t + h, free, u)
    crosses = (b.g < 0) & ((a.g > 0) | (b.rate < 0))
    shares = jnp.where(crosses, _root(a, b, h), NEVER)
    shares = jnp.where(due(plant, t, x, u, a), 0.0, shares)
    first, index = jnp.full_like(shares[0], NEVER), jnp.int32(-1)
    for i in range(len(plant.events)):
        earlier = shares[i] < first
        first = jnp.where(earlier, shares[i], first)
        index = jnp.where(earlier, jnp.int32(i), index)
    return jnp.where(index < 0, 1.0, first), index


def _root(a: Look, b: Look, h: Array) -> Array:
    """Where the cubic through two looks falls through zero, as a share of h.

    Halving keeps what is still above zero, or below it and rising, on the left.
    """
    c1, c2 = h * a.rate, 3 * (b.g - a.g) - h * (2 * a.rate + b.rate)
    c3 = h * (a.rate + b.rate) - 2 * (b.g - a.g)
    value = lambda s: a.g + s * (c1 + s * (c2 + s * c3))  # noqa: E731
    slope = lambda s: c1 + s * (2 * c2 + 3 * s * c3)  # noqa: E731
    low, high = jnp.zeros_like(a.g), jnp.ones_like(a.g)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        before = (value(middle) > 0) | ((a.g <= 0) & (slope(middle) >= 0))
        low, high = jnp.where(before, middle, low), jnp.where(before, high, middle)
    share = 0.5 * (low + high)
    for _ in range(NEWTONS):
        share = jnp.clip(share - value(share) / _falling(slope(share)), low, high)
    return share


def _late(seen: Look, index: Array) -> Array:
    """Newton's correction of the time of an event [s]."""
    late = -seen.g / _falling(seen.rate)
    chosen = late[0]
    for i in range(1, len(late)):
        chosen = jnp.where(index == i, late[i], chosen)
    return chosen


def _falling(rate: Array) -> Array:
    """A rate to divide by: where it does not fall, one so large that nothing moves."""
    return jnp.where(rate < 0, rate, -1e30)
