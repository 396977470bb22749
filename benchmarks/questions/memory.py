"""What does a memory gain where the plant is not known?

The residual on `unknown_plant`, trained by our own PPO with the same settings: on what
it observes now, with a critic that sees the truth, with a short history of
observations, and with a GRU (whose critic sees the truth, too). Each in a process of
its own, on held-out episodes, beside the tuned machine. Writes
benchmarks/results/memory.json.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress

from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.engines import interval
from benchmarks.questions.learn import process

RESULT = results.path("memory")
PART = results.path("memory.part")
WAYS: dict[str, dict[str, Any]] = {
    "now": {},
    "critic": {"critic_features": "state"},
    "history": {"history": 4},
    "GRU": {"recurrent": 32},
}

PROCESS = """
import dataclasses, json, sys, time
began = time.time()
import hybridctl as hc
from hybridctl.learn.lane import default_features
settings, preset = json.loads(sys.argv[1]), sys.argv[4]
seed, n = map(int, sys.argv[2:4])
task = hc.tasks.get("unknown_plant")
template = hc.template("residual", task)
seen = default_features(task, template)
seen = dataclasses.replace(seen, history=settings.pop("history", 0))
given = {"seed": seed, "config": preset, "features": seen, "progress": False}
run = hc.train(task, template, **given, **settings)
seconds = time.time() - began
scores = hc.evaluate(task, run.controller, n=n, seed=0)
base = hc.evaluate(task, hc.reference("machine", task), n=n, seed=0)
print(json.dumps({
    "seconds": seconds, "J": float(scores.cost.mean()),
    "success": float(scores.success.mean()), "machine": float(base.success.mean()),
    "curve": run.curve,
}))
"""


def main(seeds: int = 5, n: int = 4096, preset: str = "quick") -> None:
    """Measure and write the result.

    Args:
        seeds: of each way.
        n: held-out episodes.
        preset: of all.
    """
    head = {"about": about(), "seeds": seeds, "n": n, "preset": preset}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in WAYS}
    with Progress() as bar, tempfile.TemporaryDirectory() as cache:
        row = bar.add_task("", total=seeds * len(WAYS))
        for seed in range(seeds):
            for name, settings in WAYS.items():
                bar.update(row, description=f"{name}, seed {seed}")
                words = json.dumps(settings), seed, n, preset
                run = process(sys.executable, "-c", PROCESS, *words, cache=Path(cache))
                runs[name].append(run)
                bar.advance(row)
            found = {name: summary(of_one) for name, of_one in runs.items()}
            results.write(PART, {**head, "ways": found, "runs": runs})
    PART.replace(RESULT)
    print(json.dumps(found, indent=1))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds with their intervals."""
    told = {name: interval([run[name] for run in runs]) for name in ("success", "J")}
    return {**told, "seconds": float(np.median([run["seconds"] for run in runs]))}


if __name__ == "__main__":
    tyro.cli(main)
