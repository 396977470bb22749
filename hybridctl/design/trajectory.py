"""Linear feedback along a trajectory."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, require, shape
from hybridctl.controllers import TrajectoryFeedback
from hybridctl.design.discretize import period, sampled
from hybridctl.design.feedback import lqr
from hybridctl.design.matrices import definite, real
from hybridctl.design.wellposed import problem
from hybridctl.kinds import checked
from hybridctl.loop import Trace
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.linearize import derivatives
from hybridctl.ports import names_of
from hybridctl.precision import float64, float64_on_host


@checked
def tvlqr(
    plant: Plant,
    trace: Trace | tuple[Any, Any],
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float,
    *,
    limit: float | None = None,
) -> TrajectoryFeedback:
    """LQR along a trajectory that ends at an equilibrium, which is then held.

    u = u_k - K_k (y - x_k), with K_k from the Riccati difference equation of the
    plant linearized at every (x_k, u_k), backwards from the cost-to-go of `lqr` at
    the equilibrium.

    Args:
        plant: linearized by autodiff in float64.
        trace: of one simulation, or (x [T+1, n_x], u [T, n_u]), dt apart.
        equilibrium: where it ends.
        Q: state weight, [n_x] (a diagonal) or [n_x, n_x].
        R: input weight, scalar, [n_u] or [n_u, n_u]; it may be 0.
        dt: control period [s].
        limit: clip the input to ±limit, in its unit.

    Returns:
        A controller that starts along the trajectory when it is entered.

    Raises:
        ValueError: the problem at the equilibrium is ill-posed, shapes do not fit, or
            a plant with sampled parts.

    Source: R. Tedrake, *Underactuated Robotics*, "Finite-horizon LQR".

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> up = plant.upright()
        >>> x, u = np.tile(up.x, (6, 1)), np.zeros((5, 1))
        >>> tvlqr(plant, (x, u), up, [1, 10, 1, 1], 0.1, 0.02).K[0].round(2)
        array([[-2.83, 51.36, -5.61, 16.09]])
    """
    require(
        not plant.clocks,
        f"this {type(plant).__name__} has sampled parts, of which no trajectory is "
        "linearized; give the plant that flows, of which it was made",
    )
    x, u = _samples(plant, trace, period(dt))
    last = lqr(plant, equilibrium, Q, R, dt)
    X = np.asarray(last.V.P)
    K = _backwards(*_along(plant, x[:-1], u), Q, R, dt, X)
    return TrajectoryFeedback(
        np.stack([*K, last.K]),
        np.vstack([x[:-1], last.x0]),
        np.vstack([u, last.u0]),
        limit,
        plant.angles,
        dt,
        *names_of(plant),
    )


def _samples(
    plant: Plant, trace: Trace | tuple[Any, Any], dt: float
) -> tuple[NDArray, NDArray]:
    if isinstance(trace, Trace):
        own = float(trace.t[1] - trace.t[0])
        same = abs(own - dt) <= 1e-6 * dt
        require(same, f"dt={dt:g} but the trace has dt={own:g}; give that")
        trace = trace.x, trace.u
    pair = isinstance(trace, (tuple, list)) and len(trace) == 2
    require(pair, "trace must be a Trace of `simulate`, or (x [T+1, n_x], u [T, n_u])")
    x, u = real("x", trace[0]), real("u", trace[1])
    if u.ndim != 2:
        fail(f"u has shape {u.shape}, expected (T, {plant.n_u}); choose one: trace[0]")
    shape("u", u, (len(u), plant.n_u))
    shape("x", x, (len(u) + 1, plant.n_x))
    return x, u


def _along(plant: Plant, x: NDArray, u: NDArray) -> tuple[NDArray, NDArray]:
    """A [T, n_x, n_x] and B [T, n_x, n_u] along a trajectory."""
    with float64_on_host():
        models = jax.vmap(derivatives, (None, 0, 0))(float64(plant), x, u)[1]
        A, B = (np.asarray(matrix) for matrix in models)
    return A, B


def _backwards(
    A: NDArray, B: NDArray, Q: Any, R: Any, dt: float, X: NDArray
) -> list[NDArray]:
    """Gains by the Riccati difference equation, the first one first."""
    gains = []
    for a, b in zip(A[::-1], B[::-1], strict=True):
        p = sampled(problem(a, b, Q, R, None), dt)
        S, G = p.R + p.B.T @ X @ p.B, p.B.T @ X @ p.A + p.N.T
        definite(
            "R + B.T X B along the trajectory", S, "; give every input a cost above 0"
        )
        K = np.linalg.solve(S, G)
        X = p.A.T @ X @ p.A + p.Q - G.T @ K
        X = (X + X.T) / 2
        gains.append(K)
    return gains[::-1]
