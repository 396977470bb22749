"""`falsify`: the smallest perturbation that breaks a controller."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hybridctl.checks import count, plain, require, seeds
from hybridctl.contests.falsify.counterexample import Counterexample
from hybridctl.contests.falsify.perturbation import (
    Space,
    check_ends,
    delay_of,
    plant_axes,
    push_axes,
    start_axes,
)
from hybridctl.contests.falsify.search import FailureSearch, margins, unsuccessful
from hybridctl.contests.table import write_json
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.kinds import as_row
from hybridctl.loop.parts import whole_periods
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Scores, Task
from hybridctl.tasks.evaluate import check_pair

CONFIDENCE = 0.99


@dataclasses.dataclass(frozen=True, repr=False)
class Falsified(Shown):
    """What a search for failures found; true where it found one.

    Attributes:
        task: name of the task.
        found: counterexamples, the smallest perturbation first.
        evaluations: episodes that were simulated.
        drawn: how many of those were drawn evenly from the ranges.
        first: number of the episode that broke first; None: none did.
        ranges: what was perturbed, (low, high, nominal) by name.
    """

    task: str
    found: tuple[Counterexample, ...]
    evaluations: int
    drawn: int
    first: int | None
    ranges: dict[str, tuple[float, float, float]]

    @property
    def smallest(self) -> Counterexample | None:
        """The smallest perturbation that breaks the controller."""
        return self.found[0] if self.found else None

    def bound(self, confidence: float = CONFIDENCE) -> float:
        """Where nothing was found: the failing share of the ranges is below this.

        n even draws all miss a share p with probability (1 - p)ⁿ, so p is below
        1 - (1 - confidence)^(1/n). Draws that the search aimed do not count.
        """
        require(not self.found, "failures were found; a bound needs a search without")
        return 1.0 - (1.0 - confidence) ** (1.0 / self.drawn)

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        parts = dataclasses.asdict(self)
        return plain_data(parts | {"bound": None if self.found else self.bound()})

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` to a file.

        Raises:
            ValueError: the file cannot be written.
        """
        return write_json(path, self.to_dict())

    def __bool__(self) -> bool:
        return bool(self.found)

    def __str__(self) -> str:
        head = f"{self.task}: "
        if self.found:
            return (
                f"{head}{len(self.found)} of {self.evaluations} episodes break, the "
                f"first was number {self.first}; the smallest: {self.found[0]}"
            )
        return (
            f"{head}none found in {self.evaluations} evaluations; with "
            f"{CONFIDENCE:.0%} confidence less than {self.bound():.2%} of the ranges "
            f"fail ({self.drawn} even draws)"
        )


def falsify(
    task: Task,
    controller: Controller,
    *,
    start: Mapping[str, Any] | None = None,
    plant: Mapping[str, Any] | float | None = None,
    push: float | tuple[float, ...] | None = None,
    delay: Sequence[int] | None = None,
    budget: int = 2048,
    population: int = 16,
    seed: int = 1,
    stop: bool = False,
    broken: Callable[[Scores], NDArray] = unsuccessful,
    objective: Callable[[Scores], NDArray] | None = None,
    on: On = None,
) -> Falsified:
    """Search for the smallest perturbation that breaks a controller.

    Even draws from the ranges, and a cross-entropy search among them for what is
    nearest to breaking: by default to failing, to not settling, to settling late, and
    to the cost of a failure, each on its own. Once an episode breaks, the rest of the
    budget shrinks the perturbation. It beats even draws only where something worsens
    around a failure; one without any warning is found by luck, as by any search.

    Ranges are (low, high) or (low, high, nominal); without the latter a start and a
    push are nominal in the middle, a parameter where the plant has it.

    Args:
        task: what counts; its starts, plants and push give the default ranges.
        controller: that is to be broken.
        start: ranges of states by name; by default the box of the task's starts.
        plant: ranges of parameters by name, or a share for ± that of all; by default
            what the task varies, else 0.2. 0: none.
        push: range of the impulse [N s], or a number for ± that; by default the
            task's own, else what the input limit gives in 0.1 own seconds of the
            plant. 0: none.
        delay: periods that the actuator may be late; by default the task's own. Each
            has an equal part of the budget.
        budget: episodes that are simulated.
        population: episodes at a time.
        seed: of draws and noise.
        stop: at the first failure, whatever its size.
        broken: Scores to true where an episode breaks [N]; by default where it fails
            or never settles.
        objective: Scores to danger [N], higher is nearer to breaking.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.

    Returns:
        A `Falsified`; its counterexamples can be replayed and saved.

    Raises:
        ValueError: an unknown name, a crossed or empty range, a range with an end that
            the plant refuses, a budget of less than
            a population for each delay, or a controller that does not fit.

    Source: R. Y. Rubinstein, D. P. Kroese, *The Cross-Entropy Method* (2004).

    Example:
        >>> import numpy as np
        >>> import hybridctl as hc
        >>> task = hc.tasks.swingup(seconds=8.0)
        >>> lqr, up = hc.reference("lqr", task), {"theta": (2.1, 4.2, np.pi)}
        >>> found = hc.falsify(task, lqr, start=up, plant=0, push=0, budget=128)
        >>> print(f"breaks at {abs(found.smallest.start['theta'] - np.pi):.2f} rad")
        breaks at 0.53 rad
    """
    check_pair(task, controller)
    seeds(seed)
    _check_functions(broken=broken, objective=objective)
    own = (delay_of(task.loop),) if delay is None else as_row(delay)
    delays = tuple(whole_periods(late) for late in own)
    axes = (*start_axes(task, start), *plant_axes(task, plant), *push_axes(task, push))
    count("population", population)
    count("budget", budget)
    _check(delays, axes, budget, population)
    check_ends(task, axes)
    space = Space(task, axes, delays)
    team, danger = Workers.of(on), objective or margins(task)
    search = FailureSearch(space, controller, population, seed, broken, danger, team)
    rounds = budget // population // len(delays)
    with team:
        for late in delays:
            if not (stop and search.found):
                search.run(late, rounds, stop)
    ranges = {a.name: (a.low, a.high, a.nominal) for a in axes}
    return Falsified(
        task.name, search.counterexamples(), search.evaluations, search.drawn,
        search.first, ranges,
    )  # fmt: skip


def _check_functions(**given: Any) -> None:
    for name, function in given.items():
        require(
            function is None or callable(function),
            f"{name}={plain(repr(function), 60)} is no function of Scores; give one, "
            "as lambda scores: scores.failed",
        )


def _check(delays: tuple, axes: tuple, budget: int, population: int) -> None:
    require(bool(axes), "nothing to perturb; give a start, plant or push a range")
    require(
        budget >= population * len(delays) > 0,
        f"budget={budget} is less than population={population} for each of "
        f"{len(delays)} delays; raise the budget or lower the population",
    )
