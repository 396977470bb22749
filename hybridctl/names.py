"""What is chosen by name, as types: known to type checkers, and without JAX.

Who registers a task, a template or an activation adds its name here; the registries
compare.
"""

from collections.abc import Iterable
from typing import Literal, get_args

TaskName = Literal[
    "balance", "swingup", "global", "weak", "short_track", "push", "unknown_plant",
    "noisy",
]  # fmt: skip
TemplateName = Literal[
    "hybrid", "ppo", "residual", "residual_lqr", "residual_machine", "early_catch",
    "swing", "modes", "gate", "schedule",
]  # fmt: skip
ActivationName = Literal["tanh", "relu", "swish", "elu"]
TASKS: tuple[str, ...] = get_args(TaskName)
TEMPLATES: tuple[str, ...] = get_args(TemplateName)
ACTIVATIONS: tuple[str, ...] = get_args(ActivationName)


def check_listed(kind: str, listed: tuple[str, ...], registered: Iterable[str]) -> None:
    """Refuse a registry that is not what is listed here.

    Args:
        kind: of the names, as it is called here: TaskName, ...
        listed: here, in order.
        registered: by the toolkit's own modules, in order.

    Raises:
        ImportError: they differ.

    Example:
        >>> check_listed("TaskName", ("a", "b"), ["a"])
        Traceback (most recent call last):
        ...
        ImportError: TaskName lists a, b, but registered are a; change names.py
    """
    found = tuple(registered)
    if found != listed:
        raise ImportError(
            f"{kind} lists {', '.join(listed)}, but registered are "
            f"{', '.join(found)}; change names.py"
        )
