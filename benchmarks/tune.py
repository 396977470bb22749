"""Tune the reference machines: which gains does `strategies` ship?

The same search with the same budget for every task, each on its own distribution and
on a seed that is for tuning; `noisy` also behind its observers. The gains found are
written to benchmarks/results/tune.json; `hybridctl/strategies` quotes them.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import tyro
from about import about
from numpy.typing import NDArray

import hybridctl as hc
from hybridctl.strategies.model import UNKNOWN, build_ekf_machine
from hybridctl.strategies.reference import MachineGains, build_machine, tuned

RESULT = Path(__file__).parent / "results" / "tune.json"
TASKS = ("swingup", "global", "weak", "short_track", "push", "unknown_plant", "noisy")
RANGES = {
    "pump": (5.0, 200.0),
    "stiffness": (0.2, 10.0),
    "damping": (0.2, 10.0),
    "kick": (0.003, 0.3),
    "margin": (0.003, 0.3),
    "drive": (2.0, 20.0),
    "track": (0.5, 0.98),
    "catch": (0.3, 6.0),
    "lean": (0.3, 3.0),
    "leave": (0.8, 8.0),
    "centre": (0.5, 20.0),
}
UNSETTLED = 2000.0  # charged for an episode without success
SETTLING = 10.0  # charged for a second until it settles


def objective(scores: hc.tasks.Scores) -> NDArray:
    """J, settling time and failures."""
    settle = np.where(scores.success, scores.settle, 0.0)
    return scores.cost + SETTLING * settle + UNSETTLED * ~scores.success


def search(name: str, budget: int, episodes: int, seed: int) -> dict:
    """Gains for a task; of "ekf noisy" those of the machine behind observers."""
    observed, task = name.startswith("ekf "), hc.tasks.get(name.removeprefix("ekf "))
    start = dataclasses.asdict(tuned(task, observed))
    ranges: dict = {n: (*bounds, start[n]) for n, bounds in RANGES.items()}
    if observed:
        ranges["disturbance"] = (0.2, 10.0, UNKNOWN)

    def build(values: dict[str, float]) -> hc.Controller:
        own = dict(values)
        disturbance = own.pop("disturbance", None)
        gains = MachineGains(**own)
        if observed:
            return build_ekf_machine(task, gains, disturbance)
        return build_machine(task, gains)

    count = 1 if name == "swingup" else episodes  # it has one start
    found = hc.tune(
        task, build, ranges, budget, episodes=count, seed=seed, objective=objective
    )
    print(f"{name}: {found}", flush=True)
    return found.to_dict() | {"episodes": count, "seed": seed}


def main(
    names: tuple[str, ...] = (*TASKS, "ekf noisy"),
    budget: int = 1000,
    episodes: int = 256,
    seed: int = 1,
) -> None:
    """Search for better gains; other tasks keep what was found for them before."""
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found = known.get("tasks", {})
    for name in names:
        found[name] = search(name, budget, episodes, seed)
        record = {"about": about(), "tasks": found}
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
