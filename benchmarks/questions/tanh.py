"""Which fraction is the tanh of exported C?

Its coefficients stand in hybridctl/codegen/writers/c_tanh.py: the fraction P(z) / Q(z)
of least relative error to tanh(√z) / √z up to where tanh rounds to 1, by weighted least
squares whose weights follow the errors (Lawson, 1961) and whose denominators are those
of the last round (Sanathanan and Koerner, 1963), in 60 digits. Needs mpmath (`pip
install mpmath`); prints, and writes nothing.
"""

import mpmath as mp  # pyright: ignore[reportMissingImports]

from hybridctl.codegen.writers.c_tanh import LIMIT, P, Q

DIGITS, ROUNDS, WEIGHTED_FROM, POINTS = 60, 24, 6, 12
TINY = mp.mpf(10) ** -40


def fraction(limit: float, degree: int) -> tuple[list, list, float]:
    """Coefficients of P and Q, lowest first, and the largest relative error."""
    n = POINTS * 2 * degree
    places = [mp.pi * (2 * i + 1) / (2 * n) for i in range(n)]
    xs = [mp.mpf(limit) * (1 - mp.cos(a)) / 2 for a in places]
    zs = [(x / limit) ** 2 for x in xs]
    values = [mp.tanh(x) / x for x in xs]
    weights, below = [mp.mpf(1)] * n, [mp.mpf(1)] * n
    p, q, errors = [], [], [mp.inf]
    for turn in range(ROUNDS):
        p, q = _solved(zs, values, weights, below, degree)
        below = [_at(q, z) for z in zs]
        parts = zip(zs, values, below, strict=True)
        errors = [abs(_at(p, z) / b / f - 1) for z, f, b in parts]
        if turn >= WEIGHTED_FROM:
            weights = [w * (e + TINY) for w, e in zip(weights, errors, strict=True)]
            weights = [w * n / sum(weights) for w in weights]
    scale = [mp.mpf(limit) ** (-2 * j) for j in range(degree + 1)]
    p, q = ([c * s for c, s in zip(row, scale, strict=True)] for row in (p, q))
    return p, q, float(max(errors))


def _solved(zs, values, weights, below, degree: int) -> tuple[list, list]:
    """Least squares of P(z) - f Q(z), with Q(0) = 1."""
    rows = mp.matrix(len(zs), 2 * degree + 1)
    right = mp.matrix(len(zs), 1)
    for i, (z, f, w, b) in enumerate(zip(zs, values, weights, below, strict=True)):
        k = mp.sqrt(w) / (b * f)
        for j in range(degree + 1):
            rows[i, j] = k * z**j
        for j in range(1, degree + 1):
            rows[i, degree + j] = -k * f * z**j
        right[i] = k * f
    out = list(mp.lu_solve(rows.T * rows, rows.T * right))
    return out[: degree + 1], [mp.mpf(1), *out[degree + 1 :]]


def _at(coefficients: list, z):
    return mp.polyval(coefficients[::-1], z)


def main() -> None:
    """Find them again, beside those in the code."""
    mp.mp.dps = DIGITS
    for real in LIMIT:
        p, q, error = fraction(LIMIT[real], len(P[real]) - 1)
        print(f"{real}: |x| <= {LIMIT[real]}, relative error {error:.1e}")
        for found, known in ((p, P[real]), (q, Q[real])):
            for new, old in zip(found, known, strict=True):
                print(f"  {float(new)!r:26} {old!r}")


if __name__ == "__main__":
    main()
