"""Pole placement by state feedback."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import require, shape
from hybridctl.design.matrices import EPS, as_array, real, system
from hybridctl.design.wellposed import controllable, number


def place(A: ArrayLike, B: ArrayLike, poles: ArrayLike) -> NDArray[np.float64]:
    """Gain K for which A - B K has the given eigenvalues.

    With several inputs K is not unique: the one returned makes the poles robust
    (Tits, Yang). With one input it is unique, and a pole may be repeated.

    Args:
        A: state matrix, shape [n_x, n_x].
        B: input matrix, shape [n_x, n_u].
        poles: wanted eigenvalues, shape [n_x]; complex ones in conjugate pairs,
            none more often than rank B (with one input: as often as you like).

    Returns:
        K, shape [n_u, n_x], numpy float64.

    Raises:
        ValueError: a shape does not fit, a number is not finite, a complex pole is
            without its conjugate, a pole is repeated too often, (A, B) is not
            controllable, or the poles are out of reach in float64.

    Source: A. L. Tits, Y. Yang, "Globally convergent algorithms for robust pole
    assignment by state feedback", IEEE Trans. Automatic Control 41 (1996); for
    repeated poles J. Ackermann, "Der Entwurf linearer Regelungssysteme im
    Zustandsraum", Regelungstechnik 20 (1972).

    Example:
        >>> print(place([[0, 1], [0, 0]], [[0], [1]], poles=[-1, -2]).round(6))
        [[2. 3.]]
    """
    A, B = system(A, B)
    wanted = _pairs(poles, len(A))
    controllable(A, B)
    span, inverse = _range(B)
    often = max(int(np.sum(wanted == pole)) for pole in wanted)
    if span.shape[1] == 1 and often > 1:
        K = inverse @ _ackermann(A, span, wanted)
    else:
        _spread(wanted, often, span.shape[1])
        K = inverse @ _robust(A, span, wanted)
    _reached(A, A - B @ K, wanted)
    return K


def _pairs(poles: ArrayLike, n: int) -> NDArray[np.complex128]:
    """The poles with exact conjugates: real ones first, then pairs."""
    array: Any = as_array("poles", poles)
    given = real("poles", array.real) + 1j * real("poles", array.imag)
    shape("poles", given, (n,))
    above = np.sort_complex(given[given.imag > 0])
    below = np.sort_complex(given[given.imag < 0].conj())
    require(
        above.shape == below.shape and np.allclose(above, below, rtol=1e-9),
        f"poles={given} holds a complex pole without its conjugate, expected pairs; "
        "give a - bj with every a + bj",
    )
    alone = np.sort_complex(given[given.imag == 0])
    return np.r_[alone, np.c_[above, above.conj()].ravel()]


def _range(B: NDArray) -> tuple[NDArray, NDArray]:
    """An orthonormal basis of B's range [n_x, rank], and M with B M = basis."""
    units = np.linalg.norm(B, axis=0)
    units = np.where(units > 0, units, 1.0)
    basis, values, inputs = np.linalg.svd(B / units, full_matrices=False)
    rank = int(np.sum(values > len(B) * EPS * values[0]))
    return basis[:, :rank], inputs[:rank].T / values[:rank] / units[:, None]


def _spread(wanted: NDArray, often: int, rank: int) -> None:
    require(
        often <= rank,
        f"poles={wanted} repeats a pole {often} times, but the rank of B allows "
        f"{rank}; move the repeated poles apart, say by 1 %",
    )


def _robust(A: NDArray, B: NDArray, wanted: NDArray[np.complex128]) -> NDArray:
    from scipy.signal import place_poles

    poles = wanted if wanted.imag.any() else wanted.real
    with warnings.catch_warnings():
        # of the robustness only: whether the poles are reached is looked at below
        warnings.filterwarnings("ignore", message="Convergence was not reached")
        found = place_poles(A, B, poles, maxiter=100)
    K = found.gain_matrix  # pyright: ignore[reportAttributeAccessIssue]
    return np.asarray(K, np.float64)


def _ackermann(A: NDArray, B: NDArray, wanted: NDArray) -> NDArray:
    """Last row of the inverse controllability matrix times Π (A - pole I)."""
    n = len(A)
    powers = [B]
    for _ in range(n - 1):
        powers.append(A @ powers[-1])
    row = np.linalg.solve(np.hstack(powers).T, np.eye(n)[-1]).astype(np.complex128)
    for pole in wanted:
        row = row @ (A - pole * np.eye(n))
    return row.real[None]


def _reached(A: NDArray, closed: NDArray, wanted: NDArray) -> None:
    """Refuse a pole that rounding moved further than it spreads m equal ones."""
    got = np.linalg.eigvals(closed)
    size = max(np.abs(wanted).max(), float(np.linalg.norm(A, 2)))
    for pole in wanted:
        m = int(np.sum(np.abs(wanted - pole) <= 0.01 * abs(pole)))
        spread = 1e-11 ** (1 / m) * float(np.linalg.norm(closed, 2))
        nearest = got[np.argmin(np.abs(got - pole))]
        require(
            abs(nearest - pole) <= 1e-3 ** (1 / m) * abs(pole) + min(spread, size / 20),
            f"the pole at {number(pole)} is out of reach in float64 (nearest: "
            f"{number(nearest)}); choose poles nearer to those of A, or bring the "
            "states to similar units",
        )
