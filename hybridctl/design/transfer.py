"""A transfer function with several inputs and outputs as a state space."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail

if TYPE_CHECKING:
    import control

SAME = 1e-9  # relative size of what is rounding


def realize(system: "control.TransferFunction") -> "control.StateSpace":
    """A minimal state space of a transfer function [n_y, n_u].

    Every column is realized over its denominators' product, each once; states that no
    input reaches or no output shows are taken out. (python-control leaves more than
    one input or output to slycot.)

    Raises:
        ValueError: an entry has more zeros than poles.

    Source: R. E. Kalman, "Mathematical description of linear dynamical systems",
    J. SIAM Control 1 (1963).

    Example:
        >>> import control
        >>> s = control.tf("s")
        >>> realize(control.combine_tf([[1 / s, 1 / s], [2 / (s + 1), 0 * s]])).nstates
        2
    """
    import control
    from scipy.linalg import block_diag, matrix_balance

    columns = [_column(system, j) for j in range(system.ninputs)]
    stacked = (block_diag(*(column[i] for column in columns)) for i in (0, 1))
    A, B = map(np.asarray, stacked)
    C, D = (np.hstack([column[i] for column in columns]) for i in (2, 3))
    if len(A):
        A, (scale, _) = matrix_balance(A, permute=False, separate=True)
        B, C = B / scale[:, None], C * scale
    A, B, C = _reached(A, B, C)
    At, Ct, Bt = _reached(A.T, C.T, B.T)
    return control.StateSpace(At.T, Bt.T, Ct.T, D, system.dt)


def _column(system: Any, j: int) -> tuple[NDArray, ...]:
    """A, B, C, D from one input to all outputs, in controllable form."""
    from scipy.linalg import companion

    pairs = [(_row(system.num[i][j]), _row(system.den[i][j])) for i in _outputs(system)]
    different: list[NDArray] = []
    for _, den in pairs:
        if not any(_same(den, other) for other in different):
            different.append(den)
    whole = np.array([1.0])
    for den in different:
        whole = np.polymul(whole, den)
    rows = []
    for num, den in pairs:
        rest = [other for other in different if not _same(den, other)]
        for other in rest:
            num = np.polymul(num, other)
        rows.append(np.pad(num, (max(0, len(whole) - len(num)), 0)))
    if any(len(row) > len(whole) for row in rows):
        fail("a transfer function has more zeros than poles; add poles (a filter)")
    n, b = len(whole) - 1, np.array(rows) / whole[0]
    A = companion(whole) if n else np.zeros((0, 0))
    return A, np.eye(n, 1), b[:, 1:] - b[:, :1] * whole[1:] / whole[0], b[:, :1]


def _outputs(system: Any) -> range:
    return range(system.noutputs)


def _row(polynomial: Any) -> NDArray:
    row = np.trim_zeros(np.atleast_1d(np.asarray(polynomial, float)), "f")
    return row if row.size else np.zeros(1)


def _same(a: NDArray, b: NDArray) -> bool:
    return len(a) == len(b) and np.allclose(a / a[0], b / b[0], rtol=SAME, atol=0)


def _reached(A: NDArray, B: NDArray, C: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The part of A that B reaches, on an orthonormal basis."""
    basis, new = np.zeros((len(A), 0)), B
    while new.shape[1] and basis.shape[1] < len(A):
        size = np.linalg.norm(new, 2) if new.size else 0.0
        new = new - basis @ (basis.T @ new)
        U, s, _ = np.linalg.svd(new, full_matrices=False)
        new = U[:, s > SAME * max(size, 1e-300)]
        basis = np.hstack([basis, new])
        new = A @ new
    return basis.T @ A @ basis, basis.T @ B, C @ basis
