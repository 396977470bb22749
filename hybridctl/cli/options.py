"""What can be typed: a dataclass a command. Nothing heavy is imported here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from hybridctl.names import TaskName, TemplateName


def _arg(text: str, **options: Any) -> Any:
    return tyro.conf.arg(help=text, **options)


KNOWN = (
    "a name (hybridctl controllers lists them), the folder of a run, or a file that "
    "was saved"
)
Out = Annotated[Path, _arg("folder that the results are written to")]
Flag = tyro.conf.FlagCreatePairsOff
On = Annotated[
    str | None,
    _arg(
        "who works: local:4 (so many processes), ray or ray://host:10001, dask or "
        "dask://host:8786; this process by default",
        metavar="WORKERS",
    ),
]
Json = Annotated[bool, Flag, _arg("as JSON, for programs")]


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

    controller: Annotated[
        str, tyro.conf.Positional, _arg(KNOWN, metavar="CONTROLLER")
    ] = "machine"
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
            f"of each {KNOWN}; or a trace.json of hybridctl simulate",
            metavar="CONTROLLER ...",
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


@dataclass
class Live:
    """Write a page in which controllers run beside each other and can be pushed.

    One HTML file that needs nothing but itself. An episode that is saved there is run
    again by hc.replay.
    """

    controllers: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        _arg(f"of each {KNOWN}; lqr and machine by default", metavar="CONTROLLER ..."),
    ] = ("lqr", "machine")
    task: TaskName = "global"
    title: str | None = None
    """of the page; the task's name by default"""
    seed: int = 0
    """of the starts that the button "Anywhere" goes through"""
    out: Annotated[Path, _arg("the file, which ends in .html")] = Path("live.html")


@dataclass
class Train:
    """Train a template on a task; can be stopped and resumed.

    Controller, checkpoint, curve and settings are written after every validation.
    Ctrl-C and SIGTERM stop at the next one; go on with --resume.
    """

    template: Annotated[
        TemplateName | None,
        tyro.conf.Positional,
        _arg(
            "what is trained, one of those that hybridctl controllers lists: ppo, the "
            "agent alone, by default",
            metavar="TEMPLATE",
        ),
    ] = None
    task: TaskName = "balance"
    preset: Annotated[
        Literal[
            "balance",
            "swing",
            "quick",
            "weak",
            "sac",
            "hjb",
            "seed",
            "seed_long",
            "auto",
        ],
        _arg(
            "settings (hybridctl presets shows them); auto takes those that are meant "
            "for the task"
        ),
    ] = "auto"
    algorithm: Literal["ppo", "sac", "hjb"] | None = None
    """the template's or preset's by default"""
    engine: Literal["jax", "brax"] | None = None
    """ours or brax's; the preset's by default, else ours where it has the algorithm"""
    steps: int | None = None
    """decisions at most, in all; the preset's by default; 0: the clone of a teacher"""
    teacher: Annotated[
        str | None,
        _arg(
            f"what it imitates before it learns on by itself: {KNOWN}",
            metavar="TEACHER",
        ),
    ] = None
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
    on: On = None
    resume: Annotated[
        bool,
        Flag,
        _arg(
            "go on with the run in --out, with its task, template, seed and settings. "
            "It goes on bit for bit, as if it had never stopped; with brax's trainers "
            "networks and normalizer go on"
        ),
    ] = False
    tensorboard: Annotated[
        bool,
        Flag,
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

    controllers: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        _arg(
            f"of each {KNOWN}; the first is the reference; lqr and machine by default",
            metavar="CONTROLLER ...",
        ),
    ] = ()
    tasks: Annotated[
        tuple[TaskName, ...],
        _arg("one or more; balance, swingup and global by default", name="task"),
    ] = ()
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
        Flag,
        _arg("of the suite a form of some minutes: one training seed, few episodes"),
    ] = False
    decisions: Annotated[
        int | None,
        _arg(
            "of the suite: decisions that every learned column trains on, at most",
            name="steps",
        ),
    ] = None
    jobs: int | None = None
    """of the suite: processes side by side; one a core by default"""
    on: On = None
    out: Out = Path("runs/compare")


@dataclass
class Report(Compare):
    """Compare controllers and write one self-contained HTML report."""

    out: Out = Path("runs/report")


@dataclass
class Demo:
    """Train on two tasks, compare what was learned with what was designed.

    On "balance" PPO beside the LQR, on "global" the learned value of the hybrid beside
    the tuned machine; both in demo/report.html.
    """

    n: int = 1024
    """episodes of each task"""
    steps: int = 2_662_400
    """decisions that the hybrid trains on, half of its preset's"""
    seed: int = 0
    """of training; comparisons use episodes that it never sees"""
    out: Out = Path("demo")


@dataclass
class Export:
    """Write a controller as code: Python, C, JavaScript, ONNX or a program of JAX."""

    controller: Annotated[str, tyro.conf.Positional, _arg(KNOWN, metavar="CONTROLLER")]
    task: TaskName = "swingup"
    """whose references are meant, and whose plant closes the loops of the check"""
    out: Annotated[
        Path,
        _arg(
            "the file: pilot.py, pilot.c (with pilot.h), pilot.js, pilot.onnx or "
            "pilot.jax"
        ),
    ] = Path("pilot.py")
    dt: float | None = None
    """control period [s]; the task's by default"""
    real: Literal["double", "float"] | None = None
    """numbers in C and ONNX; by default double in C, float in ONNX"""
    seed: int = 0
    """not used: the check has a seed of its own"""


@dataclass
class Identify:
    """Find the parameters of a plant from a log: a text file with a row a time.

    Its heading names the columns as the plant does, with t [s]; "theta [deg]" tells
    another unit. Writes fit.json and fit.png.
    """

    log: Annotated[
        tuple[Path, ...], tyro.conf.Positional, _arg("text files", metavar="LOG ...")
    ]
    plant: Literal["cartpole", "pendulum", "acrobot", "pendubot", "doublecartpole"] = (
        "cartpole"
    )
    parameters: tuple[str, ...] = ()
    """what is looked for, such as m_c L actuator.delay; by default all of the plant's
    numbers but gravity"""
    guess: tuple[str, ...] = ()
    """first guesses and what is known, such as m_c=0.8 g=9.81"""
    names: tuple[str, ...] = ()
    """columns that are called otherwise, such as angle=theta time=t"""
    window: float | None = None
    """length over which the model follows the log before it may start anew [s]"""
    holdout: float = 0.25
    """share of the log, its end, that is predicted and not fitted"""
    limit: float | None = None
    """largest input that the drive takes"""
    out: Annotated[Path, _arg("folder for what is written")] = Path("runs/identify")


@dataclass
class Drive:
    """Run a controller on a rig in real time, over UDP or a serial line.

    All is text, a line a message: "u 1.25" sets the input; "y 17" asks for measurement
    17, and the rig answers "y 17 0.1 3.14 0 0". The safe input is the last that is
    written, whatever ends the run: Ctrl-C, SIGTERM, a limit, a rig that is silent.
    """

    controller: Annotated[str, tyro.conf.Positional, _arg(KNOWN, metavar="CONTROLLER")]
    task: TaskName = "swingup"
    """whose plant names the signals, and whose references are meant"""
    udp: Annotated[str | None, _arg("the rig's address", metavar="HOST:PORT")] = None
    serial: Annotated[
        Path | None, _arg("or its device, such as /dev/ttyACM0", metavar="DEVICE")
    ] = None
    baud: int = 115200
    """bits a second of a serial line"""
    dt: float | None = None
    """control period [s]; the task's by default"""
    seconds: float = 10.0
    """length of the run [s]"""
    safe: tuple[float, ...] = ()
    """input that is written at last; 0 by default"""
    r: tuple[float, ...] = ()
    """reference, where the controller follows one"""
    limit: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        _arg(
            "where a measurement or input has to stay, else the run ends: "
            "--limit x=0.5 --limit theta=2.6,3.7",
            metavar="NAME=LARGEST",
        ),
    ] = ()
    on_late: Literal["skip", "error"] = "skip"
    """what a late period does"""
    wait: float | None = None
    """how long an answer may take [s]; half a period by default"""
    out: Annotated[Path, _arg("the log, a text file")] = Path("runs/drive.csv")


@dataclass
class Tasks:
    """List the tasks."""

    json: Json = False


@dataclass
class Controllers:
    """List the controllers that have a name, and the templates that can be trained."""

    json: Json = False


@dataclass
class Presets:
    """List the settings of trainings, and in what they differ."""

    json: Json = False


Command = (
    Demo | Design | Simulate | Render | Live | Train | Compare | Report | Export
    | Identify | Drive | Tasks | Controllers | Presets
)  # fmt: skip
