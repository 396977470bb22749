"""How large the states of a plant are by nature."""

import numpy as np
from numpy.typing import NDArray

from hybridctl.plants.plant import Equilibrium, Plant


def sizes(plant: Plant, at: Equilibrium, A: NDArray, B: NDArray) -> NDArray[np.float64]:
    """How large each state of a plant is by nature, shape [n_x]; NaN where unknown.

    An angle is 1 rad and a state that is not 0 at rest is as large as it is there.
    From those the others follow by the linear model ė = A e + B v and its fastest
    mode ω: |A[i, j]| times the size of j is ω times that of i. Where these tell
    nothing, the input at rest does, then the plant's limits.

    Args:
        plant: names, angles and limits.
        at: where it rests.
        A: shape [n_x, n_x].
        B: shape [n_x, n_u].

    Example:
        >>> from hybridctl.plants import CartPole
        >>> from hybridctl.plants.linearize import linearize
        >>> plant = CartPole(L=4.0)
        >>> up = plant.upright()
        >>> print(sizes(plant, up, *linearize(plant, up)).round(2))
        [0.36 1.   0.6  1.64]
    """
    A = np.block([[A, B], [np.zeros((B.shape[1], A.shape[1] + B.shape[1]))]])
    rate = float(np.abs(np.linalg.eigvals(A)).max(initial=0.0))
    rate = rate if rate > 0 else 1.0
    n, names = plant.n_x, (*plant.states, *plant.inputs)
    resting = np.abs(np.concatenate([at.x, at.u]).astype(np.float64))
    limits = np.array([plant.limits.get(name, 0.0) for name in names])
    turned = np.isin(np.arange(len(names)), plant.angles)
    known = np.where(turned, 1.0, np.where(np.arange(len(names)) < n, resting, 0.0))
    for more in (known, resting, limits):
        known = spread(np.where(known > 0, known, more), np.abs(A) / rate)
    return np.where(known > 0, known, np.nan)[:n]


def spread(known: NDArray, A: NDArray) -> NDArray:
    """Sizes of what is not known (0) from what is, a step along A [n, n] at a time."""
    while True:
        unknown, reached = known == 0, A * known
        forth = reached.max(axis=1, initial=0.0)
        ratio = np.divide(known[:, None], A, out=np.zeros_like(A), where=A > 0)
        back = ratio.max(axis=0, initial=0.0)
        found = np.where(unknown, np.where(forth > 0, forth, back), 0.0)
        if not found.any():
            return known
        known = known + found
