"""From a model and its noise to an observer: `kalman`."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail, not_negative, require, shape
from hybridctl.controllers.observers import DRIFT, KalmanFilter
from hybridctl.describe import told
from hybridctl.design.discretize import discretize, period
from hybridctl.design.matrices import real
from hybridctl.design.riccati import dlqr
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.linearize import linearize
from hybridctl.plants.scales import natural_units
from hybridctl.plants.signals import names


@checked
def kalman(
    plant: Plant,
    equilibrium: Equilibrium,
    dt: float,
    noise: Any,
    disturbance: Any = 0.0,
    process: Any = None,
    outputs: Iterable[str] | None = None,
) -> KalmanFilter:
    """Steady-state Kalman filter about an equilibrium of a plant.

    L = P Cᵀ (C P Cᵀ + diag(noise²))⁻¹, where P, the covariance before a
    measurement, solves the discrete Riccati equation of the sampled plant with the
    process noise B diag(disturbance²) Bᵀ + diag(process²).

    Args:
        plant: linearized by autodiff in float64.
        equilibrium: where, for example `plant.upright()`.
        dt: control period [s].
        noise: standard deviation of each output, a number or [n]; 0: exact.
        disturbance: standard deviation of an unknown input that changes every
            period, a number or [n_u].
        process: standard deviation by which a state drifts in a period, a number or
            [n_x]; by default 1e-4 of the state's natural unit, which is 1 for a
            `CartPole()` and follows the plant's own scale.
        outputs: names of the states that are measured; all by default.

    Returns:
        An observer: `kalman(...) >> lqr` is an LQG controller.

    Raises:
        ValueError: an unknown output, a size that does not fit, or a state that the
            outputs do not show.

    Source: B. D. O. Anderson, J. B. Moore, *Optimal Filtering* (1979), chapter 4.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> up = plant.upright()
        >>> kalman(plant, up, 0.02, 0.01, 0.1, outputs=("x", "theta")).L.shape
        (4, 2)
    """
    model = linearize(plant, equilibrium)
    A, B = discretize(*model, dt)
    columns = _columns(plant, outputs)
    v = _deviations("noise", noise, len(columns))
    w = _deviations("disturbance", disturbance, plant.n_u)
    if process is None:
        process = DRIFT * natural_units(plant, (equilibrium, *model))
    drift = _deviations("process", process, plant.n_x)
    W = B @ np.diag(w**2) @ B.T + np.diag(drift**2)
    L = filter_gain(A, np.eye(plant.n_x)[list(columns)], W, np.diag(v**2))
    x0, u0 = np.asarray(equilibrium.x), np.asarray(equilibrium.u)
    made = KalmanFilter(A, B, L, x0, u0, columns, equilibrium.angles, period(dt))
    return told(made, plant)


def filter_gain(A: ArrayLike, C: ArrayLike, W: ArrayLike, V: ArrayLike) -> NDArray:
    """Gain L [n_x, n_y] of the steady-state filter x̂ = x̂⁻ + L (y - C x̂⁻).

    The filter's Riccati equation is the regulator's of the transposed system.

    Args:
        A: sampled state matrix, shape [n_x, n_x].
        C: output matrix, shape [n_y, n_x].
        W: covariance of the process noise, shape [n_x, n_x].
        V: covariance of the measurement noise, shape [n_y, n_y].

    Raises:
        ValueError: the outputs do not show every mode that does not decay, or no
            noise excites one that neither grows nor decays.
    """
    A, C, W, V = map(real, "ACWV", (A, C, W, V))
    try:
        P = dlqr(A.T, C.T, W, V).X
    except ValueError as cause:
        fail(
            "no steady filter exists: the outputs do not show every state, or no "
            "process noise reaches a mode that grows (of the transposed model: "
            f"{cause})"
        )
    return np.linalg.solve(C @ P @ C.T + V, C @ P).T


def _columns(plant: Plant, outputs: Iterable[str] | None) -> tuple[int, ...]:
    seen = plant.states if outputs is None else names("outputs", outputs)
    require(
        not set(seen) - set(plant.states),
        f"outputs={list(seen)} must be states of {type(plant).__name__}: "
        f"{', '.join(plant.states)}",
    )
    return tuple(plant.states.index(name) for name in seen)


def _deviations(name: str, value: Any, n: int) -> NDArray:
    array = real(name, value)
    if array.ndim:
        shape(name, array, (n,))
    not_negative(name, array)
    return np.broadcast_to(array, (n,))
