"""What the commands of the command line do."""

import csv
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from hybridctl import cli, deploy, show, strategies, tasks
from hybridctl.checks import fail
from hybridctl.compare.compare import compare
from hybridctl.compare.table import Table
from hybridctl.controllers import Controller
from hybridctl.design.feedback import lqr
from hybridctl.plants import CartPole
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import replay

console = Console(soft_wrap=True)


def run(command: Any) -> None:
    """Do what a parsed command asks for.

    Raises:
        ValueError: bad input; the sentence says what to do.
    """
    _writable(command.out)
    _COMMANDS[type(command)](command)


def design(command: cli.Design) -> None:
    """Print gain and poles of an LQR, and save it."""
    plant = CartPole(command.m_c, command.m_p, command.L)
    controller = lqr(
        plant, plant.upright(), command.Q, command.R, command.dt, limit=command.limit
    )
    console.print("K =", np.array2string(np.asarray(controller.K), precision=4))
    _saved(deploy.save(command.out / "lqr.safetensors", controller))


def simulate(command: cli.Simulate) -> None:
    """Simulate one episode; write its signals and their picture."""
    task = tasks.get(command.task)
    controller = _controller(command.controller, task)
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
    (command.out / "trace.json").write_text(json.dumps(trace.to_dict()))
    _saved(command.out / "trace.png", command.out / "trace.json")


def train(command: cli.Train) -> None:
    """Train a template; write controller, curve and settings."""
    task = tasks.get(command.task)
    result = _train(task, command.template, command.steps, command.seed, command.preset)
    console.print(
        f"{result.stopped} after {result.steps:,} decisions, "
        f"score {result.score:.1f}, {result.timing['total']:.1f} s"
    )
    _saved(*write_run(command.out, result))


def compare_on_tasks(command: cli.Compare) -> list[Table]:
    """Compare on every task, print the tables and write them as JSON."""
    tables = []
    for name in command.tasks:
        task = tasks.get(name)
        known = {_label(c): _controller(c, task) for c in command.controllers}
        tables.append(_compare(task, known, command.n, command.seed, command.out))
    return tables


def report(command: cli.Report) -> None:
    """Compare on every task and write the report."""
    tables = compare_on_tasks(command)
    _saved(show.report(tables, command.out / "report.html", command=_typed()))


def demo(command: cli.Demo) -> None:
    """From two trainings to a report."""
    began = time.perf_counter()
    balance, swingup = tasks.get("balance"), tasks.get("swingup")
    ppo = _train(balance, "ppo", None, command.seed)
    residual = _train(swingup, "residual", command.steps, command.seed)
    for name, result in (("ppo", ppo), ("residual", residual)):
        write_run(command.out / name, result)
    tables = []
    for name in tasks.names():
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
    picture = _swingup_picture(tables[tasks.names().index("swingup")], command.out)
    _saved(picture, show.report(tables, path, runs=runs, command=_typed()))
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


def write_run(folder: Path, result: Any) -> list[Path]:
    """Write a training run: controller, curve (CSV and picture), settings."""
    folder.mkdir(parents=True, exist_ok=True)
    curve, settings = folder / "curve.csv", folder / "run.json"
    with curve.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(result.curve[0]))
        writer.writeheader()
        writer.writerows(result.curve)
    about = {
        "task": result.task,
        "config": dataclasses.asdict(result.config),
        "seed": result.seed,
        "stopped": result.stopped,
        "best": result.curve[result.best],
        "timing": result.timing,
    }
    settings.write_text(json.dumps(about, indent=1) + "\n")
    picture = folder / "curve.png"
    show.training_curve({folder.name: result}).savefig(picture, dpi=150)
    saved = deploy.save(folder / "controller.safetensors", result.controller)
    return [saved, curve, settings, picture]


def _train(
    task: Task, name: str, steps: int | None, seed: int, preset: str = "auto"
) -> Any:
    from hybridctl.learn import train as learn  # imports brax

    template = strategies.template(name, task)
    config = None if preset == "auto" else preset
    return learn(task, template, steps=steps, seed=seed, config=config)


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


def _controller(name: str, task: Task) -> Controller:
    """A reference by its name, or a controller from a file."""
    if name in strategies.references():
        return strategies.reference(name, task)
    if not Path(name).exists():
        known = ", ".join(strategies.references())
        fail(f"no controller {name!r}: it is neither a file nor one of {known}")
    return deploy.load(name)


def _label(name: str) -> str:
    path = Path(name)
    return path.parent.name if path.stem == "controller" else path.stem


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}; choose another --out")


def _saved(*paths: Path) -> None:
    for path in paths:
        console.print(f"wrote {path}")


def _typed() -> str:
    return " ".join(["hybridctl", *sys.argv[1:]])


_COMMANDS = {
    cli.Design: design,
    cli.Simulate: simulate,
    cli.Train: train,
    cli.Compare: compare_on_tasks,
    cli.Report: report,
    cli.Demo: demo,
}
