"""Translational and rotational components: velocities across, forces through."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import equinox as eqx
from jax import Array

from hybridctl.checks import as_float, not_negative, positive
from hybridctl.plants.network.component import (
    ROTATIONAL,
    TRANSLATIONAL,
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
FLANGE: Ports = MappingProxyType({"flange": TRANSLATIONAL})
FLANGES: Ports = MappingProxyType({"a": TRANSLATIONAL, "b": TRANSLATIONAL})
SHAFT: Ports = MappingProxyType({"shaft": ROTATIONAL})
SHAFTS: Ports = MappingProxyType({"a": ROTATIONAL, "b": ROTATIONAL})


class Force(ThroughSource):
    """Pushes what is connected with a force [N], against the ground. Port flange.

    Args:
        value: of a constant source [N], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = FLANGE


class Velocity(AcrossSource):
    """Moves what is connected with a velocity [m/s]. Port flange.

    Args:
        value: of a constant source [m/s], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = FLANGE


class Torque(ThroughSource):
    """Turns what is connected with a torque [N m], against the ground. Port shaft.

    Args:
        value: of a constant source [N m], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = SHAFT


class Speed(AcrossSource):
    """Turns what is connected with a speed [rad/s]. Port shaft.

    Args:
        value: of a constant source [rad/s], scalar; None: driven by an input.
        input: name of the input that drives it; None: constant.
    """

    ports: ClassVar[Ports] = SHAFT


class Mass(AcrossStore):
    """A mass: m dv/dt = f. Port flange; state velocity [m/s].

    Args:
        m: mass [kg].

    Raises:
        ValueError: m is not positive.
    """

    m: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = FLANGE
    parameter: ClassVar[str] = "m"


class Inertia(AcrossStore):
    """An inertia: J dω/dt = τ. Port shaft; state speed [rad/s].

    Args:
        J: moment of inertia [kg m²].

    Raises:
        ValueError: J is not positive.
    """

    J: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = SHAFT
    parameter: ClassVar[str] = "J"


class _Elastic(Component):
    """A force f = k s, where s is how far a came nearer to b."""

    k: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        positive("k", self.k)

    def law(self, at: Ends) -> Law:
        """The deflection integrates the velocity, and pushes back."""
        ((name, _),) = self.states.items()
        zero = [at.through - self.k * at.states[name], *at.kept]
        return Law(zero, {name: at.across})

    def energy(self, x: Sequence[Array]) -> Any:
        """½ k s²."""
        return 0.5 * self.k * x[0] ** 2


class Spring(_Elastic):
    """A spring: f = k s, where s = x_a - x_b. Ports a, b; state deflection s [m].

    Args:
        k: stiffness [N/m].

    Raises:
        ValueError: k is not positive.
    """

    ports: ClassVar[Ports] = FLANGES

    @property
    def states(self) -> Mapping[str, str]:
        """The deflection."""
        return {"deflection": "m"}


class TorsionSpring(_Elastic):
    """A torsion spring: τ = k φ, where φ = φ_a - φ_b. Ports a, b; state twist φ [rad].

    Args:
        k: stiffness [N m/rad].

    Raises:
        ValueError: k is not positive.
    """

    ports: ClassVar[Ports] = SHAFTS

    @property
    def states(self) -> Mapping[str, str]:
        """The twist."""
        return {"twist": "rad"}


class _Viscous(Memoryless):
    """A force f = d v, or a torque."""

    d: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        not_negative("d", self.d)

    def law(self, at: Ends) -> Law:
        """Velocity is resisted."""
        return Law([at.through - self.d * at.across, *at.kept])


class Damper(_Viscous):
    """A damper: f = d v. Ports a, b.

    Args:
        d: viscous friction [N s/m].

    Raises:
        ValueError: d is negative.
    """

    ports: ClassVar[Ports] = FLANGES


class RotaryDamper(_Viscous):
    """A rotary damper: τ = d ω. Ports a, b.

    Args:
        d: viscous friction [N m s/rad].

    Raises:
        ValueError: d is negative.
    """

    ports: ClassVar[Ports] = SHAFTS


class _Tracker(Component):
    """The integral of an across variable; it takes no force."""

    def law(self, at: Ends) -> Law:
        """Nothing flows in; the velocity is integrated."""
        ((name, _),) = self.states.items()
        return Law([at.through], {name: at.across})

    def energy(self, x: Sequence[Array]) -> Any:
        """None."""
        del x
        return 0.0


class Position(_Tracker):
    """Where a flange is: dx/dt = v, without a force. Port flange; state x [m]."""

    ports: ClassVar[Ports] = FLANGE

    @property
    def states(self) -> Mapping[str, str]:
        """The position."""
        return {"x": "m"}


class Angle(_Tracker):
    """How far a shaft has turned: dφ/dt = ω, freely. Port shaft; state angle [rad]."""

    ports: ClassVar[Ports] = SHAFT

    @property
    def states(self) -> Mapping[str, str]:
        """The angle, which does not wrap."""
        return {"angle": "rad"}


class Gear(Memoryless):
    """An ideal gear: ω_a = ratio ω_b and ratio τ_a + τ_b = 0. Ports a, b.

    Args:
        ratio: turns of a for a turn of b, scalar.

    Raises:
        ValueError: the ratio is not positive.
    """

    ratio: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = SHAFTS

    def __check_init__(self):
        positive("ratio", self.ratio)

    def law(self, at: Ends) -> Law:
        """Speeds in the ratio, and no power lost."""
        turns = at["a"].across - self.ratio * at["b"].across
        return Law([turns, self.ratio * at["a"].through + at["b"].through])


class Wheel(Memoryless):
    """A wheel or pinion: v = r ω and τ + r f = 0. Ports shaft, rim.

    Args:
        radius: r [m].

    Raises:
        ValueError: the radius is not positive.
    """

    radius: Array = eqx.field(converter=as_float)
    ports: ClassVar[Ports] = MappingProxyType({**SHAFT, "rim": TRANSLATIONAL})

    def __check_init__(self):
        positive("radius", self.radius)

    def law(self, at: Ends) -> Law:
        """It rolls without slip, and no power is lost."""
        rolls = at["rim"].across - self.radius * at["shaft"].across
        return Law([rolls, at["shaft"].through + self.radius * at["rim"].through])
