"""`hybridctl train`: train, keep everything in a folder, say how it went."""

import contextlib
import functools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridctl import files, show
from hybridctl.cli import options
from hybridctl.cli.plan import Plan, begin, checkpoints, go_on
from hybridctl.cli.shared import console, draw, saved
from hybridctl.cli.stop import Stopper
from hybridctl.deploy import RunFolder, RunFolders
from hybridctl.runs.folder import CHECKPOINT, CONTROLLER, CURVE, FACTS, LAST
from hybridctl.runs.log import NAME as LOG

if TYPE_CHECKING:
    from hybridctl.learn import Run

PICTURE = "curve.png"
FILES = (CONTROLLER, LAST, CHECKPOINT, CURVE, FACTS, LOG, PICTURE)


def train(command: options.Train, given: frozenset[str] = frozenset()) -> None:
    """Train a template, or go on with a run.

    Args:
        command: what was asked for.
        given: names of the options that were typed.

    Raises:
        ValueError: bad input; the sentence says what to do.
        OSError: the folder cannot be written to; it has what it had.
        KeyboardInterrupt: it was interrupted; the folder has the best so far.
    """
    plan = go_on(command, given) if command.resume else begin(command)
    try:
        with Stopper() as stopper:
            train = _one if command.seeds is None else _several
            stopped = train(plan, stopper, command.tensorboard)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_left(plan.folder)) from None
    except OSError as error:  # which names the last good checkpoint
        raise files.NotWritten("; ".join([str(error), *_ways(plan.folder)])) from error
    finally:
        with contextlib.suppress(OSError):
            plan.folder.rmdir()  # if nothing came of it
    if stopped:
        raise KeyboardInterrupt(_left(plan.folder))


def _left(folder: Path) -> str:
    """What an interruption left, and how to go on with it."""
    kept = [RunFolder(path.parent).last_good() for path in checkpoints(folder)]
    none = (
        f"there is no checkpoint in {folder}, as the first one is written at the first "
        "validation; train anew"
    )
    return "; ".join([*kept, *_ways(folder)]) or none


def _ways(folder: Path) -> list[str]:
    """Commands that go on with what is in a folder."""
    return [
        f"go on with: hybridctl train --resume --out {shlex.quote(str(path.parent))}"
        for path in checkpoints(folder)
    ]


def _one(plan: Plan, stopper: Stopper, tensorboard: bool) -> bool:
    """Train with one seed; tell whether it was stopped."""
    from hybridctl.learn import train as learn  # heavy

    resume = plan.options.get("resume")
    if resume is not None:
        console.print(
            f"going on from {resume.checkpoint.steps:,} decisions, {_how(resume)}",
            highlight=False,
        )
    with RunFolder(plan.folder, plan.name) as folder:
        boards = [show.TensorBoard(plan.folder)] if tensorboard else []
        tell = (folder, *boards, stopper)
        result = learn(plan.task, plan.template, on_validation=tell, **plan.options)
        console.print(str(result), highlight=False)
        folder(result)  # once more: the disk may have been full
    _draw(plan.folder, result)
    saved(*(plan.folder / name for name in FILES))
    return result.stopped == "interrupted"


def _how(resume: "Run") -> str:
    """How a run goes on."""
    if resume.config.engine == "jax" or resume.config.algorithm == "hjb":
        return "bit for bit as if it had not stopped"
    return (
        "with networks and normalizer; brax begins the optimizer's moments and the "
        "random stream anew"
    )


def _several(plan: Plan, stopper: Stopper, tensorboard: bool) -> bool:
    """Train with several seeds side by side; tell whether one was stopped."""
    from hybridctl.learn import train as learn

    folders = RunFolders(plan.folder, plan.name)
    board = functools.cache(lambda seed: show.TensorBoard(folders[seed].path))
    boards = [lambda run: board(run.seed)(run)] if tensorboard else []
    if tensorboard:
        show.TensorBoard(plan.folder)  # says now if that is not possible
    with folders:
        tell = (folders, *boards, stopper) if plan.options["on"] is None else folders
        results = learn(plan.task, plan.template, on_validation=tell, **plan.options)
        console.print(str(results), highlight=False)
        for run in results:
            folders(run)
    for run in results:
        _draw(folders[run.seed].path, run)
    _draw(plan.folder, results)
    saved(*(folders[run.seed].path for run in results), plan.folder / PICTURE)
    return any(run.stopped == "interrupted" for run in results)


def write_run(folder: Path, run: "Run", template: str | None = None) -> list[Path]:
    """Write a training that is over, with a picture of its curve."""
    RunFolder(folder, template, replace=True)(run)
    _draw(folder, run)
    return [folder / name for name in FILES]


def _draw(folder: Path, run: Any) -> None:
    draw(show.training_curve({folder.name: run}), folder / PICTURE)
