"""The controller that a cost-to-go asks for: greedy in the value of the next state."""

from typing import Any, Protocol, cast, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    fail,
    finite,
    is_concrete,
    not_negative,
    optional_float,
    positive,
    require,
)
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.feedback import within
from hybridctl.controllers.value import Value, check_value
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_step
from hybridctl.plants.linearize import slopes
from hybridctl.ports import Ports

ALIKE = 1e-6  # share of the largest slope within which two are the same


@runtime_checkable
class RunningCost(Protocol):
    """c(x, u), quadratic in the inputs: + Σ rⱼ uⱼ², as a task's `Cost` is."""

    r: Array

    def __call__(self, x: Array, u: Array) -> Array:
        """Cost rate [1/s] at state x [n_x] and input u [n_u]."""
        ...


def drift(plant: Plant, t: Array, x: Array, ahead: float) -> Array:
    """Where the plant will be soon without an input, shape [n_x].

    Args:
        plant: the model.
        t: time [s].
        x: state [n_x].
        ahead: how soon [s]; 0: now.
    """
    rest = jnp.zeros(plant.n_u, x.dtype)
    return x + ahead * plant.ode(t, x, rest) if ahead else x


def descent(plant: Plant, r: Array, t: Array, x: Array, slope: Array) -> Array:
    """Where the Hamiltonian is least, u = -½ R⁻¹ gᵀ∇V, shape [n_u].

    Args:
        plant: the model, affine in u: ẋ = f(x) + g(x) u.
        r: weights of the inputs, the diagonal of R, shape [n_u].
        t: time [s].
        x: state [n_x].
        slope: ∇V there [n_x].
    """
    rest = jnp.zeros(plant.n_u, x.dtype)
    _, pull = jax.vjp(lambda u: plant.ode(t, x, u), rest)
    return (-0.5 / r) * pull(slope)[0]


class Greedy(Controller):
    """The input that a cost-to-go V asks for, in closed form or by trying some.

    Where ẋ = f(x) + g(x) u and the inputs cost uᵀRu, the Hamiltonian c + ∇Vᵀẋ is least
    at u = -½ R⁻¹ gᵀ∇V, clipped to ±limit. With `inputs` each of them is held for
    `ahead` seconds on the model instead, and the one is taken whose cost until then,
    plus V there, is least; that also serves plants that are not affine in u.

    Args:
        plant: the model.
        cost: its running cost, such as `task.cost`.
        value: cost-to-go V.
        limit: largest |u|, scalar or [n_u]; None: unlimited.
        dt: control period [s]; None: of a continuous law.
        inputs: what is tried, shape [n_tried, n_u]; None: the closed form.
        ahead: how far V is looked at ahead [s]. Of the closed form, which drifts there
            without an input: half a period where None, since u is held for one. With
            `inputs`: whole periods, one where None.

    Raises:
        ValueError: a plant that is not affine in its inputs, inputs that cost nothing,
            or a shape that does not fit.

    Source: M. Lutter et al., "Value iteration in continuous actions, states and time",
        ICML 2021.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.Pendulum()
        >>> cost = hc.tasks.Cost(x0=[np.pi, 0.0], q=[10.0, 1.0], r=[0.5], angles=(0,))
        >>> low, high, nodes = [0.0, -6.0], [2 * np.pi, 6.0], np.ones((5, 1))
        >>> value = hc.GridValue(nodes * [9.0, 0.0, 9.0], low, high, periodic=(0,))
        >>> greedy = Greedy(plant, cost, value, limit=3.0, dt=0.02)
        >>> slowing = hc.Tick(t=0.0, k=0, y=jnp.array([1.0, 1.0]))
        >>> print(greedy.step(None, slowing)[1])
        [-1.5]
    """

    plant: Plant
    cost: eqx.Module
    value: Value
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    dt: float | None = eqx.field(static=True, default=None)
    inputs: Float[Array, "n_tried n_u"] | None = eqx.field(
        converter=optional_float, default=None
    )
    ahead: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if not isinstance(self.cost, RunningCost):
            fail(
                f"cost is a {type(self.cost).__name__}, expected c(x, u) with weights "
                "r of the inputs, as task.cost"
            )
        if self.limit is not None:
            positive("limit", self.limit)
        if self.dt is not None:
            positive("dt", self.dt)
        if self.ahead is not None:
            not_negative("ahead", self.ahead)
        check_value(self.value, self.plant)
        if self.inputs is None:
            self._check_affine()
        else:
            self._check_inputs(self.inputs)

    def _check_inputs(self, tried: Array) -> None:
        finite("inputs", tried)
        require(
            np.shape(tried)[1:] == (self.plant.n_u,),
            f"inputs has shape {np.shape(tried)}, expected rows of {self.plant.n_u}, "
            "one for each input to try",
        )
        require(self.dt is not None, "give dt, the period that inputs= are held for")
        require(self._periods() > 0, f"ahead={self.ahead} is less than dt={self.dt}")

    def _check_affine(self) -> None:
        """Refuse a plant whose ∂f/∂u changes with u, and inputs without a cost."""
        positive("cost.r", self._rate.r)
        plant = self.plant
        require(
            not plant.clocks,
            f"{type(plant).__name__} has sampled parts, of which no rate tells what "
            "an input does; give inputs=, the ones to try",
        )
        if not is_concrete(plant):
            return
        rng = np.random.default_rng(0)
        size = [plant.limits.get(name, 1.0) for name in (*plant.states, *plant.inputs)]
        for _ in range(3):
            x, u = np.split(rng.uniform(-0.5, 0.5, len(size)) * size, [plant.n_x])
            here, there = (slopes(plant, x, v)[1][1] for v in (u, -2.0 * u))
            same = np.abs(here - there) <= ALIKE * np.abs(here).max(initial=0.0)
            require(
                bool(same.all()),
                f"{type(plant).__name__} is not affine in its inputs; give inputs=, "
                "the ones to try",
            )

    @property
    def ports(self) -> Ports:
        """The state of its plant, and its inputs."""
        known = self.plant.ports
        return Ports(known.y, (), known.u, self.dt)

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Descend."""
        if self.inputs is not None:
            prices = jax.lax.map(lambda u: self._price(tick, u), self.inputs)
            return state, jnp.asarray(self.inputs)[jnp.argmin(prices)]
        x = drift(self.plant, tick.t, tick.y, self._ahead())
        slope = self.value.gradient(x)
        u = descent(self.plant, self._rate.r, tick.t, x, slope)
        return state, within(u, self.limit)

    def plot(self, states: tuple[str, str] | None = None, **options: Any) -> Any:
        """Draw its value, and where its input changes sign; see `Value.plot`."""
        return self.value.plot(states, **({"controller": self} | options))

    def _ahead(self) -> float:
        return (self.dt or 0.0) / 2 if self.ahead is None else self.ahead

    @property
    def _rate(self) -> RunningCost:
        return cast(RunningCost, self.cost)

    @property
    def _period(self) -> float:
        return cast(float, self.dt)

    def _periods(self) -> int:
        return 1 if self.ahead is None else round(self.ahead / self._period)

    def _price(self, tick: Tick, u: Array) -> Array:
        """Cost of holding u for some periods, and V after them."""
        flow = fixed_step(self._period, 1)

        def body(_: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            x, paid = now
            after = flow(self.plant, tick.t, x, u)
            rate = 0.5 * (self._rate(x, u) + self._rate(after, u))
            return after, paid + self._period * rate

        start = tick.y, jnp.zeros_like(tick.y[0])
        end, paid = jax.lax.fori_loop(0, self._periods(), body, start)
        return paid + self.value(end)
