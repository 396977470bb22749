"""Are our Riccati solutions as good as scipy's, on CAREX and DAREX?

The cases of these published collections are those of scipy's own tests (default
parameters). The reference of every case is made here: Newton steps whose residuals are
computed with 80 decimal digits and whose corrections come from a float64 Lyapunov
solver, until they are below 1e-30 of X (python's `decimal`; the float64 data are taken
as exact). Errors are relative, in the Frobenius norm. A case that has no stabilizing
solution and one ill-posed problem of every kind are listed with our sentence. CAREX 11
is at its limit in scipy's tests (ε = 0: poles on the axis), so it is measured at ε = 1
too. Written to benchmarks/results/riccati.json.
"""

import decimal
from typing import Any

import numpy as np
import tyro
from scipy import linalg
from scipy.linalg.tests.test_solvers import TestSolveContinuousAre as Carex
from scipy.linalg.tests.test_solvers import TestSolveDiscreteAre as Darex

from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.design import dlqr, lqr, lqrd

RESULT = results.path("riccati")
EPS = float(np.finfo(np.float64).eps)
ROUNDS, DIGITS, DONE = 400, 80, 1e-30

SPRING, FORCE = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([[0.0], [1.0]])
ILL_POSED = {  # solver and its arguments
    "no input reaches a mode": (lqr, np.diag([1.0, 2.0]), [[1], [0]], 1, 1),
    "the cost sees nothing of a mode": (lqr, SPRING, FORCE, 0, 1),
    "a mode on the boundary is not seen": (dlqr, SPRING, FORCE, 0, 1),
    "N hides a mode": (lqr, [[1.0]], [[1.0]], 1, 1, [[1.0]]),
    "R is zero": (lqr, SPRING, FORCE, 1, 0),
    "R is negative": (lqr, SPRING, np.eye(2), 1, [1, -1]),
    "R + B'XB is negative": (dlqr, SPRING / 2, np.eye(2), 1, [1, -10]),
    "inputs that cost nothing do the same": (dlqr, SPRING, np.ones((2, 2)), 1, 0),
    "a motion earns without end": (lqr, [[1.0]], [[1.0]], -2, 1),
    "a motion costs nothing": (dlqr, SPRING, FORCE, 0, 0),
    "Q is not symmetric": (lqr, SPRING, FORCE, [[9, 2], [1, 9]], 1),
    "a number is missing": (lqr, SPRING, FORCE, [1, np.nan], 1),
    "shapes do not fit": (lqr, SPRING, np.ones((3, 1)), 1, 1),
    "samples meet a spring at rest": (lqrd, SPRING, FORCE, 1, 1, np.pi),
    "the model outgrows a period": (lqrd, np.eye(2), np.eye(2), 1, 1, 500.0),
    "no digits are left": (lqr, SPRING, FORCE, 1e-200, 1e200),
}

decimal.getcontext().prec = DIGITS
exact = np.vectorize(decimal.Decimal, otypes=[object])


def solve(S: Any, G: Any) -> Any:
    """S⁻¹ G in decimals: Gauss-Jordan with pivots."""
    M, n = np.hstack([S, G]), len(S)
    for i in range(n):
        pivot = i + int(np.argmax(np.abs(M[i:, i])))
        M[[i, pivot]] = M[[pivot, i]]
        M[i] = M[i] / M[i, i]
        for j in range(n):
            if j != i and M[j, i] != 0:
                M[j] = M[j] - M[j, i] * M[i]
    return M[:, n:]


def dot(a: Any, b: Any) -> Any:
    """A product of decimals that leaves the zeros of a out; large cases have many."""
    out = np.full((a.shape[0], b.shape[1]), decimal.Decimal(0))
    for i, row in enumerate(a):
        for k in np.flatnonzero(row != 0):
            out[i] += row[k] * b[k]
    return out


def residual(A: Any, B: Any, Q: Any, R: Any, X: Any, discrete: bool) -> tuple:
    """Of the Riccati equation at X, and the gain there."""
    XA, XB = dot(A.T, X).T, dot(B.T, X).T
    if discrete:
        K = solve(R + dot(B.T, XB), dot(B.T, XA))
        return dot(A.T, XA) - X + Q - dot(dot(A.T, XB), K), K
    K = solve(R, XB.T)
    return XA + XA.T + Q - dot(XB, K), K


def reference(case: tuple, start: np.ndarray, discrete: bool) -> tuple[Any, float]:
    """X in decimals, and the size of its last correction, relative."""
    A, B, Q, R = (exact(v) for v in case)
    X, size = exact(start), np.inf
    for _ in range(ROUNDS):
        wrong, K = residual(A, B, Q, R, X, discrete)
        scale = np.abs(wrong).max() or decimal.Decimal(1)
        side = (wrong / scale).astype(float)
        closed = case[0] - case[1] @ K.astype(float)
        step = (
            linalg.solve_discrete_lyapunov(closed.T, side)
            if discrete
            else linalg.solve_continuous_lyapunov(closed.T, -side)
        )
        X = X + exact((step + step.T) / 2) * scale
        size = float(np.abs(exact(step)).max() * scale / np.abs(X).max())
        if size < DONE:
            break
    return X, size


def distance(value: np.ndarray, X: Any) -> float:
    apart = exact(value) - X
    return float(np.sqrt(np.sum(apart**2)) / np.sqrt(np.sum(X**2)))


def measure(name: str, data: tuple, discrete: bool) -> dict[str, Any]:
    """One case."""
    A, B, Q, R = data
    ours, theirs = (
        (dlqr, linalg.solve_discrete_are)
        if discrete
        else (lqr, linalg.solve_continuous_are)
    )
    found: dict[str, Any] = {"case": name, "n_x": len(A), "n_u": B.shape[1]}
    try:
        mine = ours(A, B, Q, R).X
    except ValueError as refusal:
        return found | {"refused": str(refusal)}
    with np.errstate(all="ignore"):
        try:
            scipys = theirs(A, B, Q, R)
        except (linalg.LinAlgError, ValueError) as failure:
            scipys, found["scipy"] = None, str(failure)
    X, last = reference((A, B, Q, R), mine, discrete)
    found |= {"last_correction": last, "ours": distance(mine, X)}
    if scipys is not None:
        found["theirs"] = distance(scipys, X)
    return found


def cases() -> list[tuple[str, tuple, bool]]:
    """Name, matrices and whether discrete; complex ones are left out."""
    found = []
    for name, source in (("carex", Carex), ("darex", Darex)):
        for i, (A, B, Q, R, _) in enumerate(source.cases):
            data = tuple(np.atleast_2d(v) for v in (A, B, Q, R))
            if not any(np.iscomplexobj(v) for v in data):
                number = i + 1 if name == "carex" else i - 3
                data = tuple(v.astype(np.float64) for v in data)
                label = f"{name} {number}" if number else "scipy gh-2251"
                found.append((label, data, name == "darex"))
    first = tuple(np.array(v, float) for v in ([[2, 1], [4, 1]], [[1], [1]]))
    weights = np.array([[-7.0, -3.0], [-3.0, 0.0]]), np.eye(1)
    return [*found, ("carex 11, ε = 1", first + weights, False)]


def refusal(solver: Any, *arguments: Any) -> str | None:
    """The sentence with which a problem is refused, None where it is not."""
    try:
        solver(*arguments)
    except ValueError as sentence:
        return str(sentence)
    return None


def main(largest: int = 100) -> None:
    """Measure the cases up to so many states."""
    rows = []
    for name, data, discrete in cases():
        if len(data[0]) <= largest:
            rows.append(measure(name, data, discrete))
            print(rows[-1], flush=True)
    solved = [r for r in rows if "ours" in r]
    both = [r for r in solved if "theirs" in r]
    floor = [max(r["theirs"], 4 * r["n_x"] * EPS) for r in both]
    record = {
        "about": about(),
        "solved": len(solved),
        "refused": len(rows) - len(solved),
        "worse_than_scipy": [
            r["case"] for r, f in zip(both, floor, strict=True) if r["ours"] > f
        ],
        "scipy_above_1e-8": {
            r["case"]: [r["theirs"], r["ours"]] for r in both if r["theirs"] > 1e-8
        },
        "ours_above_1e-8": [r["case"] for r in solved if r["ours"] > 1e-8],
        "left_out": [n for n, d, _ in cases() if len(d[0]) > largest],
        "ill_posed": {name: refusal(*data) for name, data in ILL_POSED.items()},
        "rows": rows,
    }
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
