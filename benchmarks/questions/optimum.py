"""What do two values say of a start, and what does following them cost there?

V of the network that `hc.train` fits and V of `hc.value_iteration`'s grid, at the
first held-out starts of `global`; beside them the cost of the optimal inputs, by the
direct transcription of `bounds.py`, and what the controllers pay that are greedy in the
values, or plan a short while with the network's value at the end. Of one training,
seed 0; every horizon is reported. Writes benchmarks/results/optimum.json.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.contests.bounds import BOUNDS
from hybridctl.controllers import MPC
from hybridctl.describe import plain_data
from hybridctl.strategies.model import build_mpc
from hybridctl.tasks.evaluate import start_of

RESULT = results.path("optimum")
TASK = "global"


def main(n: int = 32, horizons: tuple[int, ...] = (10, 25)) -> None:
    """Measure and write the result.

    Args:
        n: starts, of which the bounds know 32.
        horizons: of the planners, in periods.
    """
    task, least = hc.tasks.get(TASK), np.array(BOUNDS[TASK].episodes[:n])
    dp: Any = hc.reference("dp", task)
    run = hc.train(task, hc.template("hybrid", task), target=float("inf"))
    greedy: Any = run.policy.inner  # type: ignore[union-attr]
    values = {"hybrid": greedy.value, "dp": dp.controllers[0].value}
    x = np.stack([start_of(task, 0, i).x for i in range(len(least))])
    told = {name: np.asarray(jax.vmap(v)(x)) for name, v in values.items()}
    columns = {"hybrid": run.controller, "dp": dp}
    for horizon in horizons:
        columns[f"mpc {horizon} with V"] = planner(task, greedy, horizon)
    table = hc.compare(task, columns, n=len(least), seed=0, against="hybrid")
    J = {name: np.asarray(scores.cost) for name, scores in table.scores.items()}
    rows = table.to_dict()["rows"]
    for name, costs in J.items():
        rows[name]["times_the_bound"] = float(costs.mean() / least.mean())
        rows[name]["worst_times"] = float((costs / least).max())
    states = {"least": least, "V": told, "J": J}
    found = {"about": about(), "task": TASK, "rows": rows}
    results.write(RESULT, found | {"states": plain_data(states)})


def planner(task: hc.Task, greedy: hc.Greedy, horizon: int) -> MPC:
    """The reference MPC, with a value behind a short horizon and one iteration."""
    usual: Any = build_mpc(task, horizon, iterations=1)
    return dataclasses.replace(usual, guess=greedy, value=greedy.value)


if __name__ == "__main__":
    tyro.cli(main)
