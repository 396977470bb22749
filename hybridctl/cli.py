"""The command line; nothing heavy is imported before a command runs."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

TaskName = Literal[
    "balance", "swingup", "global", "weak", "short_track", "push", "unknown_plant",
    "noisy",
]  # fmt: skip
TemplateName = Literal[
    "ppo", "residual", "residual_lqr", "residual_machine", "early_catch", "swing",
    "modes", "gate", "schedule",
]  # fmt: skip


def _arg(text: str, **options: Any) -> Any:
    return tyro.conf.arg(help=text, **options)


Out = Annotated[Path, _arg("folder that the results are written to")]


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
    """"lqr", "machine", the folder of a run, or a file that was saved"""
    task: TaskName = "swingup"
    episode: int = 0
    """which evaluation episode of the seed"""
    seed: int = 0
    """of the episode"""
    out: Out = Path("runs/simulate")


@dataclass
class Render:
    """Show controllers or traces as a video, an animation or a picture.

    Several are beside each other, with one clock. Where neither EGL nor OSMesa works
    the picture is drawn flat, by matplotlib.
    """

    what: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        _arg(
            '"lqr", "machine", folders of runs, controllers that were saved, or a '
            "trace.json of hybridctl simulate"
        ),
    ] = ("machine",)
    task: TaskName | None = None
    """swingup by default; of traces it gives the limits that are drawn"""
    episode: int = 0
    """which evaluation episode of the seed"""
    seed: int = 0
    """of the episode"""
    seconds: float | None = None
    """length that is shown [s]; all of the episode by default"""
    out: Annotated[Path, _arg("the file: .mp4, .gif, .apng, or .png for a still")] = (
        Path("runs/render.mp4")
    )
    at: tuple[float, ...] = ()
    """of a still: time, or several [s]; chosen by the motion by default"""
    fps: float = 25.0
    """frames per second"""
    size: tuple[int, int] | None = None
    """width and height [pixels]; 640 480 for one, 480 360 for each of several"""
    speed: float = 1.0
    """0.5 is slow motion"""
    renderer: Literal["auto", "egl", "osmesa", "matplotlib"] = "auto"


# Settings in which the presets differ; a test compares it with the presets.
PRESETS = """\
preset                balance swing quick  weak   sac   seed seed_long
algorithm                 ppo   ppo   ppo   ppo   sac    ppo       ppo
steps                    500k    8M    2M    8M  200k    100       20M
num_envs                  256   512   256   512    64      1      2048
unroll_length              16    32    32    32    16      5         5
batch_size                 64    32    32    32   256      1      1024
num_minibatches             4    16     8    16     4      1        32
learning_rate           0.003 0.002 0.002 0.002 0.001 0.0003    0.0003
final_learning_rate         1  0.05  0.05  0.05     1      1         1
discounting                 -     -     -     -     -   0.97      0.97
horizon                     4     4     4     8     4      4         4
entropy_cost             0.01 0.001 0.001 0.001  0.01   0.01      0.01
reward_scaling            0.1   0.1   0.1   0.1     1     10        10
max_grad_norm               1     1     1     1     1      -         -
hidden                   2x32  2x64  2x64  2x64  2x32   4x32      4x32
value_hidden                -     -     -     -     -  5x256     5x256
activation               tanh  tanh  tanh  tanh  tanh  swish     swish
grad_updates_per_step       1     1     1     1     8      1         1
min_replay_size             0     0     0     0  4096      0         0
num_evals                  26    17    12    17    21     20        20
num_eval_envs             128   256   256   256   128    128       128
target                      -     -     -     -     -    inf       inf
lock                        -     1     1     1     -      -         -"""


@dataclass
class Train:
    """Train a template on a task; can be stopped and resumed.

    Controller, checkpoint, curve and settings are written after every validation.
    Ctrl-C and SIGTERM stop at the next one; go on with --resume.
    """

    task: TaskName = "balance"
    template: TemplateName = "ppo"
    """what is trained: the agent alone, or with classical parts"""
    preset: Annotated[
        Literal[
            "balance", "swing", "quick", "weak", "sac", "seed", "seed_long", "auto"
        ],
        _arg(
            "settings; auto takes those that are meant for the task's reward. They "
            'differ in ("-" is none, or what follows from the task; 2x32 is two layers '
            f"of 32):\n\n{PRESETS}\n"
        ),
    ] = "auto"
    algorithm: Literal["ppo", "sac"] | None = None
    """the preset's by default"""
    steps: int | None = None
    """decisions at most, in all; the preset's by default"""
    set: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        _arg(
            "any other setting, as in --set learning_rate=1e-3 --set hidden=64,64; "
            "a wrong name gets the list of all",
            metavar="NAME=VALUE",
        ),
    ] = ()
    seed: int = 0
    """of networks, episodes and exploration"""
    seeds: Annotated[
        int | None,
        _arg(
            "train with this many seeds, from --seed on, side by side, each in a "
            "folder of its own: seed-0, seed-1, ..."
        ),
    ] = None
    resume: Annotated[
        bool,
        tyro.conf.FlagCreatePairsOff,
        _arg(
            "go on with the run in --out, with its task, template, seed and settings. "
            "Networks and normalizer go on; the optimizer's moments, the episodes "
            "under way and the random stream begin anew"
        ),
    ] = False
    tensorboard: Annotated[
        bool,
        tyro.conf.FlagCreatePairsOff,
        _arg("write event files for TensorBoard, too"),
    ] = False
    out: Annotated[
        Path | None,
        _arg(
            "folder of the run, which holds no other; by default a new one, such as "
            "runs/balance-ppo-0"
        ),
    ] = None


@dataclass
class Compare:
    """Compare controllers on the same episodes of one or more tasks.

    With --suite every strategy of the toolkit, trained where it learns; what is done
    is kept, so the same command goes on after it was stopped.
    """

    controllers: tuple[str, ...] = ("lqr", "machine")
    """"lqr", "machine", folders of runs, or files that were saved; the first is the
    reference"""
    tasks: tuple[TaskName, ...] = ("balance", "swingup", "global")
    n: int = 1024
    """episodes of each task"""
    seed: int = 7
    """of the episodes"""
    suite: Annotated[
        Literal["cartpole"] | None,
        _arg(
            "a benchmark with tasks, columns and sizes of its own; what else is "
            "given changes it"
        ),
    ] = None
    quick: Annotated[
        bool,
        tyro.conf.FlagCreatePairsOff,
        _arg("of the suite a form of some minutes: one training seed, few episodes"),
    ] = False
    decisions: int | None = None
    """of the suite: that every learned column trains on, at most"""
    jobs: int | None = None
    """of the suite: processes side by side; one a core by default"""
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
    """of training; comparisons use episodes that it never sees"""
    out: Out = Path("demo")


@dataclass
class Export:
    """Write a controller as code: Python, C, ONNX or a program of JAX."""

    controller: tyro.conf.Positional[str]
    """"lqr", "machine", the folder of a run, or a file that was saved"""
    task: TaskName = "swingup"
    """whose references are meant, and whose plant closes the loops of the check"""
    out: Annotated[
        Path,
        _arg("the file: pilot.py, pilot.c (with pilot.h), pilot.onnx or pilot.jax"),
    ] = Path("pilot.py")
    dt: float | None = None
    """control period [s]; the task's by default"""
    real: Literal["double", "float"] | None = None
    """numbers in C and ONNX; by default double in C, float in ONNX"""
    seed: int = 0
    """not used: the check has a seed of its own"""


Command = Demo | Design | Simulate | Render | Train | Compare | Report | Export


def main(arguments: list[str] | None = None) -> None:
    """Run a command; user errors end in one sentence and exit code 2."""
    typed = sys.argv[1:] if arguments is None else arguments
    command = tyro.cli(Command, prog="hybridctl", args=typed)  # type: ignore[call-overload]
    from hybridctl import commands

    try:
        commands.run(command, _flags(typed))
    except (ValueError, OSError) as error:
        print(f"hybridctl: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        told = ["hybridctl: interrupted", *map(str, stop.args)]
        print("; ".join(told), file=sys.stderr)
        sys.exit(130)


def _flags(typed: Iterable[str]) -> frozenset[str]:
    """Names of the options that were typed, whatever their values."""
    long = (word.split("=")[0] for word in typed if word.startswith("--"))
    return frozenset(word.lstrip("-").replace("-", "_") for word in long)


if __name__ == "__main__":
    from hybridctl import cli  # not this copy, whose classes nobody else knows

    cli.main()
