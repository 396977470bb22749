"""The toolkit's own trainable templates, by name."""

from collections.abc import Callable

from hybridctl.checks import one_of
from hybridctl.controllers import Controller, Hold, Slot
from hybridctl.strategies.reference import (
    build_lqr,
    build_machine,
    build_pump,
    input_limit,
)
from hybridctl.tasks import Task, holds


def build_ppo(task: Task) -> Controller:
    """The agent alone: its action times the input limit."""
    return input_limit(task) * Slot(task.plant.n_u)


def build_residual(task: Task) -> Controller:
    """The agent corrects a classical controller.

    Where the pole may not fall, half the input limit on top of the LQR. Elsewhere,
    twice the limit on top of the swing mode of the reference machine, one decision
    in four periods, so that the LQR catches and holds alone.
    """
    limit, slot = input_limit(task), Slot(task.plant.n_u)
    if _must_stay_up(task):
        return build_lqr(task) + 0.5 * limit * slot
    swing = build_pump(task) + 2.0 * limit * Hold(slot, every=4)
    return build_machine(task, swing=swing)


def _must_stay_up(task: Task) -> bool:
    """Whether leaving the target, cart in the middle, is already a failure."""
    fallen = task.target.x.copy()
    for i in task.target.angles:
        fallen[i] = 0.0
    return bool(holds(task.failure, fallen))


_TEMPLATES: dict[str, Callable[[Task], Controller]] = {
    "ppo": build_ppo,
    "residual": build_residual,
}


def templates() -> tuple[str, ...]:
    """Names of the toolkit's own trainable templates."""
    return tuple(_TEMPLATES)


def template(name: str, task: Task) -> Controller:
    """One of the toolkit's own trainable templates, made for a task.

    Args:
        name: "ppo" (the agent alone), or "residual" (on top of a classical one).
        task: whose plant, input limit and control period are used.

    Returns:
        A controller with Slots, for `train`.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from hybridctl import tasks
        >>> template("residual", tasks.get("swingup")).names
        ('swing', 'balance')
    """
    one_of("template", name, _TEMPLATES)
    return _TEMPLATES[name](task)
