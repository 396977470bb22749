"""What several commands need: names of controllers, folders, lines on the screen."""

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from hybridctl import deploy, files, strategies
from hybridctl.checks import fail
from hybridctl.controllers import Controller
from hybridctl.runs.folder import CONTROLLER
from hybridctl.runs.seeds import by_seed
from hybridctl.tasks import Task

console = Console(soft_wrap=True, highlight=False)


def controller_of(name: str, task: Task) -> Controller:
    """A reference by its name, or a controller from a file or the folder of a run."""
    if name in strategies.references():
        return strategies.reference(name, task)
    path = Path(name)
    if not path.exists():
        known = ", ".join(strategies.references())
        fail(
            f"no controller {name!r}: it is neither a file, nor the folder of a run, "
            f"nor one of {known}"
        )
    return deploy.load(_in_folder(path) if path.is_dir() else path)


def _in_folder(folder: Path) -> Path:
    path = folder / CONTROLLER
    if path.exists():
        return path
    seeds = by_seed(folder, CONTROLLER)
    if seeds:
        fail(f"{folder} holds several seeds; choose one, as in {seeds[0].parent}")
    fail(f"there is no {CONTROLLER} in {folder}; give the folder of a run")


def labels_of(names: Iterable[str]) -> dict[str, str]:
    """Names of controllers by what tables call them: as short as is unambiguous.

    Example:
        >>> labels_of(["lqr", "runs/a/seed-0", "runs/b", "x/b/controller.safetensors"])
        {'lqr': 'lqr', 'a/seed-0': 'runs/a/seed-0',
         'runs/b': 'runs/b', 'x/b': 'x/b/controller.safetensors'}
    """
    names = list(dict.fromkeys(names))
    for parts in (1, 2, 3):
        labels = [_label(name, parts) for name in names]
        if len(set(labels)) == len(names):
            break
    else:
        labels = names
    return dict(zip(labels, names, strict=True))


def _label(name: str, parts: int) -> str:
    path = Path(name)
    path = path.parent if path.name == CONTROLLER else path.with_suffix("")
    return "/".join(path.parts[-parts:])


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}; choose another --out")


def draw(figure: Any, path: Path, dpi: int = 150) -> Path:
    """Write a figure as a picture, all of it or nothing."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=dpi)
    files.write(path, picture.getvalue())
    return path


def saved(*paths: Path) -> None:
    """Say what was written."""
    for path in paths:
        console.print(f"wrote {path}", markup=False)


def typed() -> str:
    """The command line."""
    return " ".join(["hybridctl", *sys.argv[1:]])
