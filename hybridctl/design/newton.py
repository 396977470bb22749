"""Newton's method on a Riccati equation: the last digits that a Schur solver loses."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.design.wellposed import Problem

_wide = np.longdouble  # residuals cancel: 64 bits of mantissa where there are any


class Iterate(NamedTuple):
    """A candidate X, the gain K it gives, and how far it is from a solution.

    Attributes:
        X: cost-to-go, shape [n_x, n_x], long double.
        K: gain, shape [n_u, n_x], float64.
        residual: of the Riccati equation, shape [n_x, n_x], float64.
        error: norm of the residual relative to the terms that it is the sum of.
    """

    X: NDArray
    K: NDArray
    residual: NDArray
    error: float


def refine(p: Problem, X: NDArray, discrete: bool, steps: int = 3) -> Iterate:
    """X after at most `steps` Newton steps, each kept only if the residual falls.

    X ← X + D, where D solves the Lyapunov equation of the closed loop whose right
    side is the residual; in exact numbers this is Kleinman's iteration.

    Source: D. L. Kleinman, "On an iterative technique for Riccati equation
    computations", IEEE Trans. Automatic Control 13 (1968); G. A. Hewer, the
    discrete case, ibid. 16 (1971).
    """
    evaluate = _discrete if discrete else _continuous
    best = evaluate(p, X.astype(_wide))
    for _ in range(steps):
        D = _step(p.A - p.B @ best.K, best.residual, discrete)
        trial = best if D is None else evaluate(p, best.X + (D + D.T) / 2)
        if not trial.error < best.error:
            break
        best = trial
    return best


def _continuous(p: Problem, X: NDArray) -> Iterate:
    """A'X + XA + Q - (XB + N) R⁻¹ (XB + N)'."""
    G = X @ p.B + p.N
    K = _solve(p.R, G.T)
    terms = [p.A.T @ X, X @ p.A, p.Q, K.T @ p.R.astype(_wide) @ K - G @ K - (G @ K).T]
    return _iterate(X, K, terms)


def _discrete(p: Problem, X: NDArray) -> Iterate:
    """A'XA - X + Q - (A'XB + N)(R + B'XB)⁻¹(A'XB + N)'."""
    G = p.A.T @ X @ p.B + p.N
    S = p.R + p.B.T @ X @ p.B
    K = _solve(S, G.T)
    terms = [p.A.T @ X @ p.A, -X, p.Q, K.T @ S @ K - G @ K - (G @ K).T]
    return _iterate(X, K, terms)


def _iterate(X: NDArray, K: NDArray, terms: list[NDArray]) -> Iterate:
    """The terms are quadratic in K about the best one: its rounding drops out."""
    residual = sum(terms)
    size = sum(np.linalg.norm(term.astype(np.float64)) for term in terms) or 1.0
    residual = np.asarray(residual, np.float64)
    error = float(np.linalg.norm(residual) / size)
    return Iterate(X, K.astype(np.float64), residual, error)


def _solve(S: NDArray, G: NDArray) -> NDArray:
    from scipy import linalg

    S, G = S.astype(np.float64), G.astype(np.float64)
    try:
        return linalg.cho_solve(linalg.cho_factor(S), G).astype(_wide)
    except linalg.LinAlgError:  # not positive, which `care` and `dare` allow
        return linalg.solve(S, G, assume_a="sym").astype(_wide)


def _step(closed: NDArray, residual: NDArray, discrete: bool) -> NDArray | None:
    """D with D's Lyapunov operator equal to -residual; None where it is singular."""
    from scipy import linalg

    solve: Callable = linalg.solve_continuous_lyapunov
    sides = (closed.T, -residual)
    if discrete:
        solve, sides = linalg.solve_discrete_lyapunov, (closed.T, residual)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the residual judges what comes out
        try:
            return solve(*sides)
        except linalg.LinAlgError:
            return None
