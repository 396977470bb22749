"""What a result depends on, as a short hash: the name of its file."""

import dataclasses
import hashlib
from typing import Any

import jax
import numpy as np

from hybridctl.checks import fail
from hybridctl.version import __version__

LENGTH = 16  # hexadecimal digits


def key_of(*parts: Any) -> str:
    """A hash of tasks, controllers, settings and numbers, the same in every process.

    Versions of hybridctl and JAX, and the kind of device, belong to it.

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
    basis = (__version__, jax.__version__, jax.default_backend())
    sums = hashlib.sha256()
    for line in _lines((basis, parts), "."):
        sums.update(line)
    return sums.hexdigest()[:LENGTH]


def _lines(value: Any, path: str):
    """Everything in a value, each with its place and its type."""
    yield f"{path}:{type(value).__module__}.{type(value).__qualname__}\n".encode()
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        yield f"{array.dtype}{array.shape}".encode() + array.tobytes()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        for name, part in parts.items():
            if part is not None:  # a part that is off, as if it had never been made
                yield from _lines(part, f"{path}.{name}")
    elif isinstance(value, dict):
        for name in value:
            yield from _lines(value[name], f"{path}[{name!r}]")
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from _lines(item, f"{path}[{i}]")
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield repr(value).encode()
    elif callable(value) and "<" not in value.__qualname__:
        yield f"{value.__module__}.{value.__qualname__}".encode()
    else:
        fail(f"no key for {path}: {type(value).__name__}; give a name to a function")
