"""`search`: settings of a training, over several seeds."""

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import count, fail, one_of, require
from hybridctl.checks import seeds as check_seed
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.kinds import check_kind
from hybridctl.learn import Config, train
from hybridctl.progress import Bars
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Task
from hybridctl.tasks.statistics import Interval, student_mean

BATCH = 4  # settings that are proposed at a time, whoever trains them
KNOWN = ("config", "features", "teacher", *(f.name for f in dataclasses.fields(Config)))
TOLD = 5  # of the best that are printed


@dataclasses.dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        settings: by name.
        scores: validation score of each seed that was trained.
        pruned: whether it was given up before its last seed.
    """

    settings: dict[str, Any]
    scores: tuple[float, ...]
    pruned: bool

    @property
    def score(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.scores))


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Search(Shown):
    """What a search for settings found; `hc.train(..., **found.settings)` uses it.

    Attributes:
        settings: the best by name.
        score: their mean validation score, with a 95 % interval over seeds. Chosen on
            these seeds, so it is a little too good.
        trials: all that were tried, in their order.
        study: Optuna's, for its own plots and importances.
    """

    settings: dict[str, Any]
    score: Interval
    trials: tuple[Trial, ...]
    study: Any

    def to_dict(self) -> dict[str, Any]:
        """All of it but Optuna's study, ready for JSON."""
        fields = ("settings", "score", "trials")
        return plain_data({name: getattr(self, name) for name in fields})

    def plot(self) -> Any:
        """Scores in the order of the trials, with the best so far: a figure."""
        from optuna.visualization.matplotlib import plot_optimization_history

        with warnings.catch_warnings():  # its plots are called experimental
            warnings.simplefilter("ignore")
            return plot_optimization_history(self.study).figure

    def __str__(self) -> str:
        ranked = sorted(self.trials, key=lambda t: (t.pruned, -t.score))
        pruned = sum(trial.pruned for trial in self.trials)
        lines = [f"{len(self.trials)} settings, {pruned} given up; the best:"]
        for trial in ranked[:TOLD]:
            known = ", ".join(f"{k}={_short(v)}" for k, v in trial.settings.items())
            lines.append(f"{trial.score:10.4g}  {known}")
        return "\n".join(lines)


def search(
    task: Task,
    template: Controller,
    space: Mapping[str, Sequence[Any]],
    budget: int = 20,
    *,
    seeds: int = 3,
    seed: int = 0,
    keep: str | Path | None = None,
    progress: bool = True,
    on: On = None,
    **settings: Any,
) -> Search:
    """Search for the settings of a training that score best over several seeds.

    Settings are proposed by a tree of Parzen estimators, `BATCH` at a time, so that
    who trains does not change them. All are trained with one seed; what is worse than
    the median of those before, after as many seeds, is given up, and the others get
    the next seed.

    Args:
        task: what is trained on.
        template: whose Slots are filled.
        space: of settings of `Config` by name: a tuple (low, high), in logarithms where
            it is all positive, of whole numbers where both are; or a list of choices.
        budget: settings that are tried.
        seeds: trainings of each that is not given up.
        seed: of the proposals, and of the first training.
        keep: folder where scores are kept by their content; a search that was stopped
            goes on from there.
        progress: show a progress bar.
        on: who trains, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.
        **settings: what all trainings have in common, see `hc.train`.

    Returns:
        A `Search`.

    Raises:
        ValueError: an unknown setting or empty range, or nobody who trains to an end.

    Source: T. Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization
        Framework", KDD (2019).

    Example:
        >>> found = search(  # doctest: +SKIP
        ...     task, 1.0 * hc.Slot(1), {"learning_rate": (1e-4, 1e-2)}, 12, on=4)
        >>> run = hc.train(task, 1.0 * hc.Slot(1), **found.settings)  # doctest: +SKIP
    """
    count("budget", budget)
    count("seeds", seeds)
    check_seed(seed)
    check_kind("space", space, Mapping[str, Any])
    for name in (*space, *settings):
        one_of("setting", name, KNOWN)
    twice = ", ".join(sorted({*space} & {*settings}))
    require(not twice, f"{twice}: given, and searched for; leave out one of the two")
    require(bool(space), "nothing to search for; give a setting a range")
    study, axes = _study(seed), {name: _axis(name, v) for name, v in space.items()}
    require(
        keep is None or not isinstance(on, Workers),
        "keep= is a folder of Workers that search makes; give those that on= names "
        "theirs: Workers(..., keep=...)",
    )
    team = on if isinstance(on, Workers) else Workers(on, keep=keep)
    firsts, numbers = range(0, budget, BATCH), range(seed, seed + seeds)
    shared = task, template, settings
    trials: list[Trial] = []
    with Bars(progress, passing=True) as bars, team:
        bar = bars.bar("search", budget)
        for first in firsts:
            asked = [study.ask(axes) for _ in range(min(BATCH, budget - first))]
            own = {trial.number: _settings(trial, space) for trial in asked}
            trials += _tried(study, asked, own, team, shared, numbers)
            bar.advance(len(asked))
    return _result(study, trials)


def _tried(
    study: Any,
    asked: list,
    own: dict[int, dict[str, Any]],
    team: Workers,
    shared: tuple,
    seeds: range,
) -> Iterator[Trial]:
    """A batch of settings, all with one seed before any has the next."""
    scores: dict[int, list[float]] = {trial.number: [] for trial in asked}
    left = list(asked)
    for done, seed in enumerate(seeds):
        parts = [(own[trial.number], seed) for trial in left]
        found = list(team.map(_score_of, shared, parts))
        for trial, row in zip(left, found, strict=True):
            scores[trial.number].append(float(row["score"]))
            trial.report(float(np.mean(scores[trial.number])), done)
        if done + 1 < len(seeds):
            left = [trial for trial in left if not trial.should_prune()]
    for trial in asked:
        pruned = trial not in left
        mean = float(np.mean(scores[trial.number]))
        _tell(study, trial, None if pruned else mean)
        yield Trial(own[trial.number], tuple(scores[trial.number]), pruned)


def _settings(trial: Any, space: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What is proposed, with choices as they were given."""
    chosen = {n: v for n, v in space.items() if isinstance(v, list)}
    told = {n: dict(zip(map(str, v), v, strict=True)) for n, v in chosen.items()}
    return {n: told[n][v] if n in told else v for n, v in trial.params.items()}


def _score_of(shared: tuple, part: tuple[dict[str, Any], int]) -> dict[str, NDArray]:
    """Validation score of one training; one that was interrupted has none."""
    (task, template, settings), (own, seed) = shared, part
    run = train(task, template, seed=seed, progress=False, **{**settings, **own})
    if run.stopped == "interrupted":
        raise KeyboardInterrupt
    return {"score": np.asarray(run.score)}


def _tell(study: Any, trial: Any, mean: float | None) -> None:
    from optuna.trial import TrialState

    if mean is None:
        study.tell(trial, state=TrialState.PRUNED)
    elif np.isfinite(mean):
        study.tell(trial, mean)
    else:
        study.tell(trial, state=TrialState.FAIL)


def _result(study: Any, trials: list[Trial]) -> Search:
    ended = [t for t in trials if not t.pruned and np.isfinite(t.score)]
    require(bool(ended), "no training came to an end with a finite score; look at one")
    best = max(ended, key=lambda trial: trial.score)
    score = student_mean(np.array(best.scores))
    return Search(best.settings, score, tuple(trials), study)


def _study(seed: int) -> Any:
    try:
        import optuna
    except ImportError:
        fail("Optuna is not installed: pip install 'hybridctl[search]'")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an option of it is called experimental
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        pruner = optuna.pruners.MedianPruner()
        return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    finally:
        optuna.logging.set_verbosity(before)


def _axis(name: str, given: Any) -> Any:
    from optuna import distributions as axes

    if isinstance(given, list) and given:
        return axes.CategoricalDistribution([str(choice) for choice in given])
    ok = isinstance(given, tuple) and len(given) == 2
    ok = ok and all(isinstance(v, Real) for v in given) and given[0] < given[1]
    require(ok, f"{name}={given}: expected (low, high), low < high, or a list")
    low, high = map(float, given)
    if all(isinstance(v, Integral) for v in given):
        return axes.IntDistribution(int(low), int(high), log=low > 0)
    return axes.FloatDistribution(low, high, log=low > 0)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
