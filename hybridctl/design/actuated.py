"""The sampled model behind an actuator with a delay and a lag."""

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.design.care import LQRDesign
from hybridctl.design.riccati import regulator
from hybridctl.design.wellposed import Problem
from hybridctl.loop import Actuator


def lag_share(actuator: Actuator, dt: float, n_u: int) -> NDArray | None:
    """What of the way to its input the lag makes in a period, [n_u]; None: no lag.

    Raises:
        ValueError: the input arrives spread over periods, which no design knows.
    """
    require(
        actuator.spread is None,
        f"no design knows an actuator with spread={actuator.spread}; round it to a "
        "whole delay",
    )
    if actuator.response is not None:
        return np.broadcast_to(np.asarray(actuator.response, np.float64), n_u)
    if actuator.lag is None:
        return None
    return np.broadcast_to(-np.expm1(-dt / np.asarray(actuator.lag, np.float64)), n_u)


def lagged(p: Problem, share: NDArray) -> Problem:
    """The problem with the lag's output as states: z = [x; u₋], input v.

    u = u₋ + a (v - u₋) is applied over the whole period and is what the cost sees.
    """
    n, m = p.B.shape
    a, keep = np.diag(share), np.diag(1 - share)
    seen = np.block(  # [x; u] of [x; u₋; v]
        [[np.eye(n), np.zeros((n, 2 * m))], [np.zeros((m, n)), keep, a]]
    )
    W = seen.T @ p.weight @ seen
    step = np.block([[p.A, p.B], [np.zeros((m, n)), np.eye(m)]]) @ seen
    k = n + m
    return Problem(step[:, :k], step[:, k:], W[:k, :k], W[k:, k:], W[:k, k:])


def delayed(p: Problem, delay: int) -> LQRDesign:
    """The regulator of x⁺ = A x + B u(k - delay), on z = [x; pending inputs].

    Nothing that is asked for now acts before the pending inputs have: the best
    input is the undelayed law at the state predicted for then, u = -K x(k + delay),
    and the cost-to-go is what the pending inputs cost, plus that state's.

    Source: D. Q. Mayne, "Control of linear systems with time delay", Electronics
    Letters 4 (1968).
    """
    (n, m), found, W = p.B.shape, regulator(p), p.weight
    size = n + delay * m
    x, X = np.eye(n, size), np.zeros((size, size))
    for i in range(delay):
        u = np.eye(m, size, n + i * m)
        z = np.vstack([x, u])
        x, X = p.A @ x + p.B @ u, X + z.T @ W @ z
    X = X + x.T @ found.X @ x
    poles = np.append(found.poles, np.zeros(delay * m)).astype(np.complex128)
    return LQRDesign(found.K @ x, (X + X.T) / 2, np.sort_complex(poles))
