"""From a model and its noise to an observer: `kalman`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail, not_negative, shape
from hybridctl.controllers.observers import DRIFT, KalmanFilter
from hybridctl.describe import told
from hybridctl.design.discretize import discretize, period
from hybridctl.design.matrices import real
from hybridctl.design.riccati import dlqr
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.linearize import continuous, stepping
from hybridctl.plants.outputs import Outputs, function_of, pairs
from hybridctl.plants.scales import natural_units
from hybridctl.ports import names_of
from hybridctl.precision import float64_on_host


@checked
def kalman(
    plant: Plant,
    equilibrium: Equilibrium,
    dt: float,
    noise: Any,
    disturbance: Any = 0.0,
    process: Any = None,
    outputs: Iterable[str] | Callable | None = None,
    names: Iterable[str] = (),
    units: Mapping[str, str] | None = None,
    angles: Iterable[str] = (),
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
        outputs: names of the states that are measured, in the order of y, or a
            module-level function in `jax.numpy` from x [n_x] to y [n_y], linearized
            at the equilibrium; all states by default.
        names: of what a function gives, length n_y; () where it has none.
        units: unit by name of what a function gives.
        angles: names of what a function gives that are angles.

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
    flow = None if plant.steps_every else continuous(plant, equilibrium)
    A, B = discretize(*flow, dt) if flow else stepping(plant, equilibrium, dt)
    equation = Outputs(function_of(outputs), tuple(names), pairs(units), tuple(angles))
    equation.check("kalman")
    y = equation.signals("kalman", plant)
    y0, C = _output(plant, equation, equilibrium)
    v = _deviations("noise", noise, len(y))
    w = _deviations("disturbance", disturbance, plant.n_u)
    if process is None:
        process = DRIFT * natural_units(plant, (equilibrium, *flow) if flow else None)
    drift = _deviations("process", process, plant.n_x)
    W = B @ np.diag(w**2) @ B.T + np.diag(drift**2)
    L = filter_gain(A, C, W, np.diag(v**2))
    x0, u0 = np.asarray(equilibrium.x), np.asarray(equilibrium.u)
    columns, law = equation.columns("kalman", plant), {}
    if columns is None:
        turned = tuple(i for i, signal in enumerate(y) if signal.angle)
        told_of = tuple((s.name, s.unit) for s in y) if equation.names else ()
        law = {"C": C, "y0": y0, "outputs": told_of, "turned": turned}
    made = KalmanFilter(
        A, B, L, x0, u0, columns or (), plant.angles, period(dt),
        *names_of(plant), **law,
    )  # fmt: skip
    return told(made, plant)


def _output(
    plant: Plant, equation: Outputs, at: Equilibrium
) -> tuple[NDArray, NDArray]:
    """Measurement [n_y] at the equilibrium, and its slope [n_y, n_x]."""
    columns, x = equation.columns("kalman", plant), np.asarray(at.x, np.float64)
    if columns is not None:
        return x[list(columns)], np.eye(len(x))[list(columns)]
    with float64_on_host():
        h = lambda x: equation.of("kalman", plant, x)  # noqa: E731
        return np.asarray(h(jnp.asarray(x))), np.asarray(jax.jacfwd(h)(jnp.asarray(x)))


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


def _deviations(name: str, value: Any, n: int) -> NDArray:
    array = real(name, value)
    if array.ndim:
        shape(name, array, (n,))
    not_negative(name, array)
    return np.broadcast_to(array, (n,))
