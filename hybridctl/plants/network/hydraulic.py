"""Ideal hydraulic components: pressures across, volume flows through."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import equinox as eqx
from jax import Array

from hybridctl.checks import as_float, optional_float, positive
from hybridctl.plants.network.component import (
    HYDRAULIC,
    AcrossSource,
    Component,
    Domain,
    Ends,
    Law,
    ThroughSource,
)

Ports = Mapping[str, Domain]
PUMP: Ports = MappingProxyType({"out": HYDRAULIC, "in": HYDRAULIC})


class Pump(ThroughSource):
    """Moves a volume flow [m³/s] from its port in to its port out.

    Args:
        value: of a constant source [m³/s], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = PUMP


class PressureSource(AcrossSource):
    """Holds the pressure at its port out above that at its port in [Pa].

    Args:
        value: of a constant source [Pa], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = PUMP


class Pipe(Component):
    """A pipe: p = R q + I dq/dt. Ports a, b; with an inertance state flow [m³/s].

    Args:
        R: laminar resistance [Pa s/m³].
        inertance: I [kg/m⁴]; None: none.

    Raises:
        ValueError: R or the inertance is not positive.
    """

    R: Array = eqx.field(converter=as_float)
    inertance: Array | None = eqx.field(converter=optional_float, default=None)
    ports: ClassVar[Ports] = MappingProxyType({"a": HYDRAULIC, "b": HYDRAULIC})

    def __check_init__(self):
        positive("R", self.R)
        if self.inertance is not None:
            positive("inertance", self.inertance)

    @property
    def states(self) -> Mapping[str, str]:
        """The flow where there is an inertance."""
        return {} if self.inertance is None else {"flow": "m³/s"}

    def law(self, at: Ends) -> Law:
        """Pressure makes or changes the flow."""
        excess = at.across - self.R * at.through
        if self.inertance is None:
            return Law([excess, *at.kept])
        zero = [at.through - at.states["flow"], *at.kept]
        return Law(zero, {"flow": excess / self.inertance})

    def energy(self, x: Sequence[Array]) -> Any:
        """½ I q²."""
        return 0.0 if self.inertance is None else 0.5 * self.inertance * x[0] ** 2


class Tank(Component):
    """An open tank: A dh/dt = q, p = ρ g h. Port bottom; state level h [m].

    Args:
        area: A [m²].
        density: ρ [kg/m³]; water by default.
        g: gravity [m/s²].

    Raises:
        ValueError: a parameter is not positive.
    """

    area: Array = eqx.field(converter=as_float)
    density: Array = eqx.field(converter=as_float, default=1000.0)
    g: Array = eqx.field(converter=as_float, default=9.81)
    ports: ClassVar[Ports] = MappingProxyType({"bottom": HYDRAULIC})

    def __check_init__(self):
        for name in ("area", "density", "g"):
            positive(name, getattr(self, name))

    @property
    def states(self) -> Mapping[str, str]:
        """The level."""
        return {"level": "m"}

    def law(self, at: Ends) -> Law:
        """Flow changes the level, which is a pressure."""
        pressure = self.density * self.g * at.states["level"]
        return Law([at.across - pressure], {"level": at.through / self.area})

    def energy(self, x: Sequence[Array]) -> Any:
        """½ ρ g A h²."""
        return 0.5 * self.density * self.g * self.area * x[0] ** 2
