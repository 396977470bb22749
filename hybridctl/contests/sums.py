"""What is known of episodes that are too many to be kept: sums, bins, the worst."""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail
from hybridctl.contests.statistics import student_interval
from hybridctl.controllers import Controller
from hybridctl.scale import Workers
from hybridctl.scale.devices import check_devices
from hybridctl.tasks import Scores, Task
from hybridctl.tasks.evaluate import arrays_of, joined, score_span
from hybridctl.tasks.spans import BLOCK, Span, spans
from hybridctl.tasks.statistics import wilson

LIMIT = 2**20  # episodes up to which every one is kept
SHARD = 16 * BLOCK  # episodes that are summed up by a worker
WORST = 16  # episodes that are remembered
WIDTH = math.log1p(0.01)  # of a bin of costs, in logarithms: within half a percent
LEAST, BINS = -2800, 4200  # bins of costs, as shares of a failure's
COUNTED = ("success", "survived", "settled", "failed", "finite")
MEANS = ("cost", "effort", "difference")


class NotKept(dict):
    """Scores by name that are not there, and say so."""

    def __missing__(self, name: str) -> Any:
        fail(
            f"the episodes of {name!r} were summed up, not kept; compare at most "
            f"{LIMIT:,} episodes to look at each"
        )


class Sums(NamedTuple):
    """Of the episodes of one controller; NumPy.

    Attributes:
        n: number of episodes, [].
        counts: of the episodes that `COUNTED` names, int [5].
        means: of what `MEANS` names, [3].
        squares: sums of the squared deviations from them, [3].
        peak_x: largest |x| of all, [].
        settle: episodes that settled after so many periods, int [steps + 1].
        costs: episodes by the logarithm of their J, int [BINS].
        top: J of the episodes that cost most, the most first, at most `WORST`.
        worst: their numbers.
    """

    n: NDArray
    counts: NDArray
    means: NDArray
    squares: NDArray
    peak_x: NDArray
    settle: NDArray
    costs: NDArray
    top: NDArray
    worst: NDArray

    @classmethod
    def of(cls, task: Task, s: Scores, base: Scores, first: int) -> "Sums":
        """Those of some episodes, from number `first` on."""
        flags = [getattr(s, name) for name in COUNTED]
        rows = [s.cost, s.effort, s.cost - base.cost]
        means, squares = zip(*map(_moments, rows), strict=True)
        ticks = np.rint(s.settle[s.settled] / task.loop.dt).astype(int)
        order = np.argsort(-s.cost, kind="stable")[:WORST]
        return cls(
            np.array(len(s.cost)), np.sum(flags, axis=1), np.array(means),
            np.array(squares), np.max(s.peak_x),
            np.bincount(ticks, minlength=task.steps + 1),
            np.bincount(_bins(s.cost, unit_of(task)), minlength=BINS),
            s.cost[order], first + order,
        )  # fmt: skip

    def __add__(self, later: Any) -> "Sums":
        """With episodes that follow.

        Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the
        sample variance", The American Statistician 37 (1983).
        """
        n, m = int(self.n), int(later.n)
        gap = later.means - self.means
        top = np.concatenate([self.top, later.top])
        order = np.argsort(-top, kind="stable")[:WORST]
        return Sums(
            self.n + later.n, self.counts + later.counts,
            self.means + gap * (m / (n + m)),
            self.squares + later.squares + gap**2 * (n * m / (n + m)),
            np.maximum(self.peak_x, later.peak_x), self.settle + later.settle,
            self.costs + later.costs, top[order],
            np.concatenate([self.worst, later.worst])[order],
        )  # fmt: skip

    def row(self, dt: float) -> dict[str, Any]:
        """Figures as in a row of `Table`."""
        n, counts = int(self.n), dict(zip(COUNTED, map(int, self.counts), strict=True))
        shares = {name: _share(counts[name], n) for name in COUNTED[:3]}
        means = {name: self._mean(i) for i, name in enumerate(MEANS)}
        return shares | {
            "settle_median": self.settle_quantile(0.5, dt),
            "settle_p95": self.settle_quantile(0.95, dt),
            "J_mean": means["cost"]["value"],
            "J": means["cost"],
            "effort": means["effort"]["value"],
            "peak_x": float(self.peak_x),
            "failed": counts["failed"],
            "not_finite": n - counts["finite"],
            "difference": means["difference"],
        }

    def settle_quantile(self, q: float, dt: float) -> float | None:
        """Quantile of the settling time [s], exact; None where it never comes."""
        at = int(np.searchsorted(np.cumsum(self.settle), _rank(q, self.n)))
        return at * dt if at < len(self.settle) else None

    def cost_quantile(self, q: float, unit: float) -> float:
        """Quantile of J, within half a percent.

        Args:
            q: share of the episodes.
            unit: of J; see `unit_of`.

        Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch", VLDB (2019).
        """
        at = int(np.searchsorted(np.cumsum(self.costs), _rank(q, self.n)))
        return unit * math.exp(WIDTH * (at + LEAST - 0.5)) if at else 0.0

    def _mean(self, i: int) -> dict[str, float]:
        n = int(self.n)
        error = math.sqrt(float(self.squares[i]) / (n - 1) / n)
        return student_interval(float(self.means[i]), error, n - 1).interval


def unit_of(task: Task) -> float:
    """J that bins are shares of: what a failed episode is charged, if that is any."""
    return abs(float(task.failure_cost)) or 1.0


def sum_up(
    task: Task,
    controllers: Mapping[str, Controller],
    n: int,
    seed: int,
    against: str,
    team: Workers,
    devices: int = 1,
) -> dict[str, Sums]:
    """Sums of n episodes, by name, which no order of arrival changes.

    Args:
        task: what counts.
        controllers: by name, that were checked.
        n: number of episodes.
        seed: of the episodes.
        against: whom differences are taken to.
        team: who works.
        devices: of each process that share the episodes of a program.
    """
    check_devices(devices, team.here)
    shared = task, dict(controllers), seed, against, devices
    shards = team.map(_sum_part, shared, spans(n, SHARD), "compare")
    return dict(
        zip(controllers, functools.reduce(_both, map(_told, shards)), strict=True)
    )


def _sum_part(shared: tuple, span: Span) -> dict[str, NDArray]:
    """Rows of `Sums` of every controller, by number and name."""
    task, controllers, seed, against, devices = shared
    inner = spans(span.count, BLOCK, span.first, devices)

    def scores(controller: Controller) -> Scores:
        parts = (score_span(task, controller, seed, part) for part in inner)
        return joined([arrays_of(part) for part in parts])

    found = {name: scores(controller) for name, controller in controllers.items()}
    rows: dict[str, NDArray] = {}
    for i, s in enumerate(found.values()):
        sums = Sums.of(task, s, found[against], span.first)
        rows |= {f"{i}.{name}": value for name, value in sums._asdict().items()}
    return {name: np.asarray(value) for name, value in rows.items()}


def _told(rows: dict[str, NDArray]) -> list[Sums]:
    count = len(rows) // len(Sums._fields)
    return [Sums(*(rows[f"{i}.{f}"] for f in Sums._fields)) for i in range(count)]


def _both(known: list[Sums], later: list[Sums]) -> list[Sums]:
    return [a + b for a, b in zip(known, later, strict=True)]


def _moments(values: NDArray) -> tuple[float, float]:
    """Mean and squared deviations, rounded once: no processor adds in its own order."""
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((values - mean) ** 2)


def _bins(cost: NDArray, unit: float) -> NDArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.ceil(np.log(np.maximum(cost, 0.0) / unit) / WIDTH) - LEAST
    return np.clip(found, 0, BINS - 1).astype(int)


def _rank(q: float, n: Any) -> int:
    return max(1, math.ceil(q * int(n)))


def _share(count: int, n: int) -> dict[str, float]:
    low, high = wilson(count, n)
    return {"value": count / n, "low": low, "high": high}
