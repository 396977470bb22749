"""How fast are `Env` and `simulate` beside other environments?

Steps per second of cart-poles with 1, 64 and 2048 lanes, each in a process of its own
on one core, all in turns, round by round: `Env` in brax's wrappers and `simulate` with
its trace, plain, as a residual and with the machine, plain also with an Euler step as
Gym's cart-pole takes it; beside gymnasium's vectorized CartPole-v1, gymnax's, brax's
inverted_pendulum, MuJoCo Playground's cart-pole under MJX, and jaxonomy's RLEnv. A step
is a control period of each one's own; integrators are in the result. Medians of the
rounds.

On one core: `taskset -c 0 python -m benchmarks.questions.peers`. `make bench-peers`
installs the others apart from hybridctl and runs this. Writes
benchmarks/results/peers.json.
"""

import contextlib
import dataclasses
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tyro

from benchmarks.lib import results
from benchmarks.lib.about import about

RESULT = results.path("peers")
PEERS = results.ROOT / ".venv-speed" / "bin" / "python"
OURS = [
    f"{way} {kind}"
    for way in ("Env balance", "Env global", "simulate balance")
    for kind in ("plain", "residual", "machine")
] + ["Env balance Euler"]
THEIRS = [
    "gymnasium", "gymnax", "brax", "playground", "jaxonomy", "jaxonomy machine",
    "jaxonomy sampled",
]  # fmt: skip
STEPS = {  # of a round, so that it takes a fraction of a second
    "gymnasium": 200, "brax": 100, "playground": 20, "jaxonomy": 20,
    "jaxonomy machine": 20, "jaxonomy sampled": 20,
}  # fmt: skip
USUAL = 500


@dataclasses.dataclass
class Options:
    """What is measured."""

    rounds: int = 5
    """of which the median counts"""
    lanes: tuple[int, ...] = (1, 64, 2048)
    """side by side"""
    only: tuple[str, ...] = (*OURS, *THEIRS)
    """who takes part"""
    peers: Path = PEERS
    """the Python that has the others"""


class Player:
    """A process that has compiled and waits for its rounds."""

    def __init__(self, python: Path, name: str, lanes: int):
        self.name, self.lanes = name, lanes
        self.steps = steps_of(name, lanes)
        home = "own" if name in OURS else "speed"
        words = ["-m", f"benchmarks.peers.{home}", name, str(lanes), str(self.steps)]
        self.process = subprocess.Popen(
            [str(python), *words], cwd=results.ROOT, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.seconds: list[float] = []
        self.about: dict[str, Any] = {}

    def await_start(self) -> bool:
        """Whether it came up; what went wrong is kept."""
        line = self._line()
        if line.startswith("{"):
            self.about = json.loads(line)
            return True
        assert self.process.stderr is not None
        lines = self.process.stderr.read().splitlines()
        told = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
        self.about = {"failed": (told or lines or ["it ended"])[-1][:300]}
        return False

    def play(self) -> None:
        """A round."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.seconds.append(float(self._line()))

    def row(self) -> dict[str, Any]:
        """What was found."""
        if not self.seconds:
            return self.about
        middle = statistics.median(self.seconds)
        return self.about | {
            "steps": self.steps,
            "steps per second": self.lanes * self.steps / middle,
            "seconds": self.seconds,
        }

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # libraries print, too
            if line[0].isdecimal() or line.startswith("{"):
                return line
        return ""


def steps_of(name: str, lanes: int) -> int:
    """Steps of a round: more where there are few lanes."""
    steps = STEPS.get(name, USUAL)
    return steps if lanes > 64 or name in STEPS else 20 * steps


@contextlib.contextmanager
def players(names: tuple[str, ...], peers: Path, lanes: int) -> Iterator[list[Player]]:
    """All who came up, one after the other; they end with the block."""
    there: list[Player] = []
    try:
        for name in names:
            python = Path(sys.executable) if name in OURS else peers
            there.append(Player(python, name, lanes))
            there[-1].await_start()
            print(lanes, name, there[-1].about, flush=True)
        yield there
    finally:
        for player in there:
            player.process.kill()
            player.process.wait()


def measure(options: Options, lanes: int) -> dict[str, Any]:
    """Everybody in turns, round by round."""
    with players(options.only, options.peers, lanes) as there:
        for _ in range(options.rounds):
            for player in there:
                if "failed" not in player.about:
                    player.play()
        return {player.name: player.row() for player in there}


def main(options: Options) -> None:
    found: dict[str, Any] = results.known(RESULT) | {"about": about()}
    if not options.peers.exists():
        print(f"without the others: no {options.peers}; run make bench-peers")
        ours = tuple(name for name in options.only if name in OURS)
        options = dataclasses.replace(options, only=ours)
    for lanes in options.lanes:
        rows = found.setdefault("lanes", {}).setdefault(str(lanes), {})
        rows |= measure(options, lanes)
        results.write(RESULT, found)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
