"""The suite's tables and verdict in words."""

from typing import Any

from benchmarks.lib.results import load
from benchmarks.lib.words import section, table, with_interval


def share_table() -> str:
    """Each strategy's J on each task as a share of the reference's."""
    result = load("suite")
    tasks, against = result["tasks"], result["against"]
    heads = [f"{task['number']} {name}" for name, task in tasks.items()]
    rows = [
        (name, *(share(task, name) for task in tasks.values()))
        for name in result["columns"]
    ]
    return "\n\n".join(
        (
            f"What an episode costs (J), as a share of the tuned {against}’s on the "
            "same episodes: lower is better, bold is the best. In brackets, the share "
            "of episodes that settle upright in the middle, where it is not 100 %.",
            table(("strategy", *heads), rows),
        )
    )


def suite() -> str:
    """Every strategy on every task: what matters in one table, the rest folded."""
    result = load("suite")
    return section(
        "The suite",
        f"Every strategy on the tasks B1 to B8, {result['n']} episodes each (seed "
        f"{result['seed']}, never trained on). Learned columns train on the task "
        "itself, those of `swingup` on `global`: PPO on equally many decisions "
        f"({million(result, 'residual')}), the hybrid on {million(result, 'hybrid')}, "
        f"the fit on none beyond it, with {result['seeds']} seeds. "
        "J is ∫ x² + 20(1 + cos θ) + ẋ² + θ̇² + 0.1 u² dt over 20 s; a failed episode "
        "is charged 600. An episode succeeds when it settles: the pole comes to rest "
        "upright in the middle of the track. Bold is the lowest of those whose success "
        "is not told from the highest.",
        share_table(),
        result["verdict"],
        "\n".join(contests(result["tasks"])),
        *folded(result),
        periods(),
    )


def periods() -> str:
    """Time of a control period, and of the trainings."""
    result = load("suite_time")
    hours = result["training_seconds"] / 3600
    shown = ", ".join(
        f"{name} {us:.0f}" for name, us in result["period_us"]["global"].items()
    )
    return (
        f"A control period of `global` takes in µs: {shown}. The "
        f"{result['trainings']} trainings took {hours:.1f} hours in all, two at a time "
        "beside other work (`benchmarks/questions/suite.py`)."
    )


def million(result: dict[str, Any], name: str) -> str:
    """Decisions of a column."""
    rows = [task["rows"].get(name, {}) for task in result["tasks"].values()]
    steps = [n for row in rows for n in row.get("decisions") or ()]
    return f"{max(steps) / 1e6:.1f}M at most"


def share(task: dict[str, Any], name: str) -> str:
    """J beside the reference's, bold where it is the best, with the success."""
    row = task["rows"].get(name)
    if row is None:
        return "–"
    text = f"{row['share']['value']:.2f}"
    success = row["success"]["value"]
    text = f"**{text}**" if name == task["best"] else text
    return text if success == 1 else f"{text} ({min(100 * success, 99.9):.3g} %)"


def contests(tasks: dict[str, Any]) -> list[str]:
    """A line a task: the best learned strategy and the best classical one."""
    told = ((task["number"], name, task["sentence"]) for name, task in tasks.items())
    return [f"- {number} {name}: {text}" for number, name, text in told if text]


def folded(result: dict[str, Any]) -> tuple[str, ...]:
    """The whole table, behind a line to click on."""
    heads = "task|strategy|episodes|success|settles (median, p95)|J|ΔJ|J / bound"
    rows = [
        figures(title, name, row)
        for title, task in result["tasks"].items()
        for name, row in task["rows"].items()
    ]
    return (
        '<details markdown="1"><summary>All figures, with intervals</summary>',
        "Brackets are 95 % intervals, of learned columns over seeds and episodes. ΔJ "
        f"is the paired difference to the {result['against']}; * is sure (p < 0.05 by "
        "Holm’s method). MPC meets fewer episodes, and is compared on those. The last "
        "column is the ratio to what the optimal input costs.",
        table(heads.split("|"), rows),
        "</details>",
    )


def figures(title: str, name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the whole table."""
    s, gap, bound = row["success"], row["difference"], row["to_bound"]
    sure = "*" if gap and gap["verdict"] != "open" else ""
    settle = ", ".join(
        "never" if row[key] is None else f"{row[key]:.2f} s"
        for key in ("settle_median", "settle_p95")
    )
    return (
        title,
        name,
        str(row["n"]),
        f"{s['value']:.2%} [{s['low']:.2%}, {s['high']:.2%}]",
        settle,
        with_interval(row["J"], ".3g"),
        "–" if gap is None else with_interval(gap, "+.3g") + sure,
        "–" if bound is None else f"{bound:.2f}",
    )
