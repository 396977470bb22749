"""A cluster in simulated time: its workers are slow, late and lost as they are drawn.

`Dispatch` hands out the shards and takes what comes back, as it does for real workers;
only the clock and the work are not real.
"""

import heapq
import queue
import random
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from hybridctl.scale.dispatch import Dispatch
from hybridctl.scale.local import Lost

HOUR = 3600.0


class World(NamedTuple):
    """What a cluster is like; times in seconds.

    Attributes:
        workers: how many.
        seconds: of shards that were measured; each of the cluster's is one of them.
        factor: by which its shards are longer than those.
        overhead: that a shard costs the driver, which has one core.
        travel: to a worker, and back again.
        start: until a worker has come up and compiled.
        slow: share of the workers that are slow.
        slowness: by which factor.
        life: mean time until a worker is lost.
    """

    workers: int
    seconds: Sequence[float]
    factor: float
    overhead: float
    travel: float = 0.01
    start: float = 60.0
    slow: float = 0.02
    slowness: float = 3.0
    life: float = 24 * HOUR


class Found(NamedTuple):
    """What became of a run; times in seconds.

    Attributes:
        seconds: until the last result.
        worked: of all workers, on shards that arrived.
        driver: that the driver was busy.
        lost: shards whose worker was lost.
        started: until the first result.
        whole: whether every shard was counted once.
    """

    seconds: float
    worked: float
    driver: float
    lost: int
    started: float
    whole: bool


class Cluster:
    """An Executor, and the queue of what has arrived, on one simulated clock.

    Args:
        world: what it is like.
        seed: of all that is drawn.
    """

    def __init__(self, world: World, seed: int):
        self.world, self.draw = world, random.Random(seed)
        slow = round(world.slow * world.workers)
        self.pace = [world.slowness] * slow + [1.0] * (world.workers - slow)
        starts = (world.start * self.draw.uniform(0.5, 1.5) for _ in self.pace)
        self.free = [(start, i) for i, start in enumerate(starts)]
        heapq.heapify(self.free)
        self.now, self.worked, self.driver, self.lost = 0.0, 0.0, 0.0, 0
        self.first: float | None = None
        self.under_way: list[tuple[float, int, Future, Any]] = []
        self.arrived: deque[Any] = deque()
        self.calls = 0

    def submit(self, fn: Any, /, *args: Any) -> Future:
        """Give a shard to whoever is free first."""
        del fn
        world, future = self.world, Future()
        self._busy(world.overhead / 2)
        free, worker = heapq.heappop(self.free)
        begun = max(free, self.now + world.travel)
        length = self.pace[worker] * world.factor * self.draw.choice(world.seconds)
        alive = self.draw.expovariate(1.0 / world.life)
        lost = alive < length
        end = begun + min(alive, length)
        back = end + world.start if lost else end
        heapq.heappush(self.free, (back, worker))
        self.calls += 1
        value = None if lost else (args[-1], length)
        row = end + world.travel, self.calls, future, value
        heapq.heappush(self.under_way, row)
        return future

    def put(self, item: Any) -> None:
        """What has arrived."""
        self.arrived.append(item)

    def get(self, timeout: float) -> Any:
        """The next that arrives, once the driver has time for it."""
        del timeout
        if not self.under_way:
            raise queue.Empty
        when, _, future, value = heapq.heappop(self.under_way)
        self.now = max(self.now, when)
        self._busy(self.world.overhead / 2)
        self.first = self.now if self.first is None else self.first
        if value is None:
            self.lost += 1
            future.set_exception(Lost("its machine was taken away"))
        else:
            self.worked += value[1]
            future.set_result((value[0], None))
        return self.arrived.popleft()

    def _busy(self, seconds: float) -> None:
        self.now += seconds
        self.driver += seconds


def simulated(world: World, shards: int, seed: int = 0) -> Found:
    """A run of so many shards through the scheduler.

    Args:
        world: what the cluster is like.
        shards: how many.
        seed: of all that is drawn.
    """
    cluster: Any = Cluster(world, seed)
    parts = range(shards)
    dispatch = Dispatch(cluster, max, None, parts, 3, None, None, None)
    dispatch.arrivals = cluster
    whole = all(map(int.__eq__, dispatch.results(lambda part: None), parts))
    return Found(
        cluster.now, cluster.worked, cluster.driver, cluster.lost,
        cluster.first or 0.0, whole,
    )  # fmt: skip
