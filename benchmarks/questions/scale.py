"""What do more processes bring, what do they cost, and what do they lose?

"same": a comparison, a tuning, two trainings and a suite by this process, by 1, 2, 3
and 8 processes, by Ray and by dask; bit for bit? "lost": a worker is killed every
second while shards of a tenth of a second are done: are all results there, once each?
And a driver is killed after some shards, again and again, and goes on from what was
kept. "overheads": what a shard of nothing costs, and how long it takes until the first
one has come back. "speed": the machine on `global`, summed up, by two bare processes
of one thread that share the episodes and nothing else, by `on=2`, and by Ray with two
workers, in turns. "seeds": trainings of the residual by two workers, and one after the
other by one, which has a core or the whole machine. "devices": a program on one device
of the host and on four, which share its cores.

On a machine that does nothing else: `python -m benchmarks.questions.scale`, or a part
of it with `--only speed`. Writes benchmarks/results/scale.json.
"""

import dataclasses
import functools
import json
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl import suites
from hybridctl.contests import sums
from hybridctl.scale import Workers
from hybridctl.tasks.spans import spans

RESULT = results.path("scale")
CROWDS = ("1", "2", "3", "8", "ray", "dask")
SHORT = hc.tasks.get("balance", seconds=0.4)
BARE = "import sys; from benchmarks.questions.scale import bare; bare(*sys.argv[1:])"
DEVICES = "from benchmarks.questions.scale import on_devices; on_devices()"
DRIVER = "import sys; from benchmarks.questions.scale import drive; drive(sys.argv[1])"
PART = 0.1  # [s] of a shard that may be lost


@dataclasses.dataclass
class Options:
    """How much of each."""

    episodes: int = 2_000_000
    """of the speed"""
    rounds: int = 3
    """of the speed, of which the median counts"""
    kills: int = 20
    """of workers"""
    drivers: int = 5
    """that are killed"""
    seeds: int = 20
    """that are trained"""
    steps: int = 300_000
    """decisions of each of them"""
    only: tuple[str, ...] = ("same", "lost", "overheads", "speed", "seeds", "devices")
    """parts that are asked"""


def crowd(name: str) -> Workers:
    """Who works, by a name of `CROWDS`."""
    clusters: dict[str, Callable] = {
        "ray": lambda: hc.scale.ray(num_cpus=1),
        "dask": lambda: hc.scale.dask(workers=2),
    }
    return Workers(clusters[name]() if name in clusters else int(name), progress=False)


def ended(team: Workers) -> None:
    """A cluster that was made here ends."""
    if hasattr(team.on, "shutdown"):
        team.on.shutdown()


LQR = hc.reference("lqr", SHORT)
FEW = {
    "steps": 8192, "num_evals": 2, "num_eval_envs": 8, "target": np.inf,
    "progress": False,
}  # fmt: skip


def compared(on: Any) -> Any:
    """A table, and the scores of every episode."""
    table = hc.compare(SHORT, {"lqr": LQR, "none": hc.Constant([0.0])}, 5000, on=on)
    rows = [np.asarray(v).tobytes() for s in table.scores.values() for v in s[:9]]
    return table.to_dict(), rows


def tuned(on: Any) -> Any:
    """Gains."""
    size = {"episodes": 512, "population": 10, "progress": False}
    return hc.tune(SHORT, LQR, {"K[0,1]": (10.0, 90.0)}, 20, **size, on=on).to_dict()


def trained(on: Any) -> Any:
    """All that two trainings would go on from."""
    runs = hc.train(SHORT, LQR + 5.0 * hc.Slot(1), seeds=2, **FEW, on=on)
    kept: list[Any] = [run.checkpoint for run in runs]
    return [np.asarray(v).tobytes() for one in kept for v in one.arrays.values()]


def suite(on: Any) -> Any:
    """What two strategies did on a task, one of them trained."""
    columns = {
        "lqr": suites.Column("reference", "LQR"),
        "residual": suites.Column("template", "residual", {"": FEW}),
    }
    entries = {"near": suites.Entry("T1", SHORT)}
    plan = suites.Suite("tiny", entries, columns, against="lqr", n=32, seeds=2)
    with tempfile.TemporaryDirectory() as folder:
        return suites.run(plan, folder, 1, False, on=on).to_dict()


def same() -> dict[str, dict[str, bool]]:
    """Whether tables, gains, trainings and suites are those of this process."""
    asked = (compared, tuned, trained, suite)
    alone = {ask.__name__: ask(None) for ask in asked}
    told: dict[str, dict[str, bool]] = {}
    for name in CROWDS:
        with crowd(name) as team:
            told[name] = {a.__name__: a(team) == alone[a.__name__] for a in asked}
        ended(team)
    return told


def linger(shared: Any, part: int) -> dict[str, np.ndarray]:
    """A shard that takes a while; it says who does it."""
    Path(shared, str(os.getpid())).touch()
    time.sleep(PART)
    return {"part": np.asarray(part)}


def lost(kills: int, drivers: int) -> dict[str, Any]:
    """What is left after workers and drivers were killed."""
    with tempfile.TemporaryDirectory() as folder:
        hit, found = _under_fire(folder, kills)
    expected = list(range(20 * max(kills, 1)))
    with tempfile.TemporaryDirectory() as folder:
        done = [_shot(folder) for _ in range(drivers)]
        left = subprocess.run([sys.executable, "-c", DRIVER, folder], check=True)
        kept = len(list(Path(folder, "kept").iterdir()))
    return {
        "workers killed": hit, "results complete": found == expected,
        "drivers killed": len(done), "kept at each": done, "kept in the end": kept,
        "last driver": left.returncode,
    }  # fmt: skip


def _under_fire(folder: str, kills: int) -> tuple[int, list[int]]:
    """How many workers were killed meanwhile, and the results."""
    rng, hit, over = random.Random(0), [0], threading.Event()

    def shoot() -> None:
        while hit[0] < kills and not over.wait(1.0):
            marks = sorted(Path(folder).iterdir())
            for path in rng.sample(marks, min(1, len(marks))):
                path.unlink()
                os.kill(int(path.name), signal.SIGKILL)
                hit[0] += 1

    with Workers(2, retries=kills, progress=False) as team:
        gun = threading.Thread(target=shoot)
        gun.start()
        rows = list(team.map(linger, folder, range(20 * max(kills, 1))))
        over.set()
        gun.join()
    return hit[0], [int(row["part"]) for row in rows]


def drive(folder: str) -> None:
    """A driver that keeps what it has."""
    with Workers(2, keep=Path(folder, "kept"), progress=False) as team:
        seen = Path(folder, "seen")
        seen.mkdir(exist_ok=True)
        found = [int(r["part"]) for r in team.map(linger, str(seen), range(200))]
    assert found == list(range(200))


def _shot(folder: str) -> int:
    """Results that are kept when a driver is killed after some more came in."""
    kept = Path(folder, "kept")
    before = len(list(kept.iterdir())) if kept.exists() else 0
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, folder])
    while not kept.exists() or len(list(kept.glob("[!.]*"))) < before + 10:
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    return len(list(kept.glob("[!.]*")))


def bare(number: str, of: str, n: str) -> None:
    """Every other shard of a comparison, by this process and nobody else."""
    task = hc.tasks.get("global")
    known = {"machine": hc.reference("machine", task)}
    shared = task, known, 0, "machine", 1
    parts = spans(int(n), sums.SHARD)
    sums._sum_part(shared, parts[0])  # compiles
    print("ready", flush=True)
    sys.stdin.readline()
    for part in parts[int(number) :: int(of)]:
        sums._sum_part(shared, part)


def speed(n: int, rounds: int) -> dict[str, Any]:
    """Seconds, by who works, for the same episodes."""
    task = hc.tasks.get("global")
    known = {"machine": hc.reference("machine", task)}
    times: dict[str, list[float]] = {"bare": [], "2": [], "ray": []}
    with crowd("2") as local, crowd("ray") as cluster:
        teams = {"2": local, "ray": cluster}
        for team in teams.values():  # compiles
            _shards(team, task, known, 4 * sums.SHARD)
        for _ in range(rounds):
            times["bare"].append(_bare(n))
            for name, team in teams.items():
                times[name].append(_timed(lambda t=team: _shards(t, task, known, n)))
    ended(cluster)
    middle = {name: statistics.median(row) for name, row in times.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "episodes": n, "periods": task.steps, "seconds": times,
        "efficiency": {k: middle["bare"] / v for k, v in middle.items()},
        "episodes per second": {k: n / v for k, v in middle.items()},
        "driver MB": memory,
    }  # fmt: skip


def _shards(team: Workers, task: Any, known: dict, n: int) -> None:
    sums.sum_up(task, known, n, 0, "machine", team)


def _bare(n: int) -> float:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", BARE, str(i), "2", str(n)],
            env={**os.environ, "NPROC": "1"}, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for i in range(2)
    ]  # fmt: skip
    for run in runs:
        assert run.stdout is not None and run.stdout.readline() == "ready\n"
    return _timed(lambda: _go(runs))


def _go(runs: list[subprocess.Popen]) -> None:
    """All at once, until the last is done."""
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    assert not any([run.wait() for run in runs])


def nothing(shared: Any, part: int) -> int:
    """A shard of nothing."""
    del shared
    return part


def overheads(name: str) -> dict[str, float]:
    """Seconds until the first answer, and milliseconds of each of many more."""
    began = time.perf_counter()
    with crowd(name) as team:
        list(team.map(nothing, None, range(2)))
        first = time.perf_counter() - began
        some = _timed(lambda: list(team.map(nothing, None, range(2000))))
    ended(team)
    return {"start [s]": first, "shard [ms]": some / 2000 * 1e3}


def seeds(count: int, steps: int) -> dict[str, Any]:
    """Seconds for trainings by two workers, and by one, alone on the machine or a core.

    Workers come up and compile first.
    """
    task = hc.tasks.get("global")
    size = {"steps": steps, "target": np.inf, "progress": False}
    train = functools.partial(hc.train, task, hc.template("residual", task), **size)
    times: dict[str, float] = {}
    for name in ("1 core", "1", "2"):
        if name == "1 core":
            os.environ["OMP_NUM_THREADS"] = "1"
        with crowd(name[0]) as team:
            train(seeds=2, on=team)  # compiles
            times[name] = _timed(lambda t=team: train(seeds=count, on=t))
        os.environ.pop("OMP_NUM_THREADS", None)
    ratios = {name: spent / times["2"] for name, spent in times.items()}
    return {"seeds": count, "steps": steps, "seconds": times, "ratio": ratios}


def devices() -> dict[str, Any]:
    """Seconds on one device and on four, in a process that has four."""
    flags = os.environ.get("XLA_FLAGS", "")
    flags += " --xla_force_host_platform_device_count=4"
    run = subprocess.run(
        [sys.executable, "-c", DEVICES], env={**os.environ, "XLA_FLAGS": flags},
        stdout=subprocess.PIPE, check=True, encoding="utf-8",
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


def on_devices() -> None:
    """The same work on one device and on four, in turns, after each has compiled."""
    task = hc.tasks.get("global", seconds=2.0)
    machine, template = hc.reference("machine", task), hc.template("residual", task)
    size = {"steps": 163_840, "num_evals": 6, "target": np.inf, "progress": False}

    def evaluated(n: int) -> tuple[float, Any]:
        began = time.perf_counter()
        found = hc.evaluate(task, machine, n=16_384, devices=n)
        return time.perf_counter() - began, found.cost

    def learned(n: int) -> tuple[float, Any]:
        run = hc.train(task, template, num_envs=1024, batch_size=256, **size, devices=n)
        found = list(run.checkpoint.arrays.values())  # type: ignore[union-attr]
        return run.timing["train"], np.concatenate([np.ravel(v) for v in found])

    told: dict[str, Any] = {}
    for work in (evaluated, learned):
        rounds = [(work(1), work(4)) for _ in range(3)][1:]
        same = all(np.array_equal(one[1], four[1]) for one, four in rounds)
        seconds = {
            str(n): statistics.median(row[i][0] for row in rounds)
            for i, n in ((0, 1), (1, 4))
        }
        told[work.__name__] = {"same": same, "seconds": seconds}
    print(json.dumps(told))


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def parts(options: Options) -> Iterator[tuple[str, Any]]:
    """What is asked for, one by one."""
    if "same" in options.only:
        yield "same", same()
    if "lost" in options.only:
        yield "lost", lost(options.kills, options.drivers)
    if "overheads" in options.only:
        yield "overheads", {name: overheads(name) for name in ("2", "ray", "dask")}
    if "speed" in options.only:
        yield "speed", speed(options.episodes, options.rounds)
    if "seeds" in options.only:
        yield "seeds", seeds(options.seeds, options.steps)
    if "devices" in options.only:
        yield "devices", devices()


def main(options: Options) -> None:
    found = results.known(RESULT) | {"about": about()}
    for name, part in parts(options):
        found[name] = part
        print(name, part, flush=True)
        results.write(RESULT, found)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
