"""Where a closed loop rests, and its derivatives there."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from hybridctl.checks import fail, require, shape
from hybridctl.controllers import Controller
from hybridctl.controllers.error import deviation
from hybridctl.controllers.machine import mode_names, mode_of, switches
from hybridctl.design.feedback_path import Chain, Local, calm, expand, settled
from hybridctl.loop import Loop, LoopState
from hybridctl.plants import Equilibrium, MechanicalPlant, Plant
from hybridctl.plants.linearize import sizes, slopes, spread
from hybridctl.plants.scales import natural_units
from hybridctl.precision import float64, float64_on_host

STEPS = 30  # of Newton's method
EXACT = 1e-10  # share of a state's size at which Newton's method ends
NEAR = 0.5  # sizes of a state that the loop may rest off, beside what r moves it
HALVINGS = 4  # of a reference that is too far away to be found at once


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


class _System(NamedTuple):
    """A closed loop, and the sizes of its plant's states [n_x], NaN where unknown."""

    plant: Plant
    controller: Controller
    loop: Loop
    size: NDArray


class _Found(NamedTuple):
    """Where a loop rests: its chain in the mode that it is in there, z and model."""

    chain: Chain
    z: NDArray
    local: Local


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
        plant, controller, loop, near = float64((plant, controller, calm(loop), near))
        size = _sizes(plant, near)
        chain, z, local = _find(_System(plant, controller, loop, size), near, r)
        later = expand(plant, chain, z, r, k=1)
    kept = sorted({*_seen(local, plant.n_x), *_seen(later, plant.n_x)})
    A, B, C, D = _part(local, kept)
    _check_every_period((A, B, C, D), _part(later, kept))
    x = np.eye(plant.n_x, len(kept))
    none = np.zeros((plant.n_x, D.shape[1]))
    active = mode_of(chain.state.controller)
    mode = None if active is None else mode_names(controller)[int(active)]
    every = _names(plant, chain)
    names, C, D = [every[i] for i in kept], np.vstack([x, C]), np.vstack([none, D])
    return RestPoint(z[: plant.n_x], local.u, names, A, B, C, D, mode)


def _sizes(plant: Plant, near: Equilibrium) -> NDArray:
    """How large the plant's states are, from its own units or its linear model."""
    x, u = np.asarray(near.x), np.asarray(near.u)
    _, (A, B) = slopes(plant, x, u)
    turned = np.isin(np.arange(plant.n_x), plant.angles)
    resting = np.where(turned, 0.0, np.abs(x))
    model, mechanical = (near, A, B), isinstance(plant, MechanicalPlant)
    own = natural_units(plant, model) if mechanical else sizes(plant, *model)
    return np.maximum(own, resting)  # NaN stays


def _find(
    system: _System, near: Equilibrium, r: NDArray, halvings: int = HALVINGS
) -> _Found:
    """The rest point; one that a far reference asks for by way of nearer ones."""
    try:
        return _checked(system, near, near, r)
    except ValueError:
        if not (halvings and r.any()):
            raise
    half = _find(system, near, r / 2, halvings - 1)
    n, u = len(near.x), np.asarray(half.local.u)
    ahead = 2 * half.z[:n] - np.asarray(near.x)
    start = dataclasses.replace(near, x=ahead, u=2 * u - np.asarray(near.u))
    return _checked(system, start, near, r)


def _checked(
    system: _System, start: Equilibrium, near: Equilibrium, r: NDArray
) -> _Found:
    """The rest point from a start, in the mode that a machine has where it rests."""
    found = _from(system, start, r)
    for _ in range(len(mode_names(system.controller))):
        x = found.z[: len(start.x)]
        there = dataclasses.replace(start, x=x, u=found.local.u)
        state = settled(system.plant, system.controller, system.loop, there, r)
        if _modes(state) == _modes(found.chain.state):
            break
        found = _from(system, there, r)
    _check_near(system, near, found, r)
    return found


def _from(system: _System, start: Equilibrium, r: NDArray) -> _Found:
    plant, controller, loop, _ = system
    state = settled(plant, controller, loop, start, r)
    memories = dataclasses.replace(state, own=None, known=None, r=None)
    return _newton(system, Chain(loop, controller, memories), r)


def _modes(state: LoopState) -> list[int]:
    """What a machine and those inside it are in."""
    return [int(node.mode) for node in switches(state.controller)]


def _newton(system: _System, chain: Chain, r: NDArray) -> _Found:
    """Every step expands plant, actuator and controller anew.

    So the offset of a policy or an integrator is found; where the loop may rest in
    many places (a cart without feedback of its position) the nearest one, every
    state and memory counted by its size.
    """
    z = np.asarray(ravel_pytree(chain.numbers())[0])
    for _ in range(STEPS):
        local = expand(system.plant, chain, z, r)
        size, error = _all_sizes(system.size, local.A), local.after - z
        if np.all(np.abs(error) <= EXACT * (size + np.abs(z))):
            return _Found(chain, z, local)
        if not (np.isfinite(error).all() and np.isfinite(local.A).all()):
            break
        z = z - _solve(local.A - np.eye(len(z)), error, size)
    fail(
        "the closed loop has no rest point near this equilibrium; give the one that "
        "the controller was designed for"
    )


def _all_sizes(size: NDArray, A: NDArray) -> NDArray:
    """Sizes of the plant's states and of the memory that they reach, else 1."""
    known = np.zeros(len(A))
    known[: len(size)] = np.nan_to_num(size, nan=1.0)
    known = spread(known, np.abs(A))
    return np.where(known > 0, known, 1.0)


def _solve(A: NDArray, b: NDArray, size: NDArray) -> NDArray:
    """Least A x = b for x and b in units of their sizes."""
    b = (b.T / size).T
    found = np.linalg.lstsq(A * size / size[:, None], b, rcond=None)[0]
    return (found.T * size).T


def _check_near(system: _System, near: Equilibrium, found: _Found, r: NDArray) -> None:
    """Refuse a rest that neither the equilibrium nor the reference explains.

    The loop may rest some of a state's size off; where the size is not known there
    is no telling, and what follows the reference goes with it.
    """
    plant, x = system.plant, found.z[: system.plant.n_x]
    off = np.stack(deviation(jnp.asarray(x), near.x, plant.angles))
    size = np.where(np.isnan(system.size), np.inf, system.size)
    if r.any():
        off = off - _followed(system, found, near, off, r)
        turned = list(plant.angles)
        off[turned] = np.angle(np.exp(1j * off[turned]))
    require(
        bool(np.all(np.abs(off) <= NEAR * size)),
        f"the closed loop rests at {plant.states} = {x.round(3).tolist()}, too far "
        "from this equilibrium; give the one that the controller was designed for",
    )


def _followed(
    system: _System, found: _Found, near: Equilibrium, off: NDArray, r: NDArray
) -> NDArray:
    """How much of a deviation [n_x] is the reference's doing.

    The reference moves at the most from what it was at the equilibrium to what it is.
    """
    A, B = found.local.A, found.local.B[:, -len(r) :]
    n, size = len(off), np.nan_to_num(system.size, nan=1.0)
    gain = _solve(np.eye(len(A)) - A, B, _all_sizes(system.size, A))[:n]
    seen = (gain.T / size).T
    before = np.linalg.lstsq(seen, np.asarray(near.x) / size, rcond=None)[0]
    moved = np.linalg.lstsq(seen, off / size, rcond=None)[0]
    most = (np.abs(r) + np.abs(before)) * (1 + 1e-6)
    return gain @ np.clip(moved, -most, most)


def _check_every_period(now: tuple, later: tuple) -> None:
    require(
        all(np.allclose(a, b) for a, b in zip(now, later, strict=True)),
        "this controller acts in some periods only, so that no time-invariant model "
        "exists; take away the Hold, or give it every=1",
    )


def _seen(local: Local, n_x: int) -> list[int]:
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


def _part(local: Local, kept: list[int]) -> tuple[NDArray, ...]:
    A, B = local.A[np.ix_(kept, kept)], local.B[kept]
    return A, B, local.C[:, kept], local.D


def _names(plant: Plant, chain: Chain) -> list[str]:
    """Names of the entries of z: the plant's states, then memory by its place."""
    rows = jax.tree_util.tree_flatten_with_path(chain.numbers())[0][1:]
    parts = [(jax.tree_util.keystr(p, simple=True, separator="_"), v) for p, v in rows]
    return [*plant.states, *(f"{n}[{i}]" for n, v in parts for i in range(v.size))]
