"""Cards of objects that nobody tells of: class name and fields."""

import dataclasses
import functools
import inspect
import re
from typing import Any

from hybridctl.checks import is_tracer, plain
from hybridctl.describe.cards import Card, Known, card, label, names, tells
from hybridctl.describe.words import number, quantity

LONG = 88  # letters of a line


def fields_card(
    thing: Any, known: Known, title: str = "", skip: Any = (), numbers: str = "settings"
) -> Card:
    """Numbers in one row, texts and the rest in their own, what has fields as parts.

    Args:
        thing: any object.
        known: names of its signals.
        title: the class's name by default.
        skip: names of fields to leave out.
        numbers: label of the row of numbers.
    """
    found, rows, parts = fields_of(thing, skip), [], []
    units = units_of(type(thing))
    plain_ones = {n: v for n, v in found if is_number(v)}
    if plain_ones:
        told = (f"{n} = {quantity(v, units.get(n, ''))}" for n, v in plain_ones.items())
        rows.append((numbers, ", ".join(told)))
    for name, value in found:
        inside = _inside(name, value)
        parts += [(key, card(part, known)) for key, part in inside]
        if not inside and name not in plain_ones:
            rows.append((name, short(value, known)))
    if not (rows or parts or dataclasses.is_dataclass(thing)):
        return Card(title or plain(object.__repr__(thing)))
    return Card(title or type(thing).__name__, tuple(rows), tuple(parts))


def is_number(value: Any) -> bool:
    """Whether something is a number, or an array of them."""
    if is_tracer(value) or (isinstance(value, int | float) and value is not False):
        return True
    return str(getattr(value, "dtype", "")).strip("1234568") in (
        "float", "bfloat", "int", "uint", "bool", "complex",
    )  # fmt: skip


@functools.cache
def units_of(cls: type) -> dict[str, str]:
    """Units of fields, as the class's own words on its arguments tell them.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> units_of(CartPole)["cart_friction"]
        'N s/m'
    """
    units: dict[str, str] = {}
    entry = r"^ +(\w+(?:, \w+)*): ((?:.|\n {6,})*)"
    docs = (inspect.cleandoc(vars(c).get("__doc__") or "") for c in cls.__mro__[::-1])
    for named, words in re.findall(entry, "\n".join(docs), re.MULTILINE):
        found = re.search(r"\[([^\]\d][^\]]*)\]", words)
        if found and not re.match(r"n(_|$)", found[1]):  # that is a shape
            units |= {name: found[1] for name in named.split(", ")}
    return units


def fields_of(thing: Any, skip: Any = ()) -> list[tuple[str, Any]]:
    """Fields that say something: not those that are None, empty or hidden."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        names = [field.name for field in dataclasses.fields(thing)]
    else:
        names = list(getattr(thing, "_fields", None) or getattr(thing, "__dict__", ()))
    found = [(n, getattr(thing, n, None)) for n in names if n[:1] != "_"]
    return [(n, v) for n, v in found if n not in skip and not _is_empty(v)]


def _is_empty(value: Any) -> bool:
    off = value is None or value is False
    return off or (isinstance(value, tuple | list | dict | str) and not value)


def _inside(name: str, value: Any) -> list[tuple[str, Any]]:
    """What has fields of its own, one by one."""
    if has_card(value):
        return [(name, value)]
    rows = value.items() if isinstance(value, dict) else ()
    if isinstance(value, tuple | list):
        rows = enumerate(value)
    named = [(f"{name}.{key}", part) for key, part in rows]
    return named if named and all(has_card(part) for _, part in named) else []


def has_card(value: Any) -> bool:
    """Whether something is one of ours, and not a number for others' code."""
    return hasattr(type(value), "_repr_html_") and has_fields(value)


def has_fields(value: Any) -> bool:
    """Whether something is worth a card of its own."""
    if isinstance(value, type) or is_tracer(value):
        return False
    return dataclasses.is_dataclass(value) or hasattr(type(value), "_fields")


def short(value: Any, known: Known) -> str:
    """Any value in a few letters."""
    if isinstance(value, str):
        return plain(value, LONG)
    arrayed = hasattr(value, "dtype") and hasattr(value, "shape")
    if arrayed or isinstance(value, bool | int | float | complex):
        return number(value)
    if has_fields(value):
        return label(value, known)
    if isinstance(value, dict):
        return _cut([f"{key}: {short(v, known)}" for key, v in value.items()])
    if isinstance(value, tuple | list | set | frozenset):
        return _cut([short(part, known) for part in value])
    if callable(value):
        return f"{getattr(value, '__name__', type(value).__name__)}()"
    return plain(value, LONG)


def _cut(parts: list[str], most: int = 3 * LONG) -> str:
    """As many parts as fit."""
    text = ", ".join(parts)
    while len(text) > most and len(parts) > 1:
        parts = parts[: max(len(parts) // 2, 1)]
        text = f"{', '.join(parts)}, ..."
    return text if len(text) <= most else f"{text[: most - 3]}..."


def call(thing: Any, known: Known) -> str:
    """Class and fields as one line: `PID(kp=1, ki=2)`; only as many as fit."""
    if not has_fields(thing):
        return plain(f"{type(thing).__name__}", LONG)
    found = [(n, v) for n, v in fields_of(thing) if not _inside(n, v)]
    texts = [f"{name}={short(value, known)}" for name, value in found]
    texts = [t for t in texts if len(t) <= LONG // 2]
    kept, left = [], LONG - len(type(thing).__name__)
    for told in texts:
        left -= len(told) + 2
        kept += [told] if left > 0 else []
    more = ["..."] if len(kept) < len(fields_of(thing)) else []
    return f"{type(thing).__name__}({', '.join([*kept, *more])})"


tells(object, fields_card)
names(object, call)
