"""Whether a linear-quadratic problem has a stabilizing solution, and if not, why."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail
from hybridctl.design.matrices import (
    EPS,
    cross,
    definite,
    rounding,
    semidefinite,
    system,
    unit_diagonal,
    weight,
)


class Problem(NamedTuple):
    """A linear-quadratic problem whose matrices fit together.

    Attributes:
        A: state matrix, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight, shape [n_x, n_x], symmetric positive semidefinite.
        R: input weight, shape [n_u, n_u], symmetric positive definite.
        N: cross weight, shape [n_x, n_u].
    """

    A: NDArray
    B: NDArray
    Q: NDArray
    R: NDArray
    N: NDArray


def problem(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None
) -> Problem:
    """The matrices in float64, or a ValueError that says which one is wrong."""
    A, B = system(A, B)
    n_x, n_u = B.shape
    p = Problem(A, B, weight("Q", Q, n_x), weight("R", R, n_u), cross(N, n_x, n_u))
    definite("R", p.R, 100 * n_u * EPS)
    semidefinite("Q", p.Q, rounding(Q, n_x))
    both = np.block([[p.Q, p.N], [p.N.T, p.R]])
    semidefinite("[Q N; N.T R]", both, rounding(Q, n_x) + rounding(R, n_u))
    return p


def stabilizable(A: NDArray, B: NDArray, discrete: bool) -> None:
    """Refuse a mode that does not decay and that no input reaches."""
    for mode in hidden(A, B, discrete)[:1]:
        fail(
            f"(A, B) is not stabilizable: no input reaches the mode with eigenvalue "
            f"{number(mode)}, which does not decay; add an input that moves it, or "
            "take it out of the model"
        )


def detectable(p: Problem, discrete: bool) -> None:
    """Refuse a mode that does not decay and that the cost does not see."""
    A = p.A - p.B @ np.linalg.solve(p.R, p.N.T)
    C = _seen(p)
    for mode in hidden(A.T, C.T, discrete)[:1]:
        pair = "(Q - N R⁻¹ N.T, A - B R⁻¹ N.T)" if p.N.any() else "(Q, A)"
        fail(
            f"{pair} is not detectable: the cost does not see the mode with "
            f"eigenvalue {number(mode)}, which does not decay; give a state in which "
            "it shows a weight in Q"
        )


def controllable(A: NDArray, B: NDArray) -> None:
    """Refuse a mode that no input reaches."""
    for mode in hidden(A, B)[:1]:
        fail(
            f"(A, B) is not controllable: no input reaches the mode with eigenvalue "
            f"{number(mode)}, so it cannot be moved; add an input that moves it, or "
            "take it out of the model"
        )


def hidden(A: NDArray, B: NDArray, discrete: bool | None = None) -> NDArray:
    """Eigenvalues λ at which [A - λI, B] loses rank (Popov, Belevitch, Hautus).

    A hidden mode is an eigenvalue of A and of A + BF for every F. With a generic
    F it is apart from the others, so it is found to full precision even where it
    is one of a defective cluster of A. With `discrete` given, modes that decay
    are left out.
    """
    A, B = _balanced(A, B)
    F = np.cos(1.0 + np.arange(B.size) ** 2).reshape(B.shape[::-1]) / len(A)
    modes = _shared(np.linalg.eigvals(A), np.linalg.eigvals(A + B @ F))
    modes = modes if discrete is None else _lasting(modes, A, discrete)
    lost = [_margin(A, B, mode) <= 100 * len(A) * EPS for mode in modes]
    return modes[np.asarray(lost, bool)]


def number(mode: complex) -> str:
    """An eigenvalue for a sentence: 4 digits, no imaginary part where it is real."""
    real, imag = float(mode.real), abs(float(mode.imag))
    small = 1e-12 * abs(mode)
    real, imag = (0.0 if abs(part) <= small else part for part in (real, imag))
    return f"{real:.4g} ± {imag:.4g}j" if imag else f"{real:.4g}"


def _shared(a: NDArray, b: NDArray) -> NDArray[np.complex128]:
    """Those of a and b that have a near one in the other, one of every pair."""
    near = np.abs(a[:, None] - b) <= 0.01 * np.abs(np.r_[a, b]).max()
    modes = np.r_[a[near.any(1)], b[near.any(0)]].astype(np.complex128)
    return modes[modes.imag >= 0]


def _lasting(modes: NDArray[np.complex128], A: NDArray, discrete: bool) -> NDArray:
    """The modes that do not decay, as far as rounding lets one tell."""
    growth = np.abs(modes) - 1.0 if discrete else modes.real
    return modes[growth >= -10 * len(A) * EPS * np.linalg.norm(A, 2)]


def _balanced(A: NDArray, B: NDArray) -> tuple[NDArray, NDArray]:
    """States in balanced units, and every input that acts as strong as A."""
    from scipy.linalg import matrix_balance

    with np.errstate(invalid="ignore"):  # it also reads the scales as indices
        A, (scale, _) = matrix_balance(A, permute=False, separate=True)
    B = B / scale[:, None]
    strength = np.linalg.norm(B, axis=0)
    size = float(np.linalg.norm(A, 2)) or 1.0
    return A, B * (size / np.where(strength > 0, strength, 1.0))


def _margin(A: NDArray, B: NDArray, mode: complex) -> float:
    """Relative distance of [A - λI, B] from a loss of rank."""
    pencil = np.hstack([A - mode * np.eye(len(A)), B])
    values = np.linalg.svd(pencil, compute_uv=False)
    return float(values[-1] / (values[0] or 1.0))


def _seen(p: Problem) -> NDArray:
    """C with C'C = Q - N R⁻¹ N', without the rows that are only rounding."""
    n = len(p.A)
    W, d = unit_diagonal(np.block([[p.Q, p.N], [p.N.T, p.R]]))
    W = W[:n, :n] - W[:n, n:] @ np.linalg.solve(W[n:, n:], W[n:, :n])
    values, vectors = np.linalg.eigh(W)
    kept = values > 10 * len(d) * EPS
    return np.sqrt(values[kept])[:, None] * vectors.T[kept] * d[:n]
