"""How long until PPO holds the pole? Both engines, stable-baselines3 and RLtools.

All train pure PPO, and brax SAC, on `balance` with |u| <= 1 N, seed by seed in turn,
each run in a process of its own, until 128 validation episodes last 990 of 1000 periods
and 128 others confirm it. Seconds count from the start of the process, with imports;
"cpu" are those of the processor, which other work on the machine disturbs less.
hybridctl's engines run twice each, cold with an empty compilation cache and warm with
the cache of the cold run. What was learned is then scored on 128 more episodes
("length"), ours and RLtools's from a file in a new process. RLtools is C++: "cold" has
g++, "warm" is the program alone. Writes benchmarks/results/learn.json; until all seeds
are done, or if it is interrupted, learn.part.json has what there is.

On one core: `taskset -c 0 python -m benchmarks.questions.learn`. `make bench-peers`
installs stable-baselines3 and RLtools apart from hybridctl and runs this; what is not
there is left out, RLtools also without g++.
"""

import functools
import json
import os
import shutil
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
PACKAGES = {"sb3": "stable-baselines3", "rltools": "rltools"}
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


def theirs(peers: Path, peer: str, job: dict[str, Any]) -> dict[str, Any]:
    """What a program in peers makes of a job."""
    return process(peers, "-m", f"benchmarks.peers.{peer}", json.dumps(job))


def train_peer(peers: Path, peer: str, seed: int) -> dict[str, Any]:
    """A peer's training; RLtools's policy is then scored as ours is."""
    run = theirs(peers, peer, {"seed": seed, "began": time.time(), "target": TARGET})
    if learned := run.pop("policy", None):
        from benchmarks.peers.same import save

        with tempfile.TemporaryDirectory() as name:
            saved = Path(name) / "ppo.safetensors"
            save(saved, learned)
            run |= process(sys.executable, "-c", AGAIN, saved)
    return run


def missing(peers: Path, peer: str) -> str:
    """Why a peer is left out; nothing if it can run."""
    package = PACKAGES[peer]
    asks = [peers, "-c", f"import importlib.metadata as m; m.version({package!r})"]
    if not peers.exists() or subprocess.run(asks, capture_output=True).returncode:
        return f"without {package}: it is not in .venv-peers; run make bench-peers"
    if peer == "rltools" and not shutil.which("g++"):
        return f"without {package}: there is no g++; install one"
    return ""


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Seeds that were solved; seconds on the clock and of the processor; ratios."""
    ways = [way for way in (*WAYS, "rltools") if way in runs[0]]
    of = {
        f"{way} {kind}": [run[way][kind] for run in runs]
        for way in ways
        for kind in ("cold", "warm")
    }
    solved = {
        way: sum(run[way]["warm"]["stopped"] == "target" for run in runs)
        for way in ways
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
        pairs = [
            (f"jax {kind}", other)
            for kind in ("cold", "warm")
            for other in (f"brax {kind}", "sb3", f"rltools {kind}")
            if other in of
        ]
        result[clock]["ratio"] = {f"{a}/{b}": median[a] / median[b] for a, b in pairs}
    return result


def measure(seeds: int, peers: Path, there: list[str], bar: Progress) -> dict[str, Any]:
    """Every seed in turn; what is done so far is in the partial result."""
    row = bar.add_task("", total=seeds)
    head: dict[str, Any] = {"about": about()}
    runs: list[dict[str, Any]] = []
    if there:
        from benchmarks.peers.same import (
            difference,  # imports hybridctl and so sets XLA's flags
        )

        bar.update(row, description="comparing the tasks")
        head["difference"] = {
            peer: difference(functools.partial(theirs, peers, peer)) for peer in there
        }
    for seed in range(seeds):
        show = lambda kind, s=seed: bar.update(row, description=f"seed {s}: {kind}")  # noqa: E731
        trained = {way: ours(way, seed, show) for way in WAYS}
        runs.append({"seed": seed, **trained})
        for peer in there:
            show(PACKAGES[peer])
            runs[-1][peer] = train_peer(peers, peer, seed)
        results.write(PART, {**head, **summary(runs), "runs": runs})
        bar.advance(row)
    return {**head, **summary(runs), "runs": runs}


def main(seeds: int = 5, peers: Path = PEERS) -> None:
    """Measure and write the result.

    Args:
        seeds: number of seeds.
        peers: the Python that has stable-baselines3 and RLtools.
    """
    PART.unlink(missing_ok=True)
    with Progress() as bar:
        why = {peer: missing(peers, peer) for peer in PACKAGES}
        for reason in filter(None, why.values()):
            bar.print(reason)
        try:
            there = [peer for peer in PACKAGES if not why[peer]]
            result = measure(seeds, peers, there, bar)
        except KeyboardInterrupt:
            raise SystemExit(f"interrupted; finished seeds are in {PART}") from None
    PART.replace(RESULT)
    print(json.dumps({k: v for k, v in result.items() if k != "runs"}, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
