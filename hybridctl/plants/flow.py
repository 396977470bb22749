"""A plant over one control period with its input held: fixed-step Runge-Kutta."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.plants.plant import Plant

Flow = Callable[[Plant, Array, Array, Array], Array]


def rk4(plant: Plant, t: Array, x: Array, u: Array, h: float) -> Array:
    """One classical Runge-Kutta step of length h [s], u held."""
    k1 = plant.ode(t, x, u)
    k2 = plant.ode(t + h / 2, x + h / 2 * k1, u)
    k3 = plant.ode(t + h / 2, x + h / 2 * k2, u)
    k4 = plant.ode(t + h, x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def fixed_step(dt: float, substeps: int) -> Flow:
    """RK4 with equal substeps of a control period dt [s]."""
    h = dt / substeps

    def flow(plant: Plant, t: Array, x: Array, u: Array) -> Array:
        body = lambda x, i: (rk4(plant, t + i * h, x, u, h), None)  # noqa: E731
        return jax.lax.scan(body, x, jnp.arange(substeps))[0]

    return flow
