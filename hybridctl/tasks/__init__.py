"""What counts as good: tasks by name."""

from collections.abc import Callable
from typing import Any

from hybridctl.checks import first_line, one_of
from hybridctl.kinds import checked
from hybridctl.tasks.cartpole import balance as balance
from hybridctl.tasks.cartpole import global_ as global_
from hybridctl.tasks.cartpole import short_track as short_track
from hybridctl.tasks.cartpole import swingup as swingup
from hybridctl.tasks.cartpole import weak as weak
from hybridctl.tasks.cost import Cost as Cost
from hybridctl.tasks.cost import Fenced as Fenced
from hybridctl.tasks.disturbed import noisy as noisy
from hybridctl.tasks.disturbed import push as push
from hybridctl.tasks.disturbed import unknown_plant as unknown_plant
from hybridctl.tasks.evaluate import Scores as Scores
from hybridctl.tasks.evaluate import evaluate as evaluate
from hybridctl.tasks.evaluate import replay as replay
from hybridctl.tasks.reach import reach as reach
from hybridctl.tasks.start import Box as Box
from hybridctl.tasks.start import Curriculum as Curriculum
from hybridctl.tasks.start import Either as Either
from hybridctl.tasks.start import Start as Start
from hybridctl.tasks.start import Vary as Vary
from hybridctl.tasks.task import Goal as Goal
from hybridctl.tasks.task import Outcome as Outcome
from hybridctl.tasks.task import Task as Task
from hybridctl.tasks.task import holds as holds
from hybridctl.tasks.task import judge as judge
from hybridctl.tasks.task import start_episode as start_episode

_FACTORIES: dict[str, Callable[..., Task]] = {
    "balance": balance,
    "swingup": swingup,
    "global": global_,
    "weak": weak,
    "short_track": short_track,
    "push": push,
    "unknown_plant": unknown_plant,
    "noisy": noisy,
}


def names() -> tuple[str, ...]:
    """Names of the registered tasks."""
    return tuple(_FACTORIES)


def about() -> dict[str, str]:
    """What each registered task asks for, in a line, by name."""
    return {name: first_line(build) for name, build in _FACTORIES.items()}


@checked
def get(name: str, **options: Any) -> Task:
    """A registered task by name.

    Args:
        name: one of `names()`.
        **options: of its factory: plant, loop, and any field of `Task`.

    Returns:
        The task.

    Raises:
        ValueError: an unknown name or option.

    Example:
        >>> get("swingup").steps
        1000
    """
    one_of("task", name, _FACTORIES)
    return _FACTORIES[name](**options)
