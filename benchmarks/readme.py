"""Write the measured part of the README from benchmarks/results/*.json."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN = "<!-- measured: benchmarks/readme.py writes this -->"
END = "<!-- end of measured -->"


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def strategies() -> str:
    """Cost, success and settling of the strategies on three tasks."""
    result = load("strategies")
    lines = [
        f"Four strategies on {result['n']} episodes of each task (seed "
        f"{result['seed']}, never trained on). J is the cost of TASKS' benchmark, a "
        "failed episode is charged 600. PPO trains on `balance`, the residual on "
        f"`global`, {result['seeds']} seeds each: mean and 95 % interval over seeds, "
        "success of the worst seed. From `benchmarks/strategies.py`.",
        "",
        "| task | strategy | success | settles (median) | J |",
        "| --- | --- | --- | --- | --- |",
    ]
    for task, rows in result["tasks"].items():
        for name, row in rows.items():
            lines.append(f"| {task} | {name} | {cells(row)} |")
    return "\n".join(lines)


def cells(row: dict[str, Any]) -> str:
    learned = "success_worst" in row
    success = row["success_worst"] if learned else row["success"]["value"]
    settle = row["settle_median"]
    seconds = settle["value"] if isinstance(settle, dict) else settle
    J = row["J"]
    return (
        f"{success:.1%} | {'never' if seconds is None else f'{seconds:.2f} s'} | "
        f"{J['value']:.3g} [{J['low']:.3g}, {J['high']:.3g}]"
    )


def learning() -> str:
    """Seconds to a solved task."""
    result = load("learn")
    wall = result["wall_seconds"]
    steps = [run["cold"]["steps"] for run in result["runs"]]
    return (
        f"**Learning.** PPO on `balance` with at most 1 N holds the pole on "
        f"128 episodes it never saw for {result['solved']} of {result['seeds']} seeds, after "
        f"{min(steps):,} to {max(steps):,} steps. A new process, imports and compiling "
        f"included, on {result['about']['cores']} core: {wall['cold']['min']:.0f}–"
        f"{wall['cold']['max']:.0f} s with an empty compilation cache, "
        f"{wall['warm']['min']:.1f}–{wall['warm']['max']:.1f} s with a warm one. From "
        "`benchmarks/learn.py`."
    )


def speed() -> str:
    """Ratios of the composed environment."""
    result = load("speed")
    tasks = result["tasks"]
    bare = {name: task["ratio_to_bare"]["plain"] for name, task in tasks.items()}
    kinds = ("residual", "machine")
    plain = [tasks["global"]["ratio_to_plain"][kind] for kind in kinds]
    return (
        f"**Speed.** At {result['lanes']} lanes on {result['about']['cores']} core, "
        "the environment in brax's wrappers, with rewards, observations and fresh random "
        "resets, runs at "
        + " and ".join(f"{ratio:.2f} (`{name}`)" for name, ratio in bare.items())
        + " of a bare RK4 `vmap` and `scan` with the same substeps and starts. On "
        f"`global` the residual template runs at {plain[0]:.2f} and the state machine "
        f"at {plain[1]:.2f} of the plain one. From `benchmarks/speed.py`."
    )


def machine() -> str:
    about = load("speed")["about"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    return (
        f"Measured on {about['processor']}, {about['machine']}, Python "
        f"{about['python']}; {versions}. The machine was shared: trust ratios."
    )


def measured() -> str:
    """The whole part, between its marks."""
    parts = (strategies(), learning(), speed(), machine())
    return "\n\n".join((BEGIN, *parts, END))


def main() -> None:
    """Put the part into the README."""
    text = README.read_text()
    start, end = text.index(BEGIN), text.index(END) + len(END)
    README.write_text(text[:start] + measured() + text[end:])


if __name__ == "__main__":
    main()
