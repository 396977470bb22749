"""`log.txt` of a run folder: what happened when, a line an event."""

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hybridctl import __version__
from hybridctl.checks import plain
from hybridctl.deploy import disk, lock

if TYPE_CHECKING:
    from hybridctl.learn import Run

NAME = "log.txt"


def note(folder: Path, text: str) -> None:
    """Add a line; a disk that does not take it is no reason to stop."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    with contextlib.suppress(OSError):
        disk.append(folder / NAME, f"{now} {plain(text)}\n".encode())


def begins(run: "Run", template: str | None) -> str:
    """The first line of a training."""
    parts = [
        f"begins: task {run.task}",
        f"seed {run.seed}",
        run.config.algorithm,
        f"up to {run.config.steps:,} decisions",
        f"hybridctl {__version__}",
        f"{lock.me()}",
    ]
    if template is not None:
        parts.insert(1, f"template {template}")
    if len(run.curve) > 1:
        parts.append(f"goes on after {run.curve[-2]['steps']:,.0f} decisions")
    return ", ".join(parts)


def validated(run: "Run") -> str:
    """The line of a validation."""
    row = run.curve[-1]
    best = ", the best so far" if run.best == len(run.curve) - 1 else ""
    score = f"score {row['score']:.6g}, success {row.get('success', 0):.1%}"
    return f"{row['steps']:,.0f} decisions: {score}{best}"


def ended(run: "Run") -> str:
    """The last line of a training."""
    kept = run.curve[run.best]["steps"]
    gain = (
        "" if run.better_than_base is None else f", {run.better_than_base} above base"
    )
    return (
        f"ends: {run.stopped} after {run.steps:,} decisions; the best, of {kept:,.0f}, "
        f"has score {run.score:.6g}{gain}"
    )
