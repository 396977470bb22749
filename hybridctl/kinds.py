"""Arguments of the right kind, by their annotations, before anything is done."""

import dataclasses
import functools
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from hybridctl.checks import fail, plain

F = TypeVar("F", bound=Callable)
_NUMBERS: dict[Any, type] = {float: numbers.Real, int: numbers.Integral}
_PLAIN = (str, int, float, complex)  # what is shown as it was given
_SAID = {
    numbers.Real: "a number",
    numbers.Integral: "a whole number",
    str: "a text",
    bool: "True or False",
    os.PathLike: "a path",
    type(None): "None",
    Iterable: "a list",
    Mapping: "a dict",
}


def checked(function: F) -> F:
    """Refuse arguments of `function` that its annotations do not allow.

    Only what an annotation says plainly counts: a class, a number, a text, a list, a
    dict, None, or a choice of these.

    Raises:
        ValueError: at a call; names the argument, what it is and what was expected.

    Example:
        >>> @checked
        ... def halve(x: float) -> float:
        ...     return x / 2
        >>> halve("1")
        Traceback (most recent call last):
        ...
        ValueError: x is a str, '1'; expected a number
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        hints = _hints(function)
        for name, value in given.items():
            many = signature.parameters[name].kind
            if many == inspect.Parameter.VAR_KEYWORD:
                for key, entry in value.items():
                    check_kind(key, entry, hints.get(name, Any))
            elif many != inspect.Parameter.VAR_POSITIONAL:
                check_kind(name, value, hints.get(name, Any))
        return function(*args, **kwargs)

    return call  # pyright: ignore[reportReturnType]


def check_fields(thing: Any, parts: bool = False) -> None:
    """Refuse a field of one of the toolkit's own classes that its annotation forbids.

    Args:
        thing: made of fields.
        parts: look only at fields that are annotated with classes of the toolkit.

    Raises:
        ValueError: names the class, the field and what was expected.
    """
    cls = type(thing)
    if not cls.__module__.startswith("hybridctl."):
        return  # a user's annotations are the user's
    hints = _hints(cls)
    for field in dataclasses.fields(cls):
        hint = hints.get(field.name, Any)
        if hasattr(thing, field.name) and not (parts and not _is_part(hint)):
            name = f"{field.name} of {cls.__name__}"
            check_kind(name, getattr(thing, field.name), hint)


def check_fields_first(cls: type) -> None:
    """Let a class's own `__check_init__` begin with `check_fields` of its parts.

    Else it would meet what is no controller before its base class refuses it.
    """
    own = cls.__dict__.get("__check_init__")
    if own is None:
        return

    def check(self: Any) -> None:
        check_fields(self, parts=True)
        own(self)

    type.__setattr__(cls, "__check_init__", functools.wraps(own)(check))


def real_number(value: Any) -> float:
    """A time [s] as a float, or a sentence."""
    check_kind("a time in seconds", value, float)
    return float(value)


def as_row(value: Any) -> tuple:
    """The entries of a list as a tuple, or a sentence."""
    check_kind("what should be several", value, Iterable[Any])
    return tuple(value)


def check_kind(name: str, value: Any, hint: Any) -> None:
    """Refuse a value that an annotation does not allow, if it says so plainly."""
    kinds = _kinds(hint)
    if kinds is None or any(_is(value, kind) for kind in kinds):
        return _check_entries(name, value, hint)
    expected = " or ".join(_SAID.get(kind) or _named(kind) for kind in kinds)
    cure = next((c for c in (getattr(k, "CURE", "") for k in kinds) if c), "")
    if isinstance(value, type):
        fail(f"{name} is the class {value.__name__}; call it: {value.__name__}(...)")
    size = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray) else ""
    told = f", {plain(repr(value), 60)}" if isinstance(value, _PLAIN) else ""
    fail(f"{name} is {_named(type(value))}{size}{told}; expected {expected}{cure}")


def _check_entries(name: str, value: Any, hint: Any) -> None:
    """Of what is annotated as a tuple of whole numbers or texts."""
    inner = typing.get_args(hint)
    if len(inner) == 2 and inner[1] is type(None) and value is not None:
        return _check_entries(name, value, inner[0])
    if typing.get_origin(hint) is tuple and inner in ((int, ...), (str, ...)):
        for entry in () if value is None else value:
            check_kind(f"an entry of {name}", entry, inner[0])


def _is_part(hint: Any) -> bool:
    kinds = _kinds(hint) or ()
    return any(kind.__module__.startswith("hybridctl.") for kind in kinds)


def _named(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOaeio' else 'a'} {kind.__name__}"


def _is(value: Any, kind: type) -> bool:
    if kind in (numbers.Real, numbers.Integral):
        if hasattr(value, "dtype") and np.ndim(value) == 0:  # an array, or traced
            return value.dtype.kind in ("iuf" if kind is numbers.Real else "iu")
        return isinstance(value, kind) and not isinstance(value, bool) and _fits(value)
    if kind is bool:
        return isinstance(value, (bool, np.bool_))
    if kind is Iterable and isinstance(value, (str, bytes, type)):
        return False
    return isinstance(value, kind)


def _fits(value: Any) -> bool:
    try:
        return abs(float(value)) >= 0 or value != value
    except OverflowError:
        return False


@functools.cache
def _hints(thing: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing)
    except Exception:  # a name that only type checkers know
        own = inspect.get_annotations(thing)
        return {name: hint for name, hint in own.items() if not isinstance(hint, str)}


def _kinds(hint: Any) -> tuple[type, ...] | None:
    """The classes that an annotation allows; None where it does not say plainly."""
    if hint is None:
        return (type(None),)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        parts = [_kinds(part) for part in typing.get_args(hint)]
        if any(part is None for part in parts):
            return None
        return tuple(kind for part in parts if part for kind in part)
    if isinstance(origin, type):
        if issubclass(origin, Mapping):
            return (Mapping,)
        return (Iterable,) if issubclass(origin, Iterable) else None
    if hint in _NUMBERS:
        return (_NUMBERS[hint],)
    if hint in (str, bool, type(None), os.PathLike):
        return (hint,)
    own = isinstance(hint, type) and hint.__module__.startswith("hybridctl.")
    return (hint,) if own else None
