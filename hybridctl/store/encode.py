"""A controller as plain data: a tree of JSON nodes, with the arrays apart.

A node is None, a bool, an int, a str, a finite float, or one of::

    {"class": name, "fields": {name: node}}
    {"array": "numpy" | "jax" | "scalar"}
    {"tuple": [node]}   {"list": [node]}   {"dict": {key: node}}
    {"float": "nan" | "inf" | "-inf"}   {"function": name}

An array's values are stored under its path, such as "controller.modes.0.K".
"""

import dataclasses
import inspect
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from hybridctl.checks import fail, is_tracer, require
from hybridctl.controllers.foreign import Foreign
from hybridctl.plants import FunctionPlant, LagrangianPlant
from hybridctl.store.registry import name_of

DEPTH = 100  # levels of parts within parts, far from Python's own limit
DTYPES = frozenset(
    np.dtype(name)
    for name in (
        *("float64", "float32", "float16", "bool"),
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    )
)
Arrays = dict[str, np.ndarray]


def encode(value: Any, path: str, arrays: Arrays, depth: int = 0) -> Any:
    """A node for a value; its arrays are added to `arrays` by their path.

    Args:
        value: a module, array, number, str, None, registered function, or tuple, list
            or dict of those.
        path: where it is, such as "controller.modes.0".
        arrays: filled.
        depth: levels above it.

    Raises:
        ValueError: what a file cannot hold, with its path.

    Example:
        >>> arrays = {}
        >>> encode((np.zeros(2), None, 0.5), "c", arrays)
        {'tuple': [{'array': 'numpy'}, None, 0.5]}
        >>> list(arrays)
        ['c.0']
    """
    check_depth(path, depth)
    down = (arrays, depth + 1)
    if isinstance(value, eqx.Module):
        require(
            not isinstance(value, (FunctionPlant, LagrangianPlant)),
            f"{path} is a plant made of functions, which a file cannot hold; write a "
            "Plant of your own, and register it",
        )
        if isinstance(value, Foreign):
            fail(value.refusal)
        name = _name(type(value), path)
        fields = [f.name for f in dataclasses.fields(value) if f.init]
        nodes = {n: encode(getattr(value, n), f"{path}.{n}", *down) for n in fields}
        return {"class": name, "fields": nodes}
    if isinstance(value, (np.generic, jax.Array)) or type(value) is np.ndarray:
        return _encode_array(value, path, arrays)
    if type(value) is dict:
        return {"dict": _encode_dict(value, path, *down)}
    if type(value) in (tuple, list):
        return {type(value).__name__: _encode_row(value, path, *down)}
    return _encode_plain(value, path)


def _name(thing: Callable[..., Any], path: str) -> str:
    try:
        return name_of(thing)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_depth(path: str, depth: int) -> None:
    """Refuse parts within parts without end."""
    require(
        depth < DEPTH,
        f"{path[:40]}... has more than {DEPTH} levels of parts within parts; "
        "a file holds fewer",
    )


def _encode_array(value: Any, path: str, arrays: Arrays) -> dict[str, str]:
    require(
        value.dtype in DTYPES,
        f"{path} has dtype {value.dtype}, which a file cannot hold; "
        "make it float32 or float64",
    )
    require(not is_tracer(value), "save needs numbers; call it outside jit and vmap")
    require(path not in arrays, f"two arrays are called {path}; rename a key")
    arrays[path] = np.array(value, order="C")
    if isinstance(value, jax.Array):
        return {"array": "jax"}
    return {"array": "scalar" if isinstance(value, np.generic) else "numpy"}


def _encode_row(values: Any, path: str, arrays: Arrays, depth: int) -> list:
    return [encode(v, f"{path}.{i}", arrays, depth) for i, v in enumerate(values)]


def _encode_dict(values: Any, path: str, arrays: Arrays, depth: int) -> dict:
    strings = all(type(key) is str for key in values)
    require(strings, f"{path} has keys {list(values)}, expected strings")
    return {k: encode(v, f"{path}.{k}", arrays, depth) for k, v in values.items()}


def _encode_plain(value: Any, path: str) -> Any:
    if type(value) is float and not math.isfinite(value):
        return {"float": repr(value)}
    if inspect.isfunction(value):
        return {"function": _name(value, path)}
    require(
        value is None or type(value) in (bool, int, float, str),
        f"{path} is a {type(value).__name__}, which a file cannot hold; use numbers, "
        "arrays, strings, tuples or registered modules (for a function of your own, "
        "@hybridctl.register; for another, its name)",
    )
    return value
