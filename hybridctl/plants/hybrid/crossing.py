"""One Runge-Kutta step of a plant with events."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.plants.hybrid.plant import HybridPlant, Look, due, jump, look

HALVINGS, NEWTONS = 5, 3  # of the cubic through both ends of a step
NEVER = 2.0  # share of a step that is not reached
NONE = -1  # index where no event happens

Stepper = Callable[[HybridPlant, Array, Array, Array, Array], Array]


@jax.custom_batching.custom_vmap
def in_any_lane(here: Array) -> Array:
    """Whether it holds in any lane of a batch, the same answer in all: bool scalar."""
    return here


@in_any_lane.def_vmap
def _(size: int, batched: list[bool], here: Array) -> tuple[Array, bool]:
    del size, batched
    return in_any_lane(jnp.any(here)), False


def crossing_step(
    step: Stepper, plant: HybridPlant, t: Array, x: Array, u: Array, h: Array
) -> tuple[Array, Array, Array]:
    """A step of length h [s] with at most one event in it.

    Time and state of the event are read off the cubics through both ends of the step,
    O(h⁴), and corrected by one Newton step along the flow, which carries the
    derivative of the event's time. Then come reset and the rest of the step.

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
    a, b = look(plant, t, x, u), look(plant, t + h, free, u)
    crosses = (b.g < 0) & ((a.g > 0) | (b.rate < 0))
    # nearly always no lane of a batch is near an event, and then none pays for it
    near = in_any_lane(jnp.any(crosses | a.falls() | (a.g <= 0)))

    def locate() -> tuple[Array, Array]:
        shares = jnp.where(crosses, _root(a, b, h), NEVER)
        return _first(jnp.where(due(plant, t, x, u, a), 0.0, shares))

    def through() -> tuple[Array, Array]:
        landing = _between(x, free, a.dx, b.dx, h, share)
        seen = look(plant, t + share * h, landing, u)
        late = jnp.clip(_late(seen, index), -share * h, h - share * h)
        at, landing = share * h + late, landing + late * seen.dx
        after = jump(plant, t + at, landing, u, index)
        after = step(plant, t + at, after, u, h - at)
        return jnp.where(index < 0, free, after), at

    # apart, because XLA computes a loop that grows too long several times over
    share, index = jax.lax.cond(
        near, locate, lambda: (jnp.ones_like(h), jnp.int32(NONE))
    )
    share = jax.lax.stop_gradient(share)
    after, at = jax.lax.cond(near, through, lambda: (free, h))
    return after, index, at


def _first(shares: Array) -> tuple[Array, Array]:
    """Share of the step at which the first event happens, and its index."""
    first, index = jnp.full_like(shares[0], NEVER), jnp.int32(NONE)
    for i in range(len(shares)):
        earlier = shares[i] < first
        first = jnp.where(earlier, shares[i], first)
        index = jnp.where(earlier, jnp.int32(i), index)
    return jnp.where(index < 0, 1.0, first), index


def _between(a: Array, b: Array, da: Array, db: Array, h: Array, share: Array) -> Array:
    """The cubic through a and b with slopes da and db, at a share of the step h."""
    c2, c3 = 3 * (b - a) - h * (2 * da + db), h * (da + db) - 2 * (b - a)
    return a + share * (h * da + share * (c2 + share * c3))


def _slope(a: Array, b: Array, da: Array, db: Array, h: Array, share: Array) -> Array:
    """Derivative of that cubic by the share."""
    c2, c3 = 3 * (b - a) - h * (2 * da + db), h * (da + db) - 2 * (b - a)
    return h * da + share * (2 * c2 + 3 * share * c3)


def _root(a: Look, b: Look, h: Array) -> Array:
    """Where the guards' cubics fall through zero, as a share of the step.

    Halving keeps what is still above zero, or below it and rising, on the left.
    """
    ends = a.g, b.g, a.rate, b.rate, h
    low, high = jnp.zeros_like(a.g), jnp.ones_like(a.g)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        rises = (a.g <= 0) & (_slope(*ends, middle) >= 0)
        before = (_between(*ends, middle) > 0) | rises
        low, high = jnp.where(before, middle, low), jnp.where(before, high, middle)
    share = 0.5 * (low + high)
    for _ in range(NEWTONS):
        step = _between(*ends, share) / _falling(_slope(*ends, share))
        share = jnp.clip(share - step, low, high)
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
