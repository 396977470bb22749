"""Linear state feedback, and the guard on what it demands."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import ArrayLike

from hybridctl.checks import (
    as_float,
    finite,
    optional_float,
    places,
    positive,
    require,
    row,
)
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import deviation, total
from hybridctl.controllers.guards import Guard, Quadratic
from hybridctl.ports import Names, Ports, named


class StateFeedback(Controller):
    """u = u0 - K (y - x0), angle errors wrapped, clipped to ±limit where given.

    Args:
        K: gain, shape [n_u, n_x].
        x0: state to hold, shape [n_x].
        u0: input at rest, shape [n_u].
        X: matrix of the cost-to-go V = eᵀ X e, shape [n_x, n_x], where known.
        limit: largest |u|, scalar or [n_u], or None.
        angles: coordinates of y that are angles.
        dt: control period [s] that K was designed for; None: continuous design.
        states: names and units of y, where known.
        inputs: names and units of u, where known.

    Raises:
        ValueError: shapes do not fit, a value is not finite, an angle is no place of a
            coordinate, or dt is not positive.

    Example:
        >>> StateFeedback([[1.0, 2.0]], x0=[0.0, 0.0], u0=[0.0]).K
        array([[1., 2.]])
    """

    K: Float[Array, "n_u n_x"] = eqx.field(converter=as_float)
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    u0: Float[Array, " n_u"] = eqx.field(converter=as_float)
    X: Float[Array, "n_x n_x"] | None = eqx.field(
        converter=optional_float, default=None
    )
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)
    states: Names = eqx.field(static=True, default=())
    inputs: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        row("x0", self.x0)
        row("u0", self.u0)
        expected = (np.shape(self.u0)[-1], np.shape(self.x0)[-1])
        require(
            np.shape(self.K)[-2:] == expected,
            f"K has shape {np.shape(self.K)}, expected {expected} = [n_u, n_x] "
            "from u0 and x0",
        )
        if self.X is not None:
            n_x = expected[-1]
            require(
                np.shape(self.X)[-2:] == (n_x, n_x),
                f"X has shape {np.shape(self.X)}, expected {(n_x, n_x)} = [n_x, n_x]; "
                "leave it out where the cost-to-go is not known",
            )
        places("angles", self.angles, expected[-1], "coordinates")
        if self.dt is not None:
            positive("dt", self.dt)
        for name in ("K", "x0", "u0", "X"):
            finite(name, getattr(self, name))
        if self.limit is not None:
            positive("limit", self.limit)

    @property
    def ports(self) -> Ports:
        """The state, and the inputs that push it."""
        n_u, n_x = np.shape(self.u0)[-1], np.shape(self.x0)[-1]
        y, u = named(self.states, n_x, self.angles), named(self.inputs, n_u)
        return Ports(y, (), u, self.dt, applied=())

    @property
    def V(self) -> "Quadratic":
        """Cost-to-go of the design, for guards: `lqr.V < 1.0`."""
        require(
            self.X is not None,
            "this StateFeedback has no cost-to-go; design it with hc.lqr, or give X",
        )
        return Quadratic(self.X, self.x0, self.angles)

    def unsaturated(self, limit: ArrayLike) -> float:
        """Largest rho for which no state with V < rho demands more than ±limit.

        On V = rho the largest |K e|² is rho K X⁻¹ Kᵀ, so rho = limit² / (K X⁻¹ Kᵀ).
        """
        return unsaturated(self.K, self.V.P, self.u0, limit)

    def demand(self, y: Array) -> list[Array]:
        """The input asked for before any limit, coordinate by coordinate."""
        return feed(self.u0, self.K, deviation(y, self.x0, self.angles))

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Feed the measurement back."""
        return state, within(jnp.stack(self.demand(tick.y)), self.limit)


def feed(u0: Array | Sequence[Array], K: Array, errors: Sequence[Array]) -> list[Array]:
    """u0 - K e, coordinate by coordinate, so that it fuses."""
    return [
        u0[j] - total([K[j, i] * e for i, e in enumerate(errors)])
        for j in range(len(u0))
    ]


def within(u: Array, limit: Array | None) -> Array:
    """Clip u to ±limit; u as it is where there is no limit."""
    return u if limit is None else jnp.clip(u, -limit, limit)


def unsaturated(K: Array, P: Array, u0: Array, limit: ArrayLike) -> float:
    """Largest rho for which |u0 - K z| <= limit wherever z'Pz < rho."""
    gain, room = np.asarray(K), np.broadcast_to(limit, len(K)) - np.abs(np.asarray(u0))
    reach = np.einsum("ji,ij->j", gain, np.linalg.solve(np.asarray(P), gain.T))
    require(bool((room > 0).all()), f"limit={limit} leaves nothing beside u0")
    return float(np.min(room**2 / reach))


class Demands(Guard):
    """A feedback asks for more than ±limit in some input."""

    feedback: StateFeedback
    limit: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        positive("limit", self.limit)

    @property
    def n_y(self) -> int:
        """As many as the feedback takes."""
        return np.shape(self.feedback.x0)[-1]

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether the feedback would saturate."""
        del age
        more = jnp.asarray(False)
        for u in self.feedback.demand(tick.y):
            more |= ~(jnp.abs(u) <= self.limit)
        return more


def demands(feedback: StateFeedback, limit: float) -> Guard:
    """The feedback asks for more than ±limit: its input would saturate.

    Args:
        feedback: whose input is looked at, before it is clipped.
        limit: of the inputs, in their unit.
    """
    return Demands(feedback, limit)
