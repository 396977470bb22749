"""What moves in a page: plant, actuator, sensor and judge, as JavaScript."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.deploy.javascript_function import javascript_function
from hybridctl.loop.loop import Sample
from hybridctl.plants import MechanicalPlant
from hybridctl.precision import float64
from hybridctl.show.live.hand import count_points, held_motion, points_of
from hybridctl.show.live.knobs import Knobs, noisy, quiet
from hybridctl.tasks import Task
from hybridctl.tasks.task import holds, judge


class World:
    """The functions that a page calls every period, and examples of what they take.

    Args:
        task: what is run, in float64.
        known: its numbers that move.
    """

    def __init__(self, task: Task, known: Knobs):
        self.task, self.known = float64(task), known
        self.loop = quiet(self.task.loop, known.rig.actuator)
        self.move = held_motion(self.loop.dt, self.loop.substeps)
        plant, n_u = known.rig.plant, known.rig.plant.n_u
        self.x = np.zeros(plant.n_x)
        line, lagged = jax.eval_shape(lambda: known.rig.actuator.init(n_u))
        self.line, self.lazy = np.zeros(line.shape), lagged is not None
        self.points = count_points(plant)

    def text(self) -> str:
        """The functions `measure`, `points`, `push` and `period`."""
        p, x, n_u = self.known.values, self.x, self.task.plant.n_u
        row, hand = np.zeros(n_u), np.zeros(2 * self.points)
        line = np.zeros(self.line.size)
        noise = np.zeros(len(self.loop.measured(self.task.plant)))
        ticks = {"k": np.int32(0)}
        period = {
            "p": p, "x": x, "line": line, "lagged": row, "asked": row, "force": row,
            "hand": hand, "noise": noise, "t": np.float64(0),
        }  # fmt: skip
        parts = [
            javascript_function(
                "measure", self.measure, {"p": p, "x": x, "noise": noise}
            ),
            javascript_function("points", self.place, {"p": p, "x": x}),
            javascript_function("push", self.push, ticks),
            javascript_function("period", self.period, period),
        ]
        return "\n".join(parts)

    def measure(self, p: Array, x: Array, noise: Array) -> tuple[Array]:
        """What is measured at a state."""
        return (noisy(self.loop, self.known.at(p).plant, x, noise),)

    def place(self, p: Array, x: Array) -> tuple[Array]:
        """Where the points are."""
        return (points_of(self.known.at(p).plant, x).reshape(-1),)

    def push(self, k: Array) -> tuple[Array]:
        """The task's own push of a period, as if its random size were 1."""
        given = self.task.loop.disturbance
        if given is None or given.force is None:
            return (jnp.zeros(1),)
        plain = dataclasses.replace(given, random_size=False, noise=None)
        return (jnp.reshape(plain(None, k, self.loop.dt), 1),)

    def period(
        self, p: Array, x: Array, line: Array, lagged: Array, asked: Array,
        force: Array, hand: Array, noise: Array, t: Array,
    ) -> tuple[Array, ...]:  # fmt: skip
        """One period: x, line, lagged, u, y, and [cost, failed, settled, energy]."""
        rig, dt = self.known.at(p), self.loop.dt
        memory = line.reshape(self.line.shape), lagged if self.lazy else None
        memory, u = rig.actuator(memory, asked, dt)
        after = self.move(force, hand.reshape(-1, 2))(rig.plant, t, x, u).x
        y = noisy(self.loop, rig.plant, after, noise)
        outcome = judge(self.task, x, Sample(asked, u, None), after)
        told = [
            outcome.cost, outcome.failed, holds(self.task.settled, after),
            self._energy(rig.plant, after),
        ]  # fmt: skip
        told = jnp.stack([jnp.asarray(v, x.dtype) for v in told])
        held = memory[1] if self.lazy else lagged
        return after, memory[0].reshape(-1), held, u, y, told

    def _energy(self, plant: Any, x: Array) -> Array:
        known = isinstance(plant, MechanicalPlant)
        return plant.energy(x) if known else jnp.full((), jnp.nan, x.dtype)
