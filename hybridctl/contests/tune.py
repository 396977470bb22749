"""`tune`: the gains, guards and weights of a controller, on a task's own episodes."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import count, fail, plain, require, seeds
from hybridctl.contests.parameters import ends_of, setter
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.kinds import check_kind
from hybridctl.progress import track
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Scores, Task
from hybridctl.tasks.evaluate import check_pair, evaluate_all, per_episode
from hybridctl.tasks.statistics import Interval, bootstrap_mean

Values = dict[str, float]
ELITE, FINALISTS, FRESH, FLOOR = 0.2, 5, 0xF1, 0.01
WORST = 1e9  # what an episode counts whose objective is not finite


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Tuning(Shown):
    """What a search found.

    Attributes:
        values: the best parameters by name.
        controller: the controller with them.
        score: its mean on episodes that the search had not seen, lower is better.
        start: that of the values that the search started from.
        gain: start - score in pairs, with a bootstrap interval; true where above 0.
            The best few are chosen on the same episodes, so it is a little too good.
        tried: controllers that were scored, the budget that was spent.
        history: best score on the search's own episodes after each round.
    """

    values: Values
    controller: Controller
    score: float
    start: float
    gain: Interval
    tried: int
    history: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """All but the controller, ready for JSON."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return plain_data({n: v for n, v in fields.items() if n != "controller"})

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.values.items())
        return (
            f"{values}: score {self.score:.4g}, from {self.start:.4g} "
            f"(gain {self.gain}), {self.tried} controllers tried"
        )


def cost_of(scores: Scores) -> NDArray:
    """J of every episode, a failed one charged: what `tune` minimizes by default."""
    return scores.cost


def tune(
    task: Task,
    template: Controller | Callable[[Values], Controller],
    parameters: Mapping[str, tuple[float, ...]],
    budget: int = 400,
    *,
    episodes: int = 256,
    population: int = 20,
    seed: int = 1,
    objective: Callable[[Scores], NDArray] = cost_of,
    progress: bool = True,
    on: On = None,
) -> Tuning:
    """Tune parameters of any controller on a task's own distribution.

    A cross-entropy search: every round draws a population from a normal
    distribution (of logarithms where a range is all positive), scores all of it on
    the same episodes at once, and moves the distribution to the best fifth. The best
    few are scored again on episodes that the search has not seen, and the start is
    kept unless one of them is better there.

    Args:
        task: what counts, with its own starts, plants, noise and pushes.
        template: a function from values by name to a controller; or a controller, of
            which names are places such as "modes[0].pump" or "K[0,1]".
        parameters: (low, high) or (low, high, start) by name; the start is otherwise
            the controller's own value, or the middle.
        budget: controllers that are scored in the search.
        episodes: that each is scored on.
        population: controllers a round.
        seed: of draws and episodes; never the one of a comparison.
        objective: Scores to one number an episode [N], lower is better.
        progress: show a progress bar.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.

    Returns:
        A `Tuning` with the controller.

    Raises:
        ValueError: an empty or crossed range, an unknown place, a budget of less
            than two rounds, or a controller that does not fit the task.

    Source: R. Y. Rubinstein, D. P. Kroese, *The Cross-Entropy Method* (2004).

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance", seconds=2.0)
        >>> pd = lambda v: hc.StateFeedback(
        ...     [[0.0, v["p"], 0.0, v["d"]]], task.target.x, [0.0], limit=10.0)
        >>> ranges = {"p": (5.0, 100.0), "d": (1.0, 50.0)}
        >>> found = tune(task, pd, ranges, 20, episodes=8, population=10,
        ...              progress=False)
        >>> found.tried, found.score <= found.start
        (20, True)
    """
    for name, value in (("episodes", episodes), ("population", population)):
        count(name, value)
    count("budget", budget)
    seeds(seed)
    check_kind("parameters", parameters, Mapping[str, Any])
    require(
        callable(objective),
        f"objective={plain(repr(objective), 60)} is no function of Scores; give one, "
        "as lambda scores: scores.cost",
    )
    team = Workers.of(on)
    search = Search(task, template, parameters, episodes, seed, objective, team)
    require(
        budget >= 2 * population >= 10,
        f"budget={budget} gives less than two rounds of population={population} (at "
        "least 5); raise the budget or lower the population",
    )
    many = budget // population
    rounds = track(range(many), "tuning", many, progress)
    with team:
        history = tuple(search.round(population) for _ in rounds)
        return search.result(history)


class Search:
    """A cross-entropy search under way; see `tune`."""

    def __init__(
        self,
        task: Task,
        template: Any,
        parameters: Mapping[str, tuple[float, ...]],
        episodes: int,
        seed: int,
        objective: Callable[[Scores], NDArray],
        team: Workers,
    ):
        self.task, self.episodes, self.seed, self.team = task, episodes, seed, team
        self.objective, self.names = objective, tuple(parameters)
        self.build, own = setter(template, self.names)
        self.ranges = [_range(n, r, own.get(n)) for n, r in parameters.items()]
        require(bool(self.names), "no parameters to tune; name at least one")
        self.rng = np.random.default_rng(seed)
        self.mean = np.array([r.coordinate(r.start) for r in self.ranges])
        self.std = np.array([r.width / 4 for r in self.ranges])
        self.first = self.mean
        self.seen: list[tuple[float, NDArray]] = []
        check_pair(task, self.controller(self.first))

    def controller(self, point: NDArray) -> Controller:
        """The controller with the values that a point stands for."""
        return self.build(self.values(point))

    def values(self, point: NDArray) -> Values:
        """Parameters by name, within their ranges."""
        pairs = zip(self.names, self.ranges, point, strict=True)
        return {name: r.value(float(p)) for name, r, p in pairs}

    def round(self, population: int) -> float:
        """Draw, score, move; the best score so far."""
        draws = self.mean + self.std * self.rng.standard_normal(
            (population, len(self.names))
        )
        draws[0] = self.mean  # the start, then the centre
        low = [r.coordinate(r.low) for r in self.ranges]
        high = [r.coordinate(r.high) for r in self.ranges]
        draws = np.clip(draws, low, high)
        means = self.scores(list(draws), self.episodes, self.seed).mean(axis=1)
        self.seen += list(zip(means.tolist(), draws, strict=True))
        count = max(2, round(ELITE * population))
        elite = draws[np.argsort(means, kind="stable")[:count]]
        floor = [FLOOR * r.width for r in self.ranges]
        self.mean, self.std = elite.mean(0), np.maximum(elite.std(0), floor)
        return min(mean for mean, _ in self.seen)

    def scores(self, points: list[NDArray], n: int, seed: int) -> NDArray:
        """Objective of each point and episode, [len(points), n]; at most `WORST`."""
        tried = [self.controller(point) for point in points]
        found = evaluate_all(self.task, tried, n, seed, self.team)
        values = np.stack([per_episode("objective", self.objective, s) for s in found])
        return np.where(np.isfinite(values), values, WORST)

    def result(self, history: tuple[float, ...]) -> Tuning:
        """The best of start and finalists on fresh episodes."""
        ranked = sorted(self.seen, key=lambda pair: pair[0])[:FINALISTS]
        points = [self.first, *(point for _, point in ranked)]
        again = self.scores(points, 4 * self.episodes, self.seed + FRESH)
        best = int(np.argmin(again.mean(axis=1)))
        gains = again[0] - again[best]
        gain = Interval(float(gains.mean()), *bootstrap_mean(gains, self.seed))
        means, values = again.mean(axis=1), self.values(points[best])
        return Tuning(
            values, self.build(values), float(means[best]), float(means[0]),
            gain, len(self.seen), history,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Range:
    """A range, searched in logarithms where it is all positive."""

    low: float
    high: float
    start: float

    @property
    def log(self) -> bool:
        """Whether it is searched in logarithms."""
        return self.low > 0

    @property
    def width(self) -> float:
        """Of the range, in the coordinate that is searched."""
        return self.coordinate(self.high) - self.coordinate(self.low)

    def coordinate(self, value: float) -> float:
        """Where a value lies in the search."""
        return float(np.log(value)) if self.log else value

    def value(self, coordinate: float) -> float:
        """The value there, within the range."""
        value = float(np.exp(coordinate)) if self.log else coordinate
        return float(np.clip(value, self.low, self.high))


def _range(name: str, given: Any, own: float | None) -> Range:
    low, high, *asked = ends_of(name, given, "start")
    middle = float(np.sqrt(low * high)) if low > 0 else (low + high) / 2
    start = asked[0] if asked else own if own is not None else middle
    if not low <= start <= high:
        fail(f"{name} starts at {start:g}, outside of {low:g} to {high:g}")
    return Range(low, high, start)
