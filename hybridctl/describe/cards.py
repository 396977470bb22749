"""A card of every object: what its room tells of it, or else its fields."""

import dataclasses
import functools
import importlib
import importlib.util
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


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
        source = _TOLD.get(id(source)) or Known(
            tuple(source.states), tuple(getattr(source, "inputs", ())),
            dict(getattr(source, "units", {})), tuple(source.angles),
        )  # fmt: skip
    if id(thing) not in _TOLD:  # beside it: in it, it would be of another structure
        weakref.finalize(thing, _TOLD.pop, id(thing), None).atexit = False
    _TOLD[id(thing)] = source
    return thing


def known_of(thing: Any) -> Known:
    """What the parts of an object know of its signals, and of its period."""
    nodes, known = list(_nodes(thing)), Known()
    for node, _ in nodes:
        found = _TOLD.get(id(node)) or _plant(node)
        if found is not None and not known.inputs:
            known = found if found.inputs or not known.states else known
    periods = ((getattr(node, "dt", None), every) for node, every in nodes)
    dt = next((dt / every for dt, every in periods if isinstance(dt, float)), None)
    return dataclasses.replace(known, dt=dt)


def _plant(node: Any) -> Known | None:
    """The names of what has states, inputs and units."""
    if not all(hasattr(type(node), name) for name in ("ode", "n_x", "n_u")):
        return None
    return Known(
        tuple(node.states), tuple(node.inputs), dict(node.units), tuple(node.angles)
    )


def _nodes(thing: Any, every: int = 1) -> Iterator[tuple[Any, int]]:
    """What has fields in an object, with the number of periods between its steps."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        yield thing, every
        slow = getattr(thing, "every", 1)
        every = every * slow if isinstance(slow, int) else every
        inside = [getattr(thing, f.name, None) for f in dataclasses.fields(thing)]
    elif isinstance(thing, tuple | list):
        inside = list(thing)
    else:
        inside = list(thing.values()) if isinstance(thing, dict) else []
    for part in inside:
        yield from _nodes(part, every)


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
