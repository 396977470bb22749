"""PID on one measurement, with what a PID needs in practice."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import (
    as_float,
    finite,
    not_negative,
    optional_float,
    place,
    positive,
    require,
)
from hybridctl.controllers.bind import bind, seeing
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import seen, wrap
from hybridctl.controllers.feedback import within
from hybridctl.kinds import real_number
from hybridctl.ports import Ports, Signal, Signals, find, unnamed

NUMBER = "the number of a measurement"
SLACK = 1e-6  # share of an input that is rounding


class PIDState(eqx.Module):
    """Memory of a `PID`: integral, filtered derivative, error and input before."""

    integral: Array
    rate: Array
    error: Array
    applied: Array
    fresh: Array


class PID(Controller):
    """u = u0 + kp e + I + kd d, with e = setpoint + r - y of one measurement.

    The integral grows by ki e dt. Where the applied input stands still more than
    `slack` away from what was asked for, as a saturated one does and a late or lagged
    one does not, it is unwound by (u_applied - u_asked) dt / unwind. The derivative is
    that of e behind a first-order lag, d = (e - e_filtered) / filter. Entered while
    something else was in charge (k > 0), a PID with integral action continues from the
    input that was applied last, so where it acts alone the input does not jump.

    Args:
        given: kp, ki and kd in this order, behind the measurement's name where that
            is given: `PID("theta", 60.0, 0.0, 15.0, dt=0.02, angle=True)`.
        kp: proportional gain, scalar.
        ki: integral gain [1/s].
        kd: derivative gain [s].
        dt: control period [s].
        column: which measurement is controlled, by number, or by its name.
        setpoint: where to, in the measurement's unit, scalar.
        u0: input at rest, scalar.
        filter: time constant [s] of the derivative's lag; None: two periods.
        unwind: time constant [s] of the anti-windup; None: |kp / ki|, ten periods at
            least.
        slack: difference of applied and asked input that is no saturation, such as
            a quantization step, in the input's unit, scalar; None: a millionth of what
            is asked for.
        limit: largest |u|, scalar, or None.
        angle: whether the measurement is an angle (errors are wrapped to ±π); a
            measurement given by name is asked, and refused where it is one and this
            says no.
        follow: add the first reference `tick.r[0]` to the setpoint.
        measures: the measurement's name, "" of one by number.

    Raises:
        ValueError: a gain is not finite, or a time is not positive.

    Source: K. J. Åström, T. Hägglund, *Advanced PID Control* (2006), chapter 3.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> upright = {"setpoint": 3.14159, "angle": True}
        >>> pole = PID("theta", kp=60.0, kd=15.0, dt=0.02, **upright)
        >>> trace = hc.simulate(plant, pole, [0, 3.2, 0, 0], 2.0, 0.02)
        >>> bool(abs(trace["theta"][-1] - 3.14159) < 0.01)
        True
    """

    kp: Array = eqx.field(converter=as_float)
    ki: Array = eqx.field(converter=as_float)
    kd: Array = eqx.field(converter=as_float)
    dt: float = eqx.field(static=True, converter=real_number)
    column: int = eqx.field(static=True)
    setpoint: Array = eqx.field(converter=as_float)
    u0: Array = eqx.field(converter=as_float)
    filter: Array | None = eqx.field(converter=optional_float)
    unwind: Array | None = eqx.field(converter=optional_float)
    slack: Array | None = eqx.field(converter=optional_float)
    limit: Array | None = eqx.field(converter=optional_float)
    angle: bool = eqx.field(static=True)
    follow: bool = eqx.field(static=True)
    measures: str = eqx.field(static=True)

    def __init__(
        self,
        *given: Any,
        dt: float,
        kp: Any = None,
        ki: Any = 0.0,
        kd: Any = 0.0,
        column: int | str = 0,
        setpoint: Any = 0.0,
        u0: Any = 0.0,
        filter: Any = None,
        unwind: Any = None,
        slack: Any = None,
        limit: Any = None,
        angle: bool = False,
        follow: bool = False,
        measures: str = "",
    ):
        name, gains = _split(given, column if isinstance(column, str) else measures)
        values = gains + [kp, ki, kd][len(gains) :]
        require(values[0] is not None, "a PID needs kp; give kp=")
        self.kp, self.ki, self.kd = values
        self.dt, self.measures = dt, name
        by_name = bool(name) or isinstance(column, str)
        self.column = 0 if by_name else place("column", column, NUMBER)
        self.setpoint, self.u0, self.filter, self.unwind = setpoint, u0, filter, unwind
        self.slack, self.limit, self.angle, self.follow = slack, limit, angle, follow

    def __check_init__(self):
        positive("dt", self.dt)
        for name in ("kp", "ki", "kd", "setpoint", "u0"):
            finite(name, getattr(self, name))
        if self.slack is not None:
            not_negative("slack", self.slack)
        for name in ("filter", "unwind", "limit"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    @property
    def ports(self) -> Ports:
        """The one measurement, where it has a name."""
        y = (Signal(self.measures, "", self.angle),) if self.measures else None
        r, u, named = unnamed(self.n_r), unnamed(1), bool(self.measures)
        return Ports(y, r, u, self.dt, applied=u, by_name=named)

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
        return PIDState(integral, zero, error, zero, jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """One period of the textbook's discrete PID."""
        error = self._error(tick)
        change = wrap(error - state.error) if self.angle else error - state.error
        lag = 2 * self.dt if self.filter is None else self.filter
        rate = (lag * state.rate + change) / (lag + self.dt)
        rate = jnp.where(state.fresh, 0.0, rate)
        integral = state.integral + jnp.where(
            state.fresh, 0.0, self._unwound(state, tick)
        )
        u = self.u0 + self.kp * error + integral + self.kd * rate
        u = within(u, self.limit)
        grown = integral + self._growth(error, u)
        applied = u if tick.u_applied is None else tick.u_applied[0]
        return PIDState(grown, rate, error, applied, jnp.asarray(False)), u[None]

    def _error(self, tick: Tick) -> Array:
        n_y = len(tick.y)
        require(
            not self.measures or n_y == 1,
            f"this PID controls {self.measures!r}, and is given {n_y} measurements by "
            "number; run it by simulate, or give column= a number",
        )
        error = self.setpoint - seen("PID(column=...)", tick.y, [self.column])[0]
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

    def _unwound(self, state: PIDState, tick: Tick) -> Array:
        """What is taken back because the actuator is at its limit."""
        if tick.u_applied is None or tick.u_asked is None:
            return jnp.zeros_like(tick.y[0])
        applied, missing = tick.u_applied[0], tick.u_applied[0] - tick.u_asked[0]
        slack = self.slack
        if slack is None:
            slack = SLACK * jnp.abs(tick.u_asked[0])
        stuck = (applied == state.applied) & (jnp.abs(missing) > slack)
        back = missing * (self.dt / (self._time() + self.dt))
        return jnp.where(stuck & (self.ki != 0), back, 0.0)

    def _time(self) -> Array:
        """Time constant of the anti-windup [s]."""
        if self.unwind is not None:
            return self.unwind
        ki = jnp.where(self.ki == 0, 1.0, self.ki)
        return jnp.maximum(jnp.abs(self.kp / ki), 10 * self.dt)


def _split(given: tuple, name: str) -> tuple[str, list[Any]]:
    """The measurement's name and the gains of what is given in a row."""
    row = list(given)
    if row and isinstance(row[0], str):
        require(not name, f"this PID is given two names, {row[0]!r} and {name!r}")
        name = row.pop(0)
    require(len(row) <= 3, f"a PID has three gains, got {len(row)}; name the rest")
    return name, row


@bind.register
def _(part: PID, y: Signals) -> Controller:
    """By its name; that it is an angle, a file and a pilot have to know as well."""
    if not part.measures:
        return part
    (place,) = find("PID", part.ports.y or (), y)
    require(
        part.angle or not y[place].angle,
        f"a PID controls {part.measures!r}, which is an angle; give angle=True, so "
        "that errors are wrapped to ±π here as in a file or a pilot",
    )
    return seeing(part, part.ports, y)
