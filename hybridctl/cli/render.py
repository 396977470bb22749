"""`hybridctl render`: controllers and traces as a file to look at."""

import dataclasses
import json
import time
from pathlib import Path

from hybridctl import show, tasks
from hybridctl.checks import fail
from hybridctl.cli import options
from hybridctl.cli.shared import console, controller_of, labels_of, saved
from hybridctl.loop import Trace
from hybridctl.show.film.painter import which
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import replay, start_of


def render(command: options.Render) -> None:
    """Play what was recorded, or what a controller does in an episode."""
    labels = labels_of(command.what)
    recorded = {label: _is_trace(name) for label, name in labels.items()}
    task = None
    if command.task or not all(recorded.values()):
        task = tasks.get(command.task or "swingup")
        own = start_of(task, command.seed, command.episode).plant
        task = dataclasses.replace(task, plant=own)  # the episode's, where they vary
    traces = {}
    for label, name in labels.items():
        with console.status(f"simulating {label}"):
            traces[label] = _trace_of(name, task, command, recorded[label])
    began, at = time.perf_counter(), command.at
    path = show.render(
        traces, command.out, plant=task, fps=command.fps, size=command.size,
        speed=command.speed, seconds=command.seconds, renderer=command.renderer,
        at=at[0] if len(at) == 1 else at or None,
    )  # fmt: skip
    spent = time.perf_counter() - began
    console.print(f"drawn by {which(command.renderer)} in {spent:.1f} s")
    saved(path)


def _is_trace(name: str) -> bool:
    return Path(name).suffix == ".json"


def _trace_of(
    name: str, task: Task | None, command: options.Render, recorded: bool
) -> Trace:
    if task is None or recorded:
        return read_trace(Path(name))
    controller = controller_of(name, task)
    return replay(task, controller, command.seed, command.episode)


def read_trace(path: Path) -> Trace:
    """What `hybridctl simulate` wrote.

    Raises:
        ValueError: no such file, no JSON, or no trace.
    """
    try:
        return Trace.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        fail(f"there is no file {path}; hybridctl simulate writes trace.json")
    except ValueError as error:
        fail(f"{path} is not a trace: {error}")
