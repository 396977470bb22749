"""State feedback with integral action."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

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
from hybridctl.controllers.feedback import feed, within
from hybridctl.kinds import real_number
from hybridctl.ports import Names, Ports, named


class IntegralFeedback(Controller):
    """u = u0 - K (y - x0) - K_i q, q⁺ = q + dt C (y - x0): what C sees tends to 0.

    Conditional integration: where u is at its limit, an error that would push it
    further is not added up, so q does not wind up.

    Args:
        K: gain on the state, shape [n_u, n_x].
        K_i: gain on the integrals, shape [n_u, n_q].
        C: outputs that are driven to 0, shape [n_q, n_x].
        x0: state to hold, shape [n_x].
        u0: input at rest, shape [n_u].
        dt: control period [s].
        limit: largest |u|, scalar or [n_u]; None: unlimited, q may wind up.
        angles: coordinates of y that are angles.
        states: names and units of y, where known.
        inputs: names and units of u, where known.

    Raises:
        ValueError: shapes do not fit, or a value is not finite.

    Example:
        >>> K, C = [[1.0, 2.0]], [[1.0, 0.0]]
        >>> IntegralFeedback(K, [[0.5]], C, [0.0, 0.0], [0.0], dt=0.02).K_i
        array([[0.5]])
    """

    K: Float[Array, "n_u n_x"] = eqx.field(converter=as_float)
    K_i: Float[Array, "n_u n_q"] = eqx.field(converter=as_float)
    C: Float[Array, "n_q n_x"] = eqx.field(converter=as_float)
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    u0: Float[Array, " n_u"] = eqx.field(converter=as_float)
    dt: float = eqx.field(static=True, converter=real_number)
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    states: Names = eqx.field(static=True, default=())
    inputs: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        row("x0", self.x0)
        row("u0", self.u0)
        row("C", self.C)
        n_x, n_u, n_q = (np.shape(v)[0] for v in (self.x0, self.u0, self.C))
        expected = {"K": (n_u, n_x), "K_i": (n_u, n_q), "C": (n_q, n_x)}
        for name, size in expected.items():
            given = np.shape(getattr(self, name))
            require(given == size, f"{name} has shape {given}, expected {size}")
            finite(name, getattr(self, name))
        finite("x0", self.x0)
        finite("u0", self.u0)
        places("angles", self.angles, n_x, "coordinates")
        positive("dt", self.dt)
        if self.limit is not None:
            positive("limit", self.limit)

    @property
    def ports(self) -> Ports:
        """The state, and the inputs that push it."""
        y = named(self.states, len(self.x0), self.angles)
        return Ports(y, (), named(self.inputs, len(self.u0)), self.dt)

    def shows(self, state: State) -> dict[str, Array]:
        """The integrals q [n_q]."""
        return {"integral": jnp.stack(state)}

    def init(self, tick: Tick) -> State:
        """Nothing added up yet."""
        return [jnp.zeros_like(tick.y[0]) for _ in range(len(self.C))]

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Feed state and integrals back, then add up the errors."""
        errors = deviation(tick.y, self.x0, self.angles)
        asked = jnp.stack(feed(feed(self.u0, self.K, errors), self.K_i, state))
        u = within(asked, self.limit)
        add = [total([c[i] * e for i, e in enumerate(errors)]) for c in self.C]
        if self.limit is not None:
            excess = asked - u
            add = [self._kept(j, e, excess) for j, e in enumerate(add)]
        return [q + self.dt * e for q, e in zip(state, add, strict=True)], u

    def _kept(self, j: int, error: Array, excess: Array) -> Array:
        """The error of output j, 0 where adding it up would saturate u further."""
        further = jnp.asarray(False)
        for i in range(len(self.u0)):
            further |= -self.K_i[i, j] * error * excess[i] > 0
        return jnp.where(further, 0.0, error)
