"""Controllers that follow a reference."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.controllers import (
    Controller,
    Feedforward,
    IntegralFeedback,
    Shift,
)
from hybridctl.controllers.follow import rows
from hybridctl.design.discretize import period
from hybridctl.design.matrices import weight
from hybridctl.design.riccati import held, regulator
from hybridctl.design.wellposed import Problem, detectable, stabilizable
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.linearize import continuous
from hybridctl.plants.scales import natural_units
from hybridctl.ports import names_of


@checked
def tracking(
    controller: Controller,
    plant: Plant,
    equilibrium: Equilibrium,
    outputs: tuple[str, ...],
) -> Controller:
    """Let a controller that holds an equilibrium follow a reference r.

    u = controller(y - N_x r) + N_u r, where the linearized plant rests at
    x0 + N_x r under u0 + N_u r and its outputs C x there are r::

        [A B; C 0] [N_x; N_u] = [0; I]

    Args:
        controller: holds the equilibrium.
        plant: linearized by autodiff in float64.
        equilibrium: that is held at r = 0.
        outputs: states that follow r, as deviations from the equilibrium, in the
            order of r.

    Returns:
        `Shift(N_x) >> controller`, plus `Feedforward(N_u)` where it is not 0.

    Raises:
        ValueError: an unknown state, or outputs that the plant cannot hold at any
            value, each on its own.

    Source: G. F. Franklin, J. D. Powell, M. Workman, *Digital Control of Dynamic
    Systems*, section 8.4.

    Example:
        >>> from hybridctl.design.feedback import lqr
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> up = plant.upright()
        >>> hold = lqr(plant, up, Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> tracking(hold, plant, up, ("x",)).observer.gain.T
        array([[1., 0., 0., 0.]])
    """
    N_x, N_u = dc_gains(plant, equilibrium, outputs)
    shifted = Shift(N_x, names_of(plant)[0]) >> controller
    return shifted + Feedforward(N_u) if N_u.any() else shifted


def dc_gains(
    plant: Plant, equilibrium: Equilibrium, outputs: tuple[str, ...]
) -> tuple[NDArray, NDArray]:
    """N_x [n_x, n_r] and N_u [n_u, n_r] of `tracking`; the least ones of many."""
    C = rows(plant.states, outputs)
    A, B, x, u = _in_own_units(plant, equilibrium)
    n, n_r, r = len(A), len(C), C @ x
    M = np.block([[A, B], [C, np.zeros((n_r, B.shape[1]))]])
    wanted = np.vstack([np.zeros((n, n_r)), np.eye(n_r)])
    found = np.linalg.lstsq(M, wanted)[0]
    require(
        bool(np.allclose(M @ found, wanted, atol=1e-9)),
        f"{type(plant).__name__} cannot rest with {', '.join(outputs)} at any value, "
        "each on its own; name other outputs, no more than there are inputs",
    )
    tiny = 1e-12 * np.abs(found).max()
    found = np.where(np.abs(found) <= tiny, 0.0, found) / r
    return x[:, None] * found[:n], u[:, None] * found[n:]


def _in_own_units(
    plant: Plant, equilibrium: Equilibrium
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """A and B of states in natural units, and inputs as strong as A; those units."""
    A, B = continuous(plant, equilibrium)
    x = natural_units(plant, (equilibrium, A, B))
    A, B = A * x / x[:, None], B / x[:, None]
    rate, strength = float(np.abs(A).max()) or 1.0, np.abs(B).max(axis=0)
    u = rate / np.where(strength > 0, strength, rate)
    return A / rate, B * u / rate, x, u


@checked
def lqi(
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float,
    *,
    outputs: tuple[str, ...],
    Qi: Any = 1.0,
    limit: float | None = None,
) -> Controller:
    """LQR with integral action: no constant disturbance moves the outputs for good.

    u = u0 - K (y - x0 - N_x r) - K_i q with q⁺ = q + dt (C (y - x0) - r),
    and [K K_i] minimizing ∫ eᵀQe + vᵀRv + qᵀQ_i q dt for an input and integrals that
    are held over dt. At rest the measured outputs are r, whatever constant force,
    friction or bias there is; where u is limited, q does not wind up.

    Args:
        plant: linearized by autodiff in float64.
        equilibrium: that is held at r = 0.
        Q: state weight, [n_x] (a diagonal) or [n_x, n_x].
        R: input weight, scalar, [n_u] or [n_u, n_u]; it may be 0.
        dt: control period [s].
        outputs: states that follow r, as deviations from the equilibrium.
        Qi: weight of the integrals, scalar, [n_r] or [n_r, n_r].
        limit: clip the feedback to ±limit, in the input's unit; give the actuator's.

    Returns:
        An `IntegralFeedback` behind the shift of `tracking`, whose feedforward the
        integrals find themselves; without a reference r is 0.

    Raises:
        ValueError: the problem is ill-posed, or the plant cannot rest with those
            outputs at any value.

    Source: P. C. Young, J. C. Willems, "An approach to the linear multivariable
    servomechanism problem", Int. J. Control 15 (1972).

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> servo = lqi(
        ...     plant, plant.upright(), [1, 10, 1, 1], 0.1, 0.02, outputs=("x",)
        ... )
        >>> print(servo.inner.K_i.round(3))
        [[-2.81]]
    """
    N_x, _ = dc_gains(plant, equilibrium, outputs)  # or what is wrong with them
    C, dt = rows(plant.states, outputs), period(dt)
    p = held(*continuous(plant, equilibrium), Q, R, dt)
    K = _integrating(p, C, weight("Qi", Qi, len(C)), dt)
    n = plant.n_x
    inner = IntegralFeedback(
        K[:, :n], K[:, n:], C, equilibrium.x, equilibrium.u, dt, limit,
        plant.angles, *names_of(plant),
    )  # fmt: skip
    return Shift(N_x, names_of(plant)[0]) >> inner


def _integrating(p: Problem, C: NDArray, Qi: NDArray, dt: float) -> NDArray:
    """The gain on [x; q]."""
    (n, m), k = p.B.shape, len(C)
    A = np.block([[p.A, np.zeros((n, k))], [dt * C, np.eye(k)]])
    B, N = (np.vstack([v, np.zeros((k, m))]) for v in (p.B, p.N))
    Q = np.block([[p.Q, np.zeros((n, k))], [np.zeros((k, n)), dt * Qi]])
    whole = Problem(A, B, Q, p.R, N)
    stabilizable(A, B, discrete=True)
    detectable(whole, discrete=True)
    return regulator(whole).K
