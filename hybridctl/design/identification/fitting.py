"""Least squares over models and the starts of their motions."""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.design.identification.recorded import Recorded
from hybridctl.design.identification.shooting import (
    LENGTH,
    TIGHT,
    Cut,
    Model,
    Segments,
    Shooting,
    starts,
)
from hybridctl.design.identification.solution import Solution
from hybridctl.design.identification.unknowns import Unknowns
from hybridctl.loop import Log, Loop
from hybridctl.plants import Plant
from hybridctl.precision import float64

LOOSE = 10.0  # what a gap counts in the first round
ROUNDS = 3  # of weighing by the noise that was found
MOST = 2**27  # numbers of a dense Jacobian


class Fitting(NamedTuple):
    """How models are fitted to what was recorded."""

    recorded: Recorded
    window: float | None
    evaluations: int
    history: int

    def of(self, plant: Plant, loop: Loop) -> "Fitting":
        """The same with what was found."""
        return self._replace(recorded=self.recorded._replace(plant=plant, loop=loop))

    def started(self, logs: list[Log]) -> Solution:
        """The best starts alone, of a plant that is known."""
        none, nothing = Unknowns((), self.recorded.outputs), np.zeros(0)
        return self.solved(none, logs, nothing, (nothing, nothing))

    def solved(
        self,
        unknowns: Unknowns,
        logs: list[Log],
        guess: NDArray[np.float64],
        bounds: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> Solution:
        """The best values, and the starts of all segments."""
        plant, loop, outputs = self.recorded[0], self.recorded[1], self.recorded.outputs
        length = min(LENGTH, *(len(log) - 1 for log in logs))
        span = self.window
        window = None if span is None else max(round(span / loop.dt / length), 1)
        dropped = [min(self.history, len(log) // 10) for log in logs]
        cut = Cut(loop, plant.inputs, outputs, self.history, length, window)
        segments = functools.reduce(Segments.joined, map(cut, logs, dropped))
        logs = [
            log.between(log.t[n], log.t[-1])
            for log, n in zip(logs, dropped, strict=True)
        ]
        guesses = [starts(log, plant, outputs) for log in logs]
        x = np.concatenate([guess[:-1:length] for guess in guesses])
        self._check_size(segments, len(guess) + x.size)
        model = Model(float64(plant), float64(loop), unknowns)
        problem = Shooting(model, segments, _sizes(x), self.recorded.turns)
        z = np.concatenate([guess, x.ravel()])
        for problem.tight in (LOOSE, *(TIGHT,) * ROUNDS):
            z = self._improved(problem, z, bounds)
            problem.weigh(z)
        return Solution(problem, z, logs)

    def _check_size(self, segments: Segments, columns: int) -> None:
        require(
            segments.y.size * columns <= MOST,
            f"these logs have {segments.y.size:,} numbers, too many to fit at once; "
            "give shorter ones, or fewer rows: "
            f"log.resampled({4 * self.recorded.loop.dt:g})",
        )

    def _improved(self, problem: Shooting, z: NDArray, bounds: tuple) -> NDArray:
        """One round of least squares."""
        from scipy.optimize import least_squares  # heavy

        free = np.full(z.size - problem.n, np.inf)
        limits = np.concatenate([bounds[0], -free]), np.concatenate([bounds[1], free])
        require(
            bool(np.isfinite(problem.residuals(z)).all()),
            "the model's motion is not finite with the first guesses; give a plant "
            "that is nearer to the rig",
        )
        slopes: Any = problem.jacobian
        found = least_squares(
            problem.residuals, z, slopes, limits, x_scale="jac",
            max_nfev=self.evaluations, xtol=1e-10, ftol=1e-10, gtol=1e-10,
        )  # fmt: skip
        return found.x


def _sizes(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far every state goes [n_x]; 1 where it does not."""
    size = np.maximum(x.std(0), 1e-3 * np.abs(x).max(0))
    return np.where(size > 1e-9, size, 1.0)
