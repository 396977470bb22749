"""PID on one measurement, with what a PID needs in practice."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, finite, optional_float, positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import wrap


class PIDState(eqx.Module):
    """Memory of a `PID`: integral part, filtered derivative, the error before."""

    integral: Array
    rate: Array
    error: Array
    fresh: Array


class PID(Controller):
    """u = u0 + kp e + I + kd d, with e = setpoint + r - y[column].

    The integral grows by ki e dt and is unwound by what the actuator did not
    apply, (u_applied - u_asked) dt / unwind. The derivative is that of e behind a
    first-order lag, d = (e - e_filtered) / filter. Entered while something else was
    in charge (k > 0), a PID with integral action continues from the input that was
    applied last, so the input does not jump.

    Args:
        kp: proportional gain.
        ki: integral gain [1/s].
        kd: derivative gain [s].
        dt: control period [s].
        column: which measurement is controlled.
        setpoint: where to, in the measurement's unit.
        u0: input at rest.
        filter: time constant [s] of the derivative's lag; None: two periods.
        unwind: time constant [s] of the anti-windup; None: |kp / ki|.
        limit: largest |u|, or None.
        angle: whether the measurement is an angle (errors are wrapped to ±π).
        follow: add the first reference `tick.r[0]` to the setpoint.

    Raises:
        ValueError: a gain is not finite, or a time is not positive.

    Source: K. J. Åström, T. Hägglund, *Advanced PID Control* (2006), chapter 3.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> pole = PID(60.0, 0.0, 15.0, dt=0.02, column=1, setpoint=3.14159, angle=True)
        >>> trace = hc.simulate(plant, pole, [0, 3.2, 0, 0], 2.0, 0.02)
        >>> bool(abs(trace["theta"][-1] - 3.14159) < 0.01)
        True
    """

    kp: Array = eqx.field(converter=as_float)
    ki: Array = eqx.field(converter=as_float, default=0.0)
    kd: Array = eqx.field(converter=as_float, default=0.0)
    dt: float = eqx.field(static=True, converter=float, kw_only=True)
    column: int = eqx.field(static=True, default=0, kw_only=True)
    setpoint: Array = eqx.field(converter=as_float, default=0.0, kw_only=True)
    u0: Array = eqx.field(converter=as_float, default=0.0, kw_only=True)
    filter: Array | None = eqx.field(
        converter=optional_float, default=None, kw_only=True
    )
    unwind: Array | None = eqx.field(
        converter=optional_float, default=None, kw_only=True
    )
    limit: Array | None = eqx.field(
        converter=optional_float, default=None, kw_only=True
    )
    angle: bool = eqx.field(static=True, default=False, kw_only=True)
    follow: bool = eqx.field(static=True, default=False, kw_only=True)

    def __check_init__(self):
        positive("dt", self.dt)
        for name in ("kp", "ki", "kd", "setpoint", "u0"):
            finite(name, getattr(self, name))
        for name in ("filter", "unwind", "limit"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        require(
            isinstance(self.column, int) and self.column >= 0,
            f"column={self.column!r} must be the number of a measurement, 0 or more",
        )

    @property
    def n_r(self) -> int:
        """Number of references that are followed."""
        return int(self.follow)

    def init(self, tick: Tick) -> State:
        """At rest; or where the input goes on from, if something was in charge."""
        error, zero = self._error(tick), jnp.zeros_like(tick.y[0])
        integral = zero
        if tick.u_applied is not None:
            smooth = tick.u_applied[0] - self.u0 - self.kp * error
            integral = jnp.where((tick.k > 0) & (self.ki != 0), smooth, 0.0)
        return PIDState(integral, zero, error, jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """One period of the textbook's discrete PID."""
        error = self._error(tick)
        change = wrap(error - state.error) if self.angle else error - state.error
        lag = 2 * self.dt if self.filter is None else self.filter
        rate = (lag * state.rate + change) / (lag + self.dt)
        rate = jnp.where(state.fresh, 0.0, rate)
        integral = state.integral + jnp.where(state.fresh, 0.0, self._unwound(tick))
        u = self.u0 + self.kp * error + integral + self.kd * rate
        if self.limit is not None:
            u = jnp.clip(u, -self.limit, self.limit)
        grown = integral + self._growth(error, u)
        return PIDState(grown, rate, error, jnp.asarray(False)), u[None]

    def _error(self, tick: Tick) -> Array:
        error = self.setpoint - tick.y[self.column]
        if self.follow and tick.r is not None:
            error = error + tick.r[0]
        return wrap(error) if self.angle else error

    def _growth(self, error: Array, u: Array) -> Array:
        """Of the integral over the coming period, none into the limit."""
        growth = self.ki * self.dt * error
        if self.limit is None:
            return growth
        into = (jnp.abs(u) >= self.limit) & (growth * u > 0)
        return jnp.where(into, 0.0, growth)

    def _unwound(self, tick: Tick) -> Array:
        """What is taken back because the actuator did not apply all of it."""
        if tick.u_applied is None or tick.u_asked is None:
            return jnp.zeros_like(tick.y[0])
        slow = jnp.where(self.ki == 0, jnp.inf, jnp.abs(self.kp / self._ki()))
        time = slow if self.unwind is None else self.unwind
        return (tick.u_applied[0] - tick.u_asked[0]) * self.dt / (time + self.dt)

    def _ki(self) -> Array:
        return jnp.where(self.ki == 0, 1.0, self.ki)
