"""Names, units and limits of a plant, as data."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from hybridctl.checks import fail, positive, require
from hybridctl.kinds import check_kind


class Table(Mapping[str, Any], Hashable):
    """A mapping that can be a static field: it does not change, so it has a hash."""

    def __init__(self, rows: Mapping[str, Any]):
        self._rows = dict(rows)

    def __getitem__(self, name: str) -> Any:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __hash__(self) -> int:
        return hash(tuple(self._rows.items()))

    def __repr__(self) -> str:
        return repr(self._rows)


RESERVED = ("t", "mode", "modes", "units", "angles", "events")  # of a trace


def names(what: str, given: Iterable[str]) -> tuple[str, ...]:
    """Names, each once and at least one.

    Raises:
        ValueError: no names, or one that is no text, is blank or stands twice.
    """
    if isinstance(given, str):
        fail(f"{what}={given!r} is one text; give a list of names: [{given!r}]")
    check_kind(what, given, Iterable[str])
    row = tuple(given)
    texts = bool(row) and all(isinstance(name, str) and name for name in row)
    require(texts, f"{what}={row} must be names; give at least one, each a text")
    for name in row:
        clean = name.isprintable() and name == name.strip()
        require(
            clean,
            f"{what} has {name!r}; a name has no blanks around it and no line breaks",
        )
    require(len(set(row)) == len(row), f"{what}={row} has a name twice; rename one")
    return row


def signal_names(states: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse names that would be ambiguous in a trace.

    Raises:
        ValueError: one stands twice, in states and inputs together, or is what a
            trace calls its time, its modes or its events.
    """
    row = names("states and inputs together", (*states, *inputs))
    for name in row:
        require(
            name not in RESERVED,
            f"a signal cannot be called {name!r}, which a trace has of its own "
            f"({', '.join(RESERVED)}); choose another name",
        )


def known(what: str, given: Iterable[str], signals: tuple[str, ...]) -> None:
    """Refuse a name that no signal has."""
    for name in given:
        require(
            isinstance(name, str) and name in signals,
            f"{what} has {name!r}, but the names are {', '.join(signals)}",
        )


def units_of(given: Mapping[str, str] | None, signals: tuple[str, ...]) -> Table:
    """A unit for every signal, "" where none is given."""
    check_kind("units", given, Mapping[str, str] | None)
    known("units", given or {}, signals)
    return Table({name: str((given or {}).get(name, "")) for name in signals})


def limits_of(given: Mapping[str, float] | None, signals: tuple[str, ...]) -> Table:
    """Limits by name, as numbers above 0."""
    check_kind("limits", given, Mapping[str, float] | None)
    known("limits", given or {}, signals)
    for name, limit in (given or {}).items():
        positive(f"the limit of {name}", np.asarray(limit))
    return Table({name: float(limit) for name, limit in (given or {}).items()})


def columns(what: str, given: Iterable[str], signals: tuple[str, ...]) -> tuple:
    """Where the named signals stand."""
    check_kind(what, given, Iterable[str])
    row = tuple(given)
    known(what, row, signals)
    return tuple(signals.index(name) for name in row)
