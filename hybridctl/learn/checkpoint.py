"""What a training can go on from: the trainer's parameters as named arrays."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from hybridctl.checks import fail, require


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after some number of decisions.

    Of our own trainers it has all that they go on from, bit for bit. Of brax's it has
    networks and normalizer, as brax's own restore: training goes on from here, but not
    along the path that it would have taken.

    Attributes:
        algorithm: whose parameters they are.
        steps: decisions made.
        arrays: parameters by name.
    """

    algorithm: str
    steps: int
    arrays: dict[str, np.ndarray] = field(repr=False)


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """Leaves of a tree by their path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def unflatten(like: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A tree of the same structure with the leaves of those names.

    Raises:
        ValueError: a leaf is missing or has another shape.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    out = []
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path)
        if name not in arrays:
            fail(f"the checkpoint has no {name}; it is of another training")
        got, expected = np.shape(arrays[name]), np.shape(leaf)
        require(
            got == expected,
            f"the checkpoint's {name} has shape {got}, expected {expected}; train "
            "with the same template, features and networks",
        )
        dtype = jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype)
        out.append(jax.numpy.asarray(arrays[name], dtype))
    return jax.tree_util.tree_unflatten(structure, out)
