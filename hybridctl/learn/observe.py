"""What a policy that others trained observes, and how often it decides."""

from typing import Any

from hybridctl import strategies, tasks
from hybridctl.checks import fail, require
from hybridctl.controllers import Controller, Features
from hybridctl.controllers.fill import decision_every
from hybridctl.learn.lane import Lane, default_features
from hybridctl.tasks import Task


def observation_of(
    features: Features | None,
    task: Task | str | None,
    template: Controller | str,
    dt: float | None,
    env: Any = None,
) -> tuple[Features, float | None]:
    """The features that are meant, and the period [s] between two decisions.

    Args:
        features: what is observed, if it is given.
        task: what it was trained on, or its name, or None.
        template: what was trained in it, or its name.
        dt: the period, if it is given.
        env: what it was trained in, where that is known.

    Raises:
        ValueError: nothing says what is observed.
    """
    if features is None and task is None and isinstance(env, Lane):
        return env.features, dt or float(env.dt)
    if task is None:
        return features or fail(
            "nothing says what this policy observes; give features=, or the task that "
            'it was trained on: task="balance"'
        ), dt
    task = tasks.get(task) if isinstance(task, str) else task
    if isinstance(template, str):
        template = strategies.template(template, task)
    dt = dt or decision_every(template) * task.loop.dt
    return features or default_features(task, template), dt


def check_observed(features: Features, size: int, frames: int = 1) -> None:
    """Refuse features of another number than a network takes.

    Args:
        features: what is observed.
        size: numbers that the network takes.
        frames: observations that are stacked.

    Raises:
        ValueError: names both.
    """
    given = features.size * frames
    require(
        given == size,
        f"this network takes {size} numbers, these features give {given}; "
        "give features= as it was trained, for example hc.Features.of(plant, "
        "trig=False)",
    )


def activation_by(name: str) -> str:
    """Our name of another library's activation function."""
    known = {"silu": "swish"}
    return known.get(name.lower(), name.lower())
