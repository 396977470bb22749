"""What a result depends on, as a short hash: the name of its file."""

import dataclasses
import hashlib
import types
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from hybridctl.checks import fail
from hybridctl.scale.own_code import code_of
from hybridctl.version import __version__

LENGTH = 16  # hexadecimal digits


def key_of(*parts: Any) -> str:
    """A hash of tasks, controllers, settings and numbers, the same in every process.

    Versions of hybridctl and JAX, the kind of device and float64 belong to it, and the
    code of functions and classes that are the user's own, with what they name of their
    module.

    Args:
        *parts: numbers, strings, arrays, dataclasses, and tuples and dicts of them.

    Returns:
        A hash in hexadecimal digits.

    Raises:
        ValueError: something whose content cannot be told from its value.

    Example:
        >>> key_of(1, "a") == key_of(1, "a"), key_of(1, "a") == key_of("1", "a")
        (True, False)
    """
    wide: Any = ("float64",) if jax.config.jax_enable_x64 else ()  # type: ignore
    basis = (__version__, jax.__version__, jax.default_backend(), *wide)
    sums = hashlib.sha256()
    for line in _lines((basis, parts), ".", {}):
        sums.update(line)
    return sums.hexdigest()[:LENGTH]


def _lines(value: Any, path: str, seen: dict[int, Any]) -> Iterator[bytes]:
    """Everything in a value, each with its place and its type."""
    yield f"{path}:{type(value).__module__}.{type(value).__qualname__}\n".encode()
    yield from code_of(type(value), seen)
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        yield f"{array.dtype}{array.shape}".encode() + array.tobytes()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        for name, part in parts.items():
            if part is not None:  # a part that is off, as if it had never been made
                yield from _lines(part, f"{path}.{name}", seen)
    elif isinstance(value, Mapping):
        for name in value:
            yield from _lines(value[name], f"{path}[{name!r}]", seen)
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _lines(item, f"{path}[{i}]", seen)
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield repr(value).encode()
    elif callable(value) and "<" not in getattr(value, "__qualname__", "<"):
        yield f"{value.__module__}.{value.__qualname__}".encode()
        yield from code_of(value, seen)
        if isinstance(value, types.MethodType):
            yield from _lines(value.__self__, f"{path}.__self__", seen)
    else:
        fail(f"no key for {path}: {type(value).__name__}; give a name to a function")
