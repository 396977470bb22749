"""Looking into composed controllers: their parts."""

from collections.abc import Callable, Iterator
from typing import Any

import jax


def children(node: Any) -> list[Any]:
    """What a pytree node holds, one level down."""
    return jax.tree.leaves(node, is_leaf=lambda n: n is not node)


def walk(node: Any, stop: Callable[[Any], bool] = lambda node: False) -> Iterator[Any]:
    """Every part of a tree, the root first.

    Args:
        node: root of the tree.
        stop: parts below which not to look.
    """
    yield node
    if stop(node):
        return
    for child in children(node):
        if child is not node:
            yield from walk(child, stop)
