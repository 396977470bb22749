"""How near the optimum does a learned value come, and how soon?

`hc.train(task, hc.template("hybrid", task))`, never stopped early, on the tasks of the
suite and on plants that are not in it, each training in a process of its own: the first
seed with an empty compilation cache ("cold"), the others with the cache of the first
("warm"). Seconds count from the start of the process. On `global` and on the plants
that are not in the suite the residual that PPO trains stands beside it. What was
learned is scored beside the tuned machine, in pairs, on held-out episodes, MPC on the
first of them. Writes benchmarks/results/value.json, task by task.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.contests.bounds import bound_of

RESULT = results.path("value")
FEW = 32  # episodes that MPC meets
TASKS = ("balance", "swingup", "global", "weak", "short_track", "push", "noisy")

PROCESS = """
import json, sys, time
import hybridctl as hc
from benchmarks.questions.value import named
began, seed = map(float, sys.argv[1:3])
task = named(sys.argv[3])
template = hc.template(sys.argv[4], task)
options = {"target": float("inf"), "progress": False}
run = hc.train(task, template, seed=int(seed), **options)
spent = {"seconds": time.time() - began, "cpu": time.process_time()}
print(json.dumps({**spent, "steps": run.steps, "stopped": run.stopped, **run.timing}))
hc.save(sys.argv[5], run.controller)
"""


def limited(force: float, track: float | None = None, **parameters: float) -> hc.Task:
    """`global` on another cart-pole, or a swing-up where the track is short.

    A force at its limit costs what it costs on the tasks of the suite.
    """
    plant = hc.CartPole(**parameters)
    up = plant.upright()
    own = {
        "plant": plant,
        "loop": hc.Loop(0.02, actuator=hc.Actuator(limit=force)),
        "cost": hc.tasks.Cost(
            up.x, [1, 20, 1, 1], [0.1 * (10 / force) ** 2], up.angles
        ),
    }
    if track is None:
        return hc.tasks.get("global", **own)
    return hc.tasks.get("short_track", track=track, **own)


OTHERS: dict[str, Callable[[], hc.Task]] = {
    "0.8 kg, 0.2 kg, 0.7 m": lambda: limited(10.0, m_c=0.8, m_p=0.2, L=0.7),
    "1.4 kg, 0.25 kg, 0.6 m, 12 N": lambda: limited(12.0, m_c=1.4, m_p=0.25, L=0.6),
    "0.9 kg, 0.15 kg, 1.2 m, 3 N": lambda: hc.tasks.weak(
        hc.CartPole(m_c=0.9, m_p=0.15, L=1.2)
    ),
    "friction": lambda: limited(
        10.0, m_c=1.1, m_p=0.15, cart_friction=0.4, pole_friction=0.02
    ),
    "0.4 m of track": lambda: limited(10.0, 0.4),
    "50 g": lambda: limited(0.5, 0.7, m_c=0.05, m_p=0.005, L=0.3),
    "pendulum": lambda: hc.tasks.reach(hc.Pendulum()),
    "acrobot": lambda: hc.tasks.reach(hc.Acrobot()),
    "pendubot": lambda: hc.tasks.reach(hc.Pendubot()),
}


def named(name: str) -> hc.Task:
    """A task of the suite, or one of `OTHERS`."""
    return OTHERS[name]() if name in OTHERS else hc.tasks.get(name)


def trained(name: str, template: str, seed: int, folder: Path) -> dict[str, Any]:
    """A training in a process of its own; its controller is left in the folder."""
    path = folder / f"{template}-{seed}.safetensors"
    environment = {**os.environ, "HYBRIDCTL_CACHE": str(folder / template)}
    words = [sys.executable, "-c", PROCESS, time.time(), seed, name, template, path]
    done = subprocess.run(
        list(map(str, words)), env=environment, cwd=results.ROOT,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name}, {template} failed:\n{done.stderr}")
    cache = "warm" if seed else "cold"
    told = json.loads(done.stdout.splitlines()[-1])
    return {"seed": seed, "cache": cache, **told, "path": path}


def scored(task: hc.Task, runs: dict[str, list[dict]], n: int) -> dict[str, Any]:
    """Every training beside the machine, on the same episodes."""
    known = {f"{t} {r['seed']}": hc.load(r["path"]) for t in runs for r in runs[t]}
    return compared(task, known, n)


def compared(task: hc.Task, known: dict[str, Any], n: int) -> dict[str, Any]:
    """Controllers beside the machine."""
    machine = {"machine": hc.reference("machine", task)}
    table = hc.compare(task, machine | known, n=n, seed=0, against="machine")
    rows = table.to_dict()["rows"]
    bound = bound_of(task)
    for name, scores in table.scores.items():
        rows[name]["successes"] = int(np.sum(scores.success))
        if bound is not None:
            rows[name]["times_the_bound"] = bound.ratio(np.asarray(scores.cost))
    return rows


def answer(name: str, templates: dict[str, int], n: int, show: Callable) -> dict:
    """Training and scores on one task.

    Args:
        name: of the task.
        templates: number of seeds of each.
        n: episodes.
        show: told what is being done.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, list[dict]] = {}
        for template, seeds in templates.items():
            runs[template] = []
            for seed in range(seeds):
                show(f"{name}: {template}, seed {seed}")
                runs[template].append(trained(name, template, seed, Path(folder)))
        show(f"{name}: scores")
        rows = scored(named(name), runs, n)
    for run in (run for kind in runs.values() for run in kind):
        del run["path"]
    told = {"about": about(), "n": n, "rows": rows, "trainings": runs}
    if name not in OTHERS:
        return told
    show(f"{name}: MPC")
    task = named(name)
    return told | {"few": compared(task, {"mpc": hc.reference("mpc", task)}, FEW)}


def main(
    only: tuple[str, ...] = (*TASKS, *OTHERS), seeds: int = 5, n: int = 4096
) -> None:
    """Measure and write the result.

    Args:
        only: tasks of the suite, and plants that are not in it, which get one seed;
            others keep what was measured before.
        seeds: trainings of each task.
        n: episodes of each task.
    """
    found: dict[str, Any] = {"tasks": {}} | results.known(RESULT)
    with Progress() as bar:
        row = bar.add_task("", total=len(only))
        for name in only:
            templates = {"hybrid": 1 if name in OTHERS else seeds}
            templates |= {"residual": 1} if name in ("global", *OTHERS) else {}
            show = lambda text: bar.update(row, description=text)  # noqa: E731
            found["tasks"][name] = answer(name, templates, n, show)
            found["about"] = about()
            results.write(RESULT, found)
            bar.advance(row)


if __name__ == "__main__":
    tyro.cli(main)
