"""What a plant is: an ODE with named states, inputs and units."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, finite, shape
from hybridctl.describe import told
from hybridctl.kinds import check_fields, check_fields_first, check_kind
from hybridctl.lazy import load
from hybridctl.plants.callables import check_law
from hybridctl.plants.linearize import Dynamics, Equilibrium
from hybridctl.plants.signals import (
    columns,
    limits_of,
    names,
    signal_names,
    units_of,
)
from hybridctl.plants.trim import trim
from hybridctl.ports import Ports, signals


class Joined:
    """What can be put in a row (`a >> b`) or side by side (`a + b`) in a `Diagram`."""

    def __rshift__(self, other: Any) -> Any:
        return _join().series(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return _join().series(other, self)

    def __add__(self, other: Any) -> Any:
        return _join().parallel(self, other)

    def __sub__(self, other: Any) -> Any:
        return _join().parallel(self, other, "+-")


def _join() -> Any:
    """By its name: diagrams are made of plants, not plants of diagrams."""
    return load("hybridctl.plants.diagram.join")


class Plant(Joined, Dynamics):
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

    CURE: ClassVar[str] = "; for example hc.CartPole()"

    states: eqx.AbstractVar[tuple[str, ...]]
    inputs: eqx.AbstractVar[tuple[str, ...]]
    units: eqx.AbstractVar[Mapping[str, str]]
    angles: eqx.AbstractVar[tuple[int, ...]]
    limits: eqx.AbstractVar[Mapping[str, float]]

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)
        signal_names(names("states", self.states), self.inputs)

    @abc.abstractmethod
    def ode(
        self, t: Float[Array, ""], x: Float[Array, " n_x"], u: Float[Array, " n_u"]
    ) -> Float[Array, " n_x"]:
        """State derivative ẋ, shape [n_x], at time t [s], state x, input u."""

    def to_control(
        self, equilibrium: Equilibrium | None = None, dt: float | None = None
    ) -> Any:
        """This plant as a system of python-control, in float64.

        Outputs are what it gives, its states if it says nothing else; all carry the
        plant's names.

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
    def ports(self) -> Ports:
        """What it gives, its states, and the inputs that it takes."""
        y = signals(self.states, self.units, self.angles)
        return Ports(y=y, r=(), u=signals(self.inputs, self.units))

    def equilibrium(self, x: Any, u: Any = None) -> Equilibrium:
        """A state and input of this plant, which names its coordinates.

        Args:
            x: state at which the plant rests [n_x].
            u: input at which it does [n_u]; None: 0.

        Returns:
            The equilibrium; whether the plant rests there is seen by `linearize`.

        Raises:
            ValueError: a shape does not fit, or a number is not finite.
        """
        u = np.zeros(self.n_u) if u is None else u
        shape("x", x, (self.n_x,))
        shape("u", u, (self.n_u,))
        finite("x", x)
        finite("u", u)
        return told(Equilibrium(x, u, self.states, self.angles), self)

    def rest(self, near: Any = None, **held: float) -> Equilibrium:
        """A state and input at which this plant rests, near a guess.

        Newton's method in x and u: the state stays as near to the guess as it can, then
        the input.

        Args:
            near: the guess: a state [n_x], an `Equilibrium`, or values by name of
                states and inputs; what is not given starts at 0.
            **held: states and inputs by name that stay at these values.

        Returns:
            The equilibrium (trim point).

        Raises:
            ValueError: an unknown name, or no rest near the guess.

        Example:
            >>> from hybridctl.plants import Pendulum
            >>> at = Pendulum(m=1.0, L=1.0, g=10.0).rest(theta=np.pi / 6)
            >>> print(at.x.round(3), at.u.round(3))
            [0.524 0.   ] [5.]
        """
        return trim(self, near, held)

    @staticmethod
    def from_function(
        f: Callable[..., Any],
        states: Sequence[str],
        inputs: Sequence[str],
        units: Mapping[str, str] | None = None,
        angles: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        parameters: Any = None,
    ) -> "FunctionPlant":
        """A plain function as a plant.

        Args:
            f: f(t, x, u), or f(t, x, u, parameters), in `jax.numpy`; it returns the
                state derivative [n_x].
            states: names of the states, length n_x.
            inputs: names of the inputs, length n_u.
            units: unit by name of a state or input; without one it is "".
            angles: names of the states that are angles.
            limits: default limit by name, for tasks and plots.
            parameters: numbers in a dict, tuple or module, which can be varied,
                vmapped and differentiated; None: f takes none.

        Returns:
            The plant.

        Raises:
            ValueError: names that do not fit, or an f that takes or returns
                something else; found before anything compiles.

        Example:
            >>> def f(t, x, u, p):
            ...     return [x[1], u[0] - p["w"] ** 2 * x[0]]
            >>> names = {"states": ["x", "dx"], "inputs": ["force"]}
            >>> plant = Plant.from_function(f, **names, parameters={"w": 2.0})
            >>> print(plant.ode(0.0, np.array([1.0, 0.0]), np.array([0.5])))
            [ 0.  -3.5]
        """
        return FunctionPlant(f, states, inputs, units, angles, limits, parameters)

    @staticmethod
    def discrete(
        f: Callable[..., Any],
        dt: float,
        states: Sequence[str],
        inputs: Sequence[str],
        units: Mapping[str, str] | None = None,
        angles: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        parameters: Any = None,
    ) -> "Plant":
        """A difference equation x⁺ = f(x, u) as a plant, such as one that was learned.

        It runs at its own period only: `simulate`, tasks and `Env`, `linearize` and
        `hc.lqr`, observers, `hc.MPC` and `hc.identify` take it like any other plant.

        Args:
            f: f(x, u), or f(x, u, parameters), in `jax.numpy`; it returns the state a
                period later [n_x].
            dt: that period [s].
            states: names of the states, length n_x.
            inputs: names of the inputs, length n_u.
            units: unit by name of a state or input; without one it is "".
            angles: names of the states that are angles.
            limits: default limit by name, for tasks and plots.
            parameters: numbers in a dict, tuple or module (a network, too), which can
                be varied, vmapped and differentiated; None: f takes none.

        Returns:
            The plant; where f is registered, files can hold it.

        Raises:
            ValueError: names that do not fit, or an f that takes or returns
                something else; found before anything compiles.

        Example:
            >>> import hybridctl as hc
            >>> def f(x, u):
            ...     return [x[0] + 0.1 * x[1], x[1] + 0.1 * u[0]]
            >>> plant = Plant.discrete(f, 0.1, ["x", "dx"], ["force"])
            >>> lqr = hc.lqr(plant, plant.equilibrium([0, 0]), Q=[1, 1], R=1)
            >>> trace = hc.simulate(plant, lqr, [1, 0], 10.0, dt=0.1)
            >>> bool(abs(trace["x"][-1]) < 0.01)
            True
        """
        made = load("hybridctl.plants.discrete").DiscretePlant  # it is made of Plant
        check_kind("units", units, Mapping[str, str] | None)
        check_kind("limits", limits, Mapping[str, float] | None)
        unit, limit = (tuple((given or {}).items()) for given in (units, limits))
        return made(f, dt, states, inputs, unit, angles, limit, parameters)


class FunctionPlant(Plant):
    """ẋ = f(t, x, u) or f(t, x, u, parameters); made by `Plant.from_function`.

    Attributes:
        f: the function; compiled programs are kept by its identity, so define it
            once and not anew for every plant.
        parameters: its last argument, any pytree of numbers, or None.
    """

    f: Callable[..., Any] = eqx.field(static=True)
    states: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    units: Mapping[str, str] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True)
    limits: Mapping[str, float] = eqx.field(static=True)
    parameters: Any

    def __init__(
        self,
        f: Callable[..., Any],
        states: Sequence[str],
        inputs: Sequence[str],
        units: Mapping[str, str] | None = None,
        angles: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        parameters: Any = None,
    ):
        self.f = f
        self.states, self.inputs = names("states", states), names("inputs", inputs)
        signals = (*self.states, *self.inputs)
        names("states and inputs together", signals)
        self.units, self.limits = units_of(units, signals), limits_of(limits, signals)
        self.angles = columns("angles", angles, self.states)
        self.parameters = jax.tree.map(as_float, parameters)

    def __check_init__(self):
        arguments = self._arguments(*map(jnp.zeros, ((), self.n_x, self.n_u)))
        check_law(self.f, arguments, "t, x, u", "ẋ = f", "derivative", self.states)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative f(t, x, u) [n_x]."""
        given = jnp.asarray(self.f(*self._arguments(t, x, u)))
        real = jnp.issubdtype(given.dtype, jnp.floating)
        return given if real else given.astype(jnp.zeros(()).dtype)

    def _arguments(self, t: Any, x: Any, u: Any) -> tuple:
        rest = () if self.parameters is None else (self.parameters,)
        return t, x, u, *rest


@runtime_checkable
class Parametrized(Protocol):
    """A plant whose parameters are not fields of their own."""

    parameters: Any


@runtime_checkable
class Labelled(Protocol):
    """A plant that has names for the entries of its parameters."""

    def place(self, parameter: str, label: str) -> int:
        """Where the entry of that name is; a ValueError where there is none."""
        ...


@runtime_checkable
class Hanging(Protocol):
    """A plant that knows where it rests by itself."""

    def hanging(self) -> Equilibrium:
        """The stable equilibrium."""
        ...


@runtime_checkable
class Upright(Protocol):
    """A plant that knows the position that controllers are asked to hold."""

    def upright(self) -> Equilibrium:
        """The unstable equilibrium."""
        ...


class MechanicalPlant(Plant):
    """A plant with x = [q, q̇] that knows its energies.

    Attributes:
        actuated: indices of the coordinates of q that the inputs push, in the
            order of the inputs.
    """

    CURE: ClassVar[str] = (
        "; it needs a mechanical plant with one actuated coordinate, as hc.CartPole()"
    )

    actuated: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def kinetic(
        self, q: Float[Array, " n_q"], dq: Float[Array, " n_q"]
    ) -> Float[Array, ""]:
        """Kinetic energy T(q, q̇) [J], scalar."""

    @abc.abstractmethod
    def potential(self, q: Float[Array, " n_q"]) -> Float[Array, ""]:
        """Potential energy V(q) [J], scalar."""

    @abc.abstractmethod
    def upright(self) -> Equilibrium:
        """The unstable equilibrium that controllers are asked to hold."""

    @property
    def passive(self) -> tuple[int, ...]:
        """Indices of the coordinates of q that no input pushes."""
        return tuple(i for i in range(self.n_x // 2) if i not in self.actuated)

    def dissipated(self, x: Float[Array, " n_x"]) -> Float[Array, ""]:
        """Power [W] that friction takes at state x [n_x]: -d(T + V)/dt at input 0."""
        x = jnp.asarray(x)
        dx = self.ode(jnp.zeros(()), x, jnp.zeros(self.n_u, x.dtype))
        return -jax.jvp(self.energy, (x,), (dx,))[1]

    def energy(self, x: Float[Array, " n_x"]) -> Float[Array, ""]:
        """Total energy T + V [J] of state x [n_x]."""
        q, dq = jnp.split(jnp.asarray(x), 2)
        return self.kinetic(q, dq) + self.potential(q)
