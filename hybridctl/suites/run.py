"""`run`: do the jobs of a suite that are not done, side by side, and read the rest."""

import itertools
from pathlib import Path
from typing import Any

import jax

from hybridctl.cache import cores
from hybridctl.checks import count, fail
from hybridctl.progress import Bar, Bars
from hybridctl.scale.workers import On, Workers
from hybridctl.suites.plan import Suite
from hybridctl.suites.result import Result
from hybridctl.suites.shelf import Shelf
from hybridctl.suites.work import Scoring, scorings, trainings
from hybridctl.tasks.evaluate import check_pair

FRESH = 8  # jobs after which a process forgets its programs: they fill its memory
_done = itertools.count(1)  # jobs of this process


def run(
    suite: Suite,
    folder: str | Path,
    jobs: int | None = None,
    progress: bool = True,
    *,
    on: On = None,
) -> Result:
    """Train and score what a suite asks for, and put it together.

    What is in the folder already is not done again, so a run that was stopped, by
    Ctrl-C or by `kill -9`, goes on where it was: all but the trainings and scorings
    under way are kept. The same suite gives the same result, bit for bit.

    Args:
        suite: tasks and columns.
        folder: where trainings and scores are kept; several suites may share it.
        jobs: processes side by side; one a core by default, 1: this process alone.
        progress: show a progress bar with the time left.
        on: who works, see `hc.scale.Workers`, instead of `jobs` processes; they have
            to see the folder.

    Returns:
        The result.

    Raises:
        ValueError: bad settings, or a job that failed; the others are kept.
        OSError: the folder cannot be written.
    """
    if not isinstance(suite, Suite):
        fail(f"expected a Suite, got {type(suite).__name__}; see hc.suites.get")
    jobs = cores() if jobs is None else jobs
    count("jobs", jobs)
    shelf = Shelf(folder)
    trained, scored = trainings(suite), scorings(suite)
    _check_given(suite, scored)
    alone = [job for job in trained if not job.teacher]
    taught = [job for job in trained if job.teacher]
    phases = [alone, taught, scored]
    missing = [[job for job in phase if not job.done(shelf)] for phase in phases]
    few = jobs == 1 or all(len(phase) < 2 for phase in missing)
    team = Workers.of(on if on is not None else None if few else jobs)
    with Bars(progress and any(missing)) as bars, team:
        bar = bars.bar("starting", sum(job.cost for phase in missing for job in phase))
        left, total = (sum(map(len, each)) for each in (missing, phases))
        if progress and left < total:
            bars.say(f"{total - left} of {total} trainings and scorings are kept")
        for phase in missing:
            _work(team, phase, str(shelf.folder), bar)
    return Result(suite, shelf)


def _check_given(suite: Suite, scored: list[Scoring]) -> None:
    """Refuse a controller that does not fit a task, before anything is trained."""
    for job in scored:
        if suite.columns[job.name].kind != "given":
            continue
        try:
            check_pair(job.task, job.controller)
        except ValueError as error:
            raise ValueError(f"{job}: {error}") from error


def _work(team: Workers, todo: list, folder: str, bar: Bar) -> None:
    """Do jobs, telling the bar after each."""
    left = list(todo)

    def done(job: Any) -> None:
        bar.advance(job.cost)
        left.remove(job)
        _name_next(bar, left)

    _name_next(bar, left)
    for _ in team.map(_do, folder, todo, told=str, done=done):
        pass


def _name_next(bar: Bar, left: list) -> None:
    """What goes on, as far as it is known: jobs are begun in their order."""
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    bar.name(f"{left[0]}{more}" if left else "")


def _do(folder: str, job: Any) -> None:
    """One job, in whatever process."""
    job.run(folder)
    if next(_done) % FRESH == 0:
        jax.clear_caches()
