"""What limits ten billion episodes on a cluster?

Some shards of `global` by the machine are timed by two processes of this machine, and
what a shard of nothing costs the driver of Ray. With those times clusters of up to two
thousand workers are simulated: the scheduler is ours, its clock is not real. That
workers are slow, are lost and have to start is assumed, see "assumed" in the result.

On a machine that does nothing else: `python -m benchmarks.questions.cluster`; with
`--no-measure` from the times that the result has. Writes
benchmarks/results/cluster.json.
"""

import dataclasses
import itertools
import time
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.lib.cluster import HOUR, World, simulated
from benchmarks.questions.scale import overheads
from hybridctl.contests import sums
from hybridctl.scale import Workers
from hybridctl.scale.dispatch import WINDOW
from hybridctl.tasks.spans import Span

RESULT = results.path("cluster")
WORKERS = (20, 200, 2000)
FACTORS = (1.0, 4.0)  # sizes of a shard, as multiples of ours
ASSUMED = ("travel", "start", "slow", "slowness", "life")


@dataclasses.dataclass
class Options:
    """How much of it."""

    measure: bool = True
    """time shards anew"""
    shards: int = 40
    """that are timed"""
    episodes: int = 10**10
    """of the cluster"""


def timed(shared: tuple, part: int) -> dict[str, np.ndarray]:
    """Seconds of the processor for a shard: others on the machine disturb them less."""
    span = Span(part * sums.SHARD, sums.SHARD, sums.SHARD)
    began = time.process_time()
    sums._sum_part(shared, span)
    return {"seconds": np.asarray(time.process_time() - began)}


def measured(shards: int) -> dict[str, Any]:
    """What shards take, by two processes side by side, and what they cost a driver."""
    task = hc.tasks.get("global")
    shared = task, {"machine": hc.reference("machine", task)}, 0, "machine", 1
    with Workers(2, progress=False) as team:
        list(team.map(timed, shared, range(2)))  # compiles
        rows = list(team.map(timed, shared, range(2, 2 + shards)))
    seconds = [float(row["seconds"]) for row in rows]
    return {
        "seconds": seconds,
        "episodes per core and second": sums.SHARD * len(seconds) / sum(seconds),
        "overhead": overheads("ray")["shard [ms]"] / 1e3,
    }


def row(world: World, episodes: int) -> dict[str, Any]:
    """What became of one cluster."""
    shards = -(-episodes // round(sums.SHARD * world.factor))
    found = simulated(world, shards)
    return {
        "workers": world.workers,
        "episodes a shard": round(sums.SHARD * world.factor),
        "shards": shards,
        "hours": found.seconds / HOUR,
        "core-hours": found.seconds * world.workers / HOUR,
        "efficiency": found.worked / found.seconds / world.workers,
        "driver busy": found.driver / found.seconds,
        "first result [s]": found.started,
        "lost": found.lost,
        "whole": found.whole,
    }


def main(options: Options) -> None:
    found: dict[str, Any] = results.known(RESULT)
    if options.measure:
        found |= {"about": about(), "measured": measured(options.shards)}
    told = found["measured"]
    worlds = [
        World(workers, told["seconds"], factor, told["overhead"])
        for workers, factor in itertools.product(WORKERS, FACTORS)
    ]
    found |= {
        "episodes": options.episodes,
        "window": WINDOW,
        "assumed": {name: getattr(worlds[0], name) for name in ASSUMED},
        "rows": [],
    }
    for world in worlds:
        found["rows"].append(row(world, options.episodes))
        print(found["rows"][-1], flush=True)
        results.write(RESULT, found)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
