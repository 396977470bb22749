"""Where a closed loop rests, and its derivatives there."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from hybridctl.checks import fail, require, shape
from hybridctl.controllers import Controller
from hybridctl.controllers.error import deviation
from hybridctl.controllers.machine import mode_names, mode_of
from hybridctl.design.discretize import discretize
from hybridctl.loop import Loop, LoopState, Sensor, begin, step
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.flow import Moved
from hybridctl.plants.linearize import derivatives, float64, float64_on_host

SETTLE = 256  # ticks at rest after which a machine is in the mode to look at
STEPS = 30  # of Newton's method
NEAR = 0.5  # how far off the loop may rest, in every state's own unit


class RestPoint(NamedTuple):
    """z⁺ = A z + B w and [x; u] = C z + D w about the loop's rest point.

    Attributes:
        x: state at rest, shape [n_x]; the first entries of z are its deviation.
        u: input at rest, shape [n_u].
        names: of the entries of z.
        A, B, C, D: matrices; w is a push on each input, then the references.
        mode: name of the active mode, None without one.
    """

    x: NDArray
    u: NDArray
    names: list[str]
    A: NDArray
    B: NDArray
    C: NDArray
    D: NDArray
    mode: str | None


class _Chain(eqx.Module):
    """A loop without its plant, and its state, of which the numbers move."""

    loop: Loop
    controller: Controller
    state: LoopState

    def numbers(self) -> LoopState:
        return eqx.filter(self.state, eqx.is_inexact_array)


class _Held(NamedTuple):
    """x⁺ = x0 + Ad (x - x0) + Bd (u - u0) + drift: the plant over one period."""

    x0: NDArray
    u0: NDArray
    Ad: NDArray
    Bd: NDArray
    drift: NDArray


class _Local(NamedTuple):
    """One period from z: what follows, what is applied, and their derivatives."""

    after: NDArray
    u: NDArray
    A: NDArray
    B: NDArray
    C: NDArray
    D: NDArray


def rest_point(
    plant: Plant, controller: Controller, loop: Loop, near: Equilibrium, r: NDArray
) -> RestPoint:
    """The closed loop's rest point near an equilibrium, and its linear model there.

    Raises:
        ValueError: none is found nearby, or the controller acts in some periods only.
    """
    shape("equilibrium.x", near.x, (plant.n_x,))
    shape("equilibrium.u", near.u, (plant.n_u,))
    with float64_on_host():
        plant, controller, loop, near = float64((plant, controller, _calm(loop), near))
        state = _settled(plant, controller, loop, near, r)
        chain = _Chain(loop, controller, dataclasses.replace(state, plant=None, r=None))
        z, local = _newton(plant, chain, r)
        _check_near(plant, near, z[: plant.n_x])
        later = _expand(plant, chain, z, r, k=1)
    kept = sorted({*_seen(local, plant.n_x), *_seen(later, plant.n_x)})
    A, B, C, D = _part(local, kept)
    _check_every_period((A, B, C, D), _part(later, kept))
    x = np.eye(plant.n_x, len(kept))
    none = np.zeros((plant.n_x, D.shape[1]))
    active = mode_of(state.controller)
    mode = None if active is None else mode_names(controller)[int(active)]
    every = _names(plant, chain)
    names, C, D = [every[i] for i in kept], np.vstack([x, C]), np.vstack([none, D])
    return RestPoint(z[: plant.n_x], local.u, names, A, B, C, D, mode)


def _newton(plant: Plant, chain: _Chain, r: NDArray) -> tuple[NDArray, _Local]:
    """Every step expands plant, actuator and controller anew.

    So the offset of a policy or an integrator is found; where the loop may rest in
    many places (a cart without feedback of its position) the nearest one.
    """
    z = np.asarray(ravel_pytree(chain.numbers())[0])
    for _ in range(STEPS):
        local = _expand(plant, chain, z, r)
        error = local.after - z
        if np.all(np.abs(error) <= 1e-10 * (1 + np.abs(z))):
            return z, local
        if not (np.isfinite(error).all() and np.isfinite(local.A).all()):
            break
        z = z - np.linalg.lstsq(local.A - np.eye(len(z)), error, rcond=None)[0]
    fail(
        "the closed loop has no rest point near this equilibrium; give the one that "
        "the controller was designed for"
    )


def _expand(plant: Plant, chain: _Chain, z: NDArray, r: NDArray, k: int = 0) -> _Local:
    state = ravel_pytree(chain.numbers())[1](jnp.asarray(z))
    x, u = np.asarray(state.x), np.asarray(state.u)
    rate, (A, B) = jax.tree.map(np.asarray, derivatives(plant, x, u))
    Ad, Bd = discretize(A, np.column_stack([B, rate]), chain.loop.dt)
    held = _Held(x, u, Ad, Bd[:, :-1], Bd[:, -1])
    return _Local(*map(np.asarray, _local(chain, z, r, jnp.int32(k), held)))


@eqx.filter_jit
def _local(chain: _Chain, z: Any, r: Any, k: Array, held: _Held) -> tuple:
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
def _settled(
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


def _calm(loop: Loop) -> Loop:
    """The loop without what has no derivative, or no rest."""
    sensor, actuator = loop.sensor, loop.actuator
    if sensor is not None:
        sensor = dataclasses.replace(sensor, noise=None, bias=None)
        sensor = None if eqx.tree_equal(sensor, Sensor()) else sensor
    if actuator is not None:
        actuator = dataclasses.replace(actuator, step=None)
    return dataclasses.replace(loop, sensor=sensor, actuator=actuator, disturbance=None)


def _check_near(plant: Plant, near: Equilibrium, x: NDArray) -> None:
    off = np.stack(deviation(jnp.asarray(x), near.x, plant.angles))
    require(
        bool(np.all(np.abs(off) <= NEAR)),
        f"the closed loop rests at {plant.states} = {x.round(3).tolist()}, too far "
        "from this equilibrium; give the one that the controller was designed for",
    )


def _check_every_period(now: tuple, later: tuple) -> None:
    require(
        all(np.allclose(a, b) for a, b in zip(now, later, strict=True)),
        "this controller acts in some periods only, so that no time-invariant model "
        "exists; take away the Hold, or give it every=1",
    )


def _seen(local: _Local, n_x: int) -> list[int]:
    """The plant's states, and what of the memory acts on anything but itself."""
    A, C = local.A, local.C
    kept = list(range(len(A)))
    while True:
        others = {i: [k for k in kept if k != i] for i in kept}
        acts = [i for i in kept if A[others[i], i].any() or C[:, i].any()]
        seen = [i for i in kept if i < n_x or i in acts]
        if seen == kept:
            return kept
        kept = seen


def _part(local: _Local, kept: list[int]) -> tuple[NDArray, ...]:
    A, B = local.A[np.ix_(kept, kept)], local.B[kept]
    return A, B, local.C[:, kept], local.D


def _names(plant: Plant, chain: _Chain) -> list[str]:
    """Names of the entries of z: the plant's states, then memory by its place."""
    rows = jax.tree_util.tree_flatten_with_path(chain.numbers())[0][1:]
    parts = [(jax.tree_util.keystr(p, simple=True, separator="_"), v) for p, v in rows]
    return [*plant.states, *(f"{n}[{i}]" for n, v in parts for i in range(v.size))]
