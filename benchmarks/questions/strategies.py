"""How does every learned template do beside the tuned machine?

Classical against learned, five seeds each. The residual trains with the preset that is
meant for its task, the other templates of `global` with the quick one; the result says
how many decisions. All are compared on 4096 episodes that training did not see. Learned
columns: the mean over seeds with a 95 % interval (Student's t), the worst success, and
the paired difference to the machine. Writes benchmarks/results/strategies.json.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.tasks import Box
from hybridctl.tasks.statistics import student_mean

RESULT = results.path("strategies")
QUICK: dict[str, Any] = {"config": "quick"}
Columns = dict[str, dict[str, tuple[dict, dict]]]
COLUMNS: Columns = {  # task it trains on, template, settings
    "balance": {
        "ppo": ({}, {}),
        "residual": ({"reward": "cost"}, {"config": "balance", "target": float("inf")}),
    },
    "global": {"residual": ({}, {})}
    | dict.fromkeys(("ppo", "early_catch", "swing", "modes", "gate"), ({}, QUICK)),
    "weak": {"residual": ({}, {})},
    "short_track": {"residual": ({}, {})},
}
SAME_POLICIES = {"swingup": "global"}  # tasks on which those of another are scored


def starts(task: hc.Task) -> dict[str, hc.Task]:
    """The task, and where its starts are mixed also each kind alone."""
    if task.name != "weak":
        return {task.name: task}
    rest = Box.around(task.plant.hanging().x, np.zeros(4))  # type: ignore[attr-defined]
    kinds = {"from the box": hc.tasks.get("global").start, "hanging": rest}
    alone = {
        f"{task.name} {kind}": dataclasses.replace(task, start=start)
        for kind, start in kinds.items()
    }
    return {task.name: task} | alone


def over_seeds(values: list[float]) -> dict[str, Any]:
    """Mean and its 95 % interval over training seeds."""
    return dataclasses.asdict(student_mean(np.array(values))) | {"all": values}


def column(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One learned column: its seeds put together."""
    settle = [row["settle_median"] for row in rows]
    return {
        "success_worst": min(row["success"]["value"] for row in rows),
        "success": over_seeds([row["success"]["value"] for row in rows]),
        "J": over_seeds([row["J_mean"] for row in rows]),
        "settle_median": None if None in settle else over_seeds(settle),
        "difference": over_seeds([row["difference"]["value"] for row in rows]),
        "differences": [row["difference"] for row in rows],
    }


def score(task: hc.Task, learned: dict[str, Any], n: int, seed: int) -> dict:
    """All columns on one task, paired against the machine."""
    known = {kind: hc.reference(kind, task) for kind in ("lqr", "machine")}
    for name, runs in learned.items():
        known |= {f"{name} {run.seed}": run.controller for run in runs}
    table = hc.compare(task, known, n, seed, against="machine")
    print(table)
    rows = table.to_dict()["rows"]
    found = {kind: rows[kind] for kind in ("lqr", "machine")}
    for name, runs in learned.items():
        found[name] = column([rows[f"{name} {run.seed}"] for run in runs])
    return found


def pair_again(rows: dict[str, Any]) -> None:
    """Differences to the machine as it is now, where all episodes have one start.

    Every episode of a column costs the same then, so the difference of the costs is
    the paired one, also of columns that were measured before the machine was.
    """
    base = rows["machine"]["J_mean"]
    for row in rows.values():
        if "differences" not in row:
            continue
        apart = [J - base for J in row["J"]["all"]]
        row["difference"] = over_seeds(apart)
        row["differences"] = [{"value": d, "low": d, "high": d} for d in apart]


def about_training(runs: hc.learn.Runs) -> dict[str, Any]:
    """Seconds, decisions and the validation curve of every seed."""
    return {
        "steps": [run.steps for run in runs],
        "seconds": over_seeds([run.timing["train"] for run in runs]),
        "stopped": [run.stopped for run in runs],
        "better_than_base": [str(run.better_than_base) for run in runs],
        "curves": [
            [(point["steps"], round(point["score"], 3)) for point in run.curve]
            for run in runs
        ],
    }


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process on one core for a while, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def main(
    n: int = 4096,
    seed: int = 0,
    seeds: int = 5,
    keep: Path | None = None,
    tasks: tuple[str, ...] = tuple(COLUMNS),
    columns: tuple[str, ...] = (),
) -> None:
    """Train, compare and write the result after every task.

    Args:
        n: episodes of each comparison.
        seed: of those episodes.
        seeds: trainings of each column.
        keep: folder for the trained controllers.
        tasks: to train on; results of the others stay.
        columns: to train, all by default; results of the others stay.
    """
    old = results.known(RESULT)
    result = {"about": about(), "n": n, "seed": seed, "seeds": seeds}
    for name in ("tasks", "training", "one_core"):
        some = columns or set(tasks) < set(COLUMNS)
        result[name] = old.get(name, {}) if some else {}
    for name in tasks:
        learned = {}
        for template, (options, settings) in COLUMNS[name].items():
            if columns and template not in columns:
                continue
            print(f"{template} on {name}")
            task = hc.tasks.get(name, **options)
            runs = hc.train(task, hc.template(template, task), seeds=seeds, **settings)
            learned[template] = runs
            training = result["training"].setdefault(name, {})
            training[template] = about_training(runs)
            for run in runs:
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    path = keep / f"{name}-{template}-{run.seed}.safetensors"
                    hc.save(path, run.controller)
        scored = [name, *(k for k, v in SAME_POLICIES.items() if v == name)]
        for kind in scored:
            for label, variant in starts(hc.tasks.get(kind)).items():
                known = result["tasks"].setdefault(label, {})
                known.update(score(variant, learned, n, seed))
                if kind == "swingup":
                    pair_again(known)
        results.write(RESULT, result)
    if "global" in tasks and (not columns or "residual" in columns):
        task = hc.tasks.get("global")
        with one_core():
            run = hc.train(task, hc.template("residual", task), seed=seeds)
        result["one_core"] = {"timing": run.timing, "steps": run.steps}
        results.write(RESULT, result)


if __name__ == "__main__":
    tyro.cli(main)
