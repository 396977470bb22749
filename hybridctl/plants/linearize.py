"""A plant near an equilibrium is a linear model."""

import abc
import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from hybridctl.checks import (
    as_float,
    fail,
    finite_entries,
    is_concrete,
    require,
    shape,
)
from hybridctl.describe import Shown
from hybridctl.kinds import checked
from hybridctl.precision import float64, float64_on_host

Slopes = tuple[NDArray, tuple[NDArray, NDArray]]
RESTS = 1e-6  # share of the rates that states of their size cause


class Equilibrium(Shown, eqx.Module):
    """A state and input at which a plant rests (trim point).

    Attributes:
        x: state, shape [n_x].
        u: input, shape [n_u].
        states: names of the coordinates of x.
        angles: which coordinates of x are angles (errors are wrapped to ±π).
    """

    CURE: ClassVar[str] = "; give plant.upright(), or plant.equilibrium(x, u)"

    x: Float[Array, " n_x"] = eqx.field(converter=as_float)
    u: Float[Array, " n_u"] = eqx.field(converter=as_float)
    states: tuple[str, ...] = eqx.field(static=True, default=())
    angles: tuple[int, ...] = eqx.field(static=True, default=())


class Dynamics(Shown, eqx.Module):
    """What has to be known of a `Plant` to linearize it and to find where it rests."""

    CURE: ClassVar[str] = "; give a Plant, for example hc.CartPole()"

    states: eqx.AbstractVar[tuple[str, ...]]
    inputs: eqx.AbstractVar[tuple[str, ...]]
    angles: eqx.AbstractVar[tuple[int, ...]]
    limits: eqx.AbstractVar[Mapping[str, float]]
    clocks: ClassVar[Any] = ()  # of sampled parts
    steps_every: ClassVar[Any] = None  # of a discrete plant its period [s]

    @property
    def n_x(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def n_u(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @abc.abstractmethod
    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative ẋ [n_x]."""

    @abc.abstractmethod
    def equilibrium(self, x: Any, u: Any = None) -> Equilibrium:
        """A state [n_x] and input [n_u] with its names."""


@checked
def linearize(
    plant: Dynamics, equilibrium: Equilibrium
) -> tuple[Float[np.ndarray, "n_x n_x"], Float[np.ndarray, "n_x n_u"]]:
    """Linear model of a plant at an equilibrium, by automatic differentiation.

    With e = x - x₀ and v = u - u₀: ė = A e + B v, where A = ∂f/∂x and B = ∂f/∂u at
    (x₀, u₀). In float64 on the host, whatever the precision of the process. Of a plant
    with sampled parts it is e⁺ = A e + B v over their common period, the input held.

    Args:
        plant: the plant ẋ = f(t, x, u), taken at t = 0 s.
        equilibrium: where it rests: x₀ [n_x] and u₀ [n_u].

    Returns:
        A [n_x, n_x] and B [n_x, n_u], numpy float64.

    Raises:
        ValueError: the plant does not rest there, a shape does not fit, a
            derivative is not finite, or a number is traced by jit, vmap or grad.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole(m_c=1.0, m_p=0.1, L=1.0, g=10.0)
        >>> A, B = linearize(plant, plant.upright())
        >>> print(A[2:].round(6), B.T.round(6))
        [[ 0.  1.  0.  0.]
         [ 0. 11.  0.  0.]] [[0. 0. 1. 1.]]
    """
    require(
        is_concrete(plant, equilibrium),
        "linearize was given a plant or equilibrium traced by jit, vmap or grad; "
        "call it outside of them, where the numbers are known",
    )
    x, u = _rest(plant, equilibrium)
    dx, (A, B) = model(plant, x, u)
    shape(f"the derivative of {type(plant).__name__}", dx, (plant.n_x,))
    for name, matrix in (("A", A), ("B", B)):
        finite_entries(f"{name} of {type(plant).__name__} at this equilibrium", matrix)
    _at_rest(plant, dx, np.abs(A) @ _sizes(plant, equilibrium, A, B) + np.abs(B @ u))
    return A + 0.0, B + 0.0  # no negative zeros


@checked
def continuous(
    plant: Dynamics, equilibrium: Equilibrium
) -> tuple[Float[np.ndarray, "n_x n_x"], Float[np.ndarray, "n_x n_u"]]:
    """A and B of `linearize`, for a design that wants ẋ = A x + B u.

    Args:
        plant: without sampled parts.
        equilibrium: where it rests.

    Raises:
        ValueError: the plant has sampled parts; with the cure.
    """
    clocks = plant.clocks
    if clocks:
        from hybridctl.plants.clocks import common_period  # late: few plants have one

        fail(
            f"this {type(plant).__name__} has sampled blocks, so its linear model is "
            f"discrete, over {common_period(clocks):g} s; design with that: "
            "hc.design.dlqr(*hc.linearize(plant, equilibrium), Q, R)"
        )
    return linearize(plant, equilibrium)


def stepping(
    plant: Dynamics, equilibrium: Equilibrium, dt: float
) -> tuple[Float[np.ndarray, "n_x n_x"], Float[np.ndarray, "n_x n_u"]]:
    """A and B of `linearize` of a discrete plant, for a design at a period dt [s].

    Raises:
        ValueError: it is not the plant's; with the cure.
    """
    from hybridctl.plants.clocks import check_pace  # late: few plants have one

    check_pace(plant.steps_every, dt)
    return linearize(plant, equilibrium)


@functools.singledispatch
def slopes(plant: Dynamics, x: NDArray, u: NDArray) -> Slopes:
    """ẋ and (∂ẋ/∂x, ∂ẋ/∂u) at t = 0 s, in float64 on the host.

    A kind of plant that has a better way than to differentiate all of its equations
    registers it here.
    """
    with float64_on_host():
        return jax.tree.map(np.asarray, derivatives(float64(plant), x, u))


@functools.singledispatch
def model(plant: Dynamics, x: NDArray, u: NDArray) -> Slopes:
    """What does not rest, and the linear model there: of a flow its `slopes`.

    A kind of plant whose model is no differential equation registers it here.
    """
    return slopes(plant, x, u)


@eqx.filter_jit
def derivatives(plant: Dynamics, x: Any, u: Any) -> Any:
    """ẋ and (∂ẋ/∂x, ∂ẋ/∂u) at t = 0 s, compiled, in the precision around it."""

    def rate(x, u):
        return plant.ode(0.0, x, u)  # pyright: ignore[reportArgumentType]

    return rate(x, u), jax.jacfwd(rate, (0, 1))(x, u)


def _rest(plant: Dynamics, equilibrium: Equilibrium) -> tuple[NDArray, NDArray]:
    x, u = (np.array(v, np.float64) for v in (equilibrium.x, equilibrium.u))
    for name, value, n in (("x", x, plant.n_x), ("u", u, plant.n_u)):
        shape(f"equilibrium.{name}", value, (n,))
        finite_entries(f"equilibrium.{name}", value)
    return x, u


def _sizes(plant: Dynamics, at: Equilibrium, A: NDArray, B: NDArray) -> NDArray:
    return np.nan_to_num(sizes(plant, at, A, B), nan=1.0)


def _at_rest(plant: Dynamics, dx: NDArray, moved: NDArray) -> None:
    """Refuse a derivative that is no rounding of those of states of that size."""
    name = type(plant).__name__
    moved = np.where(moved > 0, moved, 1.0)
    require(
        bool(np.all(np.abs(dx) <= RESTS * moved)),
        f"{name} does not rest at this equilibrium: its derivative there is {dx}, "
        f"expected 0 within {RESTS * moved}; correct x and u",
    )


def sizes(
    plant: Dynamics, at: Equilibrium, A: NDArray, B: NDArray
) -> NDArray[np.float64]:
    """How large each state of a plant is by nature, shape [n_x]; NaN where unknown.

    An angle is 1 rad and a state that is not 0 at rest is as large as it is there.
    From those the others follow by the linear model ė = A e + B v and its fastest
    mode ω: |A[i, j]| times the size of j is ω times that of i. Where these tell
    nothing, the input at rest does, then the plant's limits.

    Args:
        plant: names, angles and limits.
        at: where it rests.
        A: shape [n_x, n_x].
        B: shape [n_x, n_u].

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole(L=4.0)
        >>> up = plant.upright()
        >>> print(sizes(plant, up, *linearize(plant, up)).round(2))
        [0.36 1.   0.6  1.64]
    """
    A = np.block([[A, B], [np.zeros((B.shape[1], A.shape[1] + B.shape[1]))]])
    rate = float(np.abs(np.linalg.eigvals(A)).max(initial=0.0))
    rate = rate if rate > 0 else 1.0
    n, names = plant.n_x, (*plant.states, *plant.inputs)
    resting = np.abs(np.concatenate([at.x, at.u]).astype(np.float64))
    limits = np.array([plant.limits.get(name, 0.0) for name in names])
    turned = np.isin(np.arange(len(names)), plant.angles)
    known = np.where(turned, 1.0, np.where(np.arange(len(names)) < n, resting, 0.0))
    for more in (known, resting, limits):
        known = spread(np.where(known > 0, known, more), np.abs(A) / rate)
    return np.where(known > 0, known, np.nan)[:n]


def spread(known: NDArray, A: NDArray) -> NDArray:
    """Sizes of what is not known (0) from what is, a step along A [n, n] at a time."""
    while True:
        unknown, reached = known == 0, A * known
        forth = reached.max(axis=1, initial=0.0)
        ratio = np.divide(known[:, None], A, out=np.zeros_like(A), where=A > 0)
        back = ratio.max(axis=0, initial=0.0)
        found = np.where(unknown, np.where(forth > 0, forth, back), 0.0)
        if not found.any():
            return known
        known = known + found
