"""Which gains do the reference machines ship with?

The same search with the same budget for every task, each on its own distribution and
on a seed that is for tuning; `noisy` also behind its observers, and the other plants
on `tasks.reach`. What is shipped is replaced only where the search is better on
episodes that it had not seen, with 95 % confidence. Writes
benchmarks/results/tune.json; `hybridctl/tasks/gains.py` quotes it.
"""

import dataclasses

import numpy as np
import tyro
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.strategies.model import UNKNOWN, build_ekf_machine
from hybridctl.strategies.reference import build_machine, tuned
from hybridctl.tasks import MachineGains

RESULT = results.path("tune")
TASKS = ("swingup", "global", "weak", "short_track", "push", "unknown_plant", "noisy")
NOISE = "noise alone"
OBSERVED = ("ekf noisy", f"ekf {NOISE}")
PLANTS = {  # with a little friction, as real ones have
    "pendulum": hc.Pendulum(friction=0.1),
    "acrobot": hc.Acrobot(friction1=0.02, friction2=0.02),
    "pendubot": hc.Pendubot(friction1=0.05, friction2=0.05),
}
RANGES = {
    "pump": (3.0, 200.0),
    "stiffness": (0.2, 30.0),
    "damping": (0.2, 10.0),
    "kick": (0.003, 0.3),
    "margin": (0.003, 1.0),
    "drive": (2.0, 200.0),
    "track": (0.5, 0.98),
    "catch": (0.3, 6.0),
    "lean": (0.3, 3.0),
    "leave": (0.8, 10.0),
    "centre": (0.5, 20.0),
}
UNSETTLED = 2000.0  # charged for an episode without success
SETTLING = 10.0  # charged for a second until it settles, where J counts from then on


def standing(scores: hc.tasks.Scores) -> NDArray:
    """J and failures."""
    return scores.cost + UNSETTLED * ~scores.success


def settling(scores: hc.tasks.Scores) -> NDArray:
    """J, settling time and failures."""
    settle = np.where(scores.success, scores.settle, 0.0)
    return standing(scores) + SETTLING * settle


def task_of(name: str) -> hc.Task:
    """A registered task, one behind observers, or that of reaching upright."""
    if name in PLANTS:
        return hc.tasks.reach(PLANTS[name])
    plain = name.removeprefix("ekf ")
    if plain == NOISE:
        return hc.tasks.noisy(delay=0, force=0.0, name=NOISE)
    return hc.tasks.get(plain)


def search(name: str, budget: int, episodes: int, seed: int) -> dict:
    """Gains for a task; of "ekf noisy" those of the machine behind observers."""
    observed, task = name.startswith("ekf "), task_of(name)
    start = dataclasses.asdict(tuned(task, observed))
    ranges: dict = {n: (*bounds, start[n]) for n, bounds in RANGES.items()}
    if observed and task.loop.disturbance is not None:
        ranges["disturbance"] = (0.2, 10.0, UNKNOWN * task.input_limit)

    def build(values: dict[str, float]) -> hc.Controller:
        own = dict(values)
        disturbance = own.pop("disturbance", None)
        gains = MachineGains(**own)
        if observed:
            return build_ekf_machine(task, gains, disturbance)
        return build_machine(task, gains)

    count = 1 if name == "swingup" else episodes  # it has one start
    objective = standing if task.cost_after else settling  # the end alone counts there
    found = hc.tune(
        task, build, ranges, budget, episodes=count, seed=seed, objective=objective
    )
    print(f"{name}: {found}", flush=True)
    shipped = found.values if found.gain else {n: row[2] for n, row in ranges.items()}
    gains = {n: float(f"{value:.4g}") for n, value in shipped.items()}
    return {"gains": gains, "episodes": count, "seed": seed} | found.to_dict()


def main(
    names: tuple[str, ...] = (*TASKS, NOISE, *OBSERVED, *PLANTS),
    budget: int = 600,
    episodes: int = 128,
    seed: int = 1,
) -> None:
    """Search for better gains; other tasks keep what was found for them before.

    Args:
        names: tasks and plants; "ekf noisy" is the machine behind its observers.
        budget: controllers that each search tries.
        episodes: that each is scored on.
        seed: of the search and its episodes.
    """
    known = results.known(RESULT)
    found = known.get("tasks", {})
    for name in names:
        found[name] = search(name, budget, episodes, seed)
        record = {"about": about(), "budget": budget, "tasks": found}
        results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
