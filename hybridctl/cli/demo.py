"""`hybridctl demo`: what is learned beside what is designed, on two tasks."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridctl import show, strategies, tasks
from hybridctl.cli import options
from hybridctl.cli.comparing import compare_and_keep
from hybridctl.cli.shared import console, draw, saved, typed
from hybridctl.cli.train import write_run
from hybridctl.contests.columns import VERBS
from hybridctl.contests.table import Table
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import replay

if TYPE_CHECKING:
    from hybridctl.learn import Run

# Task: what is trained, with which preset; what was designed for the same task.
CONTESTS = {
    "balance": ("ppo", "balance", "lqr"),
    "global": ("hybrid", "hjb", "machine"),
}
TITLE = "hybridctl demo: learned beside designed"
EPISODES = 7  # seed of the comparisons: episodes that no training sees


def demo(command: options.Demo) -> None:
    """Train twice, compare, and write a report."""
    began = time.perf_counter()
    runs = {title: _trained(title, command) for title in CONTESTS}
    tables = [_contest(title, runs[title], command) for title in CONTESTS]
    named = {f"{CONTESTS[title][0]} on {title}": run for title, run in runs.items()}
    path = command.out / "report.html"
    with console.status("writing the report"):
        picture = _swingup_picture(tables[-1], command.out)
        known, live = tables[-1].controllers, command.out / "live.html"
        show.live(tables[-1].task, known, live)
        page = show.report(
            tables, path, runs=named, title=TITLE, command=typed(), live=live
        )
    for table in tables:
        console.print(table, "")
    for table, run in zip(tables, runs.values(), strict=True):
        console.print(lesson(table, run))
    saved(picture, live, page)
    console.print(f"done in {time.perf_counter() - began:.0f} s")


def _trained(title: str, command: options.Demo) -> "Run":
    from hybridctl.learn import train  # heavy

    name, preset, _ = CONTESTS[title]
    task = tasks.get(title)
    steps = command.steps if name == "hybrid" else None
    template = strategies.template(name, task)
    run = train(task, template, config=preset, steps=steps, seed=command.seed)
    write_run(command.out / name, run, name)
    return run


def _contest(title: str, run: "Run", command: options.Demo) -> Table:
    """What was trained beside what was designed, on the task of both."""
    learned, _, designed = CONTESTS[title]
    task = tasks.get(title)
    known = {
        designed: strategies.reference(designed, task),
        learned: run.controller,
    }
    return compare_and_keep(task, known, command.n, EPISODES, command.out)


def lesson(table: Table, run: "Run") -> str:
    """What training was good for, in a line made from the table."""
    designed, learned = table.controllers
    rows = [table.row(name) for name in (learned, designed)]
    verb, _ = VERBS[table.task.criterion]
    mine, theirs = (f"{row['success']['value']:.1%}" for row in rows)
    same = f"as {designed} does" if mine == theirs else f"{designed} in {theirs}"
    rates = f"in {mine} of {table.n} episodes, {same}"
    return (
        f"{table.task.name}: after {run.steps:,} decisions {learned} {verb} {rates}; "
        f"{_price(rows[0]['difference'], rows[1]['J_mean'], designed, run)}."
    )


def _price(gap: dict[str, float], base: float, designed: str, run: "Run") -> str:
    """What it costs beside what was designed."""
    if run.curve[run.best]["steps"] == 0:
        return f"nothing better than {designed} was found, so it is kept as it was"
    if gap["low"] <= 0 <= gap["high"]:
        return f"its cost J is not told from that of {designed}"
    size, word = abs(gap["value"]) / base, "less" if gap["value"] < 0 else "more"
    if size > 1:
        return f"its cost J is {1 + gap['value'] / base:.3g} times that of {designed}"
    return f"it costs {size:.0%} {word} than {designed}"


def _swingup_picture(table: Table, out: Path) -> Path:
    """The first eight seconds of both from hanging at rest."""
    hanging: Task = tasks.get("swingup")
    traces = {n: replay(hanging, c, 0, 0) for n, c in table.controllers.items()}
    options: dict[str, Any] = {"signals": ("x", "theta", "force"), "size": (8, 4.5)}
    figure = show.plot_traces(traces, target=hanging.target, **options)
    figure.axes[-1].set_xlim(0, 8)
    return draw(figure, out / "swingup.png", dpi=110)
