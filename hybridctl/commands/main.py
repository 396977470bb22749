"""One function a command."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from hybridctl import cli, deploy, show, strategies, tasks
from hybridctl.commands.render import render
from hybridctl.commands.shared import (
    check_writable,
    console,
    controller_of,
    labels_of,
    saved,
    typed,
)
from hybridctl.commands.suite import compare_suite
from hybridctl.commands.train import train, write_run
from hybridctl.compare.compare import compare
from hybridctl.compare.table import Table
from hybridctl.design.feedback import lqr
from hybridctl.plants import CartPole
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import replay

DEMO = ("balance", "swingup", "global")


def run(command: Any, given: frozenset[str] = frozenset()) -> None:
    """Do what a parsed command asks for.

    Args:
        command: one of the dataclasses of `hybridctl.cli`.
        given: names of the options that were typed.

    Raises:
        ValueError: bad input; the sentence says what to do.
    """
    if isinstance(command, cli.Train):
        return train(command, given)
    is_file = isinstance(command, cli.Export | cli.Render)
    check_writable(command.out.parent if is_file else command.out)
    if isinstance(command, cli.Compare) and command.suite is not None:
        return compare_suite(command, given)
    return _COMMANDS[type(command)](command)


def design(command: cli.Design) -> None:
    """Print gain and poles of an LQR, and save it."""
    plant = CartPole(command.m_c, command.m_p, command.L)
    controller = lqr(
        plant, plant.upright(), command.Q, command.R, command.dt, limit=command.limit
    )
    console.print("K =", np.array2string(np.asarray(controller.K), precision=4))
    saved(deploy.save(command.out / "lqr.safetensors", controller))


def simulate(command: cli.Simulate) -> None:
    """Simulate one episode; write its signals and their picture."""
    task = tasks.get(command.task)
    controller = controller_of(command.controller, task)
    trace = replay(task, controller, command.seed, command.episode)
    box = {"x": 0.1, "theta": 0.05, "dtheta": 0.1}
    settled = trace.settling_time(task.target, **box)
    console.print(
        f"settled: {settled:.2f} s" if np.isfinite(settled) else "never settled"
    )
    for t, source, target in trace.switches():
        console.print(f"{t:7.2f} s  {source} → {target}")
    figure = trace.plot()
    figure.savefig(command.out / "trace.png", dpi=150)
    (command.out / "trace.json").write_text(
        json.dumps(trace.to_dict()), encoding="utf-8"
    )
    saved(command.out / "trace.png", command.out / "trace.json")


def compare_on_tasks(command: cli.Compare) -> list[Table]:
    """Compare on every task, print the tables and write them as JSON."""
    tables, labels = [], labels_of(command.controllers)
    for name in command.tasks:
        task = tasks.get(name)
        known = {label: controller_of(c, task) for label, c in labels.items()}
        tables.append(_compare(task, known, command.n, command.seed, command.out))
    return tables


def report(command: cli.Report) -> None:
    """Compare on every task and write the report, with the curves of run folders."""
    tables = compare_on_tasks(command)
    folders = {
        label: deploy.RunFolder(name)
        for label, name in labels_of(command.controllers).items()
        if Path(name).is_dir()
    }
    runs = {label: folder.load() for label, folder in folders.items() if folder.begun}
    path = command.out / "report.html"
    saved(show.report(tables, path, runs=runs, command=typed()))


def export(command: cli.Export) -> None:
    """Write a controller as code."""
    task = tasks.get(command.task)
    controller = controller_of(command.controller, task)
    dt = task.loop.dt if command.dt is None else command.dt
    options = {"plant": task.plant, "real": command.real}
    saved(deploy.export(controller, command.out, dt, **options))


def demo(command: cli.Demo) -> None:
    """From two trainings to a report."""
    began = time.perf_counter()
    balance, swingup = tasks.get("balance"), tasks.get("swingup")
    ppo = _train(balance, "ppo", "balance", None, command.seed)
    residual = _train(swingup, "residual", "quick", command.steps, command.seed)
    for name, result in (("ppo", ppo), ("residual", residual)):
        write_run(command.out / name, result, name)
    tables = []
    for name in DEMO:
        task = tasks.get(name)
        controllers = {
            "lqr": strategies.reference("lqr", task),
            "machine": strategies.reference("machine", task),
            "ppo": ppo.controller,
            "residual": residual.controller,
        }
        tables.append(_compare(task, controllers, command.n, 7, command.out, "machine"))
    runs = {"ppo on balance": ppo, "residual on swingup": residual}
    path = command.out / "report.html"
    picture = _swingup_picture(tables[DEMO.index("swingup")], command.out)
    saved(picture, show.report(tables, path, runs=runs, command=typed()))
    console.print(f"done in {time.perf_counter() - began:.0f} s")


def _swingup_picture(table: Table, out: Path) -> Path:
    """The first eight seconds of machine and residual from hanging at rest."""
    traces = {name: table.episode(name, 0).trace for name in ("machine", "residual")}
    figure = show.plot_traces(
        traces, target=table.task.target, signals=("x", "theta", "force"), size=(8, 4.5)
    )
    figure.axes[-1].set_xlim(0, 8)
    figure.savefig(out / "swingup.png", dpi=110)
    return out / "swingup.png"


def _train(task: Task, name: str, preset: str, steps: int | None, seed: int) -> Any:
    from hybridctl.learn import train as learn  # imports brax

    template = strategies.template(name, task)
    return learn(task, template, config=preset, steps=steps, seed=seed)


def _compare(
    task: Task,
    controllers: dict,
    n: int,
    seed: int,
    out: Path,
    against: str | None = None,
) -> Table:
    with console.status(f"comparing {len(controllers)} controllers on {task.name}"):
        table = compare(task, controllers, n, seed, against, timing=True)
    console.print(table)
    table.to_json(out / f"{task.name}.json")
    return table


_COMMANDS = {
    cli.Design: design,
    cli.Simulate: simulate,
    cli.Render: render,
    cli.Compare: compare_on_tasks,
    cli.Report: report,
    cli.Export: export,
    cli.Demo: demo,
}
