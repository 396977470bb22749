"""Does the same rig, told in other units, do the same?

Law 10, in other units of mass, length and time. Every reference controller on every
task, the task told anew: parameters, limits, weights, period, starts, tolerances, noise
and pushes. A heavier rig is one told in a lighter unit of mass, and a longer one under
the same gravity one whose second is longer by the root of that. What is left is
rounding, which a swing-up amplifies; in units that are powers of two, which float32
tells exactly, every episode should be the same. Written to
benchmarks/results/units.json.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.controllers import Guard
from hybridctl.controllers.guards import Near
from hybridctl.strategies import references

RESULT = results.path("units")
SEED = 0
Powers = tuple[int, int, int]  # of mass, length and time

ONE: Powers = (0, 0, 0)
STATES: Mapping[str, Powers] = {
    "": ONE, "rad": ONE, "V": ONE, "m": (0, 1, 0), "rad/s": (0, 0, -1),
    "m/s": (0, 1, -1), "N": (1, 1, -2), "N m": (1, 2, -2),
}  # fmt: skip
PARAMETERS: Mapping[str, Powers] = (
    {"g": (0, 1, -2), "cart_friction": (1, 0, -1)}
    | dict.fromkeys(("m_c", "m_p", "m", "m1", "m2"), (1, 0, 0))
    | dict.fromkeys(("L", "l1", "l2", "lc1", "lc2"), (0, 1, 0))
    | dict.fromkeys(("I1", "I2"), (1, 2, 0))
    | dict.fromkeys(("pole_friction", "friction", "friction1", "friction2"), (1, 2, -1))
)


class Units(NamedTuple):
    """How many of the new units one of the old ones is."""

    mass: float = 1.0
    length: float = 1.0
    time: float = 1.0

    def told(self, value: Any, powers: Powers) -> Any:
        """A number in the new units."""
        m, l, t = powers  # noqa: E741
        return value * (self.mass**m * self.length**l * self.time**t)

    def factors(self, plant: hc.Plant) -> tuple[np.ndarray, np.ndarray]:
        """Of the states [n_x] and of the inputs [n_u]."""
        rows = [
            np.array([self.told(1.0, STATES[plant.units[name]]) for name in names])
            for names in (plant.states, plant.inputs)
        ]
        return rows[0], rows[1]


SCALES: Mapping[str, Units] = {
    "as it is": Units(),
    "masses x 0.01": Units(mass=0.01),
    "masses x 100": Units(mass=100.0),
    "lengths x 0.1": Units(length=0.1, time=0.1**0.5),
    "lengths x 10": Units(length=10.0, time=10.0**0.5),
    "g, mm, ms": Units(1e3, 1e3, 1e3),
    "2^-7, 2^4, 2^2": Units(2.0**-7, 2.0**4, 2.0**2),
}


def plant_in(units: Units, plant: hc.Plant) -> hc.Plant:
    """A plant whose every parameter is told in other units."""
    names = [field.name for field in dataclasses.fields(plant)]
    told = {n: units.told(getattr(plant, n), PARAMETERS[n]) for n in names}
    return dataclasses.replace(plant, **told)


def loop_in(units: Units, loop: hc.Loop, plant: hc.Plant) -> hc.Loop:
    """A loop with its period, limits, noise and pushes told in other units."""
    x, u = units.factors(plant)
    return dataclasses.replace(
        loop,
        dt=loop.dt * units.time,
        sensor=_changed(loop.sensor, noise=x, bias=x),
        actuator=_changed(loop.actuator, limit=u[0], step=u[0], lag=units.time),
        disturbance=_changed(
            loop.disturbance, force=u[0], noise=u[0], at=units.time,
            duration=units.time, every=units.time,
        ),
    )  # fmt: skip


def task_in(units: Units, task: hc.Task, plant: hc.Plant | None = None) -> hc.Task:
    """A task in other units; its costs are rates, so J is told in time.

    Args:
        units: the new ones.
        task: in the old ones.
        plant: in the new ones, where `plant_in` does not know its parameters.
    """
    x, u = units.factors(task.plant)
    target = dataclasses.replace(task.target, x=task.target.x * x, u=task.target.u * u)
    cost = dataclasses.replace(
        task.cost, x0=task.cost.x0 * x, q=task.cost.q / x**2, r=task.cost.r / u**2
    )
    rows = () if task.vary is None else [PARAMETERS[n] for n in task.vary.names]
    varied = np.array([units.told(1.0, powers) for powers in rows])
    seconds = ("seconds", "failure_reward", "failure_cost", "cost_after")
    return dataclasses.replace(
        task,
        plant=plant_in(units, task.plant) if plant is None else plant,
        loop=loop_in(units, task.loop, task.plant),
        target=target,
        start=_start_in(x, task.start),
        train_start=_start_in(x, task.train_start),
        cost=cost,
        failure=guard_in(x, task.failure),
        settled=guard_in(x, task.settled),
        vary=_changed(task.vary, low=varied, high=varied),
        **{name: getattr(task, name) * units.time for name in seconds},
    )


def guard_in(x: np.ndarray, guard: Guard) -> Guard:
    """A guard on states that are multiplied by x [n_x]."""

    def told(node: Any) -> Any:
        if not isinstance(node, Near):
            return node
        factor = x[list(node.columns)]
        return _changed(node, centre=factor, tolerance=factor)

    return jax.tree.map(told, guard, is_leaf=lambda node: isinstance(node, Near))


def _start_in(x: np.ndarray, start: Any) -> Any:
    if isinstance(start, hc.tasks.Either):
        a, b = (_start_in(x, s) for s in (start.a, start.b))
        return dataclasses.replace(start, a=a, b=b)
    return _changed(start, low=x, high=x)


def _changed(part: Any, **factors: Any) -> Any:
    """A part with some of its numbers multiplied; what is None stays so."""
    if part is None:
        return None
    given = {name: getattr(part, name) for name in factors}
    told = {n: v * factors[n] for n, v in given.items() if v is not None}
    return dataclasses.replace(part, **told)


def scores(task: hc.Task, name: str, n: int, units: Units) -> dict[str, Any]:
    """What a reference controller scores on a task told in other units."""
    told = task_in(units, task)
    found = hc.evaluate(told, hc.reference(name, told), n, SEED)
    return {
        "success": found.success,
        "settle": found.settle / units.time,
        "J": found.cost / units.time,
    }


def compared(own: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Means of one, and how many of the episodes are those of the other."""
    settled = other["settle"][other["success"]]
    return {
        "success": float(other["success"].mean()),
        "J": float(other["J"].mean()),
        "settle_median": float(np.median(settled)) if len(settled) else None,
        "same_success": int((own["success"] == other["success"]).sum()),
        "same_J": int(np.isclose(own["J"], other["J"], rtol=1e-3).sum()),
        "same_bits": int((own["J"] == other["J"]).sum()),
    }


def main(n: int = 64, few: int = 2, task: str = "", only: str = "") -> None:
    """Measure and write.

    Args:
        n: episodes.
        few: of the slow mpc.
        task: this one only.
        only: this controller only.
    """
    known = results.known(RESULT).get("tasks", {})
    for name in [task] if task else hc.tasks.names():
        for controller in [only] if only else references():
            episodes = few if controller == "mpc" else n
            begin = time.perf_counter()
            run = {
                scale: scores(hc.tasks.get(name), controller, episodes, units)
                for scale, units in SCALES.items()
            }
            own = run["as it is"]
            row = {scale: compared(own, other) for scale, other in run.items()}
            row |= {"n": episodes}
            known.setdefault(name, {})[controller] = row
            spent = time.perf_counter() - begin
            print(name, controller, f"{spent:.0f} s", row, flush=True)
            scales = {k: v._asdict() for k, v in SCALES.items()}
            record = {"about": about(), "seed": SEED, "scales": scales, "tasks": known}
            results.write(RESULT, record)
            jax.clear_caches()


if __name__ == "__main__":
    tyro.cli(main)
