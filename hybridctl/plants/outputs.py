"""What is measured of a plant: y = h(x) with its names."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.plants.callables import title, traced
from hybridctl.plants.plant import Plant
from hybridctl.plants.signals import known, names
from hybridctl.ports import Signals, signals, unnamed

Function = tuple[str, ...] | Callable[[Array], Array] | None
"""An output equation y = h(x): names of states, a function, or None: all states."""


def function_of(given: Any) -> Any:
    """An output equation as a field keeps it.

    Raises:
        ValueError: neither names, each once, nor a function.
    """
    return given if given is None or callable(given) else names("outputs", given)


def pairs(units: Any) -> tuple[tuple[str, str], ...]:
    """Units by name, as what can be hashed.

    Raises:
        ValueError: something else than a dict, or than what this gave.
    """
    try:
        rows = dict(units or ())
    except (TypeError, ValueError):
        fail(f"units={units!r} are no units by name; give a dict, as {{'tip': 'm'}}")
    return tuple((str(name), str(unit)) for name, unit in rows.items())


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

    def columns(self, who: str, plant: Plant) -> tuple[int, ...] | None:
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

    def signals(self, who: str, plant: Plant) -> Signals:
        """What is measured of a plant.

        Raises:
            ValueError: the plant has no such state, or h does not fit it.
        """
        columns, states = self.columns(who, plant), plant.ports.y or ()
        return (
            self._given(plant) if columns is None else tuple(states[c] for c in columns)
        )

    def of(self, who: str, plant: Plant, x: Array) -> Array:
        """Y = h(x) [n_y] of a state x [n_x]."""
        h: Any = self.h
        if h is None:
            return x
        columns = self.columns(who, plant)
        if columns is None:
            return jnp.asarray(h(x), x.dtype)
        return jnp.stack([x[c] for c in columns])

    def _given(self, plant: Plant) -> Signals:
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
