"""The linear model of a plant with sampled parts, over their common period."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.plants.clocks import common_period, grid
from hybridctl.plants.linearize import Slopes, derivatives
from hybridctl.precision import float64, float64_on_host

MOST = 10_000  # instants in a common period


def slopes_of_a_period(plant: Any, x: NDArray, u: NDArray) -> Slopes:
    """x⁺ - x over the common period of a sampled plant's clocks, and its Jacobians.

    Flow and samples one after the other, each linear where the plant rests. What are
    whole numbers (modes, ages) does not count as moving: they are what they become once
    every clock has ticked.

    Args:
        plant: a `SampledPlant`.
        x: state [n_x].
        u: input [n_u], held.

    Raises:
        ValueError: the common period is too long to be of use.
    """
    with float64_on_host():
        return _slopes(float64(plant), x, u)


def _slopes(plant: Any, x: NDArray, u: NDArray) -> Slopes:
    x, still = _begun(plant, x, u)
    derived = jax.tree.map(np.asarray, derivatives(plant, x, u))
    flow, (n, m) = derived[0], np.shape(derived[1][1])
    moved, A, B = np.zeros(n), np.eye(n), np.zeros((n, m))
    flows = functools.cache(functools.partial(_held, *derived[1]))
    samples = functools.cache(functools.partial(_sampled, plant, x, u))
    for due, length in _legs(plant):
        after, (As, Bs) = jax.tree.map(np.asarray, samples(due))
        Af, Bf = flows(length)
        A, B = Af @ As @ A, Af @ (As @ B + Bs) + Bf
        moved += after - x
    return (moved + flow) * ~still, (A - np.eye(n), B)


def _legs(plant: Any) -> list[tuple[tuple, float]]:
    """Which clocks tick at an instant of the common period, and how long until another.

    Raises:
        ValueError: there are too many.
    """
    dt = common_period(plant.clocks)
    steps, rows = grid(plant.clocks, dt)
    ticks = sorted({i for row in rows for i in range(row.first, steps, row.every)})
    require(
        len(ticks) <= MOST,
        f"the common period of the sampled blocks is {dt:g} s, with {len(ticks)} "
        f"instants; at most {MOST} can be linearized: choose periods that divide one "
        "another",
    )
    ends = zip(ticks, [*ticks[1:], steps + ticks[0]], strict=True)
    return [(tuple(row.due(0, steps, i) for row in rows), (until - i) * dt / steps)
            for i, until in ends]  # fmt: skip


def _begun(plant: Any, x: NDArray, u: NDArray) -> tuple[NDArray, NDArray]:
    """The state, its whole numbers those after every clock has ticked, and which."""
    still = np.isin(np.arange(len(x)), plant.whole)
    after, _ = _sampled(plant, x, u, (True,) * len(plant.clocks))
    return np.where(still, after, x), still


@eqx.filter_jit
def _sampled(plant: Any, x: Any, u: Any, due: tuple) -> Any:
    """X after the first instant at which these clocks tick, and its Jacobians."""

    def after(x: Array, u: Array) -> Array:
        return plant.sample(jnp.zeros(()), x, u, due, [0] * len(due))

    return after(x, u), jax.jacfwd(after, (0, 1))(x, u)


def _held(A: NDArray, B: NDArray, h: float) -> tuple[NDArray, NDArray]:
    """The flow over h [s] under a held input."""
    from scipy.linalg import expm

    n, m = B.shape
    whole = expm(np.block([[A, B], [np.zeros((m, n + m))]]) * h)
    return whole[:n, :n], whole[:n, n:]
