"""Tasks by name: one decorator registers them."""

from collections.abc import Callable
from typing import Any, TypeVar

from hybridctl.checks import first_line, one_of, require
from hybridctl.kinds import checked
from hybridctl.tasks.task import Task

F = TypeVar("F", bound=Callable[..., Task])
_FACTORIES: dict[str, Callable[..., Task]] = {}


def register(name: str) -> Callable[[F], F]:
    """Give a factory of tasks a name, for `tasks.get`.

    Args:
        name: that is not taken.

    Returns:
        A decorator; the function stays as it is. Its first line says what the task
        asks for.

    Raises:
        ValueError: the name is taken by another function.

    Example:
        >>> import hybridctl as hc
        >>> @hc.tasks.register("pendulum")  # doctest: +SKIP
        ... def pendulum(**changes):
        ...     "Stand the pendulum up."
        ...     return hc.tasks.reach(hc.Pendulum(), **changes)
        >>> hc.tasks.get("pendulum", seconds=10.0).steps  # doctest: +SKIP
        500
    """

    def keep(build: F) -> F:
        known = _FACTORIES.get(name, build)
        same = (known.__module__, known.__qualname__)
        require(
            same == (build.__module__, build.__qualname__),
            f"there is a task {name!r} already; choose another name",
        )
        _FACTORIES[name] = build
        return build

    return keep


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
