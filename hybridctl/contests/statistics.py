"""Statistics of trained controllers: seeds crossed with episodes, several at once."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from hybridctl.tasks.statistics import LEVEL, RESAMPLES, Interval, wilson

SURE = 0.05  # p-value, adjusted where there are several, below which a mean is told


class Crossed(NamedTuple):
    """A mean over seeds and episodes.

    Attributes:
        value: the mean.
        low: lower bound of its interval.
        high: upper bound.
        p: two-sided p-value of the mean being 0.
    """

    value: float
    low: float
    high: float
    p: float

    @property
    def interval(self) -> dict[str, float]:
        """Value and bounds by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


def crossed_mean(values: np.ndarray, confidence: float = LEVEL) -> Crossed:
    """Mean of what S training seeds scored on the same n episodes.

    Both are samples: other seeds and other episodes would have given another mean. In
    values = μ + seed + episode + rest, its variance is

        Var = s²(means of the seeds) / S + s²(means of the episodes) / n,

    with Satterthwaite's degrees of freedom; slightly too wide, as the rest counts
    twice. What there is only one of adds no variance: a controller that was designed
    is one seed, a task with one start has one episode. With one seed this is Student's
    t, whose A/A tests reject in 4 to 5 % of the cases; the percentile bootstrap rejects
    in 5 to 10 % (`benchmarks/questions/aa.py`).

    Args:
        values: shape [S, n]; differences where they are paired.
        confidence: level of the interval.

    Returns:
        The mean, its interval, and the p-value of the mean being 0.

    Source: S. R. Searle, G. Casella, C. E. McCulloch, *Variance Components* (1992).

    Example:
        >>> values = np.array([[1.0, 2.0, 3.0]])
        >>> [round(v, 3) for v in crossed_mean(values)]
        [2.0, -0.484, 4.484, 0.074]
    """
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    parts = [_part(values.mean(axis=1)), _part(values.mean(axis=0))]
    variance = sum(v for v, _ in parts)
    if variance == 0:
        return Crossed(mean, mean, mean, float(mean == 0))
    freedom = variance**2 / sum(v**2 / df for v, df in parts if v > 0)
    return student_interval(mean, float(np.sqrt(variance)), freedom, confidence)


def student_interval(
    mean: float, error: float, freedom: float, confidence: float = LEVEL
) -> Crossed:
    """Student's t interval of a mean whose standard error is known.

    Args:
        mean: the mean.
        error: its standard error; 0: the mean is exact.
        freedom: degrees of freedom of the error.
        confidence: level of the interval.
    """
    if error == 0:
        return Crossed(mean, mean, mean, float(mean == 0))
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    return Crossed(mean, mean - half, mean + half, p)


def _part(means: np.ndarray) -> tuple[float, int]:
    """Variance that means add to their mean, and its degrees of freedom."""
    n = len(means)
    return (float(means.var(ddof=1)) / n, n - 1) if n > 1 else (0.0, 1)


def rate(met: np.ndarray) -> dict[str, float]:
    """How often something holds: by Wilson, of several seeds by `crossed_mean`.

    Of several seeds it is at least as wide as Wilson's of their n episodes: where all
    succeed in all of them, as little is known of others.

    Args:
        met: true where it does, shape [S, n].

    Returns:
        `value`, `low` and `high`.
    """
    value, n = float(met.mean()), met.shape[1]
    low, high = wilson(round(value * n), n)
    if len(met) > 1:
        crossed = crossed_mean(met)
        low, high = min(low, crossed.low), max(high, crossed.high)
    return {"value": value, "low": max(low, 0.0), "high": min(high, 1.0)}


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p-values adjusted for how many there are: the chance of any false alarm.

    Args:
        p: by name.

    Returns:
        Adjusted p-values, by name: below 0.05 is below 5 % for all of them together.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted, so_far = {}, 0.0
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        so_far = max(so_far, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = so_far
    return {name: adjusted[name] for name in p}


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half, the ones at its ends by their share.

    Example:
        >>> interquartile_mean(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
        3.0
    """
    row = np.sort(np.asarray(values, np.float64).ravel())
    n = len(row)
    edges = np.arange(n + 1) / n
    weights = np.diff(np.clip(edges, 0.25, 0.75))
    return float(weights @ row / weights.sum())


def interquartile(values: np.ndarray, seed: int, confidence: float = LEVEL) -> Interval:
    """Interquartile mean of seeds on tasks, by a bootstrap stratified by task.

    Args:
        values: shape [S, tasks], comparable from task to task, such as ratios.
        seed: of the resampling.
        confidence: level of the interval.

    Returns:
        The mean of the middle half, with its interval over training seeds.

    Source: R. Agarwal et al., *Deep Reinforcement Learning at the Edge of the
        Statistical Precipice* (2021).
    """
    values = np.asarray(values, np.float64)
    count, tasks = values.shape
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, count, (RESAMPLES, count, tasks))
    means = [interquartile_mean(np.take_along_axis(values, p, axis=0)) for p in picks]
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(interquartile_mean(values), float(low), float(high))
