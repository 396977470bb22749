"""What a suite found: rows with intervals, differences, ratios to the bounds."""

import functools
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.table import Table as RichTable

from hybridctl.contests.bounds import bound_of
from hybridctl.contests.ranking import Met, contest, paired, ranked, share, verdict
from hybridctl.contests.statistics import SURE, crossed_mean, holm, interquartile
from hybridctl.contests.table import Table, write_json
from hybridctl.describe import plain_data
from hybridctl.suites import text
from hybridctl.suites.plan import Suite
from hybridctl.suites.shelf import Shelf
from hybridctl.suites.work import scoring, trainings_of
from hybridctl.tasks import Scores
from hybridctl.tasks.statistics import quantile

PACKAGES = ("hybridctl", "jax", "brax", "numpy")


class Result:
    """Scores of every column on every task of a suite.

    Args:
        suite: tasks and columns.
        shelf: where the scores are.
    """

    def __init__(self, suite: Suite, shelf: Shelf):
        self.suite, self.shelf = suite, shelf

    @functools.cached_property
    def scores(self) -> dict[tuple[str, str], Scores]:
        """Scores [S, n] by title and column."""
        return {
            cell: self.shelf.scores(scoring(self.suite, *cell).key)[0]
            for cell in self.suite.cells()
        }

    def columns(self, title: str) -> list[str]:
        """Columns that stand on a task."""
        return [name for name in self.suite.columns if self.suite.fits(title, name)]

    @functools.cached_property
    def rows(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Figures by title and column; see `row`."""
        return {title: self._rows(title) for title in self.suite.entries}

    @functools.cached_property
    def contests(self) -> dict[str, dict[str, Any]]:
        """By title the best learned column against the best classical one.

        As `hybridctl.contests.ranking.contest` has it, with `p_holm` (adjusted for the
        number of tasks) and the `verdict` on the learned one: "beats", "loses" or
        "open". Without tasks on which one kind is missing.
        """
        told = {title: self._contest(title) for title in self.suite.entries}
        found = {title: one for title, one in told.items() if one}
        adjusted = holm({title: one["p"] for title, one in found.items()})
        return {
            title: {**one, "p_holm": p, "verdict": verdict(one, p)}
            for (title, one), p in zip(found.items(), adjusted.values(), strict=True)
        }

    def _contest(self, title: str) -> dict[str, Any] | None:
        met = {name: Met.of(self.scores[title, name]) for name in self.columns(title)}
        learned = [name for name in met if self.suite.columns[name].decides_by_policy]
        return contest(met, learned, self.suite.against)

    def _rows(self, title: str) -> dict[str, dict[str, Any]]:
        rows = {name: self.row(title, name) for name in self.columns(title)}
        apart = {n: r["difference"] for n, r in rows.items() if r["difference"]}
        adjusted = holm({name: gap["p"] for name, gap in apart.items()})
        for name, gap in apart.items():
            gap["p_holm"] = adjusted[name]
            sure = adjusted[name] < SURE
            gap["verdict"] = (
                ("lower" if gap["value"] < 0 else "higher") if sure else "open"
            )
        return rows

    def row(self, title: str, name: str) -> dict[str, Any]:
        """One column's figures on one task.

        Means are over training seeds and episodes, with 95 % intervals for both;
        `difference` is that of J to the column `against` in pairs, with its p-value,
        and `share` the same as J over its J; `iqm` is the interquartile mean of the
        seeds' J.
        """
        s, gap = self.scores[title, name], self._difference(title, name)
        seeds, n = s.cost.shape
        return {
            "kind": self.suite.columns[name].kind,
            "n": n,
            "seeds": seeds,
            "success": share(s.success),
            "survived": share(s.survived),
            "settled": share(s.settled),
            "success_worst": float(s.success.mean(axis=1).min()),
            "settle_median": quantile(s.settle, 0.5),
            "settle_p95": quantile(s.settle, 0.95),
            "J": crossed_mean(s.cost).interval,
            "J_seeds": s.cost.mean(axis=1).tolist(),
            "iqm": self._iqm(s.cost),
            "difference": gap,
            "share": self._share(title, name, gap),
            "to_bound": self._to_bound(title, s.cost),
            "effort": float(s.effort.mean()),
            "peak_x": float(s.peak_x.max()),
            "failed": int(s.failed.sum()),
            "not_finite": int((~s.finite).sum()),
            "decisions": self._decisions(title, name),
        }

    def _iqm(self, cost: np.ndarray) -> dict[str, float] | None:
        if len(cost) == 1:
            return None
        mean = interquartile(cost.mean(axis=1, keepdims=True), self.suite.seed)
        return {"value": mean.value, "low": mean.low, "high": mean.high}

    def _difference(self, title: str, name: str) -> dict[str, Any] | None:
        """In pairs: each seed's episode minus the same episode of the reference."""
        if name == self.suite.against:
            return None
        mean = crossed_mean(np.subtract(*self.pair(title, name)))
        return {**mean.interval, "p": mean.p}

    def _share(self, title: str, name: str, gap: Any) -> dict[str, float]:
        """J over the reference's on the same episodes."""
        keys = ("value", "low", "high")
        if gap is None:
            return dict.fromkeys(keys, 1.0)
        base = float(self.pair(title, name)[1].mean())
        return {key: 1 + gap[key] / base for key in keys}

    def _to_bound(self, title: str, cost: np.ndarray) -> float | None:
        """J over the least that is possible, where that is known."""
        bound = bound_of(self.suite.entries[title].task)
        if bound is None or self.suite.seed != 0:
            return None
        return bound.ratio(cost.mean(axis=0))

    def pair(self, title: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """J of a column, and of the reference, on the episodes that both met."""
        mine, base = (self.scores[title, c].cost for c in (name, self.suite.against))
        return paired(mine, base)

    def _decisions(self, title: str, name: str) -> list[int] | None:
        if not self.suite.columns[name].learned:
            return None
        return [run.steps for run in self.runs(title, name)]

    def runs(self, title: str, name: str) -> list[Any]:
        """The trainings of a learned column, one a seed."""
        jobs = trainings_of(self.suite, title, name)
        return [self.shelf.run(job.key) for job in jobs]

    def overall(self) -> dict[str, dict[str, float]]:
        """J as a share of the reference's: the interquartile mean over tasks and seeds.

        Of the columns that stand on every task.
        """
        titles = list(self.suite.entries)
        found = {}
        for name in self.suite.columns:
            if any(not self.suite.fits(title, name) for title in titles):
                continue
            mean = interquartile(self._ratios(titles, name), self.suite.seed)
            found[name] = {"value": mean.value, "low": mean.low, "high": mean.high}
        return found

    def _ratios(self, titles: list[str], name: str) -> np.ndarray:
        """J over the reference's on the same episodes, [S, tasks]."""
        pairs = [self.pair(title, name) for title in titles]
        columns = [mine.mean(axis=1) / base.mean() for mine, base in pairs]
        return np.stack(np.broadcast_arrays(*columns), axis=1)

    @property
    def verdict(self) -> str:
        """What the suite settles, in a paragraph made from its numbers."""
        return text.verdict(self.contests, self.overall(), self.suite.against)

    def sentence(self, title: str) -> str:
        """How the best learned column does against the best classical one on a task.

        Empty where one kind is missing.
        """
        told, task = self.contests.get(title), self.suite.entries[title].task
        return "" if told is None else text.sentence(told, task)

    def sheet(self, title: str) -> RichTable:
        """The rows of one task for a terminal of 80 columns, the best first."""
        return text.sheet(self.suite, title, self.rows[title])

    def table(self, title: str) -> Table:
        """A `Table` of one task, the median seed for each learned column.

        To look at: it has the traces and the worst cases. Columns that met fewer
        episodes are compared on those.
        """
        names = self.columns(title)
        pick = {name: self.median_seed(title, name) for name in names}
        jobs = {name: scoring(self.suite, title, name) for name in names}
        controllers = {n: j.controllers(self.shelf)[pick[n]] for n, j in jobs.items()}
        scores = {
            n: jax.tree.map(lambda v, i=pick[n]: v[i], self.scores[title, n])
            for n in names
        }
        task = self.suite.entries[title].task
        n = max(self.suite.episodes(title, name) for name in names)
        return Table(task, controllers, scores, n, self.suite.seed, self.suite.against)

    def median_seed(self, title: str, name: str) -> int:
        """The training seed whose mean J is the median one."""
        means = self.scores[title, name].cost.mean(axis=1)
        return int(np.argsort(means, kind="stable")[(len(means) - 1) // 2])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers; what is not finite is None."""
        suite = self.suite
        told = {
            "suite": suite.name,
            "versions": {name: version(name) for name in PACKAGES},
            "n": suite.n,
            "seed": suite.seed,
            "seeds": suite.seeds,
            "against": suite.against,
            "columns": {name: c.about for name, c in suite.columns.items()},
            "verdict": self.verdict,
            "overall": self.overall(),
            "tasks": {title: self._task(title) for title in suite.entries},
        }
        return plain_data(told)

    def _task(self, title: str) -> dict[str, Any]:
        rows = self.rows[title]
        return {
            "number": self.suite.entries[title].number,
            "criterion": self.suite.entries[title].task.criterion,
            "best": ranked(rows, list(rows))[0],
            "contest": self.contests.get(title),
            "sentence": self.sentence(title),
            "rows": rows,
        }

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()`: the same suite gives the same bytes.

        Raises:
            ValueError: the file cannot be written.
        """
        return write_json(path, self.to_dict())
