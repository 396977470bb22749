"""A continuous model under an input that is held between samples."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import positive, require, shape
from hybridctl.design.matrices import real, system
from hybridctl.design.wellposed import Problem


def discretize(
    A: ArrayLike, B: ArrayLike, dt: float
) -> tuple[Float[np.ndarray, "n_x n_x"], Float[np.ndarray, "n_x n_u"]]:
    """Exact model of ẋ = A x + B u at samples dt apart, u held in between.

    x⁺ = A_d x + B_d u with A_d = e^(A dt) and B_d = ∫₀^dt e^(A s) ds B, both out
    of one matrix exponential of [A B; 0 0] dt.

    Args:
        A: state matrix, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        dt: control period [s].

    Returns:
        A_d [n_x, n_x] and B_d [n_x, n_u], numpy float64.

    Raises:
        ValueError: a shape does not fit, a number is not finite, dt is not
            positive, or the model grows out of float64 within one period.

    Source: C. F. Van Loan, "Computing integrals involving the matrix exponential",
    IEEE Trans. Automatic Control 23 (1978).

    Example:
        >>> Ad, Bd = discretize([[0.0, 1.0], [0.0, 0.0]], [[0.0], [1.0]], dt=0.5)
        >>> print(Ad, Bd.T)
        [[1.  0.5]
         [0.  1. ]] [[0.125 0.5  ]]
    """
    A, B = system(A, B)
    dt = period(dt)
    hold = _exponential(_extended(A, B) * dt)
    return hold[: len(A), : len(A)], hold[: len(A), len(A) :]


def period(dt: float) -> float:
    """A control period [s]: one positive number."""
    number = real("dt", dt)
    shape("dt", number, ())
    positive("dt", number)
    return float(number)


def sampled(p: Problem, dt: float) -> Problem:
    """The discrete problem with the same cost for inputs held over dt [s].

    ∫ [x;u]' W [x;u] over a period is [x;u]' W_d [x;u] at its start, where
    W_d = ∫₀^dt e^(F's) W e^(Fs) ds, F = [A B; 0 0], W = [Q N; N' R] (Van Loan).
    """
    n, s = len(p.A), _input_unit(p, dt)
    F = _extended(p.A, p.B * s)
    W = np.block([[p.Q, p.N * s], [p.N.T * s, p.R * s**2]])
    hold, W = _integral(F, W, dt)
    B, N, R = hold[:n, n:] / s, W[:n, n:] / s, W[n:, n:] / s**2
    return Problem(hold[:n, :n], B, W[:n, :n], R, N)


def _input_unit(p: Problem, dt: float) -> float:
    """A power of 2 by which B is brought to the size of A, so that F is no larger."""
    size = max(float(np.linalg.norm(p.A, 1)), 1.0 / dt)
    return float(2.0 ** np.round(np.log2(size / (np.linalg.norm(p.B, 1) or size))))


def _integral(F: NDArray, W: NDArray, dt: float) -> tuple[NDArray, NDArray]:
    """e^(F dt) and ∫₀^dt e^(F's) W e^(Fs) ds.

    Van Loan's block exponential holds e^(-F'h), which drowns the integral where a
    mode decays fast; so h is short, and the period is reached by doubling.
    """
    doublings = max(0, int(np.ceil(np.log2(max(np.linalg.norm(F, 1) * dt, 1.0)))))
    n, size = len(F), float(np.abs(W).max()) or 1.0
    blocks = np.block([[-F.T, W / size], [np.zeros((n, n)), F]])
    exponential = _exponential(blocks * (dt / 2**doublings))
    hold = exponential[n:, n:]
    W = hold.T @ exponential[:n, n:] * size
    with np.errstate(all="ignore"):
        for _ in range(doublings):
            W, hold = W + hold.T @ W @ hold, hold @ hold
    _bounded(W)
    return hold, (W + W.T) / 2


def _extended(A: NDArray, B: NDArray) -> NDArray:
    """[A B; 0 0]: the held input is a state that does not move."""
    n_u = B.shape[1]
    return np.vstack([np.hstack([A, B]), np.zeros((n_u, len(A) + n_u))])


def _exponential(matrix: NDArray) -> NDArray:
    from scipy.linalg import expm

    with np.errstate(all="ignore"):
        result = expm(matrix)
    _bounded(result)
    return result


def _bounded(result: NDArray) -> None:
    require(
        bool(np.isfinite(result).all()),
        "the model grows beyond float64 within one control period; give a shorter dt",
    )
