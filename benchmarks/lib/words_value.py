"""What a learned value reaches, in words."""

from typing import Any

import numpy as np

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table
from benchmarks.questions.value import FEW


def value() -> str:
    """The hybrid on the suite's tasks, and on plants that nothing was set for."""
    result = load("value")
    tasks = {n: task for n, task in result["tasks"].items() if "few" not in task}
    seeds = max(len(task["trainings"]["hybrid"]) for task in tasks.values())
    heads = "task|machine J|hybrid J|of the least|succeeds|settles|s, cold|s, warm"
    return section(
        "A learned value",
        '`hc.train(task, hc.template("hybrid", task))` learns the '
        "optimal cost-to-go of the plant. J is the mean over held-out episodes, of up "
        f"to {seeds} seeds from the best to the worst; *of the least* is the ratio to "
        "what the optimal input costs, *succeeds* the share of episodes of the worst "
        "seed, *settles* the median time in seconds. Seconds are those of a whole "
        "process with its imports, with an empty compilation cache and with a warm "
        "one, beside other work on the machine.",
        table(heads.split("|"), [row(name, task) for name, task in tasks.items()]),
        beside(tasks["global"]),
        *elsewhere(result["tasks"]),
        "From `benchmarks/questions/value.py`.",
    )


def elsewhere(tasks: dict[str, Any]) -> tuple[str, ...]:
    """Plants that are not in the suite; nothing where none was measured."""
    others = {name: task for name, task in tasks.items() if "few" in task}
    if not others:
        return ()
    heads = "plant|machine|hybrid|residual|MPC|hybrid settles|s, hybrid|s, residual"
    return (
        "Plants that are not in the suite and that nothing was set for, one seed: J, "
        "in brackets the success where it is not 100 % (of MPC on the first "
        f"{FEW} episodes), and the seconds of the processor for a training from an "
        "empty cache:",
        table(heads.split("|"), [other(*pair) for pair in others.items()]),
    )


def other(name: str, task: dict[str, Any]) -> tuple[str, ...]:
    """A plant: what each pays, and what was spent."""
    rows, kinds = task["rows"], ("hybrid", "residual")
    found = [rows["machine"], *(rows[f"{kind} 0"] for kind in kinds)]
    settle = rows["hybrid 0"]["settle_median"]
    return (
        name,
        *(f"{r['J_mean']:.4g}{missed(r)}" for r in (*found, task["few"]["mpc"])),
        "never" if settle is None else f"{settle:.2f} s",
        *(f"{task['trainings'][kind][0]['cpu']:.0f}" for kind in kinds),
    )


def hybrids(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the hybrid, seed by seed."""
    return [
        task["rows"][f"hybrid {run['seed']}"] for run in task["trainings"]["hybrid"]
    ]


def row(name: str, task: dict[str, Any]) -> tuple[str, ...]:
    """A task: the machine, and the hybrid of all seeds."""
    machine = task["rows"]["machine"]
    found = hybrids(task)
    near = [r["times_the_bound"] for r in found if r.get("times_the_bound")]
    settles = [r["settle_median"] for r in found if r["settle_median"] is not None]
    seconds = {
        kind: [
            run["seconds"]
            for run in task["trainings"]["hybrid"]
            if run["cache"] == kind
        ]
        for kind in ("cold", "warm")
    }
    return (
        name,
        f"{machine['J_mean']:.4g}{missed(machine)}",
        f"{spread([r['J_mean'] for r in found], '.4g')}",
        f"{np.mean(near):.3f}" if near else "–",
        f"{min(r['success']['value'] for r in found):.2%}",
        spread(settles, ".2f"),
        spread(seconds["cold"], ".0f"),
        spread(seconds["warm"], ".0f"),
    )


def missed(row: dict[str, Any]) -> str:
    """The success in brackets, where it is not 100 %."""
    success = row["success"]["value"]
    return "" if success == 1 else f" ({min(100 * success, 99.9):.3g} %)"


def spread(numbers: list[float], form: str) -> str:
    """From the least to the largest."""
    ends = (
        [f"{number:{form}}" for number in (min(numbers), max(numbers))]
        if numbers
        else []
    )
    return "–" if not ends else ends[0] if ends[0] == ends[1] else "–".join(ends)


def beside(task: dict[str, Any]) -> str:
    """The residual of PPO on the same episodes, and its seconds."""
    (run,), row = task["trainings"]["residual"], task["rows"]["residual 0"]
    return (
        f"On `global` the residual that PPO trains ends at J {row['J_mean']:.4g} after "
        f"{run['seconds']:.0f} s."
    )


def optimum() -> str:
    """Two values and what follows from them, beside the optimal inputs."""
    result = load("optimum")
    states, least = result["states"], np.array(result["states"]["least"])
    heads = "|V at the start|J|of the least|median|worst start"
    worst = "start|least|V of the network|its J|V of the grid|its J"
    return section(
        "Values beside the optimum",
        f"The first {len(least)} held-out starts of `{result['task']}`, where the "
        f"optimal inputs cost {least.mean():.2f} (transcription, see below). V is "
        "what a value says at the start, J what following it costs; then J as a share "
        "of the least: of all starts together, of the median start, of the worst.",
        table(heads.split("|"), [followed(name, states) for name in states["J"]]),
        "The starts at which the hybrid is furthest from the least:",
        table(worst.split("|"), furthest(states)),
        "Of one training, seed 0; from `benchmarks/questions/optimum.py`.",
    )


def followed(name: str, states: dict[str, Any]) -> tuple[str, ...]:
    """A controller: what its value says, and what it pays."""
    least, J = np.array(states["least"]), np.array(states["J"][name])
    V = states["V"].get(name)
    told = {"hybrid": "`hybrid`, of a network", "dp": "`dp`, of a grid"}
    planned = f"MPC over {name[4:6]} periods, then V of the network"
    return (
        told.get(name, planned),
        "–" if V is None else f"{np.mean(V):.1f}",
        f"{J.mean():.2f}",
        f"{J.mean() / least.mean():.3f}",
        f"{np.median(J / least):.3f}",
        f"{np.max(J / least):.2f}",
    )


def furthest(states: dict[str, Any], n: int = 4) -> list[list[str]]:
    """The starts where the hybrid is furthest from the least."""
    V, J = states["V"], states["J"]
    far = np.array(J["hybrid"]) / np.array(states["least"])
    known = [states["least"], V["hybrid"], J["hybrid"], V["dp"], J["dp"]]
    rows = np.argsort(-far)[:n]
    return [[str(i), *(f"{column[i]:.1f}" for column in known)] for i in rows]
