"""`hybridctl compare --suite`: every strategy on every task of a suite."""

import time
from pathlib import Path
from typing import Any

from hybridctl import show, suites
from hybridctl.cli import options
from hybridctl.cli.shared import console, controller_of, labels_of, saved, typed

KEPT = "kept"  # folder of trainings and scores, within --out
PUSHED = 4  # controllers on the page that can be pushed


def compare_suite(command: options.Compare, given: frozenset[str]) -> None:
    """Train and score what is missing; print, and write result and report."""
    began = time.perf_counter()
    suite = suite_of(command, given)
    try:
        folder = command.out / KEPT
        result = suites.run(suite, folder, command.jobs, on=command.on)
    except KeyboardInterrupt:
        told = f"stopped; what is done is kept. Go on with: {typed()}"
        console.print(told, markup=False)
        raise
    path = result.to_json(command.out / "suite.json")
    for title in suite.entries:
        console.print(result.sheet(title))
    console.print(result.verdict, markup=False)
    with console.status("writing the report"):
        films, report = show.suite_films(result), command.out / "report.html"
        live = pushed(result, command.out / "live.html")
        page = show.suite_report(
            result, report, films=films, command=typed(), live=live
        )
    saved(path, *([] if live is None else [live]), page)
    console.print(f"done in {time.perf_counter() - began:.0f} s")


def pushed(result: suites.Result, path: Path) -> Path | None:
    """A page of the best controllers of the task with the most of them.

    None where they cannot run in a page, as what a Python function answers cannot.
    """
    title = max(result.suite.entries, key=lambda t: len(result.columns(t)))
    table = result.table(title)
    rank = sorted(table.controllers, key=lambda n: table.row(n)["J_mean"])
    against = result.suite.against
    chosen = [against, *(n for n in rank if n != against and n != "mpc")][:PUSHED]
    known = {name: table.controllers[name] for name in chosen}
    try:
        return show.live(table.task, known, path)
    except ValueError as error:
        console.print(f"no page to push: {error}", markup=False)
        return None


def suite_of(command: options.Compare, given: frozenset[str]) -> suites.Suite:
    """The suite that was asked for: its own size, tasks and columns by default."""
    changes: dict[str, Any] = {
        name: getattr(command, name) for name in ("n", "seed") if name in given
    }
    suite = suites.get(
        command.suite or "", quick=command.quick, decisions=command.decisions, **changes
    )
    if command.tasks:
        suite = suite.only(command.tasks)
    if not command.controllers:
        return suite
    labels = labels_of(command.controllers)
    known = [name for name in labels.values() if name in suite.columns]
    own = {label: name for label, name in labels.items() if name not in known}
    first = next(iter(suite.entries.values())).task
    return suite.only((), known or [suite.against]).plus(
        {label: controller_of(name, first) for label, name in own.items()}
    )
