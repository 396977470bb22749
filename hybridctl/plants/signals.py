"""Names, units and limits of a plant, and what is measured of it, as data."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, positive, require
from hybridctl.kinds import check_kind
from hybridctl.plants.callables import title, traced
from hybridctl.ports import Signals, signals, unnamed

if TYPE_CHECKING:
    from hybridctl.plants.plant import Plant


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


Function = tuple[str, ...] | Callable[[Array], Array] | None
"""An output equation y = h(x): names of states, a function, or None: all states."""


def function_of(given: Any) -> Any:
    """An output equation as a field keeps it.

    Raises:
        ValueError: neither names, each once, nor a function.
    """
    return given if given is None or callable(given) else names("outputs", given)


def pairs(units: Any) -> tuple[tuple[str, str], ...]:
    """Units by name, as what can be hashed."""
    return tuple((str(name), str(unit)) for name, unit in dict(units or ()).items())


class Outputs(NamedTuple):
    """y = h(x) with its names.

    Attributes:
        h: names of states, a function of x [n_x], or None: all states.
        names: of what a function gives; () where it has none.
        units: unit by name of what a function gives.
        angles: names of what a function gives that are angles.
    """

    h: Function
    names: tuple[str, ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    angles: tuple[str, ...] = ()

    def check(self, who: str) -> None:
        """Refuse names that fit no function, or not each other."""
        require(
            callable(self.h) or not (self.names or self.units or self.angles),
            f"names, units and angles are of a function: give {who}(outputs=h, ...); "
            "states keep those of the plant",
        )
        if self.names:
            names("names", self.names)
        known("units", dict(self.units), self.names)
        known("angles", self.angles, self.names)

    def named(self) -> Signals:
        """What a function gives; () where that has no names."""
        turned = [self.names.index(name) for name in self.angles]
        return signals(self.names, dict(self.units), turned)

    def columns(self, who: str, plant: "Plant") -> tuple[int, ...] | None:
        """Which states are measured; None of a function.

        Raises:
            ValueError: the plant has no such state.
        """
        if callable(self.h):
            return None
        named = plant.states if self.h is None else self.h
        missing = [name for name in named if name not in plant.states]
        require(
            not missing,
            f"{who}(outputs=...) names {', '.join(map(repr, missing))}, but the states "
            f"of {type(plant).__name__} are {', '.join(plant.states)}; name those, or "
            "give a function y = h(x)",
        )
        return tuple(plant.states.index(name) for name in named)

    def signals(self, who: str, plant: "Plant") -> Signals:
        """What is measured of a plant.

        Raises:
            ValueError: the plant has no such state, or h does not fit it.
        """
        columns, states = self.columns(who, plant), plant.ports.y or ()
        return (
            self._given(plant) if columns is None else tuple(states[c] for c in columns)
        )

    def of(self, who: str, plant: "Plant", x: Array) -> Array:
        """Y = h(x) [n_y] of a state x [n_x]."""
        h: Any = self.h
        if h is None:
            return x
        columns = self.columns(who, plant)
        if columns is None:
            return jnp.asarray(h(x), x.dtype)
        return jnp.stack([x[c] for c in columns])

    def _given(self, plant: "Plant") -> Signals:
        """What a function gives."""
        h: Any = self.h
        given = traced(h, (jnp.zeros(plant.n_x),), "y = h(x)").shape
        require(
            len(given) == 1,
            f"{title(h)} gives a measurement of shape {given}, expected [n_y]; give "
            "an array, as jnp.stack([...]) does",
        )
        told = self.named() or unnamed(given[0])
        require(
            len(told) == given[0],
            f"{title(h)} gives {given[0]} measurements, names={self.names} are "
            f"{len(told)}; give one name each",
        )
        return told
