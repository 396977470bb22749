"""Plain data as a controller again: `encode` backwards, for files of strangers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from hybridctl.checks import fail, require
from hybridctl.plants.mujoco.mjcf import check_alone
from hybridctl.plants.mujoco.plant import MuJoCoPlant
from hybridctl.store.encode import Arrays, check_depth
from hybridctl.store.limits import check_size
from hybridctl.store.migrations import BEFORE
from hybridctl.store.registry import class_of, function_of


def rebuild(tree: Any, root: str, arrays: Arrays) -> Any:
    """What a file holds, unless it is too large: with all of its arrays, and no more.

    Args:
        tree: from `encode`, or from a stranger.
        root: what the paths of its arrays begin with.
        arrays: by name.

    Raises:
        ValueError: too large, an array that nothing uses, or see `decode`.
    """
    check_size(tree, root, arrays)
    left = dict(arrays)
    whole = decode(tree, root, left)
    require(not left, f"arrays that no part uses: {', '.join(sorted(left))}")
    return whole


def decode(node: Any, path: str, arrays: Arrays, depth: int = 0) -> Any:
    """The value of a node; the arrays that it names are taken out of `arrays`.

    Args:
        node: from `encode`, or from a stranger.
        path: where it is, for messages.
        arrays: by name; each is used once.
        depth: levels above it.

    Raises:
        ValueError: no node, a class that is not registered, or fields that its
            constructor refuses.

    Example:
        >>> decode({"list": [1, {"float": "inf"}]}, "c", {})
        [1, inf]
    """
    check_depth(path, depth)
    if not isinstance(node, dict):
        ok = node is None or isinstance(node, (bool, int, float, str))
        return node if ok else fail(f"{path} is a bare {type(node).__name__}")
    reader = _READERS.get(tuple(sorted(node)))
    if reader is None:
        fail(f"{path} is no node of this format: it has {sorted(node)}")
    return reader(node, path, arrays, depth + 1)


def _decode_module(node: Any, path: str, arrays: Arrays, depth: int) -> eqx.Module:
    name = node["class"]
    require(isinstance(name, str), f"{path}: a class needs a name, got {name!r}")
    cls = class_of(name)
    fields: dict[str, Any] = _by_name(node["fields"], path, arrays, depth)
    before = BEFORE.get(name, {})
    fields = {n: np.asarray(v) for n, v in before.items()} | fields
    try:
        if cls is MuJoCoPlant:  # whose XML may name other files
            check_alone(fields.get("mjcf"))
        return _with_leaves(cls(**fields), fields)
    except Exception as error:  # constructors of users may raise anything
        raise ValueError(
            f"{path}: {cls.__name__} refuses its fields: {error}"
        ) from error


def _with_leaves(module: Any, fields: dict[str, Any]) -> Any:
    """The module with its leaves as they were saved, not as converted once more."""
    every = dataclasses.fields(module)
    dynamic = [f.name for f in every if not f.metadata.get("static", False)]
    given = [fields.get(name, getattr(module, name)) for name in dynamic]
    return jax.tree.unflatten(jax.tree.structure(module), jax.tree.leaves(given))


def _decode_array(node: Any, path: str, arrays: Arrays, depth: int) -> Any:
    del depth
    require(path in arrays, f"there is no array {path!r}")
    kind, array = node["array"], arrays.pop(path)
    require(kind in ("numpy", "scalar", "jax"), f"{path}: unknown array {kind!r}")
    if kind == "jax":
        return _on_device(array)
    return array[()] if kind == "scalar" else np.array(array)


def _on_device(array: np.ndarray) -> Any:
    """A JAX array, if JAX can hold this dtype now (64 bits need x64)."""
    moved = jnp.asarray(array)
    return moved if moved.dtype == array.dtype else np.array(array)


def _decode_row(node: Any, path: str, arrays: Arrays, depth: int) -> Any:
    ((kind, nodes),) = node.items()
    require(isinstance(nodes, list), f"{path}: a {kind} needs a list")
    values = [decode(v, f"{path}.{i}", arrays, depth) for i, v in enumerate(nodes)]
    return tuple(values) if kind == "tuple" else values


def _decode_dict(node: Any, path: str, arrays: Arrays, depth: int) -> dict:
    return _by_name(node["dict"], path, arrays, depth)


def _by_name(nodes: Any, path: str, arrays: Arrays, depth: int) -> dict[str, Any]:
    if not isinstance(nodes, dict):
        fail(f"{path} needs an object of named nodes, got {type(nodes).__name__}")
    return {k: decode(v, f"{path}.{k}", arrays, depth) for k, v in nodes.items()}


def _decode_float(node: Any, path: str, arrays: Arrays, depth: int) -> float:
    del arrays, depth
    require(node["float"] in ("nan", "inf", "-inf"), f"{path} is no float: {node}")
    return float(node["float"])


def _decode_function(node: Any, path: str, arrays: Arrays, depth: int) -> Callable:
    del arrays, depth
    name = node["function"]
    require(isinstance(name, str), f"{path}: a function needs a name, got {name!r}")
    return function_of(name)


_READERS: dict[tuple[str, ...], Callable[[Any, str, Arrays, int], Any]] = {
    ("class", "fields"): _decode_module,
    ("array",): _decode_array,
    ("tuple",): _decode_row,
    ("list",): _decode_row,
    ("dict",): _decode_dict,
    ("float",): _decode_float,
    ("function",): _decode_function,
}
