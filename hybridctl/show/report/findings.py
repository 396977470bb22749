"""What a table says, computed once: figures, order, intervals."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from hybridctl.contests import Table
from hybridctl.contests.columns import VERBS
from hybridctl.contests.ranking import ALL, ODD, Met, contest, eligible, paired, ranked
from hybridctl.contests.statistics import crossed_mean
from hybridctl.controllers.learned import is_learned
from hybridctl.describe.numbers import percent, ranged, spoken
from hybridctl.tasks import Scores

FIRST = slice(0, 1)


@dataclass(frozen=True)
class Findings:
    """A table with what the page says about it more than once.

    Attributes:
        table: the comparison.
        title: what it is called.
    """

    table: Table
    title: str

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Figures by name; shares are exact where all episodes are alike."""
        rows = {name: self.table.row(name) for name in self.table.controllers}
        if self.alike:
            for key in ("success", "survived", "settled"):
                for row in rows.values():
                    row[key] = dict.fromkeys(row[key], row[key]["value"])
        return rows

    @property
    def verbs(self) -> tuple[str, str]:
        """What the task asks for, of one and of several: settles, settle."""
        return VERBS[self.table.task.criterion]

    @cached_property
    def order(self) -> list[str]:
        """Names, the best first."""
        return ranked(self.rows)

    @cached_property
    def top(self) -> list[str]:
        """Those whose success the data do not tell from the highest, the best first."""
        fair = eligible(self.rows)
        return [name for name in self.order if name in fair]

    @cached_property
    def alike(self) -> bool:
        """Whether all episodes gave the same: they count as one, without intervals."""
        fields = ("cost", "effort", "peak_x", "reward", "length")
        scores = self.table.scores.values()
        return all(np.ptp(getattr(s, field)) == 0 for s in scores for field in fields)

    @cached_property
    def contest(self) -> dict[str, Any] | None:
        """The best learned controller against the best classical one."""
        learned = [n for n, c in self.table.controllers.items() if is_learned(c)]
        episodes = FIRST if self.alike else ALL
        scores = self.table.scores.items()
        met = {name: Met.of(part_of(s, episodes)) for name, s in scores}
        return contest(met, learned, self.table.against)

    @cached_property
    def tested(self) -> "Findings":
        """The same on the episodes that the contest is tested on."""
        if self.contest is None or not self.contest["halved"]:
            return self
        scores = {name: part_of(s, ODD) for name, s in self.table.scores.items()}
        n = max(len(s.cost) for s in scores.values())
        return Findings(replace(self.table, scores=scores, n=n), self.title)

    def same(self, name: str, other: str) -> bool:
        """Whether two cost the same in every episode."""
        return np.array_equal(*self._pair(name, other))

    def _pair(self, name: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """J of two on the episodes that both met."""
        return paired(*(self.table.scores[n].cost for n in (name, other)))

    def apart(self, name: str, other: str) -> dict[str, float]:
        """Paired difference of J, name - other, with its interval."""
        known = self.rows[name]["difference"]
        if other == self.table.against and known is not None:
            return known
        values = np.subtract(*self._pair(name, other))
        return crossed_mean(values[None]).interval

    def percent(self, share: dict[str, float]) -> str:
        """A rate with its interval, where there is more than one kind of episode."""
        return ranged(share, percent, point=not self.alike)

    def amount(self, size: dict[str, float]) -> str:
        """A mean with its interval, where there is more than one kind of episode."""
        return ranged(size, spoken, point=not self.alike)


def part_of(scores: Scores, episodes: slice) -> Scores:
    """Scores of some of the episodes."""
    return jax.tree.map(lambda values: values[episodes], scores)


def rate(row: dict[str, Any]) -> float:
    """Share of the episodes that did what the task asks for."""
    return row["success"]["value"]


def unsigned(size: dict[str, float]) -> dict[str, float]:
    """A difference and its interval where words say more or less."""
    low, high = sorted(abs(size[key]) for key in ("low", "high"))
    return {"value": abs(size["value"]), "low": low, "high": high}
