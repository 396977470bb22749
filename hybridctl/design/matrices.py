"""Matrices of a design as given: right shape, real, finite, symmetric, definite."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridctl.checks import fail, finite_entries, is_concrete, require, shape

EPS = float(np.finfo(np.float64).eps)


def real(name: str, value: Any) -> NDArray[np.float64]:
    """Finite real numbers in float64, or a sentence that says what they are."""
    require(
        is_concrete(value),
        f"{name} is traced by jit, vmap or grad; design outside of it, "
        "where its numbers are known",
    )
    array = as_array(name, value)
    require(
        np.can_cast(array.dtype, np.float64, "same_kind"),
        f"{name} holds {array.dtype} values, expected real numbers; give floats",
    )
    array = array.astype(np.float64)
    finite_entries(name, array)
    return array


def as_array(name: str, value: Any) -> NDArray:
    """An array, or a sentence where its rows are of unequal length."""
    try:
        return np.asarray(value)
    except ValueError:
        fail(f"{name} has rows of unequal length; give a rectangular array")


def system(A: ArrayLike, B: ArrayLike) -> tuple[NDArray, NDArray]:
    """A [n_x, n_x] and B [n_x, n_u] in float64."""
    A, B = real("A", A), real("B", B)
    square = A.ndim == 2 and A.shape[0] == A.shape[1] > 0
    require(square, f"A has shape {A.shape}, expected (n_x, n_x); give a square matrix")
    require(
        B.ndim == 2 and B.shape[0] == len(A) and B.shape[1] > 0,
        f"B has shape {B.shape}, expected ({len(A)}, n_u); "
        "give one row per state and one column per input",
    )
    return A, B


def weight(name: str, value: ArrayLike, n: int) -> NDArray[np.float64]:
    """A symmetric weight [n, n] from a matrix, its diagonal or one number for all."""
    W = real(name, value)
    if W.ndim < 2:
        require(
            W.shape in ((), (n,)),
            f"{name} has shape {W.shape}, expected ({n},) or ({n}, {n}); "
            "give the diagonal or the matrix",
        )
        return np.diag(np.broadcast_to(W, n))
    shape(name, W, (n, n))
    _symmetric(name, W, rounding(value, n))
    return (W + W.T) / 2


def cross(value: ArrayLike | None, n_x: int, n_u: int) -> NDArray[np.float64]:
    """The cross weight N [n_x, n_u]; None is zero."""
    N = np.zeros((n_x, n_u)) if value is None else real("N", value)
    shape("N", N, (n_x, n_u))
    return N


def rounding(value: Any, n: int) -> float:
    """What rounding in value's own precision may add to n terms, relatively."""
    dtype = np.asarray(value).dtype
    single = np.issubdtype(dtype, np.floating) and dtype.itemsize < 8
    return 100 * n * (float(np.finfo(dtype).eps) if single else EPS)


def unit_diagonal(W: NDArray) -> tuple[NDArray, NDArray]:
    """W = d V d with a unit diagonal in V, so that units do not matter."""
    diagonal = np.diag(W)
    d = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    return W / np.outer(d, d), d


def definite(name: str, W: NDArray, cure: str) -> None:
    """Refuse a symmetric W with an eigenvalue that is not positive."""
    require(
        is_positive(W),
        f"{name} is not positive definite: scaled to a unit diagonal its smallest "
        f"eigenvalue is {lowest(W):.3g}{cure}",
    )


def is_positive(W: NDArray) -> bool:
    """Whether all eigenvalues of a symmetric W are above rounding."""
    return lowest(W) > 100 * len(W) * EPS


def is_negative(W: NDArray) -> bool:
    """Whether an eigenvalue of a symmetric W is below rounding."""
    return lowest(W) < -100 * len(W) * EPS


def lowest(W: NDArray) -> float:
    """Smallest eigenvalue of a symmetric W that is scaled to a unit diagonal."""
    return float(np.linalg.eigvalsh(unit_diagonal(W)[0])[0])


def _symmetric(name: str, W: NDArray, tol: float) -> None:
    size = np.sqrt(np.abs(np.outer(np.diag(W), np.diag(W))))
    apart = np.abs(W - W.T) > tol * np.maximum(size, np.abs(W))
    if apart.any():
        i, j = np.argwhere(apart)[0]
        fail(
            f"{name} is not symmetric: {name}[{i}, {j}]={W[i, j]:g} but "
            f"{name}[{j}, {i}]={W[j, i]:g}; give ({name} + {name}.T) / 2"
        )
