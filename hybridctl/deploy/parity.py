"""Whether an export does what the jitted controller does."""

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.deploy.embed import Pilot
from hybridctl.deploy.program import Program
from hybridctl.deploy.recording import Recording, record, stepper

LOOPS, INPUTS, PERIODS = 64, 4096, 150
NUDGES = 16
PATIENCE = 20.0  # [s] for one check; a slow controller gets fewer loops
TOLERANCE = {"python": 1e-6, "double": 1e-9, "float": 1e-4, "onnx": 1e-4}
NUDGE = {"python": 1e-9, "double": 1e-9, "float": 1e-5, "onnx": 1e-5}
CURE = 'numbers of this precision do not do for it, take real="double"'


class Parity(NamedTuple):
    """How far an export is from the jitted controller.

    Attributes:
        largest: difference of an output, as a share of the largest output.
        loops: closed loops that were run.
        inputs: random inputs that were tried.
        periods: compared in all.
        edges: periods left out, because the jitted controller itself answers otherwise
            to a measurement that is changed by a rounding error.
    """

    largest: float
    loops: int
    inputs: int
    periods: int
    edges: int

    def __str__(self) -> str:
        edges = f", {self.edges} of them on an edge" if self.edges else ""
        return (
            f"largest difference {self.largest:.1e} of the largest output, over "
            f"{self.inputs} random inputs and {self.loops} closed loops "
            f"({self.periods} periods{edges})"
        )


def check(
    program: Program,
    rider: Pilot,
    precision: str = "python",
    *,
    loops: int = LOOPS,
    periods: int = PERIODS,
    inputs: int = INPUTS,
    recording: Recording | None = None,
    seed: int = 0,
) -> Parity:
    """Let an export ride along with the jitted controller in float64.

    The jitted controller closes the loop; the export sees the same measurements and
    keeps its own memory. Where both differ and the jitted controller itself does as
    soon as a measurement is changed by `NUDGE` of its size, the period lies on an edge
    (of a guard, of a choice between equals): it is counted, and both go on from the
    same memory.

    Args:
        program: of the controller.
        rider: the export.
        precision: "python", "double", "float" or "onnx".
        loops: closed loops.
        periods: of each.
        inputs: random measurements, at least.
        recording: of `record`, where it is there already.
        seed: of starts and measurements.

    Raises:
        ValueError: they differ by more than the precision allows.
    """
    if recording is None:
        random = -(-inputs // periods)
        recording = record(program, loops, random, periods, seed)
    ride = _Ride(program, rider, precision, recording, loops)
    return ride.all()


class _Ride:
    """One export beside one recording."""

    def __init__(
        self,
        program: Program,
        rider: Pilot,
        precision: str,
        kept: Recording,
        loops: int,
    ):
        self.program, self.rider, self.kept = program, rider, kept
        self.tolerance, self.nudge = TOLERANCE[precision], NUDGE[precision]
        self.cure = CURE if precision in ("float", "onnx") else "please report it"
        self.loops, self.edges, self.periods, self.largest = loops, 0, 0, 0.0
        sound = kept.u[np.isfinite(kept.u)]
        self.scale = max(float(np.max(np.abs(sound), initial=0.0)), 1e-30)
        self.step: Any = None

    def all(self) -> Parity:
        """Every run, or as many as there is patience for."""
        began, done = time.perf_counter(), [0, 0]
        runs, every = len(self.kept.y), self.kept.y.shape[1]
        for i in _alternating(self.loops, runs):
            self.run(i)
            done[i >= self.loops] += 1
            if time.perf_counter() - began > PATIENCE:
                break
        inputs = done[1] * every
        return Parity(self.largest, done[0], inputs, self.periods, self.edges)

    def run(self, i: int) -> None:
        """One run."""
        kept, rider = self.kept, self.rider
        rider.reset()
        rider._engine.foresee(kept.y[i], kept.applied[i])
        for j, (y, u, applied) in enumerate(
            zip(kept.y[i], kept.u[i], kept.applied[i], strict=True)
        ):
            given = rider(y, kept.r[i]) if len(kept.r[i]) else rider(y)
            off = self.distance(given, u)
            if off > self.tolerance or not self.same_mode(i, j):
                self.judge(i, j, given, off)
            else:
                self.largest = max(self.largest, off)
            self.periods += 1
            rider.applied(applied)

    def distance(self, a: NDArray, b: NDArray) -> float:
        """Largest difference, as a share of the largest output; NaN equals NaN."""
        off = np.abs(a - b)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        off = float(np.max(np.where(same, 0.0, off)))
        return off / self.scale if off == off else np.inf

    def same_mode(self, i: int, j: int) -> bool:
        """Whether both are in the same mode after a period."""
        if self.program.mode is None:
            return True
        return self.rider.mode == int(self.after(self.program.mode, i, j))

    def after(self, leaf: int, i: int, j: int) -> NDArray:
        """An array of the reference's memory after a period."""
        kept, last = self.kept, self.kept.y.shape[1] - 1
        return kept.after[leaf][i] if j == last else kept.memory[leaf][i, j + 1]

    def judge(self, i: int, j: int, given: NDArray, off: float) -> None:
        """An edge is counted and left behind; anything else is an error."""
        u, modes = self.nudged(i, j)
        spread = max((self.distance(a, self.kept.u[i, j]) for a in u), default=0.0)
        turned = len(set(modes)) > 1
        require(
            turned or spread > 0.5 * min(off, 1.0) > 0,
            f"the export differs from the jitted controller by {off:.1e} of its "
            f"largest output {self.scale:.3g} (allowed {self.tolerance:g}), in run {i} "
            f"at period {j}: {given} instead of {self.kept.u[i, j]}; {self.cure}",
        )
        self.edges += 1
        self.rider.load_state_dict(self.reference_state(i, j))

    def nudged(self, i: int, j: int) -> tuple[NDArray, list[int]]:
        """The jitted controller on measurements and memories a rounding error away."""
        self.step = self.step or stepper(self.program)
        rng, n = np.random.default_rng(j), NUDGES
        kept, k = self.kept, np.full(NUDGES, j, np.int32)
        rest = np.zeros_like(kept.applied[i, 0])
        put = kept.applied[i, j - 1] if j else rest
        asked = kept.u[i, j - 1] if j and self.program.fed else rest
        repeat = lambda v: np.repeat(np.asarray(v)[None], n, 0)  # noqa: E731
        shift = lambda v: self._shifted(repeat(v), rng)  # noqa: E731
        memory = [shift(m[i, j]) for m in kept.memory]
        t = k * self.program.dt
        after, u = self.step(
            memory, t, k, shift(kept.y[i, j]), repeat(kept.r[i]), repeat(put),
            repeat(asked),
        )  # fmt: skip
        mode = self.program.mode
        modes = [] if mode is None else [int(m) for m in after[mode]]
        return u, modes

    def _shifted(self, rows: NDArray, rng: Any) -> NDArray:
        if rows.dtype.kind != "f":
            return rows
        size = self.nudge * np.maximum(np.abs(rows), 1e-3)
        return rows + size * rng.choice([-1.0, 1.0], rows.shape)

    def reference_state(self, i: int, j: int) -> dict:
        """The memory after a period as a `state_dict`."""
        state, kept = dict(self.rider.state_dict()), self.kept
        for place, leaf in enumerate(self.program.memory):
            state["memory." + leaf.name] = self.after(place, i, j)
        for n, u in enumerate(kept.u[i, j] if self.program.fed else []):
            state |= {f"asked{n}": u, f"applied{n}": u}
        return state | {"tick": np.array(j + 1)}


def _alternating(loops: int, runs: int) -> list[int]:
    """Closed loops and random inputs in turn, so that a cut leaves some of both."""
    first, second = list(range(loops)), list(range(loops, runs))
    out = []
    while first or second:
        out += first[:2] + second[:1]
        first, second = first[2:], second[1:]
    return out
