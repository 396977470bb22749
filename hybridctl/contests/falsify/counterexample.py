"""A counterexample: a perturbation that breaks a controller, kept exactly."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from hybridctl.checks import fail, require
from hybridctl.contests.falsify.perturbation import perturbed
from hybridctl.contests.table import write_json
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.kinds import check_fields
from hybridctl.loop import Trace
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import check_pair, play

NUMBERS = ("size", "seconds", "cost")  # that may not be finite


@dataclasses.dataclass(frozen=True, repr=False)
class Counterexample(Shown):
    """An episode in which a controller breaks.

    Floats are kept exactly, also in JSON, so that a replay is the same bit for bit.

    Attributes:
        task: name of the task.
        size: of the perturbation: 1 is one axis at the farther end of its range.
        start: value of every state at the start.
        plant: parameters that differ, by name.
        push: impulse [N s]; None: the task's own pushes.
        delay: of the actuator, whole periods.
        key: of the episode's noise.
        failed: whether it ended early; otherwise it never settled, or what was asked
            for broke.
        seconds: how long it lasted.
        cost: J as charged.
    """

    task: str
    size: float
    start: dict[str, float]
    plant: dict[str, float]
    push: float | None
    delay: int
    key: tuple[int, int]
    failed: bool
    seconds: float
    cost: float

    def episode(self, task: Task) -> Task:
        """The task with this start, plant, push and delay.

        Raises:
            ValueError: this was found on another task.
        """
        require(
            task.name == self.task,
            f"this was found on task {self.task!r}, not on {task.name!r}; give that",
        )
        return perturbed(task, self.start, self.plant, self.push, self.delay)

    def replay(self, task: Task, controller: Controller) -> Trace:
        """The episode again, bit for bit as it was met in the search.

        Args:
            task: that was searched.
            controller: that broke, or another one.

        Returns:
            Its trace over the whole horizon, beyond a failure too.
        """
        check_pair(task, controller)
        return play(self.episode(task), controller, jnp.uint32(self.key))

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; what is not finite is None, read back as NaN."""
        return plain_data(dataclasses.asdict(self))

    def to_json(self, path: str | Path) -> Path:
        """Write it to a file.

        Raises:
            ValueError: the file cannot be written.
        """
        return write_json(path, self.to_dict())

    @staticmethod
    def from_json(path: str | Path) -> "Counterexample":
        """Read what `to_json` wrote.

        Raises:
            ValueError: no such file, or something else in it.
        """
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
            numbers = {n: math.nan for n in NUMBERS if given.get(n, 0) is None}
            first, second = given["key"]
            found = Counterexample(**given | numbers | {"key": (first, second)})
            check_fields(found)
            return found
        except OSError as error:
            fail(f"cannot read {path}: {error.strerror}")
        except (ValueError, TypeError, KeyError, AttributeError):
            fail(f"{path} holds no counterexample; give what to_json wrote")

    def __str__(self) -> str:
        groups = [_named(self.start), _named(self.plant)]
        groups += [] if self.push is None else [f"push {self.push:.4g} N s"]
        groups += [f"delay {self.delay}"] if self.delay else []
        end = "fails" if self.failed else "has not settled"
        about = "; ".join(group for group in groups if group)
        return f"size {self.size:.4g}: {about}: {end} after {self.seconds:.2f} s"


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:.4g}" for name, value in values.items())
