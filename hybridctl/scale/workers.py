"""`Workers`: shards handed to whoever works, and their results in order."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hybridctl.checks import place
from hybridctl.progress import Bars
from hybridctl.scale.dispatch import Dispatch
from hybridctl.scale.engines import executor_of
from hybridctl.scale.kept import Kept
from hybridctl.scale.keys import key_of
from hybridctl.scale.local import Local
from hybridctl.scale.shard import Job, origin

On = Any  # None, a number of processes, a name, an Executor or Workers
RETRIES = 2


class Workers:
    """Who works, and how much of it is kept.

    Every `on=` takes one, where a number or an Executor does not say enough: to keep
    processes from one call to the next, or results on a disk.

    Args:
        on: None (this process), a number of processes of this machine, any Executor,
            such as `hc.scale.ray()`, or a name, such as "local:4".
        keep: folder of results by their content; what is there is not done again.
        retries: how often a shard is given to another worker, where one is lost.
        progress: show how many shards are done.

    Raises:
        ValueError: nobody who could work.

    Example:
        >>> with Workers(2, keep="shards") as two:  # doctest: +SKIP
        ...     found = hc.tune(task, machine, ranges, on=two)
        ...     table = hc.compare(task, {"tuned": found.controller}, on=two)
    """

    def __init__(
        self,
        on: On = None,
        *,
        keep: str | Path | None = None,
        retries: int = RETRIES,
        progress: bool = True,
    ):
        self.on, self.retries, self.progress = on, place("retries", retries), progress
        self._kept = None if keep is None else Kept(keep)
        self._depth = 0
        self._executor, self._ours = None, False
        if not callable(getattr(on, "submit", None)):
            executor_of(on if not isinstance(on, str) else None)

    @classmethod
    def of(cls, on: On) -> "Workers":
        """Those that an `on=` means."""
        return on if isinstance(on, Workers) else cls(on)

    @property
    def here(self) -> bool:
        """Whether it is this process that works, and nothing is kept."""
        return self.on is None and self._kept is None

    def __enter__(self) -> "Workers":
        if self._depth == 0:
            self._executor, self._ours = executor_of(self.on)
        self._depth += 1
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._depth -= 1
        if self._depth == 0 and self._ours:
            executor: Any = self._executor
            local = isinstance(executor, Local)
            executor.shutdown(wait=not (error and local), cancel_futures=True)
        if self._depth == 0:
            self._executor = None

    def map(
        self,
        job: Job,
        shared: Any,
        parts: Sequence[Any],
        name: str = "",
        *,
        told: Callable[[Any], str] | None = None,
        done: Callable[[Any], None] | None = None,
    ) -> Iterator[Any]:
        """Results of job(shared, part), in the order of the parts.

        Whoever works, and in whatever order they end, the results are the same.

        Args:
            job: a function of a module; where results shall be kept, it gives arrays
                by name.
            shared: what all parts have in common; travels once a worker at best.
            parts: what each is about.
            name: of what goes on, for a progress bar; "": none.
            told: what a part is called where it fails; by default its number.
            done: called with every part that is done, in the order of arrival.

        Raises:
            ValueError: what the job refuses, a worker of another version, or a shard
                that was tried in vain.
        """
        with self:
            key = None if self._kept is None else key_of(*origin(), job, shared)
            dispatch = Dispatch(
                self._executor, job, shared, parts, self.retries, self._kept, key, told
            )
            seen = bool(name) and self.progress and self._executor is not None
            yield from _watched(dispatch, name, seen, done or (lambda part: None))


def _watched(
    dispatch: Dispatch, name: str, seen: bool, done: Callable[[Any], None]
) -> Iterator[Any]:
    """Results, with a bar where it is seen."""
    if not seen:
        yield from dispatch.results(done)
        return
    with Bars(passing=True) as bars:
        bar = bars.bar(name, len(dispatch.parts))

        def arrived(part: Any) -> None:
            bar.advance()
            done(part)

        yield from dispatch.results(arrived)
