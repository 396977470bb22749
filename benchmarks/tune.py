"""Tune the reference state machine: which gains does `strategies` ship?

Cross-entropy search on a seed that is for tuning, task by task: `global` together
with `swingup`, `weak`, `short_track`. The best gains are written to
benchmarks/results/tune.json; `hybridctl/strategies` quotes them.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import tyro
from about import about
from rich.progress import track

from hybridctl import plants, tasks
from hybridctl.compare import evaluate
from hybridctl.strategies.reference import MachineGains, build_machine, tuned

RESULTS = Path(__file__).parent / "results"
RUBBING = {"friction1": 0.1, "friction2": 0.1}
PLANTS = {
    "pendulum": (plants.Pendulum(), plants.Pendulum(friction=0.3)),
    "acrobot": (plants.Acrobot(), plants.Acrobot(**RUBBING)),
    "pendubot": (plants.Pendubot(), plants.Pendubot(**RUBBING)),
}


def tasks_of(name: str) -> list[tasks.Task]:
    """A registered task, or those of reaching a plant's upright equilibrium."""
    if name in PLANTS:
        return [tasks.reach(plant) for plant in PLANTS[name]]
    return [tasks.get(name)]


def score(name: str, gains: MachineGains, episodes: int, seed: int) -> float:
    """J, settling time and failures on a task; of `global` also J from hanging.

    Of a plant, whose cost has no scale of its own, settling time and failures,
    without and with friction.
    """
    parts = [score_of(name, task, gains, episodes, seed) for task in tasks_of(name)]
    return float(np.mean(parts))


def score_of(
    name: str, task: tasks.Task, gains: MachineGains, episodes: int, seed: int
) -> float:
    scores = evaluate(task, build_machine(task, gains), episodes, seed)
    settle = np.minimum(scores.settle, task.seconds)
    if name in PLANTS:
        return float(settle.mean() + 100.0 * (~scores.success).mean())
    value = scores.cost.mean() + 4000.0 * (~scores.success).mean()
    if name == "global":
        rest = tasks.get("swingup")
        extra = evaluate(rest, build_machine(rest, gains), 1, seed).cost.mean()
        return float(value + 40.0 * np.median(settle) + 0.1 * extra)
    return float(value)


def search(
    name: str, rounds: int, size: int, episodes: int, seed: int, spread: float
) -> tuple[MachineGains, float]:
    """The best gains of a cross-entropy search around those that are shipped."""
    rng, best = np.random.default_rng(seed), tuned(tasks_of(name)[0])
    mean = np.log(np.asarray(dataclasses.astuple(best)))
    std = np.full(mean.shape, spread)
    best_score = score(name, best, episodes, seed)
    print(f"{name}: start {best_score:.3f} {best}")
    for _ in track(range(rounds), description=f"tuning {name}"):
        draws = mean + std * rng.standard_normal((size, len(mean)))
        draws[0] = mean
        tried = [MachineGains(*np.exp(d).tolist()) for d in draws]
        values = [score(name, gains, episodes, seed) for gains in tried]
        elite = draws[np.argsort(values)[: size // 6]]
        mean, std = elite.mean(0), elite.std(0) + 0.01
        if min(values) < best_score:
            best, best_score = tried[int(np.argmin(values))], min(values)
            print(f"{best_score:.3f} {best}", flush=True)
    rounded = (float(f"{g:.4g}") for g in dataclasses.astuple(best))
    return MachineGains(*rounded), best_score


def main(
    names: tuple[str, ...] = ("global", "weak", "short_track"),
    rounds: int = 12,
    size: int = 40,
    episodes: int = 512,
    seed: int = 1,
    spread: float = 0.6,
) -> None:
    """Search for better gains; other tasks keep what was found for them before."""
    for name in names:
        result = RESULTS / ("tune_plants.json" if name in PLANTS else "tune.json")
        known = json.loads(result.read_text()) if result.exists() else {}
        found = known.get("tasks", {})
        gains, value = search(name, rounds, size, episodes, seed, spread)
        found[name] = {"score": value, "seed": seed, "gains": dataclasses.asdict(gains)}
        record = {"about": about(), "tasks": found}
        result.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
