"""Linear-quadratic regulators: continuous, discrete and sampled-data."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail, require
from hybridctl.describe import html, plain_data, text
from hybridctl.design.discretize import period, sampled
from hybridctl.design.newton import Iterate, refine
from hybridctl.design.wellposed import (
    Problem,
    detectable,
    number,
    problem,
    stabilizable,
)


class LQRDesign(NamedTuple):
    """A linear-quadratic regulator u = -K x.

    Attributes:
        K: gain, shape [n_u, n_x].
        X: cost-to-go x'Xx of the optimal closed loop, shape [n_x, n_x].
        poles: eigenvalues of the closed loop, shape [n_x], complex, sorted; of
            ẋ = (A - BK)x for `lqr`, of x⁺ = (A - BK)x for `dlqr` and `lqrd`.
    """

    K: NDArray[np.float64]
    X: NDArray[np.float64]
    poles: NDArray[np.complex128]

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON; poles as [real, imaginary]."""
        return plain_data(self)


def lqr(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """Continuous-time LQR: u = -K x minimizes ∫ x'Qx + u'Ru + 2 x'Nu dt.

    K = R⁻¹(B'X + N'), where X is the stabilizing solution of::

        A'X + XA + Q - (XB + N) R⁻¹ (XB + N)' = 0

    Args:
        A: state matrix of ẋ = A x + B u, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight: matrix [n_x, n_x], diagonal [n_x], or a number for all.
        R: input weight: matrix [n_u, n_u], diagonal [n_u], or a number for all.
        N: cross weight [n_x, n_u]; None is zero.

    Returns:
        `LQRDesign` with K, X and the poles of the closed loop.

    Raises:
        ValueError: a shape does not fit, a number is not finite, a weight is not
            symmetric, R not positive definite, Q or [Q N; N' R] not positive
            semidefinite, (A, B) not stabilizable or (Q, A) not detectable.

    Source: W. F. Arnold, A. J. Laub, "Generalized eigenproblem algorithms and
    software for algebraic Riccati equations", Proc. IEEE 72 (1984); then `refine`.

    Example:
        >>> print(lqr([[0, 1], [0, 0]], [[0], [1]], Q=[1, 2], R=1).K)
        [[1. 2.]]
    """
    p = problem(A, B, Q, R, N)
    _check(p, discrete=False)
    return design(p, discrete=False)


def dlqr(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """Discrete-time LQR: u = -K x minimizes Σ x'Qx + u'Ru + 2 x'Nu.

    K = (R + B'XB)⁻¹(B'XA + N'), where X is the stabilizing solution of::

        X = A'XA + Q - (A'XB + N)(R + B'XB)⁻¹(A'XB + N)'

    Args:
        A: state matrix of x⁺ = A x + B u, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight: matrix [n_x, n_x], diagonal [n_x], or a number for all.
        R: input weight: matrix [n_u, n_u], diagonal [n_u], or a number for all.
        N: cross weight [n_x, n_u]; None is zero.

    Returns:
        `LQRDesign` with K, X and the poles of the closed loop.

    Raises:
        ValueError: as `lqr`.

    Source: as `lqr`.

    Example:
        >>> print(dlqr([[2.0]], [[1.0]], Q=4.0, R=1.0).K.round(4))
        [[1.7656]]
    """
    p = problem(A, B, Q, R, N)
    _check(p, discrete=True)
    return design(p, discrete=True)


def lqrd(
    A: ArrayLike,
    B: ArrayLike,
    Q: ArrayLike,
    R: ArrayLike,
    dt: float,
    N: ArrayLike | None = None,
) -> LQRDesign:
    """Sampled-data LQR: the continuous cost, with an input held between samples.

    Minimizes the same integral as `lqr` over all inputs that change every dt only:
    model and cost are integrated exactly over a period, then `dlqr`.

    Args:
        A: state matrix of ẋ = A x + B u, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight: matrix [n_x, n_x], diagonal [n_x], or a number for all.
        R: input weight: matrix [n_u, n_u], diagonal [n_u], or a number for all.
        dt: control period [s].
        N: cross weight [n_x, n_u]; None is zero.

    Returns:
        `LQRDesign` with K, X and the poles of the sampled closed loop.

    Raises:
        ValueError: as `lqr`; dt not positive; or a dt at which the samples of an
            oscillation cannot be steered.

    Source: C. F. Van Loan, "Computing integrals involving the matrix exponential",
    IEEE Trans. Automatic Control 23 (1978).

    Example:
        >>> print(lqrd([[0, 1], [0, 0]], [[0], [1]], Q=[1, 2], R=1, dt=0.1).K.round(4))
        [[0.9063 1.8589]]
    """
    return design(held(A, B, Q, R, dt, N), discrete=True)


def held(
    A: ArrayLike,
    B: ArrayLike,
    Q: ArrayLike,
    R: ArrayLike,
    dt: float,
    N: ArrayLike | None = None,
) -> Problem:
    """The discrete problem that `lqrd` solves, checked as `lqrd` does."""
    p = problem(A, B, Q, R, N)
    dt = period(dt)
    _check(p, discrete=False)
    p = sampled(p, dt)
    try:
        stabilizable(p.A, p.B, discrete=True)
    except ValueError as cause:
        fail(f"sampled at dt={dt:g} s, {cause}; or choose another dt")
    return p


def _check(p: Problem, discrete: bool) -> None:
    stabilizable(p.A, p.B, discrete)
    detectable(p, discrete)


def design(p: Problem, discrete: bool) -> LQRDesign:
    """The regulator of a well-posed problem."""
    found = _solve(p, discrete)
    poles = np.linalg.eigvals(p.A - p.B @ found.K).astype(np.complex128)
    decay = 1.0 - np.abs(poles) if discrete else -poles.real
    worst = poles[np.argmin(decay)]
    require(
        bool(decay.min() > 0),
        f"the solution found leaves a pole at {number(worst)}, which does not decay: "
        "some mode is all but unreachable or unseen; weight it in Q or rescale the "
        "states",
    )
    return LQRDesign(found.K, found.X.astype(np.float64), np.sort_complex(poles))


def _solve(p: Problem, discrete: bool) -> Iterate:
    from scipy import linalg

    solver = linalg.solve_discrete_are if discrete else linalg.solve_continuous_are
    try:
        with np.errstate(all="ignore"):
            return refine(p, solver(p.A, p.B, p.Q, p.R, s=p.N), discrete)
    except (linalg.LinAlgError, ValueError) as cause:  # ValueError: not finite
        fail(
            f"the Riccati equation could not be solved in float64 ({cause}); bring "
            "states and inputs to similar units, or Q and R to similar sizes"
        )
