"""Is our own PPO as good as brax's? Templates on tasks, the same settings, in pairs.

Every training runs in a process of its own with an empty compilation cache, one
engine after the other, seed by seed; what was learned meets the same held-out
episodes. Writes benchmarks/results/engines.json.

On one core: `taskset -c 0 python -m benchmarks.questions.engines`.
"""

import itertools
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress

from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.learn import process
from hybridctl.tasks.statistics import student_mean

RESULT = results.path("engines")
PART = results.path("engines.part")
ENGINES = ("jax", "brax")
PAIRS = (
    "swingup residual", "global residual", "global swing", "weak residual",
    "push residual", "noisy residual", "global modes", "global gate",
    "global schedule", "global early_catch",
)  # fmt: skip

PROCESS = """
import json, sys, time
began = time.time()
import hybridctl as hc
task, template, engine, preset, seed, n = sys.argv[1:]
task = hc.tasks.get(task)
template = hc.template(template, task)
given = {"engine": engine, "config": preset, "seed": int(seed), "progress": False}
run = hc.train(task, template, **given)
seconds = time.time() - began
scores = hc.evaluate(task, run.controller, n=int(n), seed=0)
speed = run.steps / run.timing["train"]
print(json.dumps({
    "seconds": seconds, "cpu": time.process_time(), "speed": speed,
    "compile": run.timing["compile"], "J": float(scores.cost.mean()),
    "success": float(scores.success.mean()), "curve": run.curve,
}))
"""


def trained(pair: str, engine: str, preset: str, seed: int, n: int) -> dict[str, Any]:
    """A training in a process of its own."""
    with tempfile.TemporaryDirectory() as cache:
        words = (*pair.split(), engine, preset, seed, n)
        return process(sys.executable, "-c", PROCESS, *words, cache=Path(cache))


def summary(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Both engines beside each other; negative differences are ours to the good."""
    gaps = [a["J"] - b["J"] for a, b in zip(runs["jax"], runs["brax"], strict=True)]
    told: dict[str, Any] = {"runs": runs, "difference": interval(gaps)}
    for engine, found in runs.items():
        told[engine] = {
            "J": interval([run["J"] for run in found]),
            "success": float(np.mean([run["success"] for run in found])),
            "compile": statistics.median(run["compile"] for run in found),
        }
    median = lambda name: {  # noqa: E731
        engine: statistics.median(run[name] for run in found)
        for engine, found in runs.items()
    }
    speed, cpu = median("speed"), median("cpu")
    told["speed"] = speed["jax"] / speed["brax"]
    told["cold"] = cpu["jax"] / cpu["brax"]
    return told


def interval(values: list[float]) -> dict[str, float]:
    """Mean over seeds with its 95 % interval."""
    found = student_mean(np.asarray(values))
    return {"mean": found.value, "low": found.low, "high": found.high}


def main(
    seeds: int = 5, n: int = 1024, preset: str = "quick", pairs: tuple[str, ...] = PAIRS
) -> None:
    """Measure and write the result.

    Args:
        seeds: of each training.
        n: held-out episodes.
        preset: of both engines.
        pairs: of a task and a template; others keep what was measured before.
    """
    found: dict[str, Any] = results.known(RESULT).get("pairs", {})
    head = {"about": about(), "seeds": seeds, "n": n, "preset": preset}
    with Progress() as bar:
        row = bar.add_task("", total=len(pairs) * seeds * len(ENGINES))
        for pair in pairs:
            runs: dict[str, list] = {engine: [] for engine in ENGINES}
            for seed, engine in itertools.product(range(seeds), ENGINES):
                bar.update(row, description=f"{pair}, seed {seed}, {engine}")
                runs[engine].append(trained(pair, engine, preset, seed, n))
                bar.advance(row)
            found[pair] = {"about": about(), **summary(runs)}
            results.write(PART, {**head, "pairs": found})
    PART.replace(RESULT)
    keys = ("difference", "speed", "cold")
    print(json.dumps({p: {k: r[k] for k in keys} for p, r in found.items()}, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
