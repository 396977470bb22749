"""What training gives back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.learn.checkpoint import Checkpoint
from hybridctl.learn.config import Config
from hybridctl.tasks.statistics import Interval, student_mean


@dataclass(frozen=True)
class Taught:
    """How a training began that had a teacher.

    Attributes:
        score: validation score of the teacher, where that of the clone is the first
            of the curve.
        error: how far the clone's inputs were from the teacher's (of a value, the
            greedy one) on states that it met afterwards: root of the mean square, as a
            share of the limit.
        seconds: that it took, with compiling.
    """

    score: float
    error: float
    seconds: float


@dataclass(frozen=True, repr=False, eq=False)
class Run(Shown):
    """A training, finished or under way.

    Attributes:
        controller: the template with its Slots filled by the best policy.
        policy: what fills them, alone: a `Policy`, or a `Greedy` in a value.
        curve: one dict a validation: steps, seconds, score, reward, length, cost,
            success; and of training since the validation before, train_reward
            (mean of a decision), train_failed (share of the episodes that ended);
            and not_finite (episodes that were not finite, from the start on).
        timing: import, compile, train, eval and total seconds.
        config: settings, as resolved.
        task: name of the task.
        seed: of the run.
        stopped: "finished", "target", "interrupted", "diverged", or "running".
        best: index in `curve` of the validation that was kept.
        confirmed: score on other episodes, met for the first time, where the target
            was reached.
        better_than_base: by how much the score exceeds that of the template with
            its Slots empty, in pairs on episodes that no decision of the training
            saw; true where all of the 95 % interval is above 0. None while running.
        checkpoint: what `train(..., resume=run)` goes on from.
        last: the template with its Slots filled by the policy of the last
            validation; `controller` itself where that is the best.
        taught: how it began, where it had a teacher.
    """

    controller: Controller
    policy: Controller
    curve: list[dict[str, float]]
    timing: dict[str, float]
    config: Config
    task: str
    seed: int
    stopped: str
    best: int
    confirmed: float | None = None
    better_than_base: Interval | None = None
    checkpoint: Checkpoint | None = None
    last: Controller | None = None
    taught: Taught | None = None

    @property
    def score(self) -> float:
        """Validation score of the kept policy."""
        return self.curve[self.best]["score"]

    @property
    def steps(self) -> int:
        """Decisions that were trained on."""
        return int(self.curve[-1]["steps"])

    def to_dict(self) -> dict[str, Any]:
        """Settings and results as plain data, ready for JSON: all but the networks.

        What is not finite is None.
        """
        fields = (
            "task", "seed", "stopped", "best", "confirmed", "better_than_base",
            "curve", "timing", "config", "taught",
        )  # fmt: skip
        told = {name: plain_data(getattr(self, name)) for name in fields}
        return told | plain_data({"score": self.score, "steps": self.steps})

    def __str__(self) -> str:
        train, kept = self.timing["train"], self.curve[self.best]
        lines = [
            f"{self.task}: {self.stopped} after {self.steps:,} decisions",
            f"time to jit: {timedelta(seconds=self.timing['compile'])}",
            f"time to train: {timedelta(seconds=train)}",
            f"score: {self.score:.4g} at {kept['steps']:,.0f} decisions",
        ]
        if self.taught is not None:
            clone, teacher = self.curve[0]["score"], self.taught.score
            lines.append(f"began with {clone:.4g} where its teacher has {teacher:.4g}")
        if self.better_than_base is not None:
            lines.append(f"better than its base by {self.better_than_base}")
        lines.append(f"settings: {self.config.short}")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False, eq=False)
class Runs(Shown):
    """The same training with several seeds.

    Attributes:
        runs: one a seed.
        seconds: that all of them took together.
    """

    runs: tuple[Run, ...]
    seconds: float

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, i: int) -> Run:
        return self.runs[i]

    @property
    def best(self) -> Run:
        """The run with the highest validation score."""
        return max(self.runs, key=lambda run: run.score)

    @property
    def score(self) -> Interval:
        """Mean validation score over seeds, with a 95 % interval (Student's t)."""
        return student_mean(np.array([run.score for run in self.runs]))

    def to_dict(self) -> dict[str, Any]:
        """Every run, and their mean score with its interval, ready for JSON."""
        told = {"seconds": self.seconds, "score": self.score}
        return plain_data(told) | {"runs": [run.to_dict() for run in self.runs]}

    def __str__(self) -> str:
        reached = sum(run.stopped == "target" for run in self.runs)
        return (
            f"{self.runs[0].task}: {len(self)} seeds in {self.seconds:.1f} s, "
            f"score {self.score}, {reached} stopped at the target"
        )
