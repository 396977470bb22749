"""A search for failures under way; see `falsify`."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from hybridctl.contests.falsify.counterexample import Counterexample
from hybridctl.contests.falsify.perturbation import Space
from hybridctl.controllers import Controller
from hybridctl.scale import Workers
from hybridctl.tasks import Scores, Task
from hybridctl.tasks.evaluate import evaluate_tasks, per_episode

FIRST = 2  # rounds that are drawn evenly before any is aimed
EVEN = 8  # one in so many of an aimed round is still drawn evenly
ELITE = 10  # episodes that the next ones are drawn around
CHOICE = 16  # candidates of which a model of the danger picks one
TRIED = 12  # rounds after which it starts again elsewhere
SMALLEST = 4  # failures around which smaller ones are looked for
WORTH, PATIENCE = 0.99, 6  # an improvement, and rounds without one
STEP, DECADES = 0.6, 3.0  # largest step towards a smaller one, and how much smaller

Measure = Callable[[Scores], NDArray]


def unsuccessful(scores: Scores) -> NDArray:
    """Where an episode failed or never settled."""
    return ~scores.settled


def margins(task: Task) -> Measure:
    """How near an episode came to breaking, in four ways, [N, 4]; 1 is broken.

    How near to failing, how far from settled at the end, how late it settled, and what
    it cost. Each is climbed on its own, for their sum would hide the smaller ones.

    Source: Z. Zhang, I. Hasuo, P. Arcaini, *Multi-armed bandits for Boolean
    connectives in hybrid system falsification*, CAV (2019).
    """

    def near(scores: Scores) -> NDArray:
        cost = scores.cost / float(task.failure_cost)
        rows: Any = scores.peak, scores.rest, scores.settle / task.seconds, cost
        return np.clip(np.stack(np.broadcast_arrays(*rows), axis=-1), 0.0, 1.0)

    return near


class FailureSearch:
    """Episodes simulated so far, and where to look next."""

    def __init__(
        self,
        space: Space,
        controller: Controller,
        population: int,
        seed: int,
        broken: Measure,
        danger: Measure,
        team: Workers | None = None,
    ):
        self.space, self.controller, self.population = space, controller, population
        self.broken, self.danger, self.team = broken, danger, team
        self.rng = np.random.default_rng(seed)
        self.low, self.high = space.bounds
        self.found: list[Counterexample] = []
        self.evaluations, self.drawn, self.left = 0, 0, 0
        self.radius = np.inf
        self.first: int | None = None

    def run(self, delay: int, rounds: int, stop: bool) -> None:
        """Spend that many rounds on a delay: find failures, and smaller ones.

        Args:
            delay: of the actuator, in periods.
            rounds: of `population` episodes.
            stop: at the first failure.
        """
        self.left, self.radius = rounds, np.inf
        z, danger = [], []
        while self.left:
            if len(z) == TRIED:
                z, danger = [], []
            new = self._aimed(z, danger) if len(z) >= FIRST else self.even()
            new, near, broken = self.simulate(new, delay)
            z, danger = [*z, new], [*danger, near]
            if broken.any() and stop:
                return
            if broken.any():
                self._shrink(new[broken], delay)
                z, danger = [], []

    def even(self, n: int | None = None) -> NDArray:
        """Even draws, a round or n of them."""
        n = self.population if n is None else n
        self.drawn += n
        return self._within(self.rng.uniform(self.low, self.high, (n, len(self.low))))

    def _aimed(self, seen: list[NDArray], dangers: list[NDArray]) -> NDArray:
        """The next round: the nearer a margin has come, the more episodes climb it."""
        z, danger = np.concatenate(seen), np.concatenate(dangers)
        even = -(-self.population // EVEN)
        near = np.square(danger.max(axis=0)) + 1e-12
        shares = self.rng.multinomial(self.population - even, near / near.sum())
        pairs = zip(danger.T, shares, strict=True)
        climbed = [self._climb(z, d, n) for d, n in pairs if n]
        return np.concatenate([self.even(even), *climbed])

    def _climb(self, z: NDArray, danger: NDArray, n: int) -> NDArray:
        """Draws about the most dangerous, each the most promising of a few.

        What promises is told by interpolating the rank of the danger.
        """
        rank = np.argsort(np.argsort(danger, kind="stable")) / len(danger)
        elite = z[rank > 1 - (ELITE + 0.5) / len(z)]
        draws = self.rng.standard_normal((n * CHOICE, z.shape[1]))
        draws = self._within(elite.mean(0) + elite.std(0) * draws)
        model = RBFInterpolator(z, rank, kernel="linear", smoothing=1e-3)
        picked = model(draws).reshape(n, CHOICE).argmax(axis=1)
        return draws[picked + CHOICE * np.arange(n)]

    def _within(self, z: NDArray) -> NDArray:
        """Within the ranges, and no larger than what is known to break."""
        z = np.clip(z, self.low, self.high)
        size = np.linalg.norm(z, axis=1, keepdims=True)
        return z * np.minimum(1.0, self.radius / np.maximum(size, 1e-12))

    def _shrink(self, broken: NDArray, delay: int) -> None:
        """Smaller failures around the smallest, until it takes too long."""
        stale = 0
        while True:
            size = np.linalg.norm(broken, axis=1)
            stale = 0 if size.min() < WORTH * self.radius else stale + 1
            self.radius = min(self.radius, float(size.min()))
            if stale > PATIENCE or not self.left:
                return
            broken = broken[np.argsort(size, kind="stable")[:SMALLEST]]
            z, _, found = self.simulate(self._nearer(broken), delay)
            broken = np.concatenate([broken, z[found]])

    def _nearer(self, broken: NDArray) -> NDArray:
        """Shorter by steps of all sizes, and but for one in four also turned by them.

        A failure may be a thin sheet, on which only small steps stay.
        """
        n = self.population
        z = broken[self.rng.integers(0, len(broken), n)]
        z[: n // 2] = broken[0]
        size = np.linalg.norm(z, axis=1, keepdims=True)
        step = STEP * 10.0 ** -self.rng.uniform(0, DECADES, (n, 1))
        turn = self.rng.standard_normal(z.shape)
        turn *= step / np.linalg.norm(turn, axis=1, keepdims=True)
        turn[::4] = 0.0
        aim = z + turn * size
        aim /= np.maximum(np.linalg.norm(aim, axis=1, keepdims=True), 1e-12)
        return self._within(aim * size * (1 - step * self.rng.uniform(size=(n, 1))))

    def simulate(self, z: NDArray, delay: int) -> tuple[NDArray, NDArray, NDArray]:
        """One round: z, its margins [N, k], and which broke."""
        keys = self.rng.integers(0, 2**32, (len(z), 2), np.uint32)
        tasks = self.space.tasks(z, delay)
        parts = tasks, self.controller, keys[:, None]
        raw = evaluate_tasks(*parts, margins=True, team=self.team)
        scores = jax.tree.map(lambda v: v[:, 0], raw)
        broken = per_episode("broken", self.broken, scores).astype(bool)
        self._keep(z, delay, keys, scores, np.flatnonzero(broken))
        self.evaluations, self.left = self.evaluations + len(z), self.left - 1
        danger = per_episode("objective", self.danger, scores, rows=True)
        danger = np.nan_to_num(danger.astype(np.float64))
        return z, danger.reshape(len(z), -1), broken

    def _keep(
        self, z: NDArray, delay: int, keys: NDArray, scores: Scores, which: NDArray
    ) -> None:
        """Remember what broke."""
        task = self.space.task
        if len(which) and self.first is None:
            self.first = self.evaluations + int(which[0]) + 1
        values, sizes = self.space.values(z), self.space.size(z, delay)
        for i in which:
            row = Counterexample(
                task.name, float(sizes[i]), **_plain(self.space.parts(values[i])),
                delay=delay, key=(int(keys[i, 0]), int(keys[i, 1])),
                failed=bool(scores.failed[i]), cost=float(scores.cost[i]),
                seconds=float(scores.length[i] * task.loop.dt),
            )  # fmt: skip
            self.found.append(row)

    def counterexamples(self) -> tuple[Counterexample, ...]:
        """What broke, the smallest first."""
        return tuple(sorted(self.found, key=lambda row: row.size))


def _plain(parts: dict[str, Any]) -> dict[str, Any]:
    """Python's own floats, which JSON keeps exactly."""
    rows = {n: {k: float(v) for k, v in parts[n].items()} for n in ("start", "plant")}
    push = parts["push"]
    return {**rows, "push": None if push is None else float(push)}
