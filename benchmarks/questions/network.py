"""Can a network be learned on, and what does it cost?

Trains pure PPO to balance the motor-driven cart-pole (the input is a voltage, at most
12 V) with the preset "balance", seed by seed, and scores each on 128 episodes that
neither training nor validation saw, beside the LQR. Also: environment steps per
second at N lanes, network and cart-pole in turn, round by round. Writes
benchmarks/results/network.json.

On one core: `taskset -c 0 python -m benchmarks.questions.network`
"""

import json
import statistics
import time
from typing import Any

import tyro
from rich.progress import track
from speed import composed, seconds

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about

RESULT = results.path("network")
EPISODES, SEED = 128, 11  # held out


def tasks() -> dict[str, hc.Task]:
    """Balancing with a force, with a motor, and with the motor's inertia in it."""
    heavy, motor = hc.plants.motor_cartpole(), hc.plants.DCMotor(R=2.6, k=0.00767)
    plants = {
        "cart-pole": hc.CartPole(),
        "motor": hc.plants.motor_cartpole(motor=motor),
        "motor with inertia": heavy,
    }
    return {name: hc.tasks.balance(plant) for name, plant in plants.items()}


def scored(task: hc.Task, controller: hc.Controller) -> dict[str, float]:
    """Shares of the held-out episodes that were held to the end, and that settled."""
    scores = hc.evaluate(task, controller, EPISODES, SEED)
    return {
        "held": float((~scores.failed).mean()),
        "settled": float(scores.success.mean()),
        "cost": float(scores.cost.mean()),
    }


def trained(task: hc.Task, seed: int) -> dict[str, Any]:
    """One run of PPO with the preset for balancing."""
    began, template = time.perf_counter(), hc.template("ppo", task)
    run = hc.train(task, template, config="balance", seed=seed, progress=False)
    wall = time.perf_counter() - began
    about_run = {"seed": seed, "seconds": wall, "steps": run.steps, **run.timing}
    return about_run | {"stopped": run.stopped} | scored(task, run.controller)


def speed(lanes: int, steps: int, rounds: int) -> dict[str, Any]:
    """Environment steps per second; ratios to the cart-pole within a round."""
    work = {
        name: composed(task, task.input_limit * hc.Slot(1), lanes, steps, 0.05)
        for name, task in tasks().items()
    }
    first = {name: seconds(run) for name, run in work.items()}
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in track(range(rounds), description=f"{lanes} lanes"):
        for name, run in work.items():
            times[name].append(seconds(run))
    plain = times["cart-pole"]
    return {
        name: {
            "steps_per_second": lanes * steps / min(t),
            "ratio_to_cartpole": statistics.median(
                a / b for a, b in zip(plain, t, strict=True)
            ),
            "first_call_seconds": first[name],
        }
        for name, t in times.items()
    }


def main(seeds: int = 5, lanes: int = 2048, steps: int = 500, rounds: int = 15) -> None:
    """Measure and write the result."""
    task = tasks()["motor with inertia"]
    runs = [trained(task, seed) for seed in track(range(seeds), description="PPO")]
    result = {
        "about": about(),
        "episodes": EPISODES,
        "solved": sum(run["held"] == 1.0 for run in runs),
        "lqr": scored(task, hc.reference("lqr", task)),
        "runs": runs,
        "lanes": lanes,
        "speed": speed(lanes, steps, rounds),
    }
    results.write(RESULT, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
