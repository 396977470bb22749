"""A card of every object: what its room tells of it, or else its fields."""

import dataclasses
import functools
import importlib
import importlib.util
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hybridctl import ports
from hybridctl.ports import Ports


class Card(NamedTuple):
    """What one wants to know of an object.

    Attributes:
        title: what it is, one line.
        rows: labels and what they say.
        parts: cards of what is within, by name.
    """

    title: str
    rows: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, "Card"], ...] = ()


@dataclasses.dataclass(frozen=True)
class Known:
    """What is known of the signals where an object is printed.

    Attributes:
        states: names of the measurements.
        inputs: names of the inputs.
        units: by name.
        angles: which measurements are angles.
        dt: control period [s], or None.
    """

    states: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    angles: tuple[int, ...] = ()
    dt: float | None = None

    def y(self, n: int) -> tuple[str, ...]:
        """Names of n measurements."""
        fits = len(self.states) == n
        return self.states if fits else tuple(f"y[{i}]" for i in range(n))

    def u(self, n: int) -> tuple[str, ...]:
        """Names of n inputs."""
        fits = len(self.inputs) == n
        return self.inputs if fits else tuple(f"u[{i}]" for i in range(n))

    def measured(self, column: int) -> str:
        """Name of one measurement."""
        known = 0 <= column < len(self.states)
        return self.states[column] if known else f"y[{column}]"

    def unit(self, name: str) -> str:
        """Unit of a signal, "" where none is known."""
        return self.units.get(name, "")


_TOLD: dict[int, Known] = {}  # by id, as long as the thing lives


def told(thing: Any, source: Any) -> Any:
    """The thing, which from now on knows the names that a plant gives its signals.

    They are for the eye only: no field, so neither saved, hashed nor compared, and
    lost where the tree is rebuilt.

    Args:
        thing: a module.
        source: a plant, an equilibrium, or what is known.
    """
    if not isinstance(source, Known):
        source = _TOLD.get(id(source)) or _source(source)
    if id(thing) not in _TOLD:  # beside it: in it, it would be of another structure
        weakref.finalize(thing, _TOLD.pop, id(thing), None).atexit = False
    _TOLD[id(thing)] = source
    return thing


def known_of(thing: Any) -> Known:
    """What the parts of an object know of its signals, and of its period."""
    nodes, known = list(_nodes(thing)), Known()
    declared = [ports.declared(node) for node in nodes]
    for node, own in zip(nodes, declared, strict=True):
        found = _TOLD.get(id(node)) or _named(own)
        if found is not None and not known.inputs:
            known = found if found.inputs or not known.states else known
    periods = (own.dt for own in declared if own is not None and own.dt is not None)
    return dataclasses.replace(known, dt=next(periods, None))


def _source(source: Any) -> Known:
    """The names of a plant, or those of an equilibrium."""
    named = _named(ports.declared(source))
    return named or Known(tuple(source.states), angles=tuple(source.angles))


def _named(own: Ports | None) -> Known | None:
    """The names that ports declare, where all of them have one."""
    y, u = (own.y, own.u) if own is not None else (None, None)
    if not y or not u or not all(s.name for s in (*y, *u)):
        return None
    angles = tuple(i for i, s in enumerate(y) if s.angle)
    units = {s.name: s.unit for s in (*y, *u)}
    return Known(tuple(s.name for s in y), tuple(s.name for s in u), units, angles)


def _nodes(thing: Any) -> Iterator[Any]:
    """What has fields in an object, the outermost first."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        yield thing
        names = (f.name for f in dataclasses.fields(thing))
        inside = [vars(thing)[name] for name in names if name in vars(thing)]
    elif isinstance(thing, tuple | list):
        inside = list(thing)
    else:
        inside = list(thing.values()) if isinstance(thing, dict) else []
    for part in inside:
        yield from _nodes(part)


@functools.cache
def _room(cls: type) -> None:
    """Load what the rooms of a class and its bases tell of their objects."""
    for base in cls.__mro__:
        top, *place = base.__module__.split(".")
        if top == "hybridctl" and len(place) > 1:
            module = f"hybridctl.{place[0]}.cards"
            if importlib.util.find_spec(module):
                importlib.import_module(module)


@functools.singledispatch
def _card(thing: Any, known: Known) -> Card:
    raise NotImplementedError  # of any object: see `describe.fields`


@functools.singledispatch
def _label(thing: Any, known: Known) -> str:
    raise NotImplementedError


@functools.singledispatch
def _picture(thing: Any, known: Known) -> str | None:
    return None


tells, names, draws = _card.register, _label.register, _picture.register


def card(thing: Any, known: Known | None = None) -> Card:
    """The card of an object; `known` names its signals where it cannot."""
    _room(type(thing))
    return _card(thing, known or known_of(thing))


def label(thing: Any, known: Known | None = None) -> str:
    """An object in one short line, as it stands within others."""
    _room(type(thing))
    return _label(thing, known or known_of(thing))


def picture(thing: Any, known: Known | None = None) -> str | None:
    """An object as an inline `<svg>`, or None where there is nothing to draw."""
    _room(type(thing))
    return _picture(thing, known or known_of(thing))
