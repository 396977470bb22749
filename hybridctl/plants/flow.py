"""A plant over one control period with its input held: fixed-step Runge-Kutta."""

from collections.abc import Callable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.plants.hybrid.crossing import crossing_step
from hybridctl.plants.hybrid.plant import Hits, HybridPlant, has_events
from hybridctl.plants.plant import Plant


class Moved(NamedTuple):
    """A plant after a control period: its state, and its events (None: has none)."""

    x: Array
    hits: Hits | None = None


Flow = Callable[[Plant, Array, Array, Array], Array]
Motion = Callable[[Plant, Array, Array, Array], Moved]


def rk4(plant: Plant, t: Array, x: Array, u: Array, h: float | Array) -> Array:
    """One classical Runge-Kutta step of length h [s], u held."""
    k1 = plant.ode(t, x, u)
    k2 = plant.ode(t + h / 2, x + h / 2 * k1, u)
    k3 = plant.ode(t + h / 2, x + h / 2 * k2, u)
    k4 = plant.ode(t + h, x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def fixed_step(dt: float, substeps: int) -> Flow:
    """RK4 with equal substeps of a control period dt [s]: from state to state."""
    motion = fixed_motion(dt, substeps)
    return lambda plant, t, x, u: motion(plant, t, x, u).x


def fixed_motion(dt: float | Array, substeps: int) -> Motion:
    """`fixed_step` that also tells the events, at most one a substep."""
    h = dt / substeps

    def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
        if has_events(plant):
            return _with_events(cast(HybridPlant, plant), t, x, u, h, substeps)

        def body(x: Array, i: Array) -> tuple[Array, None]:
            return rk4(plant, t + i.astype(x.dtype) * h, x, u, h), None

        return Moved(jax.lax.scan(body, x, jnp.arange(substeps))[0])

    return motion


def _with_events(
    plant: HybridPlant, t: Array, x: Array, u: Array, h: float | Array, substeps: int
) -> Moved:
    def body(x: Array, i: Array) -> tuple[Array, Hits]:
        length, since = jnp.asarray(h, x.dtype), i.astype(x.dtype) * h
        x, index, at = crossing_step(rk4, plant, t + since, x, u, length)
        return x, Hits(index, since + at)

    return Moved(*jax.lax.scan(body, x, jnp.arange(substeps)))
