"""What a suite compares: tasks, columns, and how much of each."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from hybridctl import strategies, tasks
from hybridctl.checks import count, fail, one_of, require
from hybridctl.checks import seeds as check_seed
from hybridctl.contests.falsify.perturbation import box_of
from hybridctl.controllers import Controller
from hybridctl.controllers.learned import is_learned
from hybridctl.tasks import Box, Task

Kind = Literal["reference", "template", "given"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task of a suite.

    Attributes:
        number: in the suite, such as "B3".
        task: what counts.
        like: title of the entry whose trained controllers are scored here; None:
            they train on this task.
    """

    number: str
    task: Task
    like: str | None = None

    @property
    def one_start(self) -> bool:
        """Whether all episodes are the same, as far as the start tells."""
        if self.task.vary is not None or self.task.loop.random:
            return False
        try:
            return np.array_equal(*box_of(self.task.start))
        except ValueError:  # it does not tell
            return False


def _anywhere(task: Task) -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class Column:
    """A strategy of a suite.

    Attributes:
        kind: "reference" (`hc.reference`), "template" (`hc.template`, trained), or
            "given" (a controller).
        about: what it is, in a few words.
        settings: of `hc.train`, by title of the entry; "" for all others.
        episodes: how many of the episodes it meets at most; None: all.
        controller: where it is given.
        template: that is trained; the column's own name by default.
        teacher: a column whose value, learned with the same seed, it is fitted to.
        fits: on which tasks it makes sense, of those that it can be built for.
    """

    kind: Kind
    about: str
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    episodes: int | None = None
    controller: Controller | None = None
    template: str = ""
    teacher: str = ""
    fits: Callable[[Task], bool] = _anywhere

    @property
    def learned(self) -> bool:
        """Whether it is trained by the suite."""
        return self.kind == "template"

    @property
    def decides_by_policy(self) -> bool:
        """Whether something learned decides in it, whoever trained that."""
        return self.learned or is_learned(self.controller)

    def on(self, title: str) -> dict[str, Any]:
        """Training settings on an entry."""
        return dict(self.settings.get(title, self.settings.get("", {})))


@dataclasses.dataclass(frozen=True)
class Suite:
    """Strategies on tasks, each with the same episodes for all.

    Attributes:
        name: of the suite.
        entries: tasks by title.
        columns: strategies by name.
        against: the column that differences are taken to, which stands on every task;
            one that meets few episodes is compared with on those.
        n: episodes of each task.
        seed: of those episodes; training does not use it.
        seeds: trainings of each learned column.
    """

    name: str
    entries: Mapping[str, Entry]
    columns: Mapping[str, Column]
    against: str = "machine"
    n: int = 4096
    seed: int = 0
    seeds: int = 5

    def __post_init__(self):
        one_of("column", self.against, self.columns)
        count("n", self.n)
        count("seeds", self.seeds)
        check_seed(self.seed)
        for title, entry in self.entries.items():
            one_of(f"entry that {title!r} is like", entry.like or title, self.entries)
        for name, column in self.columns.items():
            if column.episodes is not None:
                count(f"episodes of {name!r}", column.episodes)
            teacher = column.teacher or name
            one_of(f"teacher of {name!r}", teacher, self.columns)
            require(
                not column.teacher or self.columns[teacher].learned,
                f"{teacher!r} teaches {name!r} but is not trained; give a column that "
                'is, with config "hjb"',
            )
        without = [t for t in self.entries if not self.fits(t, self.against)]
        require(
            not without,
            f"{self.against!r} does not stand on {', '.join(without)}, so nothing "
            "there can be compared with it; give another column as against=",
        )

    def cells(self) -> list[tuple[str, str]]:
        """Title and column of all that fit each other."""
        pairs = ((t, c) for t in self.entries for c in self.columns)
        return [pair for pair in pairs if self.fits(*pair)]

    def fits(self, title: str, name: str) -> bool:
        """Whether a column can stand on a task."""
        task, column = self.entries[title].task, self.columns[name]
        if column.learned and self.template(name) not in strategies.templates(task):
            return False
        return column.fits(task)

    def template(self, name: str) -> str:
        """Of a learned column."""
        return self.columns[name].template or name

    def episodes(self, title: str, name: str) -> int:
        """How many episodes of a task a column meets."""
        n = 1 if self.entries[title].one_start else self.n
        return min(n, self.columns[name].episodes or n)

    def only(self, entries: Any = (), columns: Any = ()) -> "Suite":
        """A part of the suite; the reference, teachers and tasks to train on stay.

        Args:
            entries: titles; all where there are none.
            columns: names; all where there are none.

        Raises:
            ValueError: an unknown one.
        """
        for kind, names, known in (
            ("task", entries, self.entries),
            ("column", columns, self.columns),
        ):
            for name in names:
                one_of(kind, name, known)
        titles = {*(entries or self.entries)}
        titles |= {like for t in titles if (like := self.entries[t].like)}
        names = {*(columns or self.columns), self.against}
        names |= {teacher for c in names if (teacher := self.columns[c].teacher)}
        return dataclasses.replace(
            self,
            entries={t: e for t, e in self.entries.items() if t in titles},
            columns={c: v for c, v in self.columns.items() if c in names},
        )

    def plus(self, controllers: Mapping[str, Controller]) -> "Suite":
        """The suite with columns of one's own.

        Raises:
            ValueError: a name that is taken, or no controller.
        """
        for name, controller in controllers.items():
            require(name not in self.columns, f"the suite has a column {name!r}")
            if not isinstance(controller, Controller):
                fail(f"{name}: expected a Controller, got {type(controller).__name__}")
        own = {
            name: Column("given", "given by the user", controller=controller)
            for name, controller in controllers.items()
        }
        return dataclasses.replace(self, columns={**self.columns, **own})


QUICK = {"config": "quick", "progress": False}
DECISIONS, FEW = 2_000_000, 32  # of a training; episodes that MPC meets


def cartpole(
    quick: bool = False, decisions: int | None = None, **changes: Any
) -> Suite:
    """The cart-pole tasks B1 to B8, with every strategy of the toolkit.

    PPO trains on equally many decisions in every column, the hybrid as its preset says,
    and the fit on none: it is a small network that follows the hybrid's value.

    Args:
        quick: a form for a coffee break: one training seed, few decisions and few
            episodes. Its numbers are no more than a first look.
        decisions: that every learned column trains on, at most; None: 2 million
            of PPO.
        **changes: other fields of `Suite`.

    Returns:
        The suite.

    Example:
        >>> cartpole().columns["modes"].about
        'PPO chooses among pump, LQR, brake and both limits'
    """
    size: dict[str, Any] = {"n": 256, "seeds": 1} if quick else {}
    steps = decisions or (DECISIONS // 8 if quick else DECISIONS)
    few = 4 if quick else FEW
    columns = _classical(few) | _learned(steps)
    return Suite("cartpole", _entries(), columns, **(size | changes))


def _entries() -> dict[str, Entry]:
    titles = (
        "balance", "swingup", "global", "weak", "short_track", "push",
        "unknown_plant", "noisy",
    )  # fmt: skip
    like = {"swingup": "global"}
    found = {}
    for i, title in enumerate(titles, 1):
        found[title] = Entry(f"B{i}", tasks.get(title), like.get(title))
        if title == "weak":
            found["weak hanging"] = Entry("B4", _hanging(found[title].task), title)
    return found


def _hanging(task: Task) -> Task:
    """A task with no start but hanging at rest."""
    x: Any = task.plant.hanging().x  # type: ignore[attr-defined]
    return dataclasses.replace(task, start=Box.around(x, np.zeros_like(x)))


def _fixed(task: Task) -> bool:
    return task.vary is None


def _sensed(task: Task) -> bool:
    return task.loop.sensor is not None


def _classical(few: int) -> dict[str, Column]:
    return {
        "lqr": Column("reference", "LQR alone"),
        "machine": Column("reference", "energy swing-up, LQR catch; tuned by task"),
        "ekf_machine": Column("reference", "machine behind an EKF", fits=_sensed),
        "mpc": Column("reference", "iLQR-MPC", episodes=few),
        "dp": Column("reference", "dynamic programming on a grid, LQR catch"),
    }  # fmt: skip


def _learned(steps: int) -> dict[str, Column]:
    usual = {**QUICK, "steps": steps}
    settings = {"": usual, "weak": {**usual, "horizon": 8.0}}
    alone = {**settings, "balance": {"config": "balance", "progress": False}}
    endless = {**alone["balance"], "target": float("inf")}
    about = {
        "ppo": "PPO alone",
        "residual": "PPO on top of the machine's swing-up, LQR lock",
        "swing": "PPO swings up, LQR catches",
        "modes": "PPO chooses among pump, LQR, brake and both limits",
    }
    given = dict.fromkeys(about, settings) | {
        "ppo": alone,
        "residual": {**settings, "balance": endless},
    }
    learned = {n: Column("template", about[n], given[n]) for n in about}
    value = "the optimal value of the plant, LQR lock"
    hybrid = {"config": "hjb", "progress": False, "target": float("inf")}
    hybrid |= {"steps": steps} if steps < DECISIONS else {}
    fit = {"progress": False, "steps": 0, "hidden": (32, 32)}
    about_fit = "small network fitted to that value, LQR lock"
    taught = {"template": "hybrid", "teacher": "hybrid", "fits": _fixed}
    return {
        "hybrid": Column("template", value, {"": hybrid}),
        "fit": Column("template", about_fit, {"": fit}, **taught),
        **learned,
    }


_SUITES: dict[str, Callable[..., Suite]] = {"cartpole": cartpole}


def names() -> tuple[str, ...]:
    """Names of the suites that there are."""
    return tuple(_SUITES)


def get(name: str, **options: Any) -> Suite:
    """A suite by name.

    Args:
        name: one of `names()`.
        **options: of its factory; see `cartpole`.

    Raises:
        ValueError: an unknown name.
    """
    one_of("suite", name, _SUITES)
    return _SUITES[name](**options)
