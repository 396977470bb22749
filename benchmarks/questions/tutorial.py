"""Where does the tutorial's long run end, by each engine, beside our own preset?

The settings that this package grew out of (preset "seed_long": 20 million decisions,
2048 environments, a value network of 5 x 256) train pure PPO on `balance` with
|u| <= 1 N to their end, and so does the preset that is meant for the task, until it
reaches its target. Each in a process of its own with an empty compilation cache: the
seconds until it is compiled, those of training and of validating, and how long 128
episodes last that decided nothing. What is compiled JAX tells itself ("compiled": its
lowering and XLA's work), of a long run in a process that makes one update. Writes
benchmarks/results/tutorial.json, run by run; `--only` names those that are left.

On one core, about an hour: `taskset -c 0 python -m benchmarks.questions.tutorial`.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import tyro

from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.learn import process

RESULT = results.path("tutorial")
FIRST = {"steps": 163_840, "num_evals": 2}  # one update
RUNS: dict[str, tuple[str, str, dict[str, int]]] = {  # preset, engine and settings
    "preset": ("balance", "jax", {}),
    "long, jax": ("seed_long", "jax", {}),
    "long, brax": ("seed_long", "brax", {}),
    "first, jax": ("seed_long", "jax", FIRST),
    "first, brax": ("seed_long", "brax", FIRST),
}

PROCESS = """
import json, sys
import hybridctl as hc, jax
compiling = ("jaxpr_to_mlir_module_duration", "backend_compile_duration")
spent = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, s, **_: spent.append(s) if name.endswith(compiling) else None
)
preset, engine, settings = sys.argv[1:]
task = hc.tasks.get("balance")
given = {"config": preset, "engine": engine, "progress": False, **json.loads(settings)}
run = hc.train(task, 1.0 * hc.Slot(1), seed=0, **given)
scores = hc.evaluate(task, run.controller, n=128, seed=11)
print(json.dumps({
    "steps": run.steps, "stopped": run.stopped, **run.timing, "compiled": sum(spent),
    "length": float(scores.length.mean()),
    "curve": [[row["steps"], row["length"]] for row in run.curve],
}))
"""


def measured(name: str) -> dict[str, Any]:
    """What a run says when it has ended."""
    with tempfile.TemporaryDirectory() as cache:
        preset, engine, settings = RUNS[name]
        words = sys.executable, "-c", PROCESS, preset, engine, json.dumps(settings)
        return {"about": about(), **process(*words, cache=Path(cache))}


def main(only: tuple[str, ...] = tuple(RUNS)) -> None:
    """Measure and write the result.

    Args:
        only: runs; others keep what was measured before.
    """
    for name in only:
        row = measured(name)
        results.write(RESULT, results.known(RESULT) | {"about": about(), name: row})
        print(name, {k: v for k, v in row.items() if k != "curve"}, flush=True)


if __name__ == "__main__":
    tyro.cli(main)
