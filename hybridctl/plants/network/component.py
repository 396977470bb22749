"""What a component of a network is: ports, states and a law."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, finite, optional_float, positive, require
from hybridctl.describe import Shown
from hybridctl.plants.hybrid.plant import has_events
from hybridctl.plants.network.symbols import Form, Symbol
from hybridctl.plants.plant import MechanicalPlant


class Domain(NamedTuple):
    """A kind of port; across times through is a power [W]."""

    name: str
    across: str
    across_unit: str
    through: str
    through_unit: str


ELECTRICAL = Domain("electrical", "voltage", "V", "current", "A")
TRANSLATIONAL = Domain("translational", "velocity", "m/s", "force", "N")
ROTATIONAL = Domain("rotational", "speed", "rad/s", "torque", "N m")
HYDRAULIC = Domain("hydraulic", "pressure", "Pa", "flow", "m³/s")
ONE = Symbol("one", "")


class End(NamedTuple):
    """A port in a law: the across variable of its node, and what flows into it."""

    across: Form
    through: Form


@dataclass(frozen=True)
class Law:
    """What holds in a component.

    Attributes:
        zero: linear forms that are zero.
        rate: time derivative of states by their name, as linear forms.
    """

    zero: Sequence[Form]
    rate: Mapping[str, Form] = field(default_factory=dict)


@dataclass(frozen=True)
class Ends:
    """The variables that a component's law is written in.

    Attributes:
        ports: by name, in order.
        states: by name.
    """

    ports: Mapping[str, End]
    states: Mapping[str, Form]

    def __getitem__(self, port: str) -> End:
        return self.ports[port]

    @property
    def across(self) -> Form:
        """Across the two ports, first minus second; at the port where it is one."""
        first, *others = self.ports.values()
        return first.across - others[0].across if others else first.across

    @property
    def through(self) -> Form:
        """Through variable into the first port."""
        return next(iter(self.ports.values())).through

    @property
    def kept(self) -> list[Form]:
        """What flows into the first port leaves at the second, if there are two."""
        ends = list(self.ports.values())
        return [ends[0].through + ends[1].through] if len(ends) > 1 else []


class Component(Shown, eqx.Module):
    """A part of a network: linear in its across and through variables.

    A law has one equation for each port, besides the rates of the states.
    """

    @property
    @abc.abstractmethod
    def ports(self) -> Mapping[str, Domain]:
        """Domain of every port by its name."""

    @property
    @abc.abstractmethod
    def states(self) -> Mapping[str, str]:
        """Unit of every state by its name."""

    def flows(self, name: str) -> list[Symbol]:
        """Through variables of its ports, under its name in a network."""
        return [Symbol("through", f"{name}.{port}") for port in self.ports]

    @abc.abstractmethod
    def law(self, at: Ends) -> Law:
        """What holds between the variables at its ports and its states."""

    @abc.abstractmethod
    def energy(self, x: Sequence[Array]) -> Any:
        """Energy [J] that it stores in its states."""


class Memoryless(Component):
    """A component that stores nothing."""

    @property
    def states(self) -> Mapping[str, str]:
        """None."""
        return {}

    def energy(self, x: Sequence[Array]) -> Any:
        """None."""
        del x
        return 0.0


class AcrossStore(Component):
    """Stores energy in its across variable a, its state: c da/dt = through, E = ½ c a².

    The state is called as its domain calls a. Subclasses name the parameter c.
    """

    parameter: eqx.AbstractClassVar[str]

    def __check_init__(self):
        positive(self.parameter, self._c)

    @property
    def _c(self) -> Array:
        return getattr(self, self.parameter)

    @property
    def states(self) -> Mapping[str, str]:
        """The across variable."""
        domain = next(iter(self.ports.values()))
        return {domain.across: domain.across_unit}

    def law(self, at: Ends) -> Law:
        """What flows in changes the across variable."""
        ((name, a),) = at.states.items()
        return Law([at.across - a, *at.kept], {name: at.through / self._c})

    def energy(self, x: Sequence[Array]) -> Any:
        """½ c a²."""
        return 0.5 * self._c * x[0] ** 2


class Source(Memoryless):
    """A component that an input drives, or that is constant.

    Args:
        value: of a constant source; None: driven by an input.
        input: name of the input that drives it; None: constant.

    Raises:
        ValueError: both or neither are given, or the value is not finite.
    """

    value: Array | None = eqx.field(converter=optional_float, default=None)
    input: str | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        kind = type(self).__name__
        require(
            (self.value is None) != (self.input is None),
            f"{kind} has value={self.value} and input={self.input!r}, expected one of "
            f'them; give {kind}(12.0) or {kind}(input="u")',
        )
        finite("value", self.value)

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """Of the value or input."""

    def signal(self) -> Form:
        """The value, or the input."""
        if self.input is None:
            return Form.of(ONE) * self.value  # pyright: ignore[reportArgumentType]
        return Form.of(Symbol("input", self.input))


class AcrossSource(Source):
    """Holds the across variable of its first port above that of its second."""

    @property
    def unit(self) -> str:
        """Of the across variable."""
        return next(iter(self.ports.values())).across_unit

    def law(self, at: Ends) -> Law:
        """The difference of the across variables is the value."""
        return Law([at.across - self.signal(), *at.kept])


class ThroughSource(Source):
    """Pushes its through variable out of its first port into the network."""

    @property
    def unit(self) -> str:
        """Of the through variable."""
        return next(iter(self.ports.values())).through_unit

    def law(self, at: Ends) -> Law:
        """The value flows out of the first port."""
        return Law([at.through + self.signal(), *at.kept])


class Port(Component):
    """A mechanical plant as a component of a network.

    Each actuated coordinate is a translational or rotational port with the name of
    the coordinate: its velocity is the across variable, and what flows in is the
    input that pushes it. The states keep their names.

    Args:
        plant: for example `CartPole()`.

    Raises:
        ValueError: no MechanicalPlant, or one with events.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> [(name, domain.name) for name, domain in Port(CartPole()).ports.items()]
        [('x', 'translational')]
    """

    plant: MechanicalPlant

    def __check_init__(self):
        if not isinstance(self.plant, MechanicalPlant):
            kind = type(self.plant).__name__
            fail(f"Port takes a MechanicalPlant such as CartPole(), got {kind}")
        require(
            not has_events(self.plant),
            f"{type(self.plant).__name__} has events, which a network does not see; "
            "give the plant without them, or wire it in a Diagram",
        )

    @property
    def ports(self) -> Mapping[str, Domain]:
        """One for every actuated coordinate."""
        names = [self.plant.states[i] for i in self.plant.actuated]
        kind = {"m": TRANSLATIONAL, "rad": ROTATIONAL}
        return {name: kind[self.plant.units[name]] for name in names}

    @property
    def states(self) -> Mapping[str, str]:
        """Those of the plant."""
        return {name: self.plant.units[name] for name in self.plant.states}

    @property
    def velocities(self) -> dict[str, str]:
        """State that is the across variable of every port."""
        plant, half = self.plant, self.plant.n_x // 2
        return {plant.states[i]: plant.states[half + i] for i in plant.actuated}

    def law(self, at: Ends) -> Law:
        """The velocity of a port is a state; the rates are the plant's."""
        velocities = self.velocities.items()
        return Law([at[p].across - at.states[v] for p, v in velocities])

    def energy(self, x: Sequence[Array]) -> Any:
        """The plant's."""
        return self.plant.energy(jnp.stack(x))
