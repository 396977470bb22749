"""Networks of components that connect: circuits, drives, pipes, and a plant in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, is_concrete, one_of, require
from hybridctl.plants.network.component import ONE, Component, Port
from hybridctl.plants.network.reduce import Reduced, reduced, state_names
from hybridctl.plants.network.solve import (
    Numbers,
    Values,
    accelerate,
    at_all,
    check_solved,
    numbers,
    port_values,
    settle,
)
from hybridctl.plants.network.symbols import Symbol
from hybridctl.plants.network.wiring import check_parts
from hybridctl.plants.plant import Equilibrium, Plant
from hybridctl.plants.signals import names


class Network(Plant):
    """Components whose ports are connected, as a plant.

    At a node all across variables (voltage, velocity, speed, pressure) are equal
    and all through variables (current, force, torque, flow) add up to zero. These
    equations and the components' laws are solved symbolically, once for a
    structure; what is left is::

        E(x) ẋ = f(x, u)

    with E = 1 but where rigid connections tie a component's inertia to a plant's
    port: there it is divided out. States that rigid connections tie to others (two
    masses on one rod, a rotor geared to a cart) are merged, inertias add up.

    Args:
        components: by name. Their states are called "motor.current"; those of one
            `Port` as in its plant, of several "cart.x".
        connect: nodes, each a tuple of ports such as "motor.shaft", or only "mass"
            where there is one port, or "ground". A tuple with one port leaves it
            open.
        limits: default limits of states and inputs by name, besides those of the
            plants in ports.
        names: of the components where they are given as a tuple.
        given_limits: the same as `limits`, by the name of the field that keeps them.

    Raises:
        ValueError: a port that is unknown, unconnected or of another domain than
            its node, names that are taken, a floating node, sources in conflict, or
            a state that an ideal source or the ground holds.

    Source: P. Fritzson, *Principles of Object-Oriented Modeling and Simulation with
    Modelica*, for across and through variables; C.-W. Ho, A. Ruehli, P. Brennan,
    "The modified nodal approach to network analysis", IEEE Trans. Circuits and
    Systems 22 (1975).

    Example:
        >>> from hybridctl.plants import Capacitor, Resistor, VoltageSource
        >>> low_pass = Network(
        ...     {
        ...         "source": VoltageSource(input="voltage"),
        ...         "r": Resistor(R=1e3),
        ...         "c": Capacitor(C=1e-6),
        ...     },
        ...     connect=[
        ...         ("source.p", "r.p"), ("r.n", "c.p"),
        ...         ("c.n", "source.n", "ground"),
        ...     ],
        ... )
        >>> low_pass.states, low_pass.inputs
        (('c.voltage',), ('voltage',))
    """

    components: tuple[Component, ...]
    connect: tuple[tuple[str, ...], ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    given_limits: tuple[tuple[str, float], ...] = eqx.field(static=True)

    def __init__(
        self,
        components: Mapping[str, Component] | Sequence[Component],
        connect: Sequence[Sequence[str]],
        limits: Mapping[str, float] | None = None,
        names: Sequence[str] = (),
        given_limits: Sequence = (),
    ):
        if isinstance(connect, str):
            fail(f'connect={connect!r} is text; give tuples such as ("r.p", "c.p")')
        if isinstance(components, Mapping):
            names = tuple(components)
            components = tuple(components.values())
        self.components, self.names = tuple(components), tuple(names)
        nodes = ((ends,) if isinstance(ends, str) else tuple(ends) for ends in connect)
        self.connect = tuple(nodes)
        limits = {**dict(given_limits), **(limits or {})}
        self.given_limits = tuple((n, float(v)) for n, v in limits.items())

    def __check_init__(self):
        if self.names:
            names("components", self.names)
        check_parts(self._parts, taken={*dir(type(self)), *self.__dict__})
        for name, _ in self.given_limits:
            one_of("signal in limits", name, self.units)
        if is_concrete(self):
            with np.errstate(all="ignore"):
                check_solved(self._numbers())

    def __getattr__(self, name: str) -> Component:
        """A component by its name."""
        names = self.__dict__.get("names", ())
        if name in names:
            return self.components[names.index(name)]
        raise AttributeError(f"no {name!r}; the components are {', '.join(names)}")

    @property
    def states(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the states, in the order of the components."""
        return tuple(self._reduced.states)

    @property
    def inputs(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the inputs, in the order of the components."""
        return tuple(self._reduced.inputs)

    @property
    def units(self) -> dict[str, str]:  # pyright: ignore
        """Unit of every state and input."""
        return {**self._reduced.states, **self._reduced.inputs}

    @property
    def angles(self) -> tuple[int, ...]:  # pyright: ignore
        """The angles of plants in ports."""
        found = ((n, part.plant) for n, part in self._ports.items())
        names = (self._names[n, p.states[i]] for n, p in found for i in p.angles)
        return tuple(self.states.index(name) for name in names)

    @property
    def limits(self) -> dict[str, float]:  # pyright: ignore
        """Those given, and those of plants in ports on their states."""
        own = {
            self._names[name, state]: limit
            for name, part in self._ports.items()
            for state, limit in part.plant.limits.items()
            if state in part.plant.states
        }
        return own | dict(self.given_limits)

    @property
    def merged(self) -> tuple[str, ...]:
        """States that rigid connections tie to others, so that they are none here."""
        return tuple(self._reduced.merged)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative ẋ [n_x] at state x [n_x] under input u [n_u]."""
        rates = self._rates(t, x, u)
        return jnp.stack([rates[Symbol("rate", name)] for name in self.states])

    def rest(self, given: Any = None, near: Any = None) -> Equilibrium:
        """Where the network rests (a linear problem), closest to zero.

        Args:
            given: numbers by the names of states or inputs; the others follow. An
                `Equilibrium` by the name of a `Port`: where its plant rests,
                upright by default.
            near: a guess, from which Newton's method searches; see `Plant.rest`.

        Raises:
            ValueError: an unknown name, or nothing rests with what is given.

        Example:
            >>> from hybridctl.plants import Inertia, RotaryDamper, Torque
            >>> drive = Network(
            ...     {"t": Torque(input="u"), "j": Inertia(2), "b": RotaryDamper(5)},
            ...     connect=[("t", "j", "b.a"), ("b.b", "ground")],
            ... )
            >>> print(drive.rest({"j.speed": 3.0}).u)
            [15.]
        """
        given = dict(given or {})
        if near is not None:
            return super().rest(near, **given)
        for name in given:
            one_of("signal or port", name, (*self.units, *self._ports))
        known: Values = {ONE: 1.0}
        targets = {Symbol("rate", name): 0.0 for name in self.states}
        for name, part in self._ports.items():
            rest = given.get(name, part.plant.upright())
            if not isinstance(rest, Equilibrium):
                fail(f"{name}={rest!r} must be an Equilibrium of its plant")
            known |= dict(zip(self._states_of(name), rest.x, strict=True))
            targets |= dict(zip(part.flows(name), rest.u, strict=True))
        known |= {self._symbol(n): v for n, v in given.items() if n in self.units}
        names = [self._symbol(name) for name in self.units]
        found = settle(self._numbers(), targets, known, names)
        values = [float(found[name]) for name in names]
        x, u = values[: self.n_x], values[self.n_x :]
        return Equilibrium(x, u, self.states, self.angles)

    def upright(self) -> Equilibrium:
        """At rest with the plants in ports upright."""
        require(bool(self._ports), "this network has no Port; use rest()")
        return self.rest()

    def energy(self, x: Array) -> Array:
        """Energy [J] that all components store at state x [n_x]."""
        values = self._known(x, ())
        values |= at_all(self._numbers("state"), values)
        stored = 0.0
        for name, part in self._parts.items():
            stored += part.energy([values[s] for s in self._states_of(name)])
        return jnp.asarray(stored)

    def at_ports(self, x: Array, u: Array, t: Any = 0.0) -> dict[str, Array]:
        """Across and through variable of every port at a state and input.

        Args:
            x: state [n_x].
            u: input [n_u].
            t: time [s].

        Returns:
            Scalars by name, such as "motor.shaft.speed" [rad/s] and
            "motor.shaft.torque" [N m], which is what flows into the motor.
        """
        values = self._known(x, u) | self._rates(t, x, u)
        found = port_values(self._parts, self._reduced.ends, self._numbers(), values)
        return {name: jnp.asarray(value, float) for name, value in found.items()}

    def signals(self, trace: Any) -> dict[str, Array]:
        """Across and through variable of every port along a simulation.

        Args:
            trace: as `simulate` returns it, one or a batch.

        Returns:
            Signals by name as in `at_ports`, each [..., T]: at the start of every
            control period, under the input that was applied in it.
        """
        along = jax.vmap(lambda t, x, u: self.at_ports(x, u, t))
        if trace.x.ndim == 3:
            along = jax.vmap(along, (None, 0, 0))
        return jax.jit(along)(trace.t[:-1], trace.x[..., :-1, :], trace.u)

    @property
    def _parts(self) -> dict[str, Component]:
        return dict(zip(self.names, self.components, strict=True))

    @property
    def _ports(self) -> dict[str, Port]:
        return {n: part for n, part in self._parts.items() if isinstance(part, Port)}

    def _symbol(self, name: str) -> Symbol:
        return Symbol("state" if name in self.states else "input", name)

    @property
    def _reduced(self) -> Reduced:
        structure = jax.tree.structure(self.components)
        return reduced(structure, self.names, self.connect)

    def _states_of(self, name: str) -> list[Symbol]:
        names = self._names.items()
        return [Symbol("state", full) for (part, _), full in names if part == name]

    @property
    def _names(self) -> dict[tuple[str, str], str]:
        return state_names(self._parts)

    def _numbers(self, *kinds: str) -> Numbers:
        """Coefficients of the solved forms of some kinds, of all by default."""
        solved = self._reduced.solved.items()
        wanted = {k: f for k, f in solved if not kinds or k.kind in kinds}
        return numbers(wanted, jax.tree.leaves(self.components))

    def _known(self, x: Any, u: Any) -> Values:
        states = {Symbol("state", n): v for n, v in zip(self.states, x, strict=True)}
        inputs = {Symbol("input", n): v for n, v in zip(self.inputs, u, strict=False)}
        return {**states, **inputs, ONE: 1.0}

    def _rates(self, t: Any, x: Array, u: Array) -> Values:
        """Rates of all states, those of ports by their plants."""
        kinds = ("rate", "through") if self._ports else ("rate",)
        values, known = self._known(x, u), self._numbers(*kinds)
        for name, part in self._ports.items():
            forces = [known[flow] for flow in part.flows(name)]
            rates = [Symbol("rate", s.name) for s in self._states_of(name)]
            inner = jnp.stack([values[s] for s in self._states_of(name)])
            found = accelerate(part.plant, t, inner, forces, values, rates)
            values |= dict(zip(rates, found, strict=True))
        own = {key: form for key, form in known.items() if key.kind == "rate"}
        values |= at_all(own, values)
        return {key: v for key, v in values.items() if key.kind == "rate"}
