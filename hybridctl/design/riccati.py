"""Linear-quadratic regulators: continuous, discrete and sampled-data."""

from numpy.typing import ArrayLike

from hybridctl.checks import fail
from hybridctl.design.care import LQRDesign as LQRDesign
from hybridctl.design.care import design, solved
from hybridctl.design.discretize import period, sampled
from hybridctl.design.matrices import definite
from hybridctl.design.wellposed import Problem, detectable, problem, stabilizable


def lqr(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """Continuous-time LQR: u = -K x minimizes ∫ x'Qx + u'Ru + 2 x'Nu dt.

    The least over all inputs that bring the state to rest; for Q, [Q N; N' R] that are
    semidefinite and see every mode, over all inputs. Either may be indefinite, as long
    as the least is finite.

    Of matrices, without a plant. `hybridctl.lqr` linearizes a plant at an equilibrium,
    calls this, and makes a controller of it.

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
            symmetric, R not positive definite, (A, B) not stabilizable, or the cost has
            no least: it does not see a mode on the imaginary axis, or is unbounded
            below.

    Source: J. C. Willems, "Least squares stationary optimal control and the algebraic
    Riccati equation", IEEE Trans. Automatic Control 16 (1971); W. F. Arnold, A. J.
    Laub, "Generalized eigenproblem algorithms and software for algebraic Riccati
    equations", Proc. IEEE 72 (1984); then `refine`.

    Example:
        >>> print(lqr([[0, 1], [0, 0]], [[0], [1]], Q=[1, 2], R=1).K)
        [[1. 2.]]
    """
    p = problem(A, B, Q, R, N)
    definite(
        "R", p.R, "; give every input a cost above 0, or design for a control period"
    )
    return solved(p, discrete=False)


def dlqr(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None = None
) -> LQRDesign:
    """Discrete-time LQR: u = -K x minimizes Σ x'Qx + u'Ru + 2 x'Nu.

    The least over all inputs that bring the state to rest, as in `lqr`. R may be
    singular, or 0 (deadbeat): what counts is R + B'XB > 0.

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
        ValueError: as `lqr`, with the unit circle in place of the axis and R + B'XB in
            place of R.

    Source: as `lqr`.

    Example:
        >>> print(dlqr([[2.0]], [[1.0]], Q=4.0, R=1.0).K.round(4))
        [[1.7656]]
    """
    return regulator(summed(A, B, Q, R, 1.0, N))


def summed(
    A: ArrayLike,
    B: ArrayLike,
    Q: ArrayLike,
    R: ArrayLike,
    dt: float,
    N: ArrayLike | None = None,
) -> Problem:
    """The discrete problem that `dlqr` solves, checked, the cost times dt [s]."""
    p = problem(A, B, Q, R, N)
    stabilizable(p.A, p.B, discrete=True)
    detectable(p, discrete=True)
    return Problem(p.A, p.B, *(dt * weight for weight in (p.Q, p.R, p.N)))


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
        ValueError: as `dlqr` (R may be 0); dt not positive; or a dt at which the
            samples of an oscillation cannot be steered.

    Source: C. F. Van Loan, "Computing integrals involving the matrix exponential",
    IEEE Trans. Automatic Control 23 (1978).

    Example:
        >>> print(lqrd([[0, 1], [0, 0]], [[0], [1]], Q=[1, 2], R=1, dt=0.1).K.round(4))
        [[0.9063 1.8589]]
    """
    return regulator(held(A, B, Q, R, dt, N))


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
    stabilizable(p.A, p.B, discrete=False)
    if p.costly:  # what is well-posed for any input is so for one that is held
        detectable(p, discrete=False)
    costly, p = p.costly, sampled(p, dt)
    try:
        stabilizable(p.A, p.B, discrete=True)
        if not costly:
            detectable(p, discrete=True)
    except ValueError as cause:
        fail(f"sampled at dt={dt:g} s, {cause}; or choose another dt")
    return p


def regulator(p: Problem) -> LQRDesign:
    """The regulator of a discrete problem that has a stabilizing solution.

    Raises:
        ValueError: that is no regulator's, as R + B'XB is not positive definite.
    """
    found = design(p, discrete=True)
    cost = p.R + p.B.T @ found.X @ p.B
    definite(
        "R + B.T X B", cost, ": the cost is unbounded below; give that input a cost"
    )
    return found
