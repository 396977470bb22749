"""What a table says, computed once: figures, order, intervals."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hybridctl.contests import Table
from hybridctl.contests.columns import VERBS
from hybridctl.contests.statistics import crossed_mean
from hybridctl.controllers import Controller, Policy
from hybridctl.controllers.inspect import walk
from hybridctl.show.words import number


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
        """Figures by name."""
        return {name: self.table.row(name) for name in self.table.controllers}

    @property
    def verbs(self) -> tuple[str, str]:
        """What the task asks for, of one and of several: settles, settle."""
        return VERBS[self.table.task.criterion]

    @cached_property
    def order(self) -> list[str]:
        """Names by success, then by J, the reference first of equals."""
        rows, against = self.rows, self.table.against
        rank = lambda n: (-rate(rows[n]), rows[n]["J_mean"], n != against)  # noqa: E731
        return sorted(rows, key=rank)

    @cached_property
    def top(self) -> list[str]:
        """Those with the highest success."""
        best = rate(self.rows[self.order[0]])
        return [name for name in self.order if rate(self.rows[name]) == best]

    @cached_property
    def alike(self) -> bool:
        """Whether all episodes gave the same: they count as one, without intervals."""
        fields = ("cost", "effort", "peak_x", "reward", "length")
        scores = self.table.scores.values()
        return all(np.ptp(getattr(s, field)) == 0 for s in scores for field in fields)

    def same(self, name: str, other: str) -> bool:
        """Whether two cost the same in every episode."""
        return np.array_equal(*self._pair(name, other))

    def _pair(self, name: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """J of two on the episodes that both met."""
        scores = self.table.scores
        a, b = scores[name].cost, scores[other].cost
        return a[: len(b)], b[: len(a)]

    def apart(self, name: str, other: str) -> dict[str, float]:
        """Paired difference of J, name - other, with its interval."""
        known = self.rows[name]["difference"]
        if other == self.table.against and known is not None:
            return known
        values = np.subtract(*self._pair(name, other))
        return crossed_mean(values[None]).interval


def is_learned(controller: Controller) -> bool:
    """Whether a policy decides something in a controller."""
    return any(isinstance(node, Policy) for node in walk(controller))


def rate(row: dict[str, Any]) -> float:
    """Share of the episodes that did what the task asks for."""
    return row["success"]["value"]


def separate(a: dict[str, float], b: dict[str, float]) -> bool:
    """Whether two intervals do not overlap."""
    return a["high"] < b["low"] or b["high"] < a["low"]


def percent(found: Findings, share: dict[str, float]) -> str:
    """A rate with its interval."""
    value, low, high = (f"{share[k]:.1%}" for k in ("value", "low", "high"))
    return value if found.alike else f"{value} [{low}, {high}]"


def amount(found: Findings, size: dict[str, float], signed: bool = True) -> str:
    """A mean with its interval; unsigned where words say more or less."""
    values = [size[k] for k in ("value", "low", "high")]
    if not signed:
        values = [abs(values[0]), *sorted(abs(v) for v in values[1:])]
    value, low, high = (number(v) for v in values)
    return value if found.alike else f"{value} [{low}, {high}]"
