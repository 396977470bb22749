"""What may go into an environment and what comes out of it, as numbers."""

from typing import Any

import jax
import numpy as np

from hybridctl.checks import as_float, finite, one_of, require, shape
from hybridctl.learn.lane import Lane
from hybridctl.plants import MechanicalPlant
from hybridctl.ports import Signals
from hybridctl.tasks import Task, holds
from hybridctl.tasks.task import HUGE

OPTIONS = ("x0",)


def observation_limits(env: Lane) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest observation, float32 [n] each.

    A sine or cosine lies within ±1, a mode within 0 and 1, an age within the episode,
    an applied input within ± its limit. A state lies within twice the deviation from
    the target that is no failure, so that a failure shows; where an angle may be
    any, that is twice half a turn. A rate that crosses its whole range within one
    control period cannot be controlled: |v| <= range / dt. Anything else lies within
    ±1e15, beyond which a state counts as not finite.
    """
    f, (low, high) = env.features, _state_limits(env.task)
    unknown = (-HUGE, HUGE)
    own: Signals = env.task.plant.ports.y or ()
    states = {s: (float(low[i]), float(high[i])) for i, s in enumerate(own)}
    seen = [states.get(signal, unknown) for signal in env.sees]
    rows: list[tuple[float, float]] = []
    for c in f.columns:
        rows += [(-1.0, 1.0)] * 2 if c in f.angles else [seen[c]]
    rows += [(-limit, limit) for limit in _input_limits(env.task)[: f.n_u]]
    rows += [(0.0, 1.0)] * f.n_modes + [unknown] * f.n_r
    rows += [(0.0, float(env.task.steps))] * f.age
    rows *= 1 + f.history
    require(len(rows) == f.size, f"{f} has columns whose limits are not known")
    lowest, highest = np.asarray(rows, np.float32).T
    return lowest, highest


def _state_limits(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest state [n_x] each; see `observation_limits`."""
    plant, names = task.plant, task.plant.states
    known = {names[i]: np.pi for i in plant.angles} | dict(plant.limits) | _limits(task)
    half = np.array([2.0 * known.get(name, HUGE / 2.0) for name in names])
    if isinstance(plant, MechanicalPlant):
        n = len(names) // 2
        for i, name in enumerate(names[n:]):
            if name not in known:
                half[n + i] = min(2.0 * half[i] / task.loop.dt, HUGE)
    target = np.asarray(task.target.x, np.float64)
    return target - half, target + half


def _limits(task: Task) -> dict[str, float]:
    """What is no failure, as it was written: without the digits of float32."""
    return {name: float(f"{limit:.6g}") for name, limit in task.limits.items()}


def _input_limits(task: Task) -> np.ndarray:
    """Largest |u| that is applied [n_u]."""
    if not task.limited:
        return np.full(task.plant.n_u, HUGE)
    return np.minimum(task.input_limits, HUGE)


def checked_action(value: Any, expected: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An action, or one a lane, as an array.

    Raises:
        ValueError: not numbers, or another shape.
    """
    array = np.asarray(as_float(np.asarray(value)), dtype)
    shape("action", array, expected)
    return array


def checked_start(
    task: Task, options: dict[str, Any] | None, lanes: tuple[int, ...] = ()
) -> np.ndarray | None:
    """Where `options` ask an episode to start: [n_x], or with lanes [lanes, n_x].

    Raises:
        ValueError: an unknown option, not a state, or a state that is a failure.
    """
    for name in options or {}:
        one_of("option", name, OPTIONS)
    if not options:
        return None
    x0 = np.asarray(as_float(options["x0"]))
    if lanes and x0.ndim == 1:
        x0 = np.broadcast_to(x0, (*lanes, len(x0)))
    shape("x0", x0, (*lanes, task.plant.n_x))
    finite("x0", x0)
    rows = np.atleast_2d(x0)
    failed = np.asarray(jax.vmap(lambda x: holds(task.failure, x))(rows))
    inside = ", ".join(f"{name} ±{value:g}" for name, value in _limits(task).items())
    require(
        not failed.any(),
        f"x0={rows[failed.argmax()]} fails {task.name!r} from the start; "
        f"stay within {inside} of {np.round(np.asarray(task.target.x), 4)}",
    )
    return x0
