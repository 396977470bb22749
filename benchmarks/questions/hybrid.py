"""How exact are events, and what do they cost?

Impact and switching times against the analytic ones, the energy of an elastic
cart-pole between end stops, and environment steps per second with and without end
stops. Writes benchmarks/results/hybrid.json.

On one core: `taskset -c 0 python -m benchmarks.questions.hybrid`
"""

import dataclasses
import json
import statistics
from typing import Any

import jax
import numpy as np
import tyro
from rich.progress import track
from speed import composed, seconds

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about

RESULT = results.path("hybrid")
IDLE = hc.Constant([0.0])
SOLVERS: dict[str, dict[str, Any]] = {
    "dopri5": {"solver": "dopri5", "rtol": 1e-10, "atol": 1e-12},
    "rk4": {},
}


def impacts(n: int, g: float = 9.81, e: float = 0.8, height: float = 1.0) -> Any:
    """Times of the first n impacts of a dropped ball."""
    speed = np.sqrt(2 * g * height)
    flights = 2 * speed / g * e ** np.arange(1, n)
    return np.cumsum([speed / g, *flights])


def switchings(room: hc.Thermostat, T: float, n: int) -> Any:
    """Times at which a thermostat that starts heating at T switches."""
    times = []
    for i in range(n):
        heats = i % 2 == 0
        ends = float(room.ambient + heats * room.power * room.tau / room.capacity)
        goal = float(room.high if heats else room.low)
        times.append(float(room.tau) * np.log((T - ends) / (goal - ends)))
        T = goal
    return np.cumsum(times)


def worst(trace: hc.Trace, truth: Any) -> float:
    """Largest error of the first events [s]."""
    times = np.array([t for t, _ in trace.events[: len(truth)]])
    return float(np.max(np.abs(times - truth)))


def times(options: dict[str, Any]) -> dict[str, float]:
    """Errors of the times of the first ten impacts and switchings."""
    ball, room = hc.BouncingBall(g=9.81, e=0.8), hc.Thermostat()
    drop = hc.simulate(ball, IDLE, [1.0, 0.0], 4.0, **options)
    heat = hc.simulate(room, IDLE, [20.0, 1.0], 1600.0, dt=5.0, **options)
    switched = worst(heat, switchings(room, 20.0, 10))
    return {"impact_s": worst(drop, impacts(10)), "switch_s": switched}


def elastic(options: dict[str, Any], bounces: int) -> dict[str, float]:
    """Relative change of the energy over elastic bounces of a cart-pole."""
    plant = hc.EndStops(hc.CartPole(), ends=0.5, e=1.0)
    trace = hc.simulate(plant, IDLE, [0.0, 2.5, 1.0, 0.0], 30.0, **options)
    last = trace.events[bounces - 1][0]
    energy = np.asarray(jax.vmap(plant.energy)(trace.x))[trace.t <= last + 0.02]
    drift = float(np.max(np.abs(energy / energy[0] - 1)))
    return {"bounces": bounces, "relative_energy_drift": drift}


def price(lanes: int, steps: int, rounds: int) -> dict[str, Any]:
    """Environment steps per second with and without end stops, round by round."""
    free = hc.tasks.get("global")
    stops = hc.EndStops(hc.CartPole(), ends=2.0, e=0.5)
    walled = dataclasses.replace(free, plant=stops)
    tasks = {"free": free, "end stops": walled}
    slot = 10.0 * hc.Slot(1)
    work = {n: composed(task, slot, lanes, steps, 0.05) for n, task in tasks.items()}
    first = {name: seconds(run) for name, run in work.items()}
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in track(range(rounds), description=f"{lanes} lanes"):
        for name, run in work.items():
            spent[name].append(seconds(run))
    pairs = zip(spent["free"], spent["end stops"], strict=True)
    return {
        "steps_per_second": {n: lanes * steps / min(t) for n, t in spent.items()},
        "ratio": statistics.median(a / b for a, b in pairs),
        "first_call_seconds": first,
    }


def main(steps: int = 500, rounds: int = 9, bounces: int = 20) -> None:
    """Measure and write the result."""
    result: dict[str, Any] = {"about": about()}
    for name, options in SOLVERS.items():
        with jax.enable_x64(True):
            result[name] = {**times(options), "elastic": elastic(options, bounces)}
    loose = {"rk4": {}, "dopri5": {"solver": "dopri5"}}
    result["float32"] = {name: times(options) for name, options in loose.items()}
    result["env"] = {str(n): price(n, steps, rounds) for n in (256, 2048)}
    results.write(RESULT, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
