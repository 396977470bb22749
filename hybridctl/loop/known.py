"""What a compiled program knows of a closed loop, and what its state carries."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from hybridctl.checks import is_number


class Known:
    """A tree that a program is compiled with; equal to any other of the same bits.

    Args:
        tree: of numbers that can be looked at, and of what can be hashed.
    """

    def __init__(self, tree: Any):
        leaves, structure = jax.tree.flatten(tree)
        self.tree = tree
        self._content = structure, tuple(map(_bits, leaves))
        self._hash = hash(self._content)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Known) or self._hash != other._hash:
            return False
        return self is other or self._content == other._content


def _bits(leaf: Any) -> Any:
    """What tells a leaf from others: 1, 1.0 and True are not the same."""
    if not is_number(leaf):
        return type(leaf).__name__, leaf
    array = np.asarray(leaf)
    return array.dtype.str, array.shape, array.tobytes()


def parted(tree: Any, carried: Any = is_number) -> tuple[Any, Known | None]:
    """What a state carries of a tree, and what is known of it; None: nothing.

    Args:
        tree: such as a plant.
        carried: whether a leaf is carried: a function of it, or a tree of bools.
    """
    own, rest = eqx.partition(tree, carried)
    return own, Known(rest) if jax.tree.leaves(rest) else None


def whole(own: Any, known: Known | None) -> Any:
    """The tree that was parted."""
    return own if known is None else eqx.combine(own, known.tree)
