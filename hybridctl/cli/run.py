"""One function a command."""

import json
from typing import Any

import numpy as np

from hybridctl import deploy, files, tasks
from hybridctl.cli import options
from hybridctl.cli.comparing import check_no_suite, compare_on_tasks, report
from hybridctl.cli.demo import demo
from hybridctl.cli.drive import drive
from hybridctl.cli.identify import identify
from hybridctl.cli.lists import list_controllers, list_presets, list_tasks
from hybridctl.cli.live import live
from hybridctl.cli.render import render
from hybridctl.cli.shared import (
    check_writable,
    console,
    controller_of,
    draw,
    saved,
)
from hybridctl.cli.suite import compare_suite
from hybridctl.cli.train import train
from hybridctl.design.feedback import lqr
from hybridctl.plants import CartPole
from hybridctl.tasks.evaluate import replay


def run(command: Any, given: frozenset[str] = frozenset()) -> None:
    """Do what a parsed command asks for.

    Args:
        command: one of the dataclasses of `hybridctl.cli.options`.
        given: names of the options that were typed.

    Raises:
        ValueError: bad input; the sentence says what to do.
    """
    if type(command) in _LISTS:
        return _LISTS[type(command)](command)
    if isinstance(command, options.Train):
        return train(command, given)
    if isinstance(command, options.Compare) and command.suite is None:
        check_no_suite(given)
    one_file = options.Export | options.Render | options.Live | options.Drive
    is_file = isinstance(command, one_file)
    check_writable(command.out.parent if is_file else command.out)
    if isinstance(command, options.Compare) and command.suite is not None:
        return compare_suite(command, given)
    _COMMANDS[type(command)](command)


def design(command: options.Design) -> None:
    """Save an LQR, and print its gain."""
    plant = CartPole(command.m_c, command.m_p, command.L)
    controller = lqr(
        plant, plant.upright(), command.Q, command.R, command.dt, limit=command.limit
    )
    path = deploy.save(command.out / "lqr.safetensors", controller)
    console.print("K =", np.array2string(np.asarray(controller.K), precision=4))
    saved(path)


def simulate(command: options.Simulate) -> None:
    """Simulate one episode; write its signals and a picture, and say how it ends."""
    task = tasks.get(command.task)
    controller = controller_of(command.controller, task)
    trace = replay(task, controller, command.seed, command.episode)
    numbers, picture = command.out / "trace.json", command.out / "trace.png"
    files.write_text(numbers, json.dumps(trace.to_dict()))
    draw(trace.plot(), picture)
    box = {"x": 0.1, "theta": 0.05, "dtheta": 0.1}
    settled = trace.settling_time(task.target, **box)
    console.print(
        f"settled: {settled:.2f} s" if np.isfinite(settled) else "never settled"
    )
    for t, source, target in trace.switches():
        console.print(f"{t:7.2f} s  {source} → {target}", markup=False)
    saved(picture, numbers)


def export(command: options.Export) -> None:
    """Write a controller as code."""
    task = tasks.get(command.task)
    controller = controller_of(command.controller, task)
    dt = task.loop.dt if command.dt is None else command.dt
    options = {"plant": task.plant, "real": command.real}
    saved(deploy.export(controller, command.out, dt, **options))


_LISTS: dict[type, Any] = {
    options.Tasks: list_tasks,
    options.Controllers: list_controllers,
    options.Presets: list_presets,
}
_COMMANDS: dict[type, Any] = {
    options.Design: design,
    options.Simulate: simulate,
    options.Render: render,
    options.Live: live,
    options.Compare: compare_on_tasks,
    options.Report: report,
    options.Export: export,
    options.Demo: demo,
    options.Identify: identify,
    options.Drive: drive,
}
