"""What `hybridctl train` is asked for: a new training, or to go on with one."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridctl import strategies, tasks
from hybridctl.checks import fail, require
from hybridctl.cli import options
from hybridctl.cli.settings import settings_of
from hybridctl.cli.shared import controller_of
from hybridctl.controllers import Controller
from hybridctl.deploy import RunFolder
from hybridctl.runs.folder import CHECKPOINT
from hybridctl.runs.seeds import by_seed
from hybridctl.tasks import Task

if TYPE_CHECKING:
    from hybridctl.learn import Run

RUNS = Path("runs")
FREE = ("target", "num_evals", "num_eval_envs")  # what going on may change


@dataclass(frozen=True)
class Plan:
    """A training.

    Attributes:
        folder: where it is kept.
        task: what it trains on.
        template: what it fills.
        name: of the template.
        options: the other arguments of `hc.train`.
    """

    folder: Path
    task: Task
    template: Controller
    name: str
    options: dict[str, Any]


def begin(command: options.Train) -> Plan:
    """A new training, in a folder that holds no other.

    Raises:
        ValueError: the folder holds a run, or bad settings.
    """
    task = tasks.get(command.task)
    require(
        command.on is None or not command.tensorboard,
        "--on trains elsewhere, and --tensorboard writes from here; leave one out",
    )
    options = {
        "config": None if command.preset == "auto" else command.preset,
        "algorithm": command.algorithm,
        "engine": command.engine,
        "steps": command.steps,
        "seed": command.seed,
        "seeds": command.seeds,
        "on": command.on,
        **settings_of(command.set),
    }
    if command.teacher is not None:
        options["teacher"] = controller_of(command.teacher, task)
    name = command.template or "ppo"
    template = strategies.template(name, task)
    if command.out is None:
        folder = _fresh(f"{command.task}-{name}")
    else:
        folder = command.out
        _check_free(folder)
    return Plan(folder, task, template, name, options)


def go_on(command: options.Train, given: frozenset[str]) -> Plan:
    """What goes on with the run in a folder, as it was.

    Raises:
        FileNotFoundError: there is no run in the folder.
        ValueError: options that contradict the run, or a damaged file.
    """
    if command.out is None:
        fail(f"--resume needs the folder of a run: --out {_latest()}")
    require(
        command.seeds is None,
        "--resume goes on with one run; leave out --seeds, and give the folder of "
        f"one seed: --out {command.out / 'seed-0'}",
    )
    folder = RunFolder(command.out)
    run, name = folder.read()
    if name not in strategies.templates() or run.task not in tasks.names():
        fail(
            f"{command.out} was trained from Python, on a task or template without a "
            "name here; go on there: hc.train(task, template, resume="
            "hc.RunFolder(folder).load())"
        )
    settings = settings_of(command.set)
    _check_same(command, given, run, name, settings)
    task = tasks.get(run.task)
    template = strategies.template(name, task)
    folder.load(task, template)
    options = {"resume": run, "seed": run.seed, "steps": command.steps, **settings}
    return Plan(command.out, task, template, name, options)


def _check_same(
    command: options.Train,
    given: frozenset[str],
    run: "Run",
    name: str,
    settings: dict[str, Any],
) -> None:
    """Refuse options that say something else than the run did."""
    cure = "leave it out, or train anew in another --out"
    require(
        command.teacher is None,
        "--resume goes on with networks that have learned already; leave out --teacher",
    )
    require(
        command.preset == "auto",
        f"--preset {command.preset} contradicts --resume, which takes the settings of "
        f"the run; {cure}",
    )
    known = {
        "task": run.task,
        "algorithm": run.config.algorithm,
        "engine": run.config.trained_by,
        "seed": run.seed,
    }
    flags = ((f"--{k} {getattr(command, k)}", v, k) for k, v in known.items())
    wrong = [(flag, v) for flag, v, k in flags if k in given and flag != f"--{k} {v}"]
    wrong += [(command.template, name)] * (command.template not in (None, name))
    wrong += [
        (f"--set {k}={v}", getattr(run.config, k))
        for k, v in settings.items()
        if k not in FREE and v != getattr(run.config, k)
    ]
    for flag, value in wrong:
        fail(f"{flag} contradicts the run in {command.out}, which has {value}; {cure}")


def _fresh(stem: str) -> Path:
    """A folder that was not there: the next number."""
    for n in itertools.count():
        folder = RUNS / f"{stem}-{n}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            fail(f"cannot write to {RUNS}: {error.strerror}; choose an --out")
    raise AssertionError


def _check_free(folder: Path) -> None:
    for path in checkpoints(folder):
        fail(
            f"{path.parent} holds a run already; go on with it by --resume, or choose "
            "another --out"
        )


def checkpoints(folder: Path) -> list[Path]:
    """Those in a folder: of its run, or of its seeds."""
    seeds = by_seed(folder, CHECKPOINT)
    return [path for path in (folder / CHECKPOINT, *seeds) if path.exists()]


def _latest() -> Path:
    """The run that was written last, as a proposal."""
    files = RUNS.glob(f"*/{CHECKPOINT}")
    found = sorted((path.stat().st_mtime, path.parent) for path in files)
    return found[-1][1] if found else RUNS / "balance-ppo-0"
