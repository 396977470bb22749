"""The result of a comparison: rows with intervals, worst cases, JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from hybridctl import files
from hybridctl.checks import count, fail, one_of, require, share
from hybridctl.contests.columns import legend, lines, rates
from hybridctl.contests.ranking import paired
from hybridctl.contests.statistics import crossed_mean, rate
from hybridctl.contests.sums import Sums, unit_of
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.describe.numbers import (
    NONE,
    percents,
    settling,
    signed,
    stacked,
    tabular,
)
from hybridctl.loop import Trace
from hybridctl.plants.signals import names
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import Scores, episode_keys, play, score_span
from hybridctl.tasks.spans import Span
from hybridctl.tasks.statistics import quantile


@dataclass(frozen=True, repr=False, eq=False)
class Episode(Shown):
    """One episode of a comparison.

    Attributes:
        index: of the episode; with the seed it names start, plant and noise.
        x0: start [n_x].
        cost: J as charged.
        success: by the task's criterion.
        trace: the episode simulated again.
    """

    index: int
    x0: np.ndarray
    cost: float
    success: bool
    trace: Trace


@dataclass(frozen=True, repr=False, eq=False)
class Table(Shown):
    """Controllers on the same episodes of a task.

    Attributes:
        task: what counted.
        controllers: by name.
        scores: of every episode, by name; a slow controller may have met only the
            first few. Of more episodes than are kept there are none.
        n: number of episodes.
        seed: of the episodes.
        against: the column that differences are taken to.
        step_us: time of one control period of the closed loop [µs] by name, where
            it was measured.
        sums: of the episodes by name, where they were too many to be kept.
    """

    task: Task
    controllers: dict[str, Controller]
    scores: dict[str, Scores]
    n: int
    seed: int
    against: str
    step_us: dict[str, float] = field(default_factory=dict)
    sums: dict[str, Sums] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers; what is not finite is None."""
        rows = plain_data({name: self.row(name) for name in self.controllers})
        about = {"task": self.task.name, "n": self.n, "seed": self.seed}
        about |= {"against": self.against, "criterion": self.task.criterion}
        return {**about, "rows": rows}

    def row(self, name: str) -> dict[str, Any]:
        """One controller's figures.

        `survived` and `settled` are shares of the episodes, and `success` is that of
        the two which the task asks for; they, `J` and `difference` (of J to the column
        `against`, in pairs) are {value, low, high} with 95 % intervals;
        `settle_median` and `settle_p95` are seconds, None where that many episodes
        never settle; `effort` is the mean of ∫ u² dt; `peak_x` is the largest |x| of
        all episodes; `step_us` is None unless it was measured.
        """
        one_of("controller", name, self.controllers)
        if self.sums is not None:
            told = self.sums[name].row(float(self.task.loop.dt))
            gap = {} if name != self.against else {"difference": None}
            return told | gap | {"step_us": self.step_us.get(name)}
        s, base = self.scores[name], self.scores[self.against]
        return {
            "success": rate(s.success[None]),
            "survived": rate(s.survived[None]),
            "settled": rate(s.settled[None]),
            "settle_median": quantile(s.settle, 0.5),
            "settle_p95": quantile(s.settle, 0.95),
            "J_mean": float(s.cost.mean()),
            "J": self._mean(s.cost),
            "effort": float(s.effort.mean()),
            "peak_x": float(s.peak_x.max()),
            "step_us": self.step_us.get(name),
            "failed": int(s.failed.sum()),
            "not_finite": int((~s.finite).sum()),
            "difference": None
            if name == self.against
            else self._mean(np.subtract(*paired(s.cost, base.cost))),
        }

    def _mean(self, values: np.ndarray) -> dict[str, float]:
        return crossed_mean(values[None]).interval

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` to a file.

        Raises:
            ValueError: the file cannot be written.
        """
        return write_json(path, self.to_dict())

    def worst(self, name: str, k: int = 3) -> list[Episode]:
        """The k episodes that cost a controller most, simulated again.

        Raises:
            ValueError: an unknown name, or k beyond the number of episodes.
        """
        one_of("controller", name, self.controllers)
        if self.sums is not None:
            order = self.sums[name].worst
        else:
            order = np.argsort(-self.scores[name].cost, kind="stable")
        count("k", k)
        require(k <= len(order), f"k={k} must be in 1 … {len(order)}")
        return [self.episode(name, int(i)) for i in order[:k]]

    def quantile(self, name: str, q: float) -> float:
        """A quantile of J; within 0.5 % where episodes were not kept.

        Args:
            name: of the controller.
            q: share of the episodes that cost at most so much.
        """
        one_of("controller", name, self.controllers)
        share("q", q)
        if self.sums is not None:
            return self.sums[name].cost_quantile(q, unit_of(self.task))
        cost = self.scores[name].cost
        return float(np.quantile(cost, q, method="inverted_cdf"))

    def episode(self, name: str, index: int) -> Episode:
        """One episode, simulated again.

        Raises:
            ValueError: an unknown name, or an index of no episode of this controller.
        """
        one_of("controller", name, self.controllers)
        known = self.scores.get(name)
        n = self.n if known is None else len(known.cost)
        require(
            isinstance(index, (int, np.integer)) and 0 <= index < n,
            f"{name} has no episode {index!r}; give a whole number from 0 to {n - 1}",
        )
        key = episode_keys(self.seed, 1, index)[0]
        trace = play(self.task, self.controllers[name], key)
        x0 = np.asarray(trace.x[0])
        scores, i = self.scores.get(name), index
        if scores is None:  # it was not kept
            alone = Span(index, 1, 1)
            controller = self.controllers[name]
            scores, i = score_span(self.task, controller, self.seed, alone), 0
        cost, success = float(scores.cost[i]), bool(scores.success[i])
        return Episode(index, x0, cost, success, trace)

    def __rich__(self) -> RichTable:
        """The table for a terminal of 80 columns, intervals below their values."""
        title = f"{escape(self.task.name)}: {self.n} episodes, seed {self.seed}"
        table = RichTable(
            title=title, title_justify="left", caption="\n".join(self._legend()),
            caption_justify="left", box=SIMPLE_HEAD, padding=0,
        )  # fmt: skip
        first, second = rates(self.task)
        headings = (f"{first} %", f"{second} %", *(h for h, _ in TERMINAL))
        for i, heading in enumerate(("controller", *headings)):
            side = "right" if i else "left"
            table.add_column(heading, justify=side, no_wrap=True, min_width=3)
        for name in self.controllers:
            row = self.row(name)
            shares = [percents(row[first]), percents(row[second])]
            table.add_row(escape(name), *shares, *_two_lines(row))
        return table

    def _legend(self) -> list[str]:
        """A line a column: what it says."""
        shares = [(f"{rate} %", rate) for rate in rates(self.task)]
        told = legend([*shares, *TERMINAL], self.task, self.against)
        return [escape(line) for line in (*lines(told), CAPTION)]

    def __str__(self) -> str:
        """The table as text."""
        console = Console(
            width=100, color_system=None, force_terminal=False, force_jupyter=False
        )
        with console.capture() as capture:
            console.print(self)
        return capture.get().rstrip()


def check_named(controllers: Any) -> None:
    """Refuse what is no mapping of names to controllers.

    Raises:
        ValueError: something else, none at all, or a name that is no text or blank.
    """
    if not isinstance(controllers, Mapping):
        fail('give controllers by name: {"lqr": lqr, "machine": machine}')
    require(len(controllers) > 0, "no controllers to compare; give at least one")
    names("controllers", controllers)


def write_json(path: str | Path, content: Any) -> Path:
    """Write plain data to a file, whose folder is made.

    Raises:
        ValueError: the file cannot be written.
    """
    told = json.dumps(plain_data(content), indent=1, allow_nan=False)
    return files.write_text(path, f"{told}\n")


TERMINAL = (
    ("settle s", "settle"), ("J", "J"), ("ΔJ", "difference"), ("µs", "step_us"),
)  # fmt: skip
CAPTION = "Below: 95 % intervals; of settle s the 95th percentile."


def _two_lines(row: dict[str, Any]) -> list[str]:
    """A row for the terminal after its shares: every value above its interval."""
    return [
        settling(row),
        stacked(row["J"], tabular),
        stacked(row["difference"], signed),
        NONE if row["step_us"] is None else f"{row['step_us']:.0f}",
    ]
