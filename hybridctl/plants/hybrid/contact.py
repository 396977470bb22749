"""What an impact and a resting contact have in common, whatever hits what."""

import jax.numpy as jnp
from jax import Array


def rebound(speed: Array, push: Array, depth: Array, e: Array, rest: Array) -> Array:
    """Speed [m/s] away from a wall after an impact, at least 0.

    It is e times the speed at the wall, √(v² - 2 a d), where a step went beyond it;
    and 0, which is rest, where no more than `rest` is left and the body is pushed
    against the wall.

    Args:
        speed: v, towards the wall [m/s].
        push: acceleration a towards the wall [m/s²].
        depth: d, how far it is beyond the wall [m].
        e: restitution, 0 … 1; 1 never rests.
        rest: rebounds up to this speed are none [m/s].
    """
    square = speed**2 - 2 * push * jnp.maximum(depth, 0.0)
    real = (square > 0) & (speed > 0)
    away = e * jnp.where(real, jnp.sqrt(jnp.where(real, square, 1.0)), 0.0)
    return jnp.where((away <= rest) & (push > 0) & (e < 1), 0.0, away)


def held(speed: Array, push: Array, depth: Array) -> Array:
    """Whether a body rests at a wall and is pushed against it."""
    return (depth >= 0) & (speed == 0) & (push > 0)
