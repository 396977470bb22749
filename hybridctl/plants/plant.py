"""What a plant is: an ODE with named states, inputs and units."""

import abc
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float


class Equilibrium(eqx.Module):
    """A state and input at which a plant rests (trim point).

    Attributes:
        x: state, shape [n_x].
        u: input, shape [n_u].
        states: names of the coordinates of x.
        angles: which coordinates of x are angles (errors are wrapped to ±π).
    """

    x: Array = eqx.field(converter=as_float)
    u: Array = eqx.field(converter=as_float)
    states: tuple[str, ...] = eqx.field(static=True, default=())
    angles: tuple[int, ...] = eqx.field(static=True, default=())


class Plant(eqx.Module):
    """What the world is: ẋ = f(t, x, u).

    Subclasses give `ode` and the names; every numeric field is a parameter
    (a pytree leaf), so plants can be randomized, vmapped and differentiated.

    Attributes:
        states: names of the state's coordinates, length n_x.
        inputs: names of the input's coordinates, length n_u.
        units: unit of every state and input by name.
        angles: indices of the states that are angles.
        limits: default limit of a signal by name, for tasks and plots.
    """

    states: eqx.AbstractVar[tuple[str, ...]]
    inputs: eqx.AbstractVar[tuple[str, ...]]
    units: eqx.AbstractVar[Mapping[str, str]]
    angles: eqx.AbstractVar[tuple[int, ...]]
    limits: eqx.AbstractVar[Mapping[str, float]]

    @abc.abstractmethod
    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative ẋ, shape [n_x], at time t [s], state x, input u."""

    def to_control(
        self, equilibrium: "Equilibrium | None" = None, dt: float | None = None
    ) -> Any:
        """This plant as a system of python-control, in float64.

        Outputs are the states; states and inputs carry the plant's names.

        Args:
            equilibrium: linearize there: ė = A e + B v with e = x - x₀, v = u - u₀.
            dt: sample the linear model, exactly for an input held over dt [s].

        Returns:
            A `control.NonlinearIOSystem` of ẋ = f(t, x, u) without an equilibrium, a
            `control.StateSpace` with one: continuous, or discrete with this dt.

        Raises:
            ValueError: no equilibrium of this plant, dt not positive, or dt alone.

        Example:
            >>> from hybridctl.plants import CartPole
            >>> plant = CartPole(g=10.0)
            >>> system = plant.to_control(plant.upright(), dt=0.02)
            >>> system.state_labels, system.input_labels, system.dt
            (['x', 'theta', 'dx', 'dtheta'], ['force'], 0.02)
        """
        from hybridctl.plants.interop import to_control  # python-control is heavy

        return to_control(self, equilibrium, dt)

    @property
    def n_x(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def n_u(self) -> int:
        """Number of inputs."""
        return len(self.inputs)


class MechanicalPlant(Plant):
    """A plant with x = [q, q̇] that knows its energies.

    Attributes:
        actuated: indices of the coordinates of q that the inputs push, in the
            order of the inputs.
    """

    actuated: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def kinetic(self, q: Array, dq: Array) -> Array:
        """Kinetic energy T(q, q̇) [J], scalar."""

    @abc.abstractmethod
    def potential(self, q: Array) -> Array:
        """Potential energy V(q) [J], scalar."""

    @abc.abstractmethod
    def upright(self) -> Equilibrium:
        """The unstable equilibrium that controllers are asked to hold."""

    def energy(self, x: Array) -> Array:
        """Total energy T + V [J] of state x [n_x]."""
        q, dq = jnp.split(jnp.asarray(x), 2)
        return self.kinetic(q, dq) + self.potential(q)
