"""How long until PPO holds the pole? A new process for every seed, cold and warm.

Each process imports, trains pure PPO on `balance` with |u| <= 1 N until the target
is reached and confirmed, saves the controller, and scores it on 128 episodes that
training did not see. Seconds count from the start of the process until `train`
returns. Cold: an empty compilation cache. Warm: the cache of the cold
run. Writes benchmarks/results/learn.json.

On one core: `taskset -c 0 python benchmarks/learn.py`
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from about import about
from rich.progress import track

RESULT = Path(__file__).parent / "results" / "learn.json"

PROCESS = """
import json, sys, time
import hybridctl as hc
began, seed, path = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
task = hc.tasks.get("balance")
run = hc.train(task, 1.0 * hc.Slot(1), seed=seed, progress=False)
about = {"solved": time.time() - began, "steps": run.steps, "stopped": run.stopped}
print(json.dumps({**about, **run.timing}))
hc.save(path, run.controller)
"""

AGAIN = """
import json, sys
import hybridctl as hc
task = hc.tasks.get("balance")
scores = hc.evaluate(task, hc.load(sys.argv[1]), n=128, seed=11)
print(json.dumps({"length": float(scores.length.mean())}))
"""


def process(code: str, cache: Path, *arguments: object) -> dict[str, Any]:
    """Run a program in a process of its own; what it prints, and its wall time."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "HYBRIDCTL_CACHE": str(cache)}
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - began
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": wall}


def one(seed: int) -> dict[str, Any]:
    """Cold, warm, and the saved controller in a third process."""
    with tempfile.TemporaryDirectory() as name:
        cache, saved = Path(name) / "cache", Path(name) / "ppo.safetensors"
        cold = process(PROCESS, cache, time.time(), seed, saved)
        warm = process(PROCESS, cache, time.time(), seed, saved)
        length = process(AGAIN, cache, saved)["length"]
    return {"seed": seed, "cold": cold, "warm": warm, "length": length}


def main(seeds: int = 5) -> None:
    """Measure and write the result."""
    runs = [one(seed) for seed in track(range(seeds), description="cold and warm")]
    times = {kind: [run[kind]["solved"] for run in runs] for kind in ("cold", "warm")}
    result = {
        "about": about(),
        "solved": sum(run["length"] >= 990 for run in runs),
        "seeds": seeds,
        "seconds": {k: {"min": min(t), "max": max(t)} for k, t in times.items()},
        "runs": runs,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "runs"}, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
