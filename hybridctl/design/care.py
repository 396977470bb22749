"""Riccati equations by themselves: `care` and `dare`."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from numpy.typing import ArrayLike

from hybridctl.checks import fail, require
from hybridctl.describe import html, plain_data, text
from hybridctl.design.matrices import EPS, unit_diagonal
from hybridctl.design.newton import Iterate, refine
from hybridctl.design.wellposed import (
    Problem,
    detectable,
    number,
    problem,
    stabilizable,
)

SOLVED = 1e-6  # a residual, relative to the equation's terms, that is none any more


class LQRDesign(NamedTuple):
    """A linear-quadratic regulator u = -K x.

    Attributes:
        K: gain, shape [n_u, n_x].
        X: stabilizing solution of the Riccati equation, shape [n_x, n_x]: x'Xx is the
            cost-to-go of the optimal closed loop.
        poles: eigenvalues of the closed loop, shape [n_x], complex, sorted; of
            ẋ = (A - BK)x for `lqr` and `care`, of x⁺ = (A - BK)x for the others.
    """

    K: Float[np.ndarray, "n_u n_x"]
    X: Float[np.ndarray, "n_x n_x"]
    poles: Complex[np.ndarray, " n_x"]

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON; poles as [real, imaginary]."""
        return plain_data(self)


def care(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """The stabilizing solution X of the continuous algebraic Riccati equation.

    ::

        A'X + XA + Q - (XB + N) R⁻¹ (XB + N)' = 0

    It is the one for which A - BK with K = R⁻¹(B'X + N') is stable, and there is at
    most one. Q, R and [Q N; N' R] may be indefinite. Where R > 0 it is the regulator's
    (`lqr`); where R is indefinite it belongs to a game.

    Args:
        A: state matrix of ẋ = A x + B u, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight: matrix [n_x, n_x], diagonal [n_x], or a number for all.
        R: input weight: matrix [n_u, n_u], diagonal [n_u], or a number for all.
        N: cross weight [n_x, n_u]; None is zero.

    Returns:
        `LQRDesign` with K, X and the poles of A - BK.

    Raises:
        ValueError: a shape does not fit, a number is not finite, a weight is not
            symmetric, R is singular, or there is no stabilizing solution; the sentence
            names the mode or the eigenvalue that stands in the way.

    Source: P. Lancaster, L. Rodman, *Algebraic Riccati Equations* (1995), chapter 7.

    Example:
        >>> print(care([[1.0]], [[1.0]], Q=-0.5, R=1.0).X.round(4))
        [[1.7071]]
    """
    p = problem(A, B, Q, R, N)
    least = float(np.abs(np.linalg.eigvalsh(unit_diagonal(p.R)[0])).min())
    require(
        least > 100 * len(p.R) * EPS,
        f"R is singular: scaled to a unit diagonal it has the eigenvalue {least:.3g}; "
        "give every input a cost, or design for a control period dt, which needs none",
    )
    return solved(p, discrete=False)


def dare(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """The stabilizing solution X of the discrete algebraic Riccati equation.

    ::

        X = A'XA + Q - (A'XB + N)(R + B'XB)⁻¹(A'XB + N)'

    It is the one for which A - BK with K = (R + B'XB)⁻¹(B'XA + N') is stable, and
    there is at most one. R may be singular or 0, and Q, R and [Q N; N' R] indefinite.
    Where R + B'XB > 0 it is the regulator's (`dlqr`); else it belongs to a game.

    Args:
        A: state matrix of x⁺ = A x + B u, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight: matrix [n_x, n_x], diagonal [n_x], or a number for all.
        R: input weight: matrix [n_u, n_u], diagonal [n_u], or a number for all.
        N: cross weight [n_x, n_u]; None is zero.

    Returns:
        `LQRDesign` with K, X and the poles of A - BK.

    Raises:
        ValueError: as `care`, but for a singular R.

    Source: P. Van Dooren, "A generalized eigenvalue approach for solving Riccati
    equations", SIAM J. Scientific and Statistical Computing 2 (1981); Lancaster and
    Rodman, chapters 12 and 15.

    Example:
        >>> deadbeat = dare([[2, -1], [1, 0]], [[1], [0]], Q=[0, 1], R=0)
        >>> print(deadbeat.X, deadbeat.K)
        [[1. 0.]
         [0. 1.]] [[ 2. -1.]]
    """
    return solved(problem(A, B, Q, R, N), discrete=True)


def solved(p: Problem, discrete: bool) -> LQRDesign:
    """The stabilizing solution, or why there is none."""
    stabilizable(p.A, p.B, discrete)
    detectable(p, discrete)
    return design(p, discrete)


def design(p: Problem, discrete: bool) -> LQRDesign:
    """The stabilizing solution of a well-posed problem."""
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
    require(
        found.error < SOLVED,
        f"the Riccati equation is solved to {found.error:.1g} only; bring states and "
        "inputs to similar units, or Q and R to similar sizes",
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
