"""What is an estimator in the loop worth on a plant that nobody has measured?

On `unknown_plant`: the tuned machine; the machine that is designed for the parameters
which an EKF estimates; and `hc.train(task, hc.template("hybrid", task))`, whose value
is one of the state and of those parameters, each training in a process of its own.
All are scored in pairs on held-out episodes. Writes benchmarks/results/unknown.json.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.value import trained

RESULT = results.path("unknown")
TASK, CLASSICAL = "unknown_plant", ("machine", "adaptive")


def scored(runs: list[dict[str, Any]], n: int) -> dict[str, Any]:
    """Every training beside the references, on the same episodes."""
    task = hc.tasks.get(TASK)
    known = {name: hc.reference(name, task) for name in CLASSICAL}
    known |= {f"hybrid {r['seed']}": hc.load(r.pop("path")) for r in runs}
    table = hc.compare(task, known, n=n, seed=0, against="machine")
    rows = table.to_dict()["rows"]
    for name, scores in table.scores.items():
        rows[name]["successes"] = int(np.sum(scores.success))
    return rows


def main(seeds: int = 5, n: int = 4096) -> None:
    """Measure and write the result.

    Args:
        seeds: trainings.
        n: episodes.
    """
    runs = []
    with tempfile.TemporaryDirectory() as folder, Progress() as bar:
        row = bar.add_task("", total=seeds + 1)
        for seed in range(seeds):
            bar.update(row, description=f"hybrid, seed {seed}")
            runs.append(trained(TASK, "hybrid", seed, Path(folder)))
            bar.advance(row)
        bar.update(row, description="scores")
        found = {"about": about(), "n": n, "rows": scored(runs, n), "trainings": runs}
    results.write(RESULT, found)


if __name__ == "__main__":
    tyro.cli(main)
