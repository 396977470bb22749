"""`hybridctl drive`: a controller on a rig at the other end of a wire."""

from collections.abc import Iterable

from hybridctl import deploy, tasks
from hybridctl.checks import fail, require
from hybridctl.cli import options
from hybridctl.cli.shared import console, controller_of, saved
from hybridctl.deploy.line import Line


def drive(command: options.Drive) -> None:
    """Drive, and say how time was kept; the log is whole whatever ends it."""
    task = tasks.get(command.task)
    controller = controller_of(command.controller, task)
    dt = task.loop.dt if command.dt is None else command.dt
    limits = limits_of(command.limit)
    pilot = deploy.embed(controller, dt, plant=task.plant)
    for name, row in (("y", pilot.y), ("u", pilot.u)):
        told = ", ".join(f"{n} [{unit}]" if unit else n for n, unit in row)
        console.print(f"{name}: {told}", markup=False)
    with _line(command, dt) as line:
        try:
            log = deploy.drive(
                pilot, line.read, line.write, dt, command.seconds,
                safe=command.safe or None, r=command.r or None, limits=limits,
                on_late=command.on_late, path=command.out,
            )  # fmt: skip
        except BaseException as error:
            _tell(vars(error).get("log"), command)
            if type(error) is RuntimeError:  # the safe input could not be written
                fail(str(error))
            raise
    _tell(log, command)


def _line(command: options.Drive, dt: float) -> Line:
    """To the rig."""
    wait = dt / 2 if command.wait is None else command.wait
    if (command.udp is None) == (command.serial is None):
        fail("where is the rig? give --udp HOST:PORT or --serial DEVICE, one of them")
    if command.udp is not None:
        return Line.udp(command.udp, wait)
    return Line.serial(str(command.serial), command.baud, wait)


def _tell(log: deploy.DriveLog | None, command: options.Drive) -> None:
    if log is not None:
        console.print(str(log), markup=False)
        saved(command.out)


def limits_of(words: Iterable[str]) -> dict[str, float | tuple[float, float]]:
    """Limits by name.

    Raises:
        ValueError: words that are none.

    Example:
        >>> limits_of(["x=0.5", "theta=2.6,3.7"])
        {'x': 0.5, 'theta': (2.6, 3.7)}
    """
    return dict(map(_limit, words))


def _limit(word: str) -> tuple[str, float | tuple[float, float]]:
    name, _, told = word.partition("=")
    try:
        numbers = [float(part) for part in told.split(",")]
    except ValueError:
        numbers = []
    require(
        bool(name) and len(numbers) in (1, 2),
        f"--limit {word} is no limit; give NAME=LARGEST or NAME=LOW,HIGH",
    )
    return name, numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
