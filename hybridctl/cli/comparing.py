"""`hybridctl compare` and `report`: tables on disk first, then on the screen."""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

from hybridctl import deploy, show, tasks
from hybridctl.checks import require
from hybridctl.cli import options
from hybridctl.cli.shared import console, controller_of, labels_of, saved, typed
from hybridctl.contests.compare import compare
from hybridctl.contests.table import Table
from hybridctl.controllers import Controller
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Task

USUAL = ("lqr", "machine")
TASKS = ("balance", "swingup", "global")
OF_A_SUITE = ("quick", "steps", "jobs")


def check_no_suite(given: Collection[str]) -> None:
    """Refuse options that say nothing where no suite is run."""
    for name in OF_A_SUITE:
        require(
            name not in given,
            f"--{name} is of a suite; add --suite cartpole, or leave it out",
        )


def compare_and_keep(
    task: Task,
    controllers: Mapping[str, Controller],
    n: int,
    seed: int,
    out: Path,
    on: On = None,
) -> Table:
    """Compare on a task, and write the table as JSON."""
    told = f"comparing {len(controllers)} controllers on {task.name}"
    with console.status(told) if on is None else contextlib.nullcontext():
        table = compare(task, controllers, n, seed, timing=True, on=on)
    table.to_json(out / f"{task.name}.json")
    return table


def compare_on_tasks(command: options.Compare) -> list[Table]:
    """Compare on every task, write the tables as JSON and print them."""
    tables, labels = [], labels_of(command.controllers or USUAL)
    size = command.n, command.seed, command.out
    with Workers.of(command.on) as team:
        for name in dict.fromkeys(command.tasks or TASKS):
            task = tasks.get(name)
            known = {label: controller_of(c, task) for label, c in labels.items()}
            on = None if command.on is None else team
            tables.append(compare_and_keep(task, known, *size, on))
            console.print(tables[-1])
    return tables


def report(command: options.Report) -> None:
    """Compare on every task and write the report, with the curves of run folders."""
    tables = compare_on_tasks(command)
    folders = {
        label: deploy.RunFolder(name)
        for label, name in labels_of(command.controllers or USUAL).items()
        if Path(name).is_dir()
    }
    runs = {label: folder.load() for label, folder in folders.items() if folder.begun}
    path = command.out / "report.html"
    saved(show.report(tables, path, runs=runs, command=typed()))
