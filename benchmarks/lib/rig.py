"""A rig of simulated hardware in a process of its own, over UDP or a serial line.

Its motion is C that the toolkit makes of a plant; its loop is rig.c.
"""

import functools
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from numpy.typing import NDArray

import hybridctl as hc
from hybridctl.checks import as_float
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.c_library import compiler
from hybridctl.deploy.program import program
from hybridctl.plants.flow import fixed_step

STEP = 0.001  # of the simulation [s], as in rig.c
SOURCE = Path(__file__).with_name("rig.c")
FOLDER = tempfile.TemporaryDirectory(prefix="rig")


class Motion(hc.Controller):
    """A plant as a controller: it is given the input, and gives the state."""

    plant: hc.Plant
    x0: Any = eqx.field(converter=as_float)

    def init(self, tick: hc.Tick) -> Any:
        """Where it begins."""
        return self.x0

    def step(self, state: Any, tick: hc.Tick) -> tuple[Any, Any]:
        """A step of the simulation."""
        x = fixed_step(STEP, 1)(self.plant, tick.t, state, tick.y)
        return x, x


class Seen(NamedTuple):
    """What a rig saw: inputs [n, n_u] with their times, and which it took by itself."""

    t: NDArray
    u: NDArray
    own: NDArray


class Fault(NamedTuple):
    """Answers that go wrong: "lost", "nan", "late" or "noise"; from which, how many."""

    kind: str = "none"
    at: int = 0
    count: int = 0


@functools.cache
def binary(plant: Callable[[], hc.Plant]) -> Path:
    """The compiled rig of a plant with its usual parameters."""
    rig = plant()
    made = program(Motion(rig, np.zeros(rig.n_x)), STEP, on_missing="nan")
    file, out = CFile(made, "plant"), Path(FOLDER.name) / type(rig).__name__
    out.mkdir()
    (out / "plant.h").write_text(file.header("A rig."), encoding="utf-8")
    (out / "plant.c").write_text(file.source("A rig."), encoding="utf-8")
    sizes = [f"-DN_X={rig.n_x}", f"-DN_U={rig.n_u}", f"-DSTATE={file.fields[0]}"]
    sources: list[str] = [str(SOURCE), str(out / "plant.c"), f"-I{out}", "-lm"]
    command = [str(compiler()), "-O2", *sizes, "-o", str(out / "rig"), *sources]
    subprocess.run(command, check=True)
    return out / "rig"


class Rig:
    """A simulated rig that runs.

    Args:
        x0: its state at the beginning.
        wire: "udp" or "serial".
        watchdog: time [s] without an input after which it takes the safe one; 0: never.
        safe: that input.
        fault: what goes wrong with its answers.
        plant: class of the plant.
    """

    def __init__(
        self,
        x0: Any,
        wire: str = "udp",
        watchdog: float = 0.0,
        safe: float = 0.0,
        fault: Fault = Fault(),  # noqa: B008
        plant: Callable[[], hc.Plant] = hc.CartPole,
    ):
        words = [binary(plant), wire, watchdog, safe, *fault, *np.asarray(x0, float)]
        pipes: dict[str, Any] = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "text": True,
        }
        self.process: Any = subprocess.Popen(list(map(str, words)), **pipes)
        self.wire, self.address = wire, self.process.stdout.readline().strip()

    def line(self, wait: float = 0.005) -> hc.deploy.Line:
        """A line to it."""
        to = hc.deploy.Line.udp if self.wire == "udp" else hc.deploy.Line.serial
        return to(self.address, wait=wait)

    def end(self) -> Seen:
        """Stop it, and hear what it saw."""
        text, _ = self.process.communicate(timeout=10)
        rows = [line.split() for line in text.splitlines()]
        numbers = np.array([[float(word) for word in row[1:]] for row in rows])
        numbers = numbers.reshape(len(rows), -1)
        own = np.array([row[0] == "w" for row in rows])
        return Seen(numbers[:, 0], numbers[:, 1:], own)

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()
