"""The linear model of a plant with sampled parts, over their common period."""

from typing import Any

import equinox as eqx
import jax
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
    whole numbers (modes, ages) does not count as moving.

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
    dt = common_period(plant.clocks)
    steps, rows = grid(plant.clocks, dt)
    ticks = sorted({i for row in rows for i in range(row.first, steps, row.every)})
    require(
        len(ticks) <= MOST,
        f"the common period of the sampled blocks is {dt:g} s, with {len(ticks)} "
        f"instants; at most {MOST} can be linearized: choose periods that divide one "
        "another",
    )
    flow, (Ac, Bc) = jax.tree.map(np.asarray, derivatives(plant, x, u))
    n, moved = len(x), np.zeros(len(x))
    A, B = np.eye(n), np.zeros((n, len(u)))
    for i, until in zip(ticks, [*ticks[1:], steps + ticks[0]], strict=True):
        due = tuple(row.due(0, steps, i) for row in rows)
        count = np.asarray([row.count(0, steps, i) for row in rows], np.int32)
        instant = _sampled(plant, np.float64(i * dt / steps), x, u, due, count)
        after, (As, Bs) = jax.tree.map(np.asarray, instant)
        Af, Bf = _held(Ac, Bc, (until - i) * dt / steps)
        A, B = Af @ As @ A, Af @ (As @ B + Bs) + Bf
        moved += after - x
    whole = np.zeros(n)
    whole[list(plant.whole)] = 1.0
    return (moved + flow) * (1 - whole), (A - np.eye(n), B)


@eqx.filter_jit
def _sampled(plant: Any, t: Any, x: Any, u: Any, due: tuple, count: Any) -> Any:
    """X after an instant, and its Jacobians; compiled for each set of due clocks."""

    def after(x: Array, u: Array) -> Array:
        return plant.sample(t, x, u, due, list(count))

    return after(x, u), jax.jacfwd(after, (0, 1))(x, u)


def _held(A: NDArray, B: NDArray, h: float) -> tuple[NDArray, NDArray]:
    """The flow over h [s] under a held input."""
    from scipy.linalg import expm

    n, m = B.shape
    whole = expm(np.block([[A, B], [np.zeros((m, n + m))]]) * h)
    return whole[:n, :n], whole[:n, n:]
