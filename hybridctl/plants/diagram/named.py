"""Plants whose signals have names, and nothing else that is known of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx

from hybridctl.plants.plant import Plant
from hybridctl.plants.signals import units_of
from hybridctl.ports import Signals, signals


class Named(Plant):
    """A plant without units, angles and limits, that gives what it measures.

    Attributes:
        measures: names of what it gives.
    """

    measures: eqx.AbstractVar[tuple[str, ...]]
    angles: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({})

    @property
    def units(self) -> Mapping[str, str]:  # pyright: ignore
        """None are known."""
        return units_of(None, (*self.states, *self.inputs))

    @property
    def gives(self) -> Signals:
        """What it measures."""
        return signals(self.measures, {})
