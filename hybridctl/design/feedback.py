"""From a plant and a cost to a controller: `lqr`."""

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from hybridctl.controllers import AugmentedFeedback, StateFeedback
from hybridctl.design.actuated import delayed, lag_share, lagged
from hybridctl.design.riccati import held, regulator, summed
from hybridctl.design.riccati import lqr as continuous_lqr
from hybridctl.design.wellposed import Problem
from hybridctl.kinds import check_kind, checked
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.linearize import continuous, stepping
from hybridctl.ports import names_of

if TYPE_CHECKING:
    from hybridctl.loop import Loop


@overload
def lqr(
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float | None = None,
    *,
    N: Any = None,
    limit: float | None = None,
    loop: None = None,
) -> StateFeedback: ...
@overload
def lqr(
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float | None = None,
    *,
    N: Any = None,
    limit: float | None = None,
    loop: "Loop",
) -> StateFeedback | AugmentedFeedback: ...


@checked
def lqr(
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    dt: float | None = None,
    *,
    N: Any = None,
    limit: float | None = None,
    loop: "Loop | None" = None,
) -> StateFeedback | AugmentedFeedback:
    """Linear-quadratic regulator about an equilibrium of a plant.

    u = u0 - K (y - x0), with K minimizing ∫ eᵀQe + vᵀRv + 2eᵀNv dt for the
    linearized plant; with dt, exactly so for an input that is held over dt; with a
    loop, for the input that its actuator applies after its delay and lag. The cost
    is that of the applied input, so a lag is simply inverted, as far as limits and
    noise allow, and a delay is bridged by predicting the state. The gain alone, of
    matrices, is `hybridctl.design.lqr(A, B, Q, R)`.

    Args:
        plant: linearized by autodiff in float64.
        equilibrium: where, for example `plant.upright()`.
        Q: state weight, [n_x] (a diagonal) or [n_x, n_x].
        R: input weight, scalar, [n_u] or [n_u, n_u]; with dt it may be 0.
        dt: control period [s]; None: a continuous design, or the period of a discrete
            plant.
        N: cross weight [n_x, n_u], or None.
        limit: clip the input to ±limit, in its unit.
        loop: whose actuator's delay and lag the design reckons with, and whose dt
            is used.

    Returns:
        A controller with its cost-to-go `V`: a `StateFeedback`, or behind a delay or
        a lag an `AugmentedFeedback`.

    Raises:
        ValueError: the problem is ill-posed, or dt is not that of the loop; the
            sentence names the cause.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole()
        >>> K = lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02).K
        >>> print(np.round(K, 3))
        [[-2.83  51.36  -5.605 16.087]]
    """
    if loop is not None:
        from hybridctl.loop import Loop  # late: few designs have a loop
        from hybridctl.loop.simulate import one_loop

        check_kind("loop", loop, Loop)
        dt, actuator = one_loop(loop, dt).dt, loop.actuator
        if actuator is not None and actuator.slow:
            return _behind(loop, plant, equilibrium, Q, R, N, limit)
    period = plant.steps_every if dt is None else float(dt)
    if period is None:
        design = continuous_lqr(*continuous(plant, equilibrium), Q, R, N)
    else:
        design = regulator(_problem(plant, equilibrium, Q, R, period, N))
    x0, u0 = np.asarray(equilibrium.x), np.asarray(equilibrium.u)
    made = StateFeedback(
        design.K, x0, u0, design.X, limit, plant.angles, period,
        *names_of(plant),
    )  # fmt: skip
    return made


def _problem(
    plant: Plant, equilibrium: Equilibrium, Q: Any, R: Any, dt: float, N: Any
) -> Problem:
    """Of inputs that change every dt [s]; of a discrete plant the cost is a sum."""
    if plant.steps_every is None:
        return held(*continuous(plant, equilibrium), Q, R, dt, N)
    return summed(*stepping(plant, equilibrium, dt), Q, R, dt, N)


def _behind(
    loop: "Loop",
    plant: Plant,
    equilibrium: Equilibrium,
    Q: Any,
    R: Any,
    N: Any,
    limit: float | None,
) -> AugmentedFeedback:
    """Behind a delay and a lag."""
    actuator, dt = loop.actuator, loop.dt
    assert actuator is not None
    p = _problem(plant, equilibrium, Q, R, dt, N)
    share = lag_share(actuator, dt, plant.n_u)
    made = delayed(p if share is None else lagged(p, share), actuator.delay)
    x0, u0 = np.asarray(equilibrium.x), np.asarray(equilibrium.u)
    feedback = AugmentedFeedback(
        made.K, x0, u0, made.X, actuator.delay, share is not None, limit,
        actuator.limit, plant.angles, dt, *names_of(plant),
    )  # fmt: skip
    return feedback
