"""Whether a linear-quadratic problem has a stabilizing solution, and if not, why."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail
from hybridctl.design.matrices import (
    EPS,
    cross,
    is_negative,
    is_positive,
    lowest,
    system,
    unit_diagonal,
    weight,
)

NEAR = 1e-3  # how far from the boundary a computed eigenvalue may be that lies on it


class Problem(NamedTuple):
    """A linear-quadratic problem whose matrices fit together.

    Attributes:
        A: state matrix, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        Q: state weight, shape [n_x, n_x], symmetric.
        R: input weight, shape [n_u, n_u], symmetric.
        N: cross weight, shape [n_x, n_u].
    """

    A: NDArray
    B: NDArray
    Q: NDArray
    R: NDArray
    N: NDArray

    @property
    def weight(self) -> NDArray:
        """Of [x; u]: [Q N; N' R]."""
        return np.block([[self.Q, self.N], [self.N.T, self.R]])

    @property
    def plain(self) -> bool:
        """Whether R > 0 and no motion earns anything: the textbook's problem."""
        return self.costly and not is_negative(self.weight)

    @property
    def costly(self) -> bool:
        """Whether R > 0: no input is free."""
        return is_positive(self.R)


def problem(
    A: ArrayLike, B: ArrayLike, Q: ArrayLike, R: ArrayLike, N: ArrayLike | None
) -> Problem:
    """The matrices in float64, or a ValueError that says which one is wrong."""
    A, B = system(A, B)
    n_x, n_u = B.shape
    return Problem(A, B, weight("Q", Q, n_x), weight("R", R, n_u), cross(N, n_x, n_u))


def stabilizable(A: NDArray, B: NDArray, discrete: bool) -> None:
    """Refuse a mode that does not decay and that no input reaches."""
    for mode in hidden(A, B, discrete)[:1]:
        fail(
            f"(A, B) is not stabilizable: no input reaches the mode with eigenvalue "
            f"{number(mode)}, which does not decay; add an input that moves it, or "
            "take it out of the model"
        )


def detectable(p: Problem, discrete: bool) -> None:
    """Refuse a motion on the boundary that costs nothing, or earns something.

    A stabilizing solution exists where inputs can stabilize, R > 0 (or R + B'XB) and
    no motion sin(ωt) or sin(ωk), ω = 0 too, comes for nothing or less. One that grows
    may: it is turned around.

    Source: J. C. Willems, "Least squares stationary optimal control and the algebraic
    Riccati equation", IEEE Trans. Automatic Control 16 (1971); P. Lancaster, L. Rodman,
    *Algebraic Riccati Equations* (1995), chapters 7 and 12.
    """
    if p.plain:
        _seen(p, discrete)
    else:
        _bounded(p, discrete)


def _seen(p: Problem, discrete: bool) -> None:
    A = p.A - p.B @ np.linalg.solve(p.R, p.N.T)
    for mode in hidden(A.T, _output(p).T, discrete, boundary=True)[:1]:
        pair = "(Q - N R⁻¹ N.T, A - B R⁻¹ N.T)" if p.N.any() else "(Q, A)"
        fail(
            f"{pair} is not detectable: the cost does not see the mode with "
            f"eigenvalue {number(mode)}, which does not decay; give a state in which "
            "it shows a weight in Q"
        )


def _bounded(p: Problem, discrete: bool) -> None:
    """By the eigenvalues of the extended pencil; those on the boundary are its own.

    Where two of them meet there, they are computed √ε apart; the pencil at the place
    between them tells to ε.
    """
    from scipy.linalg import eigvals

    H, J = extended_pencil(p, discrete)
    if _rank_margin(np.vstack([p.B, p.N, p.R])) <= 100 * len(H) * EPS:
        fail(
            "some combination of inputs moves nothing and costs nothing, or two inputs "
            "do the same; give every input a cost above 0, or take one out"
        )
    with np.errstate(all="ignore"):
        modes = eigvals(H, J)
    place, growth = _boundary(discrete)
    modes = modes[np.isfinite(modes)]
    size = 1.0 if discrete else np.abs(modes)
    for mode in place(modes[np.abs(growth(modes)) <= NEAR * size]):
        if _rank_margin(H - mode * J) <= 100 * len(H) * EPS:
            fail(
                f"no stabilizing solution exists: a motion with the eigenvalue "
                f"{number(mode)}, which does not decay, costs nothing"
                f"{_or_less(p)}; raise the diagonal of Q or R"
            )


def _or_less(p: Problem) -> str:
    if not is_negative(p.weight):
        return ""
    return (
        " or less, so that the cost may be unbounded below ([Q N; N.T R], scaled to a "
        f"unit diagonal, has the eigenvalue {lowest(p.weight):.3g})"
    )


def extended_pencil(p: Problem, discrete: bool) -> tuple[NDArray, NDArray]:
    """H, J of H z = λ J z, z = [x; λ; u]: optimal motions and their mirror images."""
    (n, m), I = p.B.shape, np.eye(len(p.A))  # noqa: E741
    zero, side, square = np.zeros((n, n)), np.zeros((n, m)), np.zeros((m, m))
    first, last = [p.A, zero, p.B], [I, zero, side]
    if discrete:
        H = np.block([first, [-p.Q, I, -p.N], [p.N.T, side.T, p.R]])
        return H, np.block([last, [zero, p.A.T, side], [side.T, -p.B.T, square]])
    H = np.block([first, [-p.Q, -p.A.T, -p.N], [p.N.T, p.B.T, p.R]])
    return H, np.block([last, [zero, I, side], [side.T, side.T, square]])


def _boundary(discrete: bool) -> tuple[Callable, Callable]:
    """The nearest place on the imaginary axis or unit circle, and the way there."""
    if discrete:
        return lambda v: v / np.abs(v), lambda v: np.abs(v) - 1.0
    return lambda v: 1j * np.imag(v), np.real


def controllable(A: NDArray, B: NDArray) -> None:
    """Refuse a mode that no input reaches."""
    for mode in hidden(A, B)[:1]:
        fail(
            f"(A, B) is not controllable: no input reaches the mode with eigenvalue "
            f"{number(mode)}, so it cannot be moved; add an input that moves it, or "
            "take it out of the model"
        )


def hidden(
    A: NDArray, B: NDArray, discrete: bool | None = None, boundary: bool = False
) -> NDArray:
    """Eigenvalues λ at which [A - λI, B] loses rank (Popov, Belevitch, Hautus).

    A hidden mode is an eigenvalue of A and of A + BF for every F. With a generic
    F it is apart from the others, so it is found to full precision even where it
    is one of a defective cluster of A. With `discrete` given, modes that decay
    are left out; with `boundary`, those that grow too.
    """
    A, B = _balanced(A, B)
    F = np.cos(1.0 + np.arange(B.size) ** 2).reshape(B.shape[::-1]) / len(A)
    modes = _shared(np.linalg.eigvals(A), np.linalg.eigvals(A + B @ F))
    if boundary:
        place, growth = _boundary(bool(discrete))
        modes = place(modes[np.abs(growth(modes)) <= NEAR * np.linalg.norm(A, 2)])
    elif discrete is not None:
        modes = _lasting(modes, A, discrete)
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
    growth = _boundary(discrete)[1](modes)
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


def _rank_margin(M: NDArray) -> float:
    """Relative distance of a scaled M from a loss of column rank."""
    M = M / _norms(M, 0)
    for _ in range(4):
        M = M / np.sqrt(_norms(M, 1))[:, None]
        M = M / np.sqrt(_norms(M, 0))
    values = np.linalg.svd(M, compute_uv=False)
    return float(values[-1] / (values[0] or 1.0))


def _norms(M: NDArray, axis: int) -> NDArray:
    norms = np.linalg.norm(M, axis=axis)
    return np.where(norms > 0, norms, 1.0)


def _output(p: Problem) -> NDArray:
    """C with C'C = Q - N R⁻¹ N', without the rows that are only rounding."""
    n = len(p.A)
    W, d = unit_diagonal(p.weight)
    W = W[:n, :n] - W[:n, n:] @ np.linalg.solve(W[n:, n:], W[n:, :n])
    values, vectors = np.linalg.eigh(W)
    kept = values > 10 * len(d) * EPS
    return np.sqrt(values[kept])[:, None] * vectors.T[kept] * d[:n]
