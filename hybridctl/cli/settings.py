"""Settings of a training as text: NAME=VALUE."""

import types
import typing
from collections.abc import Iterable
from typing import Any

from hybridctl.checks import fail, one_of, require
from hybridctl.learn import Config

FLAGS = ("algorithm", "engine", "steps")  # that have a flag of their own
WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "whole numbers, as in 64,64",
    str: "a word",
}


def settings_of(texts: Iterable[str]) -> dict[str, Any]:
    """Fields of `Config` from texts.

    Raises:
        ValueError: not NAME=VALUE, an unknown name, or a value of another type.

    Example:
        >>> settings_of(["learning_rate=1e-3", "hidden=64,64", "max_grad_norm=none"])
        {'learning_rate': 0.001, 'hidden': (64, 64), 'max_grad_norm': None}
    """
    hints, found = typing.get_type_hints(Config), {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        require(equals == "=", f"--set {text}: expected NAME=VALUE, with no space")
        require(name not in FLAGS, f"--set {text}: write --{name} {value}")
        one_of("setting", name, (known for known in hints if known not in FLAGS))
        require(name not in found, f"--set {name} is given twice; give it once")
        found[name] = _value(name, value, hints[name])
    return found


def _value(name: str, text: str, hint: Any) -> Any:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if types.NoneType in kinds and text.lower() in ("none", ""):
        return None
    kind = typing.get_origin(kinds[0]) or kinds[0]
    try:
        return _READERS[kind](text)
    except (ValueError, KeyError):
        none = ", or none" if types.NoneType in kinds else ""
        fail(f"--set {name}={text}: expected {WORDS[kind]}{none}")


def _whole(text: str) -> int:
    """A whole number; 2e6 is one, too."""
    number = float(text)
    return int(text) if text.lstrip("+-").isdigit() else _exact(number)


def _exact(number: float) -> int:
    if not number.is_integer():
        raise ValueError(number)
    return int(number)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(_whole(part) for part in text.strip("()").split(",") if part.strip())


_READERS: dict[Any, Any] = {
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: _whole,
    float: float,
    str: str,
    tuple: _widths,
}
