"""What users wrote of functions and classes, as bytes: the same in every process."""

import dataclasses
import functools
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

PACKAGES = {"site-packages", "dist-packages"}
PLAIN = bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType
AROUND = (
    property, classmethod, staticmethod,
    functools.partial, functools.partialmethod, functools.cached_property,
)  # fmt: skip
INNER = "__func__", "__wrapped__", "fget", "fset", "func", "args", "keywords"


def code_of(thing: Any, seen: dict[int, Any]) -> Iterator[bytes]:
    """The code of a function or class of the user's, and of all that it names.

    What hybridctl, Python or an installed package brings has a version instead, and
    gives nothing.

    Args:
        thing: a function, or a class with those that it is made of.
        seen: by their ids, what has been told already; it grows.
    """
    told = _class if isinstance(thing, type) else _function
    for part in thing.__mro__ if isinstance(thing, type) else (thing,):
        if _of_user(getattr(part, "__module__", None)) and _new(part, seen):
            yield from told(part, seen)


def _new(thing: Any, seen: dict[int, Any]) -> bool:
    """Whether something comes for the first time; it is kept, so its id is its own."""
    before = len(seen)
    seen.setdefault(id(thing), thing)
    return len(seen) > before


def _of_user(module: Any) -> bool:
    """Whether a module is neither hybridctl's nor Python's nor an installed one."""
    root = str(module or "builtins").partition(".")[0]
    if root == "hybridctl" or root in sys.stdlib_module_names - {"__main__"}:
        return False
    place = getattr(sys.modules.get(module), "__file__", None) or ""
    return PACKAGES.isdisjoint(Path(place).parts)


def _class(kind: type, seen: dict[int, Any]) -> Iterator[bytes]:
    """All that stands in a class, by name; of Python's own only functions."""
    for name, value in sorted(vars(kind).items()):
        if isinstance(value, types.FunctionType) or not name.startswith(("__", "_abc")):
            yield name.encode()
            yield from _value(value, seen)


def _function(thing: Any, seen: dict[int, Any]) -> Iterator[bytes]:
    """Code, defaults and what is closed over."""
    if hasattr(thing, "__wrapped__"):
        yield from _value(thing.__wrapped__, seen)
    if isinstance(thing, types.FunctionType):
        yield from _code(thing.__code__, thing.__globals__, seen)
        for cell in thing.__closure__ or ():
            yield from _value(_content(cell), seen)
        yield from _value(thing.__defaults__, seen)
        yield from _value(thing.__kwdefaults__, seen)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty yet
        return None


def _code(code: Any, known: Mapping[str, Any], seen: dict) -> Iterator[bytes]:
    """Bytecode, its constants, and the globals that it names."""
    yield code.co_code + repr((code.co_names, code.co_varnames)).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant, known, seen)
        else:
            yield from _value(constant, seen)
    for name in code.co_names:
        if name in known:
            yield from _named(known[name], set(code.co_names) - {name}, seen)


def _named(value: Any, names: set[str], seen: dict) -> Iterator[bytes]:
    """What a name stands for; of a module of the user's what is named of it."""
    if not (isinstance(value, types.ModuleType) and _of_user(value.__name__)):
        yield from _value(value, seen)
        return
    for name in sorted(names & vars(value).keys()):
        yield from _named(vars(value)[name], names - {name}, seen)


def _value(value: Any, seen: dict[int, Any]) -> Iterator[bytes]:
    """What a name stands for; of what packages make, such as a lock, only the kind."""
    yield type(value).__qualname__.encode()
    if isinstance(value, PLAIN):
        yield repr(value).encode()
    elif isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        yield f"{array.dtype}{array.shape}".encode() + array.tobytes()
    elif isinstance(value, type) or not _is_made(value):
        yield str(getattr(value, "__qualname__", "")).encode()
        yield from code_of(value, seen)
    elif _new(value, seen):
        yield from _made(value, seen)


def _is_made(value: Any) -> bool:
    """Whether something is made of other values; a user's own object is."""
    kinds = (set, frozenset, Mapping, tuple, list, types.SimpleNamespace, *AROUND)
    own = _of_user(type(value).__module__) and hasattr(value, "__dict__")
    return isinstance(value, kinds) or dataclasses.is_dataclass(value) or own


def _made(value: Any, seen: dict[int, Any]) -> Iterator[bytes]:
    """What others are made of: containers, objects, decorated functions."""
    if isinstance(value, (set, frozenset)):
        yield repr(sorted(map(repr, value))).encode()
        return
    if isinstance(value, Mapping):
        parts = [part for row in value.items() for part in row]
    elif isinstance(value, (tuple, list)):
        parts = list(value)
    elif isinstance(value, AROUND):
        parts = [getattr(value, name, None) for name in INNER]
    else:
        yield from code_of(type(value), seen)
        parts = [getattr(value, name, None) for name in _places(value)]
    for part in parts:
        yield from _value(part, seen)


def _places(value: Any) -> list[str]:
    """Names of what an object keeps."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return sorted(vars(value))
