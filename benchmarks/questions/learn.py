"""How long until PPO holds the pole? Both engines and stable-baselines3, side by side.

All train pure PPO, and brax SAC, on `balance` with |u| <= 1 N, seed by seed in turn,
each run in a process of its own, until 128 validation episodes last 990 of 1000 periods
and 128 others confirm it. Seconds count from the start of the process, imports included;
"cpu" are those of the processor, which other work on the machine disturbs less.
hybridctl's engines run twice each, cold with an empty compilation cache and warm with
the cache of the cold run. What was learned is then scored on 128 more episodes
("length"), ours from its file in a new process. Writes benchmarks/results/learn.json;
until all seeds are done, or if it is interrupted, learn.part.json has what there is.

On one core: `taskset -c 0 python -m benchmarks.questions.learn`. `make bench-peers`
installs stable-baselines3 apart from hybridctl and runs this; without it, it is left
out.
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro
from rich.progress import Progress

from benchmarks.lib import results
from benchmarks.lib.about import about

RESULT = results.path("learn")
PART = results.path("learn.part")
PEERS = results.ROOT / ".venv-peers" / "bin" / "python"
TARGET = 990.0
WAYS = {"jax": ("jax", "ppo"), "brax": ("brax", "ppo"), "sac": ("brax", "sac")}

PROCESS = """
import json, sys, time
import hybridctl as hc
began, seed, target = map(float, sys.argv[1:4])
path, engine, algorithm = sys.argv[4:]
task = hc.tasks.get("balance")
template = 1.0 * hc.Slot(1)
given = {"seed": int(seed), "target": target, "engine": engine, "algorithm": algorithm}
run = hc.train(task, template, progress=False, **given)
seconds = {"seconds": time.time() - began, "cpu": time.process_time()}
about = {"steps": run.steps, "stopped": run.stopped, **run.timing}
print(json.dumps({**seconds, **about}))
hc.save(path, run.controller)
"""

AGAIN = """
import json, sys
import hybridctl as hc
task = hc.tasks.get("balance")
scores = hc.evaluate(task, hc.load(sys.argv[1]), n=128, seed=11)
print(json.dumps({"length": float(scores.length.mean())}))
"""


def process(*command: object, cache: Path | None = None) -> dict[str, Any]:
    """What a program prints in a process of its own."""
    environment = {**os.environ, "HYBRIDCTL_CACHE": str(cache or "off")}
    words = list(map(str, command))
    kept = {"env": environment, "cwd": results.ROOT}
    done = subprocess.run(words, **kept, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(way: str, seed: int, show: Callable[[str], None]) -> dict[str, Any]:
    """A way of ours cold, warm, and the saved controller in a third process."""
    run: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        cache, saved = Path(name) / "cache", Path(name) / "ppo.safetensors"
        python = functools.partial(process, sys.executable, "-c", cache=cache)
        for kind in ("cold", "warm"):
            show(f"{way}, {kind}")
            run[kind] = python(PROCESS, time.time(), seed, TARGET, saved, *WAYS[way])
        return {**run, **python(AGAIN, saved)}


def theirs(peers: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What peers/sb3.py makes of a job."""
    return process(peers, "-m", "benchmarks.peers.sb3", json.dumps(job))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Seeds that were solved; seconds on the clock and of the processor; ratios."""
    of = {
        f"{way} {kind}": [run[way][kind] for run in runs]
        for way in WAYS
        for kind in ("cold", "warm")
    }
    solved = {
        way: sum(run[way]["warm"]["stopped"] == "target" for run in runs)
        for way in WAYS
    }
    if "sb3" in runs[0]:
        of["sb3"] = [run["sb3"] for run in runs]
        solved["sb3"] = sum(run["sb3"]["solved"] for run in runs)
    result: dict[str, Any] = {"seeds": len(runs), "solved": solved}
    for clock in ("seconds", "cpu"):
        times = {kind: [run[clock] for run in found] for kind, found in of.items()}
        median = {kind: statistics.median(t) for kind, t in times.items()}
        result[clock] = {
            kind: {"min": min(t), "median": median[kind], "max": max(t)}
            for kind, t in times.items()
        }
        pairs = [("jax cold", "brax cold"), ("jax warm", "brax warm")]
        pairs += [(f"jax {k}", "sb3") for k in ("cold", "warm") if "sb3" in of]
        result[clock]["ratio"] = {f"{a}/{b}": median[a] / median[b] for a, b in pairs}
    return result


def measure(seeds: int, peers: Path | None, bar: Progress) -> dict[str, Any]:
    """Every seed in turn; what is done so far is in the partial result."""
    row = bar.add_task("", total=seeds)
    head: dict[str, Any] = {"about": about()}
    runs: list[dict[str, Any]] = []
    if peers:
        from benchmarks.peers.same import (
            difference,  # imports hybridctl and so sets XLA's flags
        )

        bar.update(row, description="comparing the tasks")
        head["difference"] = difference(functools.partial(theirs, peers))
    for seed in range(seeds):
        show = lambda kind, s=seed: bar.update(row, description=f"seed {s}: {kind}")  # noqa: E731
        trained = {way: ours(way, seed, show) for way in WAYS}
        runs.append({"seed": seed, **trained})
        if peers:
            show("stable-baselines3")
            job = {"seed": seed, "began": time.time(), "target": TARGET}
            runs[-1]["sb3"] = theirs(peers, job)
        results.write(PART, {**head, **summary(runs), "runs": runs})
        bar.advance(row)
    return {**head, **summary(runs), "runs": runs}


def main(seeds: int = 5, peers: Path = PEERS) -> None:
    """Measure and write the result.

    Args:
        seeds: number of seeds.
        peers: the Python that has stable-baselines3.
    """
    PART.unlink(missing_ok=True)
    with Progress() as bar:
        if not peers.exists():
            bar.print(f"without stable-baselines3: no {peers}; run make bench-peers")
        try:
            result = measure(seeds, peers if peers.exists() else None, bar)
        except KeyboardInterrupt:
            raise SystemExit(f"interrupted; finished seeds are in {PART}") from None
    PART.replace(RESULT)
    print(json.dumps({k: v for k, v in result.items() if k != "runs"}, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
