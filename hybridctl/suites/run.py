"""`run`: do the jobs of a suite that are not done, side by side, and read the rest."""

import itertools
import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import jax

from hybridctl.cache import cores
from hybridctl.checks import fail, require
from hybridctl.progress import Bar, Bars
from hybridctl.suites.plan import Suite
from hybridctl.suites.result import Result
from hybridctl.suites.shelf import Shelf
from hybridctl.suites.work import scorings, trainings

FRESH = 8  # jobs after which a process forgets its programs: they fill its memory
_done = itertools.count(1)  # jobs of this process


def run(
    suite: Suite,
    folder: str | Path,
    jobs: int | None = None,
    progress: bool = True,
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

    Returns:
        The result.

    Raises:
        ValueError: bad settings, or a job that failed; the others are kept.
        OSError: the folder cannot be written.
    """
    if not isinstance(suite, Suite):
        fail(f"expected a Suite, got {type(suite).__name__}; see hc.suites.get")
    jobs = cores() if jobs is None else jobs
    require(jobs > 0, f"jobs={jobs} processes; give at least 1")
    shelf = Shelf(folder)
    phases = [trainings(suite), scorings(suite)]
    missing = [[job for job in phase if not job.done(shelf)] for phase in phases]
    with Bars(progress and any(missing)) as bars, _Pool(jobs) as pool:
        bar = bars.bar("starting", sum(job.cost for phase in missing for job in phase))
        left, total = (sum(map(len, each)) for each in (missing, phases))
        if progress and left < total:
            bars.say(f"{total - left} of {total} trainings and scorings are kept")
        for phase in missing:
            pool.work(phase, shelf.folder, bar)
    return Result(suite, shelf)


class _Pool:
    """Processes that do jobs; none with one job at a time."""

    def __init__(self, jobs: int):
        self.jobs = jobs
        self.pool: ProcessPoolExecutor | None = None
        self.others: set[Any] = set()  # processes that are not ours

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self.pool is None:
            return
        self.pool.shutdown(wait=error is None, cancel_futures=True)
        own = set(multiprocessing.active_children()) - self.others
        for process in own if error else ():
            process.kill()

    def work(self, todo: list, folder: Path, bar: Bar) -> None:
        """Do jobs, telling the bar after each."""
        if self.jobs == 1 or len(todo) < 2:
            for job in todo:
                bar.name(str(job))
                job.run(folder)
                bar.advance(job.cost)
            return
        if self.pool is None:
            context = multiprocessing.get_context("spawn")
            self.others = set(multiprocessing.active_children())
            self.pool = ProcessPoolExecutor(self.jobs, context, _prepare)
        waiting = {self.pool.submit(_do, job, folder): job for job in todo}
        bar.name(f"{todo[0]} and {len(todo) - 1} more")
        _watch(waiting, bar)


def _watch(waiting: dict[Future, Any], bar: Bar) -> None:
    """Until all have ended or one has failed; wakes up for Ctrl-C."""
    undone = set(waiting)
    while undone:
        done, undone = wait(undone, 0.2, return_when=FIRST_EXCEPTION)
        for future in done:
            job, error = waiting[future], future.exception()
            if error is not None:
                raise ValueError(f"{job}: {type(error).__name__}: {error}") from error
            bar.advance(job.cost)
            left = [str(waiting[f]) for f in undone if f.running()]
            bar.name("; ".join(sorted(left)[:2]))


def _do(job: Any, folder: Path) -> None:
    job.run(folder)
    if next(_done) % FRESH == 0:
        jax.clear_caches()


def _prepare() -> None:
    """A process that does jobs leaves Ctrl-C to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
