"""A closed loop without its plant, and one period of it about a state."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import require
from hybridctl.controllers import Controller
from hybridctl.design.discretize import discretize
from hybridctl.loop import Loop, LoopState, Sensor, begin, step
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.flow import Moved
from hybridctl.plants.linearize import slopes

SETTLE = 256  # ticks at rest after which a machine is in the mode to look at


class Chain(eqx.Module):
    """A loop without its plant, and its state, of which the numbers move."""

    loop: Loop
    controller: Controller
    state: LoopState

    def numbers(self) -> LoopState:
        """The state's numbers, None for the rest."""
        return eqx.filter(self.state, eqx.is_inexact_array)


class _Held(NamedTuple):
    """x⁺ = x0 + Ad (x - x0) + Bd (u - u0) + drift: the plant over one period."""

    x0: NDArray
    u0: NDArray
    Ad: NDArray
    Bd: NDArray
    drift: NDArray


class Local(NamedTuple):
    """One period from z: what follows, what is applied, and their derivatives."""

    after: NDArray
    u: NDArray
    A: NDArray
    B: NDArray
    C: NDArray
    D: NDArray


@kept_programs()
def expand(plant: Plant, chain: Chain, z: NDArray, r: NDArray, k: int = 0) -> Local:
    state = ravel_pytree(chain.numbers())[1](jnp.asarray(z))
    x, u = np.asarray(state.x), np.asarray(state.u)
    held = _over_a_period(plant, x, u, chain.loop.dt)
    return Local(*map(np.asarray, _local(chain, z, r, jnp.int32(k), held)))


def _over_a_period(plant: Plant, x: NDArray, u: NDArray, dt: float) -> _Held:
    """The plant about a state and a held input; of a discrete plant, its own step."""
    rate, (A, B) = slopes(plant, x, u)
    if not plant.clocks:
        Ad, Bd = discretize(A, np.column_stack([B, rate]), dt)
        return _Held(x, u, Ad, Bd[:, :-1], Bd[:, -1])
    require(
        plant.steps_every is not None,
        f"this {type(plant).__name__} has sampled parts, and no model of a loop around "
        "them is made; put the controller into it, hc.Sampled(controller, dt), and "
        "hc.linearize(plant, equilibrium) the whole",
    )
    return _Held(x, u, A + np.eye(len(A)), B, rate)


@eqx.filter_jit
def _local(chain: Chain, z: Any, r: Any, k: Array, held: _Held) -> tuple:
    _, rest = eqx.partition(chain.state, eqx.is_inexact_array)
    unravel = ravel_pytree(chain.numbers())[1]

    def period(z, w):
        push, r = w[: len(held.u0)], w[len(held.u0) :]
        state = eqx.combine(unravel(z), rest)
        state = dataclasses.replace(state, k=k, r=r if len(r) else None)

        def motion(plant, t, x, u):
            del plant, t
            moved = held.Ad @ (x - held.x0) + held.Bd @ (u + push - held.u0)
            return Moved(held.x0 + moved + held.drift)

        after, sample = step(chain.loop, chain.controller, state, motion)
        after = dataclasses.replace(after, r=None)
        return ravel_pytree(eqx.filter(after, eqx.is_inexact_array))[0], sample.u

    w = jnp.concatenate([jnp.zeros(len(held.u0)), r])
    (A, B), (C, D) = jax.jacfwd(period, (0, 1))(z, w)
    return (*period(z, w), A, B, C, D)


@eqx.filter_jit
def settled(
    plant: Plant, controller: Controller, loop: Loop, near: Equilibrium, r: Any
) -> LoopState:
    """The loop at the equilibrium, its controller stepped until a machine settles."""
    x, u = jnp.asarray(near.x), jnp.asarray(near.u)
    state = begin(loop, controller, plant, x, None, r if len(r) else None)
    state = dataclasses.replace(state, u=u, asked=u)

    def body(state, _):
        memory, _ = controller.step(state.controller, state.tick(loop.dt))
        return dataclasses.replace(state, controller=memory), None

    return jax.lax.scan(body, state, None, SETTLE)[0]


def calm(loop: Loop) -> Loop:
    """The loop without what has no derivative, or no rest."""
    sensor, actuator = loop.sensor, loop.actuator
    if sensor is not None:
        rough: Any = {"noise": None, "bias": None, "resolution": None, "drop": None}
        sensor = dataclasses.replace(sensor, **rough)
        sensor = None if eqx.tree_equal(sensor, Sensor()) else sensor
    if actuator is not None:
        actuator = dataclasses.replace(actuator, step=None, dead_zone=None)
    steady: Any = {"disturbance": None, "jitter": None}
    return dataclasses.replace(loop, sensor=sensor, actuator=actuator, **steady)
