"""Linear feedback of the plant's state and of what the actuator still holds."""

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
from hybridctl.controllers.error import deviation
from hybridctl.controllers.feedback import feed, unsaturated, within
from hybridctl.controllers.guards import Quadratic
from hybridctl.kinds import check_fields
from hybridctl.ports import Names, Ports, named


class AugmentedFeedback(Controller):
    """u = u0 - K [y - x0; u_applied - u0; w - u0] behind a slow actuator.

    w are the inputs that were asked for and not applied yet, oldest first, and
    u_applied is there only behind a lag. What was asked comes from `tick.u_asked`,
    clipped as the actuator clips it (its quantization is left out), so it is right
    where another controller acted or added something. On entry the delay line is
    filled by a straight line from the input applied last to the one asked for last.

    Args:
        K: gain, shape [n_u, n_z] with n_z = n_x + lag·n_u + delay·n_u.
        x0: state to hold, shape [n_x].
        u0: input at rest, shape [n_u].
        X: matrix of the cost-to-go zᵀ X z, shape [n_z, n_z].
        delay: whole control periods between asking and applying.
        lag: whether the input applied last is fed back.
        limit: largest |u| asked for, scalar or [n_u], or None.
        actuator_limit: largest |u| that the actuator takes, scalar or [n_u],
            or None.
        angles: coordinates of y that are angles.
        dt: control period [s] that K was designed for.
        states: names and units of y, where known.
        inputs: names and units of u, where known.

    Raises:
        ValueError: shapes do not fit, or a value is not finite.

    Example:
        >>> K, X = [[1.0, 2.0, 0.5]], np.eye(3)
        >>> AugmentedFeedback(K, [0.0, 0.0], [0.0], X, delay=1).n_u
        1
    """

    K: Float[Array, "n_u n_z"] = eqx.field(converter=as_float)
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    u0: Float[Array, " n_u"] = eqx.field(converter=as_float)
    X: Float[Array, "n_z n_z"] = eqx.field(converter=as_float)
    delay: int = eqx.field(static=True, default=0)
    lag: bool = eqx.field(static=True, default=False)
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    actuator_limit: Array | None = eqx.field(converter=optional_float, default=None)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)
    states: Names = eqx.field(static=True, default=())
    inputs: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        check_fields(self)
        row("x0", self.x0)
        row("u0", self.u0)
        n = len(self.x0) + (self.lag + self.delay) * self.n_u
        for name, expected in (("K", (self.n_u, n)), ("X", (n, n))):
            given = np.shape(getattr(self, name))
            require(
                given == expected,
                f"{name} has shape {given}, expected {expected} for {len(self.x0)} "
                f"states, {self.n_u} inputs, delay={self.delay} and lag={self.lag}",
            )
            finite(name, getattr(self, name))
        finite("x0", self.x0)
        finite("u0", self.u0)
        places("angles", self.angles, len(self.x0), "coordinates")
        for name in ("limit", "actuator_limit"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    @property
    def ports(self) -> Ports:
        """The state and the inputs, which it is also told of."""
        y = named(self.states, len(self.x0), self.angles)
        u = named(self.inputs, self.n_u)
        return Ports(y, (), u, self.dt, applied=u)

    @property
    def n_u(self) -> int:
        """Number of inputs."""
        return len(self.u0)

    @property
    def V(self) -> Quadratic:
        """Cost-to-go of a state whose actuator is at rest, u0 all along its line."""
        n = len(self.x0)
        return Quadratic(self.X[:n, :n], self.x0, self.angles)

    def unsaturated(self, limit: ArrayLike) -> float:
        """Largest rho for which no start with V < rho ever demands more than ±limit.

        Known behind a delay; the lag is inverted, and what that demands V does not see.
        """
        require(not self.lag, "behind a lag no level bounds what is demanded")
        return unsaturated(self.K, self.X, self.u0, limit)

    def init(self, tick: Tick) -> State:
        """The inputs that are on their way, as far as the tick tells."""
        last = tick.need("u_applied", self)
        rise = within(tick.need("u_asked", self), self.actuator_limit) - last
        return [last + rise * (i / self.delay) for i in range(self.delay)]

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Note what was asked, then feed back."""
        asked = within(tick.need("u_asked", self), self.actuator_limit)
        pending = [*state[1:], asked] if self.delay else state
        held = [tick.need("u_applied", self)] if self.lag else []
        errors = deviation(tick.y, self.x0, self.angles)
        for u in held + pending:
            errors += [u[j] - self.u0[j] for j in range(self.n_u)]
        return pending, within(jnp.stack(feed(self.u0, self.K, errors)), self.limit)
