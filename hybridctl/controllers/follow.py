"""Following a reference: a shifted measurement, a feedforward, a trajectory."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    fail,
    finite,
    optional_float,
    places,
    positive,
    require,
)
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import deviation, total
from hybridctl.controllers.feedback import feed, within
from hybridctl.describe import told
from hybridctl.kinds import check_kind
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.signals import names as unique
from hybridctl.ports import Names, Ports, named, names_of, unnamed


def reference(tick: Tick, n_r: int) -> Array:
    """The reference [n_r] of a tick, 0 where it has none."""
    return jnp.zeros(n_r, tick.y.dtype) if tick.r is None else tick.r


def _check_gain(controller: Any) -> None:
    given = np.shape(controller.gain)
    require(
        len(given) == 2 and 0 not in given,
        f"{type(controller).__name__} takes a gain of shape [n, n_r], got {given}",
    )
    finite("gain", controller.gain)


class Shift(Controller):
    """y - N_x r: seen so, the reference is the origin; written `shift >> controller`.

    Any controller that was made for the origin follows r behind it. Without a
    reference the measurement stays as it is.

    Args:
        gain: N_x, how the state at rest moves with the reference, [n_y, n_r].
        states: names and units of y, where known.

    Raises:
        ValueError: the gain is no matrix, or not finite.

    Example:
        >>> Shift([[1.0], [0.0]]).n_r
        1
    """

    gain: Array = eqx.field(converter=as_float)
    states: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        _check_gain(self)

    @property
    def ports(self) -> Ports:
        """It takes a measurement and gives it shifted."""
        y = named(self.states, len(self.gain))
        return Ports(y, unnamed(self.n_r), y, applied=())

    @property
    def n_y(self) -> int:
        """Number of measurements."""
        return len(self.gain)

    @property
    def n_r(self) -> int:
        """Number of references."""
        return np.shape(self.gain)[1]

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The shifted measurement [n_y]."""
        r = reference(tick, self.n_r)
        rows = [
            tick.y[i] - total([self.gain[i, j] * r[j] for j in range(self.n_r)])
            for i in range(self.n_y)
        ]
        return state, jnp.stack(rows)


class Feedforward(Controller):
    """u = N_u r, 0 without a reference.

    Args:
        gain: N_u, how the input at rest moves with the reference, [n_u, n_r].

    Raises:
        ValueError: the gain is no matrix, or not finite.

    Example:
        >>> Feedforward([[2.0]]).n_r
        1
    """

    gain: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        _check_gain(self)

    @property
    def n_r(self) -> int:
        """Number of references."""
        return np.shape(self.gain)[1]

    @property
    def ports(self) -> Ports:
        """It looks at the reference alone."""
        n_u, n_r = np.shape(self.gain)
        return Ports(None, unnamed(n_r), unnamed(n_u), applied=())

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The input that holds the reference."""
        return state, jnp.asarray(self.gain) @ reference(tick, self.n_r)


def follow(names: Any, *outputs: str) -> Shift:
    """Follow references of named states: `follow(plant, "x") >> machine`.

    The controller behind it must be one that may be moved along these states: the
    plant behaves there as it does at the origin, as a cart does along its track.

    Args:
        names: a plant or an equilibrium, which names the states.
        *outputs: states that follow r, in the order of r.

    Returns:
        A `Shift` to put in front of a controller.

    Raises:
        ValueError: no state, or an unknown one.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> follow(CartPole(), "x").gain.T
        array([[1., 0., 0., 0.]])
    """
    check_kind("names", names, Plant | Equilibrium)
    known = tuple((n, "") for n in names.states)
    if isinstance(names, Plant):
        known = names_of(names)[0]
    return told(Shift(rows(names.states, outputs).T, known), names)


def rows(states: tuple[str, ...], outputs: tuple[str, ...]) -> np.ndarray:
    """The matrix [n, n_x] that picks named states out of x."""
    check_kind("outputs", outputs, Iterable[str])
    require(len(outputs) > 0, f"name at least one state: {', '.join(states)}")
    unique("outputs", outputs)
    for name in outputs:
        if name not in states:
            fail(f"no state {name!r}; the states are {', '.join(states)}")
    return np.eye(len(states))[[states.index(name) for name in outputs]]


class TrajectoryFeedback(Controller):
    """u = u_k - K_k (y - x_k) along a trajectory that starts when it is entered.

    The last row is held when the trajectory is over.

    Args:
        K: gains, shape [n_u, n_x], or [N, n_u, n_x] with one for every period.
        x: states of the trajectory, one a period, shape [N, n_x].
        u: inputs of the trajectory, shape [N, n_u].
        limit: largest |u|, scalar or [n_u], or None.
        angles: coordinates of y that are angles.
        dt: control period [s] of the trajectory, where known.
        states: names and units of y, where known.
        inputs: names and units of u, where known.

    Raises:
        ValueError: shapes do not fit, or a value is not finite.

    Example:
        >>> x, u = np.zeros((5, 2)), np.zeros((5, 1))
        >>> TrajectoryFeedback([[1.0, 2.0]], x, u).n_y
        2
    """

    K: Float[Array, "n_u n_x"] = eqx.field(converter=as_float)
    x: Float[Array, "N n_x"] = eqx.field(converter=as_float)
    u: Float[Array, "N n_u"] = eqx.field(converter=as_float)
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)
    states: Names = eqx.field(static=True, default=())
    inputs: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        x, u, K = np.shape(self.x), np.shape(self.u), np.shape(self.K)
        require(
            len(x) == len(u) == 2 and x[0] == u[0] > 0,
            f"x has shape {x} and u {u}, expected [N, n_x] and [N, n_u] with one N",
        )
        gains = (u[1], x[1])
        require(
            K in (gains, (x[0], *gains)),
            f"K has shape {K}, expected {gains} or {(x[0], *gains)}",
        )
        for name in ("K", "x", "u"):
            finite(name, getattr(self, name))
        places("angles", self.angles, self.n_y, "coordinates")
        if self.limit is not None:
            positive("limit", self.limit)

    @property
    def ports(self) -> Ports:
        """The state, and the inputs that push it."""
        y = named(self.states, self.n_y, self.angles)
        return Ports(y, (), named(self.inputs, np.shape(self.u)[1]), self.dt)

    @property
    def n_y(self) -> int:
        """Number of measurements."""
        return np.shape(self.x)[1]

    def init(self, tick: Tick) -> State:
        """At the first row."""
        del tick
        return jnp.int32(0)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Feed the deviation from this period's row back."""
        x, u, K = (jnp.asarray(v) for v in (self.x, self.u, self.K))
        errors = deviation(tick.y, x[state], self.angles)
        asked = jnp.stack(feed(u[state], K[state] if K.ndim == 3 else K, errors))
        after = jnp.minimum(state + 1, len(x) - 1)
        return after, within(asked, self.limit)
