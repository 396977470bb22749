"""Direct transcription: the best force sequence over whole control periods."""

from dataclasses import dataclass
from typing import Any

import casadi
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib.symbolic import casadi_of
from hybridctl.plants.flow import rk4

OPTIONS = {
    "print_time": False,
    "ipopt": {"print_level": 0, "sb": "yes", "max_iter": 300, "tol": 1e-8},
}


@dataclass(frozen=True)
class Plan:
    """What the optimizer found.

    Attributes:
        value: of the objective.
        x: states [N+1, 4].
        u: forces [N].
        h: length of a period [s].
        scale: of what is scaled, the start or the push.
        solved: whether the optimizer was content.
    """

    value: float
    x: NDArray
    u: NDArray
    h: float
    scale: float
    solved: bool


def period(task: hc.Task) -> casadi.Function:
    """(x, u, force on the cart, h) -> (x after, cost of the period).

    RK4 and running cost are the package's own: the same numbers as `simulate`.
    """
    n, plant = task.loop.substeps, task.plant

    def advance(x: Any, u: Any, force: Any, h: Any) -> tuple:
        after = x
        for _ in range(n):
            after = rk4(plant, jnp.zeros(()), after, force, h[0] / n)
        rate = task.cost(x, u) + task.cost(after, u)
        return after, 0.5 * h[0] * rate

    return casadi_of(advance, 4, 1, 1, 1)


HOLD = 75  # periods for which a settled state is seen to stay so, and come to rest


class Transcription:
    """The nonlinear program of a task over N periods, for any start.

    Subject to the motion, |u| <= limit and |x| <= track, it minimizes

    - "cost": Σ cost + V(x_N), V the LQR's cost-to-go;
    - "rest": N h, to rest upright at the middle of the track;
    - "settle": N h, to the task's settling box, never to leave it again;
    - "scale": -scale, the farthest start or largest push that still comes to rest.

    The start is x0 + scale * along, the push scale * push.

    Args:
        task: whose plant, loop, cost and limits hold.
        steps: number of periods N.
        goal: what is minimized.
    """

    def __init__(self, task: hc.Task, steps: int, goal: str = "cost"):
        self.task, self.goal, self.timed = task, goal, steps
        self.steps = n = steps + HOLD * (goal == "settle")
        sym = casadi.MX.sym
        x, u, h, scale = sym("x", 4, n + 1), sym("u", 1, n), sym("h"), sym("s")
        x0, along, push = sym("x0", 4), sym("along", 4), sym("push", 1, n)
        held = task.loop.dt * casadi.DM.ones(1, n - steps)
        lengths = casadi.horzcat(casadi.repmat(h, 1, steps), held)
        force = u + scale * push
        after, cost = period(task).map(n)(x[:, :-1], u, force, lengths)
        begin = x[:, 0] - x0 - scale * along
        values = {"cost": casadi.sum2(cost) + self._tail(x[:, -1]), "scale": -scale}
        program = {
            "x": casadi.vertcat(casadi.vec(x), casadi.vec(u), h, scale),
            "p": casadi.vertcat(x0, along, casadi.vec(push)),
            "f": values.get(goal, steps * h),
            "g": casadi.vertcat(begin, casadi.vec(x[:, 1:] - after)),
        }
        self.solver = casadi.nlpsol("plan", "ipopt", program, OPTIONS)

    def _tail(self, x: casadi.MX) -> casadi.MX:
        """The LQR's cost-to-go, of angles' errors by their sine."""
        lqr: Any = hc.reference("lqr", self.task)
        e = casadi.vertcat(x[0], -casadi.sin(x[1]), x[2], x[3])
        return casadi.bilin(casadi.DM(np.asarray(lqr.X)), e, e)

    def solve(
        self,
        x0: Any,
        guess: tuple[NDArray, NDArray],
        *,
        along: Any = (0, 0, 0, 0),
        push: NDArray | None = None,
        scale: tuple[float, float] = (1.0, 1.0),
        lean: float = np.inf,
    ) -> Plan:
        """The local optimum near a guess.

        Args:
            x0: start [4].
            guess: states [N+1, 4] and forces [N] at least.
            along: direction in which the start is scaled [4].
            push: force on the cart beside the controller's [N].
            scale: between which the scale may be.
            lean: largest |θ - π| on the way [rad].
        """
        n, dt = self.steps, self.task.loop.dt
        x, u = guess[0][: n + 1], guess[1][:n]
        push = np.zeros(n) if push is None else push
        low, high = self._corridor(x[-1], lean)
        h = (dt, dt) if self.goal in ("cost", "scale") else (1e-3, 0.1)
        bound = np.full(n, self.task.input_limit)
        found = self.solver(
            x0=np.r_[np.ravel(x), u, dt, sum(scale) / 2],
            p=np.r_[x0, along, push],
            lbx=np.r_[np.ravel(low), -bound, h[0], scale[0]],
            ubx=np.r_[np.ravel(high), bound, h[1], scale[1]],
            lbg=0,
            ubg=0,
        )
        values = np.asarray(found["x"])[:, 0]
        states, rest = values[: 4 * (n + 1)].reshape(n + 1, 4), values[4 * (n + 1) :]
        solved = bool(self.solver.stats()["success"])
        value = float(found["f"])
        return Plan(value, states, rest[:n], float(rest[n]), float(rest[n + 1]), solved)

    def _corridor(self, last: NDArray, lean: float) -> tuple[NDArray, NDArray]:
        """Where every state may be, [N+1, 4]; it ends at the turn nearest to last."""
        turn = 2 * np.pi * np.round((last[1] - np.pi) / (2 * np.pi))
        up = np.array([0, np.pi + turn, 0, 0])
        reach = np.tile([self.task.limits["x"], lean, np.inf, np.inf], (self.steps, 1))
        reach = np.vstack([np.full(4, np.inf), reach])
        if self.goal == "settle":
            box: Any = self.task.settled
            reach[self.timed :, list(box.columns)] = box.tolerance
        reach[-1, 1] = 1.0  # the tail is that of standing
        if self.goal != "cost":
            reach[-1] = 0
        return up - reach, up + reach
