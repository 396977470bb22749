"""Poles of a closed loop as it runs: sampled, delayed, with all its memories."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from hybridctl.controllers import Controller
from hybridctl.controllers.inspect import check_dt
from hybridctl.design.linearize import float64, float64_on_host
from hybridctl.loop import Loop
from hybridctl.loop.loop import begin, step
from hybridctl.loop.simulate import check_output
from hybridctl.plants import Equilibrium, Plant


def closed_loop_poles(
    plant: Plant, controller: Controller, equilibrium: Equilibrium, loop: Loop
) -> NDArray[np.complex128]:
    """Eigenvalues of one control period of a closed loop, about an equilibrium.

    The period itself is differentiated, in float64: z⁺ = F z, where z is everything
    that the loop remembers: the plant's state, the delay line, the lag and the
    controller's memory. It is stable where all |λ| < 1.

    Args:
        plant: the plant.
        controller: holds the equilibrium, for example with u0 at rest.
        equilibrium: where plant and actuator rest.
        loop: timing and actuator; sensor and disturbance are left out.

    Returns:
        The eigenvalues, largest |λ| first; what is only remembered adds zeros.

    Raises:
        ValueError: the parts do not fit.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> up = plant.upright()
        >>> lqr = hc.lqr(plant, up, Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> loop = hc.Loop(0.02, actuator=hc.Actuator(delay=6))
        >>> print(abs(closed_loop_poles(plant, lqr, up, loop)).max().round(4))
        1.0205
    """
    check_dt(controller, loop.dt)
    check_output(plant, controller)
    with float64_on_host():
        bare = dataclasses.replace(loop, sensor=None, disturbance=None)
        wide = jax.tree.map(jnp.asarray, float64((plant, controller, bare)))
        point, back = ravel_pytree(_at_rest(wide, equilibrium))
        period = jax.jit(jax.jacfwd(lambda z: _period(wide, back(z))))
        poles = np.linalg.eigvals(np.asarray(period(point)))
    return poles[np.argsort(-np.abs(poles))].astype(np.complex128)


def _at_rest(system: Any, equilibrium: Equilibrium) -> Any:
    """The changing numbers of a loop that has rested for long."""
    plant, controller, loop = system
    x, u = (jnp.asarray(v, jnp.float64) for v in (equilibrium.x, equilibrium.u))
    state = begin(loop, controller, plant, x)
    held = jax.tree.map(lambda v: jnp.broadcast_to(u, v.shape), state.actuator)
    state = dataclasses.replace(state, u=u, asked=u, actuator=held)
    memory = controller.init(state.tick(loop.dt))
    return _moving(dataclasses.replace(state, controller=memory))


def _moving(state: Any) -> Any:
    """What a period changes: state, inputs and memories, floats alone."""
    parts = state.x, state.u, state.asked, state.actuator, state.controller
    return eqx.filter(parts, eqx.is_inexact_array)


def _period(system: Any, moving: Any) -> Array:
    """The changing numbers after one period, as a vector."""
    plant, controller, loop = system
    x, u, asked, actuator, floats = moving
    start = begin(loop, controller, plant, x)
    memory = eqx.combine(floats, start.controller)
    state = dataclasses.replace(
        start, u=u, asked=asked, actuator=actuator, controller=memory
    )
    return ravel_pytree(_moving(step(loop, controller, state)[0]))[0]
