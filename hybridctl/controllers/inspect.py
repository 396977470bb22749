"""Looking into composed controllers: their parts and periods."""

from collections.abc import Callable, Iterator
from typing import Any

import jax

from hybridctl.checks import require


def children(node: Any) -> list[Any]:
    """What a pytree node holds, one level down."""
    return jax.tree.leaves(node, is_leaf=lambda n: n is not node)


def walk(
    node: Any, every: int = 1, stop: Callable[[Any], bool] = lambda node: False
) -> Iterator[tuple[Any, int]]:
    """Every part of a tree with the number of periods between its steps.

    Args:
        node: root of the tree.
        every: number of periods between the root's steps.
        stop: parts below which not to look.

    Yields:
        (part, periods), the root first.
    """
    yield node, every
    if stop(node):
        return
    slow = every * getattr(node, "every", 1)
    for child in children(node):
        if child is not node:
            yield from walk(child, slow, stop)


def design_dt(tree: Any) -> float | None:
    """The control period that the parts of a tree were designed for, if any."""
    known = ((getattr(node, "dt", None), every) for node, every in walk(tree))
    return next((dt / every for dt, every in known if isinstance(dt, float)), None)


def check_dt(controller: Any, dt: float) -> None:
    """Refuse a controller that was designed for another control period.

    Raises:
        ValueError: names the part, both periods and the cure.
    """
    for node, every in walk(controller):
        designed = getattr(node, "dt", None)
        if designed is not None:
            name, period = type(node).__name__, every * dt
            require(
                abs(designed - period) <= 1e-9 * period,
                f"dt={period:g} but this {name} was designed for dt={designed:g}; "
                f"redesign with dt={period:g}",
            )
