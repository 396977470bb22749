"""From a plant and a cost to a controller: `lqr`."""

from typing import Any

import numpy as np

from hybridctl.controllers import StateFeedback
from hybridctl.design.linearize import linearize
from hybridctl.design.riccati import lqr as continuous_lqr
from hybridctl.design.riccati import lqrd
from hybridctl.plants import Equilibrium, Plant


def lqr(
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float | None = None,
    *,
    N: Any = None,
    limit: float | None = None,
) -> StateFeedback:
    """Linear-quadratic regulator about an equilibrium of a plant.

    u = u0 - K (y - x0), with K minimizing ∫ eᵀQe + vᵀRv + 2eᵀNv dt for the
    linearized plant; with dt, exactly so for an input that is held over dt.

    Args:
        plant: linearized by autodiff in float64.
        equilibrium: where, for example `plant.upright()`.
        Q: state weight, [n_x] (a diagonal) or [n_x, n_x].
        R: input weight, scalar, [n_u] or [n_u, n_u].
        dt: control period [s]; None: a continuous design.
        N: cross weight [n_x, n_u], or None.
        limit: clip the input to ±limit.

    Returns:
        A controller with its cost-to-go `V`.

    Raises:
        ValueError: the problem is ill-posed; the sentence names the cause.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> K = lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02).K
        >>> print(np.round(K, 3))
        [[-2.83  51.36  -5.605 16.087]]
    """
    A, B = linearize(plant, equilibrium)
    weights = (Q, R)
    if dt is None:
        design = continuous_lqr(A, B, *weights, N)
    else:
        design = lqrd(A, B, *weights, float(dt), N)
    x0, u0 = np.asarray(equilibrium.x), np.asarray(equilibrium.u)
    period = None if dt is None else float(dt)
    return StateFeedback(design.K, x0, u0, design.X, limit, equilibrium.angles, period)
