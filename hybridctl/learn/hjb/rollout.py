"""Lanes under the greedy input, and what the value should have been on their way."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.strategies.optimal import OptimalControl

AGE = 100  # decisions after which a lane begins anew
RESTART = 0.1  # share of the lanes that an update begins anew
WIDE = 0.2  # share of the starts that are wide
SLOW = 0.1  # share that are near the target but for what has a limit

Estimate = Callable[[Array], tuple[Array, Array]]  # states [n, n_x] to V and ∇V


class Lanes(NamedTuple):
    """Episodes under way.

    Attributes:
        x: states [lanes, n_x].
        age: decisions since their start, int32 [lanes].
    """

    x: Array
    age: Array


class Path(NamedTuple):
    """Some decisions of all lanes; all shapes begin with [decisions, lanes].

    Attributes:
        x: states before [n_x].
        u: inputs [n_u].
        cost: of the decision.
        after: states after it [n_x].
        locked: whether that lies in the lock.
        failed: whether it ends the episode badly.
        over: whether the lane begins anew.
    """

    x: Array
    u: Array
    cost: Array
    after: Array
    locked: Array
    failed: Array
    over: Array


def starts(problem: OptimalControl, key: Array, n: int) -> Array:
    """Starts [n, n_x]: some as the task's, some wide, some near rest anywhere.

    One of the task's that lies in the lock has nothing to tell; a wide one stands in.
    """
    choose, usual, wide, slow = jax.random.split(key, 4)
    usual = jax.vmap(problem.start)(jax.random.split(usual, n))
    wide = jax.vmap(problem.wide)(jax.random.split(wide, n))
    usual = jnp.where(_locked(problem, usual)[:, None], wide, usual)
    near = jax.random.uniform(slow, (n, 1)) ** 2
    still = np.asarray([c in problem.columns for c in range(problem.plant.n_x)])
    centre = jnp.asarray(problem.x0)
    slow = jnp.where(still, wide, centre + near * (wide - centre))
    chance = jax.random.uniform(choose, (n, 1))
    far = jnp.where(chance < SLOW, slow, wide)
    return jnp.where(chance < SLOW + WIDE, far, usual)


def _locked(problem: OptimalControl, x: Array) -> Array:
    """Which of the states [n, n_x] lie in the lock."""
    return jax.vmap(problem.locked)(x)


def rollout(
    problem: OptimalControl,
    act: Callable[[Array], Array],
    decision: float,
    lanes: Lanes,
    fresh: Array,
) -> tuple[Lanes, Path]:
    """Advance all lanes; those that are over begin anew.

    Args:
        problem: plant, cost and ends.
        act: states [lanes, n_x] to inputs [lanes, n_u].
        decision: time [s] between two inputs.
        lanes: before.
        fresh: starts for those that end [decisions, lanes, n_x].
    """

    def decide(lanes: Lanes, fresh: Array) -> tuple[Lanes, Path]:
        x, u = lanes.x, act(lanes.x)
        after, cost = jax.vmap(problem.advance, (0, 0, None))(x, u, decision)
        failed = jax.vmap(problem.failed)(after)
        locked = _locked(problem, after)
        over = failed | locked | (lanes.age >= AGE)
        kept = jnp.where(over[:, None], fresh, after)
        path = Path(x, u, cost, after, locked & ~failed, failed, over)
        return Lanes(kept, jnp.where(over, 0, lanes.age + 1)), path

    return jax.lax.scan(decide, lanes, fresh)


def targets(
    problem: OptimalControl, path: Path, estimate: Estimate, decision: float, mix: float
) -> tuple[Array, Array]:
    """TD(λ) targets of the cost-to-go G and of its gradient, the costates.

    Backwards along a path, with b the estimate of what comes after a decision mixed
    with the target there,

        G = ∫ c dt + b,   λ = ∂(∫ c dt)/∂x + (∂x'/∂x)ᵀ ∇b,

    both at the input that was applied.

    Args:
        problem: plant, cost and ends.
        path: of a rollout.
        estimate: of V and its gradient.
        decision: time [s] of a decision.
        mix: λ of TD(λ), between 0 (one decision) and 1 (the whole path).

    Returns:
        G [decisions, lanes] and costates [decisions, lanes, n_x].
    """
    V, slope = _after(problem, path, estimate)

    def back(later: tuple[Array, Array], now: tuple) -> tuple:
        x, u, cost, V, slope, over = now
        G = jnp.where(over, V, V + mix * (later[0] - V))
        costate = jnp.where(over[:, None], slope, slope + mix * (later[1] - slope))
        costate = jax.vmap(pull)(x, u, costate)
        return ((cost + G, costate),) * 2

    def pull(x: Array, u: Array, costate: Array) -> Array:
        _, pull = jax.vjp(lambda x: problem.advance(x, u, decision), x)
        return pull((costate, jnp.ones((), x.dtype)))[0]

    parts = (path.x, path.u, path.cost, V, slope, path.over)
    return jax.lax.scan(back, (V[-1], slope[-1]), parts, reverse=True)[1]


def _after(
    problem: OptimalControl, path: Path, estimate: Estimate
) -> tuple[Array, Array]:
    """V and its gradient after every decision: known where the episode ended."""
    n, lanes, size = path.after.shape
    flat = path.after.reshape(n * lanes, size)
    V, slope = estimate(jnp.where(jnp.isfinite(flat), flat, 0.0))
    end, push = jax.vmap(jax.value_and_grad(problem.end))(flat)
    locked, failed = path.locked.reshape(-1), path.failed.reshape(-1)
    V = jnp.where(failed, problem.left, jnp.where(locked, end, V))
    slope = jnp.where(locked[:, None], push, slope)
    slope = jnp.where(failed[:, None], 0.0, slope)
    return V.reshape(n, lanes), slope.reshape(path.after.shape)
