"""How good can any controller be on the benchmark tasks?

Bounds by direct transcription with CasADi and IPOPT: the best force sequences, constant
over every control period, within the limits of force and track: what no controller can
beat but by a better local optimum. Motion and cost are the package's own. Every J is
simulated again in the task's loop, the LQR holding the pole from where the sequence
ends until 20 s; `simulated` is what that gave. It is higher where the pole is up early:
nothing then keeps a sequence of 8 s from diverging. Writes
benchmarks/results/bounds.json; `hybridctl.contests.bounds` quotes it.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_are

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.lib.transcription import HOLD, Plan, Transcription
from hybridctl.tasks.disturbed import NOISE
from hybridctl.tasks.evaluate import start_of

RESULT = results.path("bounds")
PAIRED = 32  # episodes of seed 0 whose own J* is kept
Guess = tuple[NDArray, NDArray]


def bounds() -> dict[str, Any]:
    """What was found, by the bound's name."""
    return results.load("bounds")["bounds"]


def guesses(task: hc.Task, starts: NDArray, steps: int) -> list[list[Guess]]:
    """For every start the machine's way, MPC's, and straight turns of either sense."""
    seconds, dt = (steps + 0.5) * task.loop.dt, task.loop.dt
    ways = [[_straight(x0, steps, dt, way) for way in (0, 1)] for x0 in starts]
    for kind in ("machine", "mpc"):
        known = hc.reference(kind, task)
        trace = hc.simulate(task.plant, known, starts, seconds, loop=task.loop)
        for own, x, u in zip(ways, trace.x, trace.u, strict=True):
            own.append((np.asarray(x), np.asarray(u[:, 0])))
    return ways


def _straight(x0: NDArray, steps: int, dt: float, way: int) -> Guess:
    """To upright within 2 s, the shorter way round or the longer."""
    share = np.minimum(1.0, np.arange(steps + 1) * dt / 2.0)[:, None]
    turns = (x0[1] - np.pi) / (2 * np.pi)
    turn = np.round(turns) + way * np.sign(turns - np.round(turns) or 1.0)
    x = (1 - share) * x0 + share * np.array([0, np.pi + 2 * np.pi * turn, 0, 0])
    return x, np.zeros(steps)


def best(plans: Iterable[Plan]) -> Plan:
    """The lowest local optimum."""
    solved = [plan for plan in plans if plan.solved]
    if not solved:
        raise ValueError("no guess led to an optimum; give others")
    return min(solved, key=lambda plan: plan.value)


def achieved(task: hc.Task, x0: NDArray, plan: Plan) -> float:
    """J of a plan simulated in the task's loop, the LQR taking over at its end."""
    dt = task.loop.dt
    seconds = len(plan.u) * dt
    first = hc.Sequence(plan.u[:, None])
    a = hc.simulate(task.plant, first, x0, seconds, loop=task.loop)
    lqr, rest = hc.reference("lqr", task), task.seconds - seconds
    b = hc.simulate(task.plant, lqr, a.x[-1], rest, loop=task.loop)
    return sum(_cost(task, t.x, t.u) for t in (a, b))


def _cost(task: hc.Task, x: Any, u: Any) -> float:
    if np.abs(np.asarray(x[:, 0])).max() > task.limits["x"] + 1e-6:
        return float(task.failure_cost)
    rate = jax.vmap(task.cost)
    return float(0.5 * task.loop.dt * np.sum(rate(x[:-1], u) + rate(x[1:], u)))


def least_costs(task: hc.Task, starts: NDArray, steps: int) -> NDArray:
    """J* of each start, and what its plan costs simulated, [starts, 2].

    Equal starts are solved once.
    """
    unique, which = np.unique(starts, axis=0, return_inverse=True)
    program, found = Transcription(task, steps), []
    ways = guesses(task, unique, steps)
    for x0, own in zip(unique, ways, strict=True):
        plan = best(program.solve(x0, guess) for guess in own)
        found.append((plan.value, achieved(task, x0, plan)))
        print(f"  {task.name}: J* {plan.value:.4f}, {found[-1][1]:.4f}", flush=True)
    return np.array(found)[which]


def least_times(
    task: hc.Task, starts: NDArray, steps: int, goal: str = "settle"
) -> list[float]:
    """Least time [s] to settle, or to rest, of each start."""
    program, found = Transcription(task, steps, goal), []
    ways = guesses(task, starts, program.steps)
    for x0, own in zip(starts, ways, strict=True):
        found.append(best(program.solve(x0, guess) for guess in own).value)
        print(f"  {task.name}: {goal} after {found[-1]:.3f} s", flush=True)
    return found


def hanging(task: hc.Task, steps: int, timed: int) -> dict[str, Any]:
    """J* and settling time from hanging at rest."""
    start = np.asarray(hc.CartPole().hanging().x)[None]
    J, simulated = least_costs(task, start, steps)[0]
    settle = least_times(task, start, timed)[0]
    return {"J": float(J), "simulated": float(simulated), "settle": settle}


def starts_of(task: hc.Task) -> NDArray:
    """Where the first evaluation episodes of seed 0 start.

    In float32, the precision of an evaluation: in float64 other numbers are drawn.
    """
    with jax.enable_x64(False):
        return np.array([start_of(task, 0, i).x for i in range(PAIRED)], np.float64)


def balance() -> dict[str, Any]:
    """The farthest start from rest, and the largest blow, without a swing-down."""
    task = hc.tasks.get("swingup")
    program, up = Transcription(task, 250, "scale"), np.asarray(task.target.x)
    lqr, found = hc.reference("lqr", task), {}
    pulse = np.where(np.arange(250) < 5, 10.0, 0.0)  # 1 N s within 0.1 s
    blow = [0, 0, 1, 1]  # ẋ and θ̇ that 1 N s gives this plant at once
    for name, along, force in (
        ("angle", [0, 1, 0, 0], None),
        ("impulse", blow, None),
        ("pulse", [0, 0, 0, 0], pulse),
    ):
        start = up + 0.4 * np.array(along if force is None else blow)
        trace = hc.simulate(task.plant, lqr, start, 5.0, loop=task.loop)
        guess = np.asarray(trace.x), np.asarray(trace.u[:, 0])
        options = {"along": along, "push": force, "lean": np.pi / 2}
        found[name] = best([program.solve(up, guess, scale=(0, 4), **options)]).scale
    return found


def push() -> dict[str, Any]:
    """Least time to rest after a blow of 3 and of 4 N s."""
    task = hc.tasks.get("swingup")
    starts = np.asarray(task.target.x) + np.outer([3.0, 4.0], [0, 0, 1, 1])
    return {
        "rest": least_times(task, starts, 100, "rest"),
        "settle": least_times(task, starts, 100),
    }


def noise_alone() -> dict[str, Any]:
    """J of LQG over the last 10 s, on the linear model with the task's noise."""
    task = hc.tasks.noisy(delay=0, force=0.0)
    A, B = hc.discretize(*hc.linearize(task.plant, task.target), task.loop.dt)
    q, r = task.cost.quadratic
    Q, V = np.diag(q), np.diag(np.square(NOISE))
    X = solve_discrete_are(A, B, Q, np.diag(r))
    K = np.linalg.solve(np.diag(r) + B.T @ X @ B, B.T @ X @ A)
    P, S, J = np.eye(4), np.zeros((4, 4)), 0.0  # of the estimate's error, of itself
    for k in range(task.steps):
        gain = P @ np.linalg.inv(P + V)
        known, P = gain @ P, P - gain @ P  # x̂ = x̂₋ + gain (y - x̂₋)
        S = S + known if k else S
        cost = np.trace(Q @ (S + P)) + np.trace(K.T @ np.diag(r) @ K @ S)
        J += task.loop.dt * cost * (k >= task.cost_after / task.loop.dt)
        step = A - B @ K
        S, P = step @ S @ step.T, A @ P @ A.T
    return {"J": float(J)}


def costs_of(name: str, steps: int) -> dict[str, Any]:
    """J* of the first evaluation episodes, and their mean."""
    task = hc.tasks.get(name)
    episodes, simulated = least_costs(task, starts_of(task), steps).T
    found = {"episodes": episodes.tolist(), "simulated": simulated.tolist()}
    return {"J": float(episodes.mean()), **found}


def times_of(name: str, steps: int) -> dict[str, Any]:
    """How long the first evaluation episodes must take to settle."""
    task = hc.tasks.get(name)
    times = least_times(task, starts_of(task), steps)
    middle, late = np.quantile(times, [0.5, 0.95]).tolist()
    return {"settle": middle, "settle_p95": late, "times": times}


KNOWN: dict[str, Callable[[], dict]] = {
    "balance": balance,
    "swingup": lambda: hanging(hc.tasks.get("swingup"), 200, 100),
    "short_track": lambda: hanging(hc.tasks.get("short_track"), 250, 130),
    "short_track 0.4": lambda: hanging(hc.tasks.short_track(track=0.4), 250, 165),
    "push": push,
    "noise alone": noise_alone,
    "weak hanging": lambda: hanging(hc.tasks.get("weak"), 400, 270),
    "global": lambda: costs_of("global", 200),
    "global times": lambda: times_of("global", 100),
    "weak": lambda: costs_of("weak", 400),
}
QUOTED: dict[str, dict[str, float]] = {  # as the tasks' definition had them before
    "balance": {"angle": 0.543, "impulse": 2.520},
    "swingup": {"J": 80.50, "settle": 1.911},
    "global": {"J": 43.2},
    "global times": {"settle": 1.53, "settle_p95": 2.03},
    "weak hanging": {"J": 195.3, "settle": 5.391},
    "short_track": {"J": 106.2, "settle": 2.572},
    "short_track 0.4": {"J": 139.2, "settle": 3.47},
    "noise alone": {"J": 0.47},
}


def main(names: tuple[str, ...] = tuple(KNOWN)) -> None:
    """Derive bounds; others keep what was found for them before.

    Args:
        names: of bounds.
    """
    jax.config.update("jax_enable_x64", True)
    found = bounds() if RESULT.exists() else {}
    for name in names:
        began = time.perf_counter()
        row, quoted = KNOWN[name](), QUOTED.get(name, {})
        ratio = {key: row[key] / value for key, value in quoted.items()}
        row |= {"tasks_md": quoted, "ratio": ratio}
        row["seconds"] = round(time.perf_counter() - began, 1)
        found[name] = row
        print(name, row, flush=True)
        record = {"about": about(), "hold": HOLD, "bounds": found}
        results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
