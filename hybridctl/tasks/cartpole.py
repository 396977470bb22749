"""The registered cart-pole tasks, one factory a name."""

import dataclasses
from typing import Any

import numpy as np

from hybridctl.checks import require
from hybridctl.controllers import beyond, near
from hybridctl.loop import Actuator, Loop
from hybridctl.plants import CartPole
from hybridctl.tasks.cost import Cost
from hybridctl.tasks.start import Box, Either, Start
from hybridctl.tasks.task import Task

LEAN = np.deg2rad(12.0)  # the tutorial's limit on the pole's angle


def balance(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Keep the pole up: the tutorial's own task.

    Starts within ±0.05 of upright in every state; fails beyond |x| = 2.4 m or 12°;
    reward 1 a period for 20 s.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.

    Example:
        >>> balance(seconds=10.0).steps
        500
    """
    plant = plant or CartPole()
    up = plant.upright()
    start = Box.around(up.x, np.full(4, 0.05))
    failure = beyond(up, x=plant.limits["x"], theta=LEAN)
    fields = {"reward": "alive", "failure_reward": 0.0, "failure": failure}
    return _task("balance", plant, loop, start, fields | changes)


def swingup(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Swing the pole up from rest and hold it.

    Starts hanging at rest; training starts half of the time from a random box,
    because no learner was seen to succeed from hanging alone. Fails beyond
    |x| = 2.4 m. The reward is minus the cost J.

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = plant or CartPole()
    rest = Box.around(plant.hanging().x, np.zeros(4))
    return _task("swingup", plant, loop, rest, {"train_start": _mixed(plant)} | changes)


def global_(
    plant: CartPole | None = None, loop: Loop | None = None, **changes: Any
) -> Task:
    """Bring the pole up from anywhere.

    Starts in the random box x, ẋ ~ U(-1, 1), θ, θ̇ ~ U(-π, π); the rest is as in
    `swingup`. Registered as "global".

    Args:
        plant: a cart-pole; the tutorial's by default.
        loop: 20 ms and |u| <= 10 N by default.
        **changes: any other field of `Task`.

    Returns:
        The task.
    """
    plant = plant or CartPole()
    fields = {"train_start": _mixed(plant)} | changes
    return _task("global", plant, loop, _anywhere(), fields)


def _anywhere() -> Box:
    return Box.around(np.zeros(4), [1.0, np.pi, 1.0, np.pi])


def _mixed(plant: CartPole) -> Start:
    return Either(Box.around(plant.hanging().x, np.full(4, 0.05)), _anywhere())


def _task(
    name: str, plant: CartPole, loop: Loop | None, start: Start, changes: dict[str, Any]
) -> Task:
    """A cart-pole task with the benchmark's cost and settling box."""
    up = plant.upright()
    task = Task(
        name=name,
        plant=plant,
        loop=loop or Loop(0.02, actuator=Actuator(limit=plant.limits["force"])),
        target=up,
        start=start,
        cost=Cost(up.x, [1.0, 20.0, 1.0, 1.0], [0.1], up.angles),
        failure=beyond(up, x=plant.limits["x"]),
        settled=near(up, x=0.1, theta=0.05, dtheta=0.1),
    )
    known = {field.name for field in dataclasses.fields(Task)}
    unknown = sorted(set(changes) - known)
    require(not unknown, f"a Task has no {unknown}; it has {', '.join(sorted(known))}")
    return dataclasses.replace(task, **changes)
