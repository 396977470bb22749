"""How do LQR, the tuned machine, observers and MPC do on every task?

The classical columns. All machines were tuned with one budget, each on its own task
(benchmarks/questions/tune.py).
LQR and machine meet 4096 episodes; MPC, which is slow, meets the first few of the same
and is compared in pairs on those. Writes benchmarks/results/control.json, with the
figures that were measured before for a classical machine beside them.
"""

from typing import Any

import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.strategies import starts

RESULT = results.path("control")
TASKS = ("swingup", "global", "weak", "short_track", "push", "unknown_plant", "noisy")
FEW = 16  # episodes that MPC meets
KNOWN: dict[str, dict[str, float]] = {  # of the classical machine in the task list
    "swingup": {"success": 1.0, "settle_median": 3.92, "J_mean": 131.0},
    "global": {"success": 1.0, "settle_median": 3.17, "J_mean": 74.7},
    "weak from the box": {"success": 0.9995, "J_mean": 105.2},
    "weak hanging": {"success": 1.0, "settle_median": 8.18, "J_mean": 253.5},
    "short_track": {"success": 1.0, "settle_median": 8.24, "J_mean": 266.0},
    "push": {"success": 1.0, "settle_p95": 3.96},
    "unknown_plant": {"success": 0.582},
    "noisy": {"success": 1.0, "J_mean": 10.7},
    "noise alone": {"J_mean": 5.0},
}
KNOWN_EKF = {"noise alone": {"J_mean": 0.50}}


def variants(name: str) -> dict[str, hc.Task]:
    """A task, and what of it is looked at alone."""
    task = hc.tasks.get(name)
    if name == "noisy":
        quiet = hc.tasks.noisy(delay=0, force=0.0, name="noise alone")
        return {name: task, quiet.name: quiet}
    return starts(task)


def columns(task: hc.Task) -> dict[str, hc.Controller]:
    """The fast columns of a task."""
    names = ["lqr", "machine"]
    if task.loop.sensor is not None:
        names.append("ekf_machine")
    return {name: hc.reference(name, task) for name in names}


def no_worse(row: dict[str, Any], known: dict[str, float]) -> dict[str, bool]:
    """By figure: at least as good as what was measured before."""
    flat = row | {"success": row["success"]["value"]}
    sign = {name: -1 if name == "success" else 1 for name in known}
    return {
        name: flat[name] is not None and sign[name] * (flat[name] - bound) <= 0
        for name, bound in known.items()
    }


def measure(name: str, task: hc.Task, n: int, seed: int) -> dict[str, Any]:
    """All columns of a task."""
    n = 1 if name in ("swingup", "weak hanging") else n  # one start
    few = min(n, FEW)
    table = hc.compare(task, columns(task), n, seed, against="machine", timing=True)
    print(name, table, sep="\n", flush=True)
    rows = table.to_dict()["rows"]
    both = {kind: hc.reference(kind, task) for kind in ("machine", "mpc")}
    pairs = hc.compare(task, both, few, seed, against="machine", timing=True)
    print(pairs, flush=True)
    result = {"n": n, "rows": rows, "few": few, "mpc": pairs.to_dict()["rows"]["mpc"]}
    checks = {"machine": KNOWN.get(name, {}), "ekf_machine": KNOWN_EKF.get(name, {})}
    result["known"] = checks
    result["no_worse"] = {
        column: no_worse(rows[column], known)
        for column, known in checks.items()
        if known
    }
    print(result["no_worse"], flush=True)
    return result


def main(n: int = 4096, seed: int = 0, tasks: tuple[str, ...] = TASKS) -> None:
    """Compare and write the result after every task.

    Args:
        n: episodes of a comparison.
        seed: of those episodes.
        tasks: to measure; results of the others stay.
    """
    old = results.known(RESULT)
    result = {"about": about(), "seed": seed, "few": FEW, "tasks": old.get("tasks", {})}
    for name in tasks:
        for kind, task in variants(name).items():
            result["tasks"][kind] = measure(kind, task, n, seed)
            results.write(RESULT, result)


if __name__ == "__main__":
    tyro.cli(main)
