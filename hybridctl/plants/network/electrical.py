"""Electrical components of a network: voltages across, currents through."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import equinox as eqx
from jax import Array

from hybridctl.checks import as_float, not_negative, optional_float, positive
from hybridctl.plants.network.component import (
    ELECTRICAL,
    ROTATIONAL,
    AcrossSource,
    AcrossStore,
    Component,
    Domain,
    Ends,
    Law,
    Memoryless,
    ThroughSource,
)

Ports = Mapping[str, Domain]
PINS: Ports = MappingProxyType({"p": ELECTRICAL, "n": ELECTRICAL})


class VoltageSource(AcrossSource):
    """An ideal voltage source: v_p - v_n = value [V]. Ports p, n.

    Args:
        value: of a constant source [V], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.

    Example:
        >>> VoltageSource(input="voltage").unit
        'V'
    """

    ports: ClassVar[Ports] = PINS


class CurrentSource(ThroughSource):
    """An ideal current source: value [A] flows out of p and back into n.

    Args:
        value: of a constant source [A], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.

    Example:
        >>> CurrentSource(2.0).unit
        'A'
    """

    ports: ClassVar[Ports] = PINS


class Resistor(Memoryless):
    """A resistor: v = R i. Ports p, n.

    Args:
        R: resistance [Ω].

    Raises:
        ValueError: R is not positive.
    """

    R: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = PINS

    def __check_init__(self):
        positive("R", self.R)

    def law(self, at: Ends) -> Law:
        """Ohm's law."""
        return Law([at.across - self.R * at.through, *at.kept])


class Inductor(Component):
    """An inductor: L di/dt = v. Ports p, n; state current [A].

    Args:
        L: inductance [H].

    Raises:
        ValueError: L is not positive.
    """

    L: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = PINS

    def __check_init__(self):
        positive("L", self.L)

    @property
    def states(self) -> Mapping[str, str]:
        """The current."""
        return {"current": "A"}

    def law(self, at: Ends) -> Law:
        """The voltage changes the current."""
        zero = [at.through - at.states["current"], *at.kept]
        return Law(zero, {"current": at.across / self.L})

    def energy(self, x: Sequence[Array]) -> Any:
        """½ L i²."""
        return 0.5 * self.L * x[0] ** 2


class Capacitor(AcrossStore):
    """A capacitor: C dv/dt = i. Ports p, n; state voltage [V].

    Args:
        C: capacitance [F].

    Raises:
        ValueError: C is not positive.
    """

    C: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = PINS
    parameter: ClassVar[str] = "C"


class DCMotor(Component):
    """A permanent-magnet DC motor. Ports p, n and shaft.

    With the current i into p, the speed ω and the torque τ into the shaft::

        v = R i + L di/dt + k ω
        τ = J dω/dt + b ω - k i

    Args:
        R: resistance of the winding [Ω].
        k: torque constant [N m/A], and back-EMF constant [V s/rad].
        L: inductance of the winding [H], then the current [A] is a state; or None.
        J: inertia of the rotor [kg m²], then the speed [rad/s] is a state; or None.
        friction: viscous friction b [N m s/rad]; None: none.

    Raises:
        ValueError: R, k, L or J is not positive, or the friction negative.

    Example:
        >>> dict(DCMotor(R=2.6, k=0.00767, L=0.18e-3).states)
        {'current': 'A'}
    """

    R: Array = eqx.field(converter=as_float)
    k: Array = eqx.field(converter=as_float)
    L: Array | None = eqx.field(converter=optional_float, default=None)
    J: Array | None = eqx.field(converter=optional_float, default=None)
    friction: Array | None = eqx.field(converter=optional_float, default=None)
    ports: ClassVar[Ports] = MappingProxyType({**PINS, "shaft": ROTATIONAL})

    def __check_init__(self):
        for name in ("R", "k", "L", "J"):
            value = getattr(self, name)
            if value is not None:
                positive(name, value)
        if self.friction is not None:
            not_negative("friction", self.friction)

    @property
    def states(self) -> Mapping[str, str]:
        """The current where there is an inductance, the speed where an inertia."""
        current = {} if self.L is None else {"current": "A"}
        return current | ({} if self.J is None else {"speed": "rad/s"})

    def law(self, at: Ends) -> Law:
        """Winding, shaft, and what flows into p leaves at n."""
        current, speed = at["p"].through, at["shaft"].across
        voltage = at["p"].across - at["n"].across - self.R * current - self.k * speed
        torque = at["shaft"].through + self.k * current
        if self.friction is not None:
            torque = torque - self.friction * speed
        zero, rate = [current + at["n"].through], {}
        if self.L is None:
            zero += [voltage]
        else:
            zero += [current - at.states["current"]]
            rate["current"] = voltage / self.L
        if self.J is None:
            zero += [torque]
        else:
            zero += [speed - at.states["speed"]]
            rate["speed"] = torque / self.J
        return Law(zero, rate)

    def energy(self, x: Sequence[Array]) -> Any:
        """½ L i² + ½ J ω²."""
        stores = [store for store in (self.L, self.J) if store is not None]
        return sum(0.5 * c * v**2 for c, v in zip(stores, x, strict=True))
