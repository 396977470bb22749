"""The jobs of a suite: one training, or one column scored on one task."""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridctl import strategies
from hybridctl.checks import require
from hybridctl.controllers import Controller, Greedy, Value
from hybridctl.controllers.controller import walk
from hybridctl.scale.keys import key_of
from hybridctl.suites.plan import Suite
from hybridctl.suites.shelf import Shelf
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import evaluate_all

if TYPE_CHECKING:
    from hybridctl.learn import Run

SCORE_COST, SLOW_COST, START_COST = 4.0, 20.0, 8.0  # [s], to guess the time left
RATE = 60_000.0  # decisions per second of a training, for the same purpose


@dataclasses.dataclass(frozen=True)
class Training:
    """Train one column on one task with one seed.

    Attributes:
        teacher: key of the training whose value teaches; "" if nothing does.
    """

    title: str
    name: str
    task: Task
    template: Controller
    settings: dict[str, Any]
    seed: int
    teacher: str = ""

    @functools.cached_property
    def key(self) -> str:
        """Of the file that keeps it."""
        what = self.task, self.template, self.settings, self.seed, self.teacher
        return key_of("training", *what)

    @property
    def cost(self) -> float:
        """About how many seconds it takes."""
        return START_COST + self.settings.get("steps", 0) / RATE

    def __str__(self) -> str:
        return f"train {self.name} on {self.title}, seed {self.seed}"

    def done(self, shelf: Shelf) -> bool:
        """Whether it is over."""
        return shelf.trained(self.key).begun

    def run(self, folder: str | Path) -> None:
        """Train, and keep the run.

        Raises:
            KeyboardInterrupt: the training was interrupted, so it is not over.
        """
        from hybridctl.learn import train

        shelf, settings = Shelf(folder), dict(self.settings)
        if self.teacher:
            settings["teacher"] = _value_of(shelf.run(self.teacher))
        run = train(self.task, self.template, seed=self.seed, **settings)
        if run.stopped == "interrupted":
            raise KeyboardInterrupt
        shelf.keep_run(self.key, run)


def _value_of(run: "Run") -> Value:
    """What a training has learned of the cost-to-go."""
    greedy = [node for node in walk(run.policy) if isinstance(node, Greedy)]
    require(
        bool(greedy),
        "the teacher of this column has learned no value; give one that is trained "
        'with config "hjb"',
    )
    return greedy[0].value


@dataclasses.dataclass(frozen=True)
class Scoring:
    """Score one column on one task.

    Attributes:
        trainings: keys of the policies; none of a classical column.
        controller: of a classical column.
    """

    title: str
    name: str
    task: Task
    n: int
    seed: int
    trainings: tuple[str, ...] = ()
    controller: Controller | None = None
    slow: bool = False

    @functools.cached_property
    def key(self) -> str:
        """Of the file that keeps it."""
        what = self.trainings or self.controller
        return key_of("scores", self.task, what, self.n, self.seed)

    @property
    def cost(self) -> float:
        """About how many seconds it takes."""
        return SLOW_COST if self.slow else SCORE_COST

    def __str__(self) -> str:
        return f"score {self.name} on {self.title}"

    def done(self, shelf: Shelf) -> bool:
        """Whether it is over."""
        return shelf.has_scores(self.key)

    def run(self, folder: str | Path) -> None:
        """Score, and keep the scores."""
        shelf = Shelf(folder)
        controllers = self.controllers(shelf)
        scores = evaluate_all(self.task, controllers, self.n, self.seed)
        shelf.keep_scores(self.key, scores, {"title": self.title, "name": self.name})

    def controllers(self, shelf: Shelf) -> list[Controller]:
        """The controllers, one a training seed."""
        if self.controller is not None:
            return [self.controller]
        return [shelf.run(key).controller for key in self.trainings]


def trainings(suite: Suite) -> list[Training]:
    """All trainings of a suite, the longest first."""
    jobs = [
        job
        for title, name in suite.cells()
        if suite.columns[name].learned and suite.entries[title].like is None
        for job in trainings_of(suite, title, name)
    ]
    return sorted(jobs, key=lambda job: -job.cost)


def trainings_of(suite: Suite, title: str, name: str) -> list[Training]:
    """The trainings of one cell, one a seed."""
    home = suite.entries[title].like or title
    task, column = suite.entries[home].task, suite.columns[name]
    template = strategies.template(suite.template(name), task)
    parts = (home, name, task, template, column.on(home))
    known = trainings_of(suite, home, column.teacher) if column.teacher else []
    teachers = [job.key for job in known] or [""] * suite.seeds
    return [Training(*parts, *pair) for pair in enumerate(teachers)]


def scorings(suite: Suite) -> list[Scoring]:
    """All cells of a suite, the slowest first."""
    jobs = [scoring(suite, title, name) for title, name in suite.cells()]
    return sorted(jobs, key=lambda job: -job.cost)


def scoring(suite: Suite, title: str, name: str) -> Scoring:
    """One cell of a suite."""
    task, column = suite.entries[title].task, suite.columns[name]
    known = column.controller
    if column.kind == "reference":
        known = strategies.reference(name, task)
    learned = trainings_of(suite, title, name) if column.learned else []
    return Scoring(
        title,
        name,
        task,
        suite.episodes(title, name),
        suite.seed,
        tuple(job.key for job in learned),
        known,
        column.episodes is not None,
    )
