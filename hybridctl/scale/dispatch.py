"""One round of shards: what waits, what has arrived, and what is tried again."""

import queue
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from hybridctl.checks import fail, plain
from hybridctl.scale.kept import Kept, keepable
from hybridctl.scale.keys import key_of
from hybridctl.scale.local import Local
from hybridctl.scale.shard import Failure, Job, origin, packed, work

WINDOW = 1024  # shards at most that wait, or have arrived before an earlier one
AWAKE = 0.2  # [s] after which a waiting process looks for Ctrl-C


class Dispatch:
    """Shards under way.

    Args:
        executor: who works; None: this process.
        job: what is done with each part.
        shared: what all parts have in common.
        parts: one a shard.
        retries: of a shard whose worker was lost.
        kept: where results are, None: nowhere.
        key: of what is shared, where results are kept.
        told: what a part is called; None: by its number.
    """

    def __init__(
        self,
        executor: Any,
        job: Job,
        shared: Any,
        parts: Sequence[Any],
        retries: int,
        kept: Kept | None,
        key: str | None,
        told: Callable[[Any], str] | None,
    ):
        self.executor, self.job, self.shared = executor, job, shared
        self.parts, self.retries, self.told = parts, retries, told
        self.kept, self.key = kept, key
        self.ready: dict[int, Any] = {}
        self.waiting: dict[int, Future] = {}
        self.tries: Counter[int] = Counter()
        self.arrivals: queue.SimpleQueue[tuple[int, Future]] = queue.SimpleQueue()
        self.next = 0  # the first that nobody was given
        if executor is not None:
            far = not isinstance(executor, Local)
            self.head = *origin(), packed(job, shared, far)

    def results(self, arrived: Callable[[Any], None]) -> Iterator[Any]:
        """All of them, in the order of the parts."""
        try:
            for i in range(len(self.parts)):
                while i not in self.ready:
                    self._hand_out(i, arrived)
                    if i not in self.ready:
                        self._take(arrived)
                yield self.ready.pop(i)
        finally:
            for future in self.waiting.values():
                future.cancel()

    def _hand_out(self, now: int, arrived: Callable[[Any], None]) -> None:
        """As much as may wait; of this process no more than is asked for."""
        end = now + (1 if self.executor is None else WINDOW)
        while self.next < min(end, len(self.parts)):
            i, self.next = self.next, self.next + 1
            found = None if self.kept is None else self.kept.get(self._key(i))
            if found is not None:
                self._have(i, found, arrived)
            elif self.executor is None:
                self._keep(i, self.job(self.shared, self.parts[i]), arrived)
            else:
                self._submit(i)

    def _submit(self, i: int) -> None:
        try:
            future = self.executor.submit(work, *self.head, self.parts[i])
        except Exception as error:
            told = f"{type(error).__name__}: {plain(error, 400)}"
            raise ValueError(f"{self._name(i)} finds nobody: {told}") from error
        self.waiting[i] = future
        future.add_done_callback(lambda f: self.arrivals.put((i, f)))

    def _take(self, arrived: Callable[[Any], None]) -> None:
        """The next that arrives; wakes up for Ctrl-C."""
        try:
            i, future = self.arrivals.get(timeout=AWAKE)
        except queue.Empty:
            return
        del self.waiting[i]
        try:
            value, failure = future.result()
        except ValueError:  # of who works, not of the work
            raise
        except Exception as error:
            lost = f"{type(error).__name__}: {plain(error, 400)}"
            value, failure = None, Failure(lost, True)
        if failure is not None:
            self._again(i, failure)
        else:
            self._keep(i, value, arrived)

    def _again(self, i: int, failure: Failure) -> None:
        self.tries[i] += 1
        name, tries = self._name(i), self.tries[i]
        if not failure.again:
            fail(f"{name}: {failure.told}")
        if tries > self.retries:
            fail(f"{name} was tried {tries} times: {failure.told}")
        self._submit(i)

    def _keep(self, i: int, value: Any, arrived: Callable[[Any], None]) -> None:
        if self.kept is not None and keepable(value):
            self.kept.put(self._key(i), value)
        self._have(i, value, arrived)

    def _have(self, i: int, value: Any, arrived: Callable[[Any], None]) -> None:
        self.ready[i] = value
        arrived(self.parts[i])

    def _name(self, i: int) -> str:
        number = f"shard {i + 1} of {len(self.parts)}"
        return self.told(self.parts[i]) if self.told else number

    def _key(self, i: int) -> str:
        return key_of(self.key, self.parts[i])
