"""`log.txt` of a run folder: what happened when, a line an event."""

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hybridctl import files
from hybridctl.checks import plain
from hybridctl.runs import lock
from hybridctl.version import __version__

if TYPE_CHECKING:
    from hybridctl.learn import Run

NAME = "log.txt"


class Log:
    """What is said of a training, each thing once; from its first validation on.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.begin([])

    def begin(self, curve: list[dict[str, float]]) -> None:
        """A training begins, which goes on from the run with this curve, if any."""
        self.done = curve[-1]["steps"] if curve else None
        self.told: tuple[int, str] | None = None

    def tell(self, run: "Run", template: str | None) -> None:
        """The run was written."""
        now, before = (len(run.curve), run.stopped), self.told
        lines = [_began(run, template, self.done)] if before is None else []
        lines += [_validated(run)] if before is None or before[0] != now[0] else []
        lines += [_ended(run)] if now != before and run.stopped != "running" else []
        self.told = now
        for line in lines:
            self.note(line)

    def note(self, text: str) -> None:
        """Add a line; a disk that does not take it is no reason to stop."""
        if self.told is None:  # a folder without a run stays empty
            return
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with contextlib.suppress(OSError):
            files.append(self.folder / NAME, f"{now} {plain(text)}\n".encode())


def _began(run: "Run", template: str | None, done: float | None) -> str:
    parts = [
        f"begins: task {run.task}",
        *([] if template is None else [f"template {template}"]),
        f"seed {run.seed}",
        run.config.algorithm,
        f"up to {run.config.steps:,} decisions",
        f"hybridctl {__version__}",
        f"{lock.me()}",
        *([] if done is None else [f"goes on after {done:,.0f} decisions"]),
    ]
    return ", ".join(parts)


def _validated(run: "Run") -> str:
    row = run.curve[-1]
    best = ", the best so far" if run.best == len(run.curve) - 1 else ""
    score = f"score {row['score']:.6g}, success {row.get('success', 0):.1%}"
    return f"{row['steps']:,.0f} decisions: {score}{best}"


def _ended(run: "Run") -> str:
    kept = run.curve[run.best]["steps"]
    return (
        f"ends: {run.stopped} after {run.steps:,} decisions; the best, of {kept:,.0f}, "
        f"has score {run.score:.6g}"
    )
