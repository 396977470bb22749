"""The command line: `hybridctl demo | design | simulate | train | compare | report`.

Nothing heavy is imported before a command runs, so `hybridctl --help` is quick.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

TaskName = Literal["balance", "swingup", "global"]
Out = Annotated[Path, tyro.conf.arg(help="folder that the results are written to")]


@dataclass
class Design:
    """Design an LQR for the cart-pole's upright position and save it."""

    Q: tuple[float, float, float, float] = (1.0, 10.0, 1.0, 1.0)
    """weights of x, theta, dx, dtheta"""
    R: float = 0.1
    """weight of the force"""
    dt: float = 0.02
    """control period [s]"""
    m_c: float = 1.0
    """mass of the cart [kg]"""
    m_p: float = 0.1
    """mass at the tip of the pole [kg]"""
    L: float = 1.0
    """length of the pole [m]"""
    limit: float = 10.0
    """largest force [N]"""
    out: Out = Path("runs/design")
    seed: int = 0
    """not used: a design has nothing random"""


@dataclass
class Simulate:
    """Simulate a controller on a task and plot what happens."""

    controller: str = "machine"
    """"lqr", "machine", or a file that was saved"""
    task: TaskName = "swingup"
    episode: int = 0
    """which evaluation episode of the seed"""
    seed: int = 0
    """of the episode"""
    out: Out = Path("runs/simulate")


@dataclass
class Train:
    """Train a template on a task; writes controller, curve and settings."""

    task: TaskName = "balance"
    template: Literal["ppo", "residual"] = "ppo"
    preset: Literal["balance", "swing", "auto"] = "auto"
    """settings; auto takes the preset that is meant for the task's reward"""
    steps: int | None = None
    """decisions at most; the preset's by default"""
    seed: int = 0
    """of networks, episodes and exploration"""
    out: Out = Path("runs/train")


@dataclass
class Compare:
    """Compare controllers on the same episodes of one or more tasks."""

    controllers: tuple[str, ...] = ("lqr", "machine")
    """"lqr", "machine", or files that were saved; the first is the reference"""
    tasks: tuple[TaskName, ...] = ("balance", "swingup", "global")
    n: int = 1024
    """episodes of each task"""
    seed: int = 7
    """of the episodes"""
    out: Out = Path("runs/compare")


@dataclass
class Report(Compare):
    """Compare controllers and write one self-contained HTML report."""

    out: Out = Path("runs/report")


@dataclass
class Demo:
    """Train PPO and a residual, compare them with LQR and machine, write a report."""

    n: int = 1024
    """episodes of each task"""
    steps: int = 450_000
    """decisions that the residual trains on"""
    seed: int = 0
    """of training; comparisons use episodes that training never sees"""
    out: Out = Path("demo")


Command = Demo | Design | Simulate | Train | Compare | Report


def main(arguments: list[str] | None = None) -> None:
    """Run a command; user errors end in one sentence and exit code 2."""
    command = tyro.cli(Command, prog="hybridctl", args=arguments)  # type: ignore[call-overload]
    from hybridctl import commands

    try:
        commands.run(command)
    except (ValueError, OSError) as error:
        print(f"hybridctl: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("hybridctl: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
