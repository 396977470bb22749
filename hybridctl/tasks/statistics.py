"""Intervals for what is compared."""

import dataclasses

import numpy as np
from scipy.special import stdtrit

RESAMPLES = 2000
LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean with its interval; true where all of it is above 0.

    Attributes:
        value: the mean.
        low: lower bound.
        high: upper bound.
    """

    value: float
    low: float
    high: float

    def __bool__(self) -> bool:
        return self.low > 0

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def student_mean(values: np.ndarray, confidence: float = LEVEL) -> Interval:
    """Student's t interval of a mean of few values, such as training seeds.

    Args:
        values: shape [n]; of a single one the interval is infinite.
        confidence: level of the interval.

    Returns:
        The mean with its interval.

    Example:
        >>> print(student_mean(np.array([1.0, 2.0, 3.0])))
        2 [-0.4841, 4.484]
    """
    values, n = np.asarray(values, np.float64), len(values)
    mean = float(values.mean())
    if n < 2:
        return Interval(mean, -np.inf, np.inf)
    error = float(values.std(ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * error
    return Interval(mean, mean - half, mean + half)


def wilson(successes: int, n: int, confidence: float = LEVEL) -> tuple[float, float]:
    """Wilson score interval of a success rate.

    Args:
        successes: how many of n.
        n: number of trials, above 0.
        confidence: level of the interval.

    Returns:
        Lower and upper bound, within [0, 1].

    Source: E. B. Wilson, JASA 22 (1927).

    Example:
        >>> print(np.round(wilson(8, 10), 3))
        [0.49  0.943]
    """
    from scipy.stats import binomtest  # heavy

    found = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def bootstrap_mean(
    values: np.ndarray, seed: int, confidence: float = LEVEL
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean; of differences where they are paired.

    Args:
        values: shape [n].
        seed: of the resampling.
        confidence: level of the interval.

    Returns:
        Lower and upper bound.

    Source: B. Efron, R. Tibshirani, *An Introduction to the Bootstrap* (1993).
    """
    from scipy.stats import bootstrap  # heavy

    values = np.asarray(values, np.float64)
    if len(values) < 2:  # which scipy refuses
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, batch=64, method="percentile",
        confidence_level=confidence, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def quantile(values: np.ndarray, q: float) -> float | None:
    """Quantile that is one of the values; None where that is infinite."""
    found = float(np.quantile(values, q, method="inverted_cdf"))
    return found if np.isfinite(found) else None
