"""What stands between a controller and its plant: Sensor, Actuator, Disturbance."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import (
    as_float,
    finite,
    is_concrete,
    not_negative,
    optional_float,
    place,
    positive,
    require,
    share,
    shares,
)
from hybridctl.controllers.error import total
from hybridctl.describe import Shown
from hybridctl.kinds import as_row
from hybridctl.plants import Plant
from hybridctl.plants.outputs import Function, Outputs, function_of, pairs
from hybridctl.ports import Ports, Signals, signals

SENSOR, ACTUATOR, PUSH, LOST, LATE = range(1, 6)  # streams of randomness in a period


def noise_key(key: Array | None, k: Array, stream: Any) -> Array:
    """Key of a random part in period k: the order of calls never matters."""
    assert key is not None  # `Loop.random` made the door ask for one
    return jax.random.fold_in(jax.random.fold_in(key, k), stream)


def whole_periods(delay: Any) -> int:
    """A delay as Python's own whole number of periods."""
    return place("delay", delay, "a whole number of periods")


class Sensor(Shown, eqx.Module):
    """y = h(x) + bias + noise, counted in steps, late, and at times lost.

    Args:
        noise: standard deviation of white noise, scalar or [n_y]; None: no noise.
        bias: constant offset, scalar or [n_y]; None: no bias.
        outputs: h: names of the plant's states in the order of y, or a module-level
            function in `jax.numpy` from x [n_x] to y [n_y]; None: all states.
        names: of what a function gives, length n_y; () where it has none.
        units: unit by name of what a function gives.
        angles: names of what a function gives that are angles.
        resolution: size of the steps in which y is counted, as an encoder does, scalar
            or [n_y]; None: any number.
        delay: whole control periods by which y is late; the first one is there at once.
        drop: probability with which a measurement is lost, so that the one before it
            stays: scalar, of all y at once, or [n_y], of each; None: none is.

    A part that is None is absent from the compiled loop, not merely zero.

    Raises:
        ValueError: a number that is not finite, noise below 0, resolution not above 0,
            a delay that is no whole number, drop beyond 1, or names that fit neither
            each other nor the plant.

    Example:
        >>> import hybridctl as hc
        >>> sensor = Sensor(noise=[0.02, 0.01], outputs=["theta", "x"])
        >>> [signal.unit for signal in sensor.signals(hc.CartPole())]
        ['rad', 'm']
        >>> encoder = Sensor(outputs=["theta"], resolution=2 * np.pi / 2048, delay=1)
        >>> print(encoder(jnp.array([3.14]), None, jnp.int32(0)))
        [3.1385248]
    """

    noise: Array | None = eqx.field(converter=optional_float, default=None)
    bias: Array | None = eqx.field(converter=optional_float, default=None)
    outputs: Function = eqx.field(static=True, converter=function_of, default=None)
    names: tuple[str, ...] = eqx.field(static=True, converter=as_row, default=())
    units: tuple[tuple[str, str], ...] = eqx.field(
        static=True, converter=pairs, default=()
    )
    angles: tuple[str, ...] = eqx.field(static=True, converter=as_row, default=())
    resolution: Array | None = eqx.field(converter=optional_float, default=None)
    delay: int = eqx.field(static=True, converter=whole_periods, default=0)
    drop: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        finite("bias", self.bias)
        if self.noise is not None:
            not_negative("noise", self.noise)
        if self.resolution is not None:
            positive("resolution", self.resolution)
        if self.drop is not None:
            share("drop", self.drop)
        self._equation.check("Sensor")

    @property
    def random(self) -> bool:
        """Whether a key is needed."""
        return self.noise is not None or self.drop is not None

    @property
    def remembers(self) -> bool:
        """Whether what it gives depends on earlier periods."""
        return self.delay > 0 or self.drop is not None

    @property
    def ports(self) -> Ports:
        """What it gives, as far as it can be told without the plant."""
        if self.outputs is None or callable(self.outputs):
            return Ports(y=self._equation.named() or None)
        return Ports(y=signals(self.outputs, {}))

    @property
    def _equation(self) -> Outputs:
        return Outputs(self.outputs, self.names, self.units, self.angles)

    def signals(self, plant: Plant) -> Signals:
        """What it measures of a plant: name, unit and whether it is an angle.

        Args:
            plant: the plant.

        Returns:
            A `Signal` for each entry of y.

        Raises:
            ValueError: the plant has no such state, or h does not fit it.
        """
        return self._equation.signals("Sensor", plant)

    def shows(self, plant: Plant, x: Array) -> Array:
        """h(x) [n_y] of a state x [n_x] of a plant."""
        return self._equation.of("Sensor", plant, x)

    def __call__(self, y: Array, key: Array | None, k: Array) -> Array:
        """Measurement [n_y] at period k of what it shows, y = h(x) [n_y]."""
        y = y if self.bias is None else y + self.bias
        if self.noise is not None:
            unit = jax.random.normal(noise_key(key, k, SENSOR), y.shape, y.dtype)
            y = y + self.noise * unit
        if self.resolution is not None:
            y = self.resolution * jnp.round(y / self.resolution)
        return y

    def init(self, y: Array) -> Any:
        """A memory in which y [n_y] was measured ever before."""
        return jnp.broadcast_to(y, (self.delay, *y.shape)), y

    def arrived(
        self, memory: Any, y: Array, key: Array | None, k: Array
    ) -> tuple[Any, Array]:
        """The memory after period k measured y [n_y], and what has arrived by then."""
        line, before = memory
        if self.delay:
            line, y = jnp.concatenate([line[1:], y[None]]), line[0]
        if self.drop is not None:
            drop = jnp.asarray(self.drop)
            luck = jax.random.uniform(noise_key(key, k, LOST), drop.shape)
            y = jnp.where(luck < drop, before, y)
        return (line, y), y


class Actuator(Shown, eqx.Module):
    """From the input asked for to the input applied: quantize, clip, delay, lag.

    What arrives then has to leave the dead zone, and is multiplied by the gain.

    Args:
        limit: largest |u|, scalar or [n_u]; None: unlimited.
        delay: whole control periods between asking and applying.
        lag: time constant [s] of a first-order lag; None: none.
        step: size of a quantization step, scalar or [n_u]; None: continuous.
        spread: what part of an input arrives at once, one period later, ... [n],
            together 1; None: all at once. [0.7, 0.3] is a delay of 0.3 periods: the
            mean force of every period is that of the input shifted by it.
        response: scalar, u = u₋ + response (u - u₋), clipped to the limit; above 1 it
            overshoots. Given instead of a lag, which is 1 - exp(-dt / lag).
        dead_zone: |u| up to which nothing is applied, and by which the rest is
            reduced, scalar or [n_u]; None: none.
        gain: factor on what is applied, scalar or [n_u]; None: 1.

    Raises:
        ValueError: a limit, lag, step, response or gain is not positive, a dead zone is
            negative, delay is no whole number, spread does not add up to 1, or lag and
            response are both given.

    Example:
        >>> actuator = Actuator(limit=1.0, spread=[0.75, 0.25])
        >>> state, u = actuator(actuator.init(1), jnp.array([4.0]), 0.02)
        >>> print(u, actuator(state, jnp.array([0.0]), 0.02)[1])
        [0.75] [0.25]
    """

    limit: Array | None = eqx.field(converter=optional_float, default=None)
    delay: int = eqx.field(static=True, converter=whole_periods, default=0)
    lag: Array | None = eqx.field(converter=optional_float, default=None)
    step: Array | None = eqx.field(converter=optional_float, default=None)
    spread: Array | None = eqx.field(converter=optional_float, default=None)
    response: Array | None = eqx.field(converter=optional_float, default=None)
    dead_zone: Array | None = eqx.field(converter=optional_float, default=None)
    gain: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        for name in ("limit", "lag", "step", "response", "gain"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if self.dead_zone is not None:
            not_negative("dead_zone", self.dead_zone)
        require(
            self.lag is None or self.response is None,
            f"lag={self.lag} is a response of 1 - exp(-dt / lag), and response="
            f"{self.response} is given too; give one of the two",
        )
        if self.spread is not None:
            shares("spread", self.spread)

    @property
    def slow(self) -> bool:
        """Whether an input may act later than in the period that asks for it."""
        return self._pending > 0 or self.lag is not None or self.response is not None

    def time_constant(self, dt: float) -> Array | None:
        """Of its lag [s]: also of a response below 1, which is one in periods of dt."""
        if self.response is None or np.any(np.asarray(self.response) >= 1.0):
            return self.lag
        return as_float(-dt / np.log1p(-np.asarray(self.response, np.float64)))

    @property
    def _pending(self) -> int:
        """How many earlier inputs are still remembered."""
        parts = 1 if self.spread is None else np.shape(self.spread)[0]
        return self.delay + parts - 1

    def init(self, n_u: int) -> Any:
        """Empty delay line and a lag at rest."""
        line = jnp.zeros((self._pending, n_u)) if self._pending else None
        lazy = self.lag is not None or self.response is not None
        return line, jnp.zeros(n_u) if lazy else None

    def __call__(self, state: Any, u: Array, dt: float) -> tuple[Any, Array]:
        """State after this period, and the input that is applied during it."""
        line, lagged = state
        if self.step is not None:
            u = self.step * jnp.round(u / self.step)
        u = self._clip(u)
        if self._pending:
            known = jnp.concatenate([line, u[None]])
            line, u = known[1:], self._arriving(known)
        if self.lag is not None:
            u = lagged = lagged + (u - lagged) * -jnp.expm1(-dt / self.lag)
        if self.response is not None:
            u = lagged = self._clip(lagged + (u - lagged) * self.response)
        return (line, lagged), self._driven(u)

    def _driven(self, u: Array) -> Array:
        """What a drive with a dead zone and a gain makes of an input."""
        if self.dead_zone is not None:
            u = u - jnp.clip(u, -self.dead_zone, self.dead_zone)
        return u if self.gain is None else self.gain * u

    def _clip(self, u: Array) -> Array:
        return u if self.limit is None else jnp.clip(u, -self.limit, self.limit)

    def _arriving(self, known: Array) -> Array:
        """What arrives of the inputs [delay + n, n_u], the newest last."""
        if self.spread is None:
            return known[0]
        newest = len(known) - 1 - self.delay
        return total([self.spread[i] * known[newest - i] for i in range(newest + 1)])


def _row(value: Any) -> Any:
    value = as_float(value)
    return value if np.ndim(value) else value[None]


class Disturbance(Shown, eqx.Module):
    """Pushes added to the applied input, and white noise on it.

    Args:
        force: size of each push, [n_pushes] or scalar; None: no pushes.
        at: time [s] of each push.
        duration: length of a push [s].
        every: repeat the pushes with this period [s], rounded to whole control
            periods; None: once.
        random_size: scale every push by a draw from U(-1, 1) (of the episode's key).
        noise: standard deviation of white noise on the input: scalar, one noise that
            all inputs share, or [n_u], each its own; None: none.

    An impulse of J [N s] is a force J / duration; see `Disturbance.impulse`. A push
    lasts whole control periods, at least one, with its force scaled so that the
    impulse is the one asked for.

    Raises:
        ValueError: a number that is not finite, a time before 0, a duration, period or
            noise not above 0, a push that is longer than its period, or a random_size
            that is neither True nor False.
    """

    force: Array | None = eqx.field(converter=optional_float, default=None)
    at: Array = eqx.field(converter=_row, default=0.0)
    duration: Array = eqx.field(converter=optional_float, default=0.1)
    every: Array | None = eqx.field(converter=optional_float, default=None)
    random_size: bool = eqx.field(static=True, default=False)
    noise: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        finite("force", self.force)
        require(
            isinstance(self.random_size, (bool, np.bool_)),
            f"random_size={self.random_size!r} must be True or False",
        )
        positive("duration", self.duration)
        not_negative("at", self.at)
        for name in ("every", "noise"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if self.every is not None and is_concrete(self.duration, self.every):
            long, apart = np.asarray(self.duration), np.asarray(self.every)
            if long.shape != apart.shape:  # one number for all
                long, apart = long.max(), apart.min()
            require(
                bool(np.all(long <= apart)),
                f"a push of duration={self.duration} s is not over when the next one "
                f"begins, every={self.every} s; give a shorter one",
            )

    @staticmethod
    def impulse(
        size: float, at: float = 1.0, duration: float = 0.1, **options: Any
    ) -> "Disturbance":
        """A push of `size` [N s] spread evenly over `duration` [s]."""
        finite("size", size)
        positive("duration", duration)
        force = as_float(size) / as_float(duration)
        return Disturbance(force, at, duration, **options)

    @property
    def random(self) -> bool:
        """Whether a key is needed."""
        return self.random_size or self.noise is not None

    def __call__(self, key: Array | None, k: Array, dt: float) -> Array:
        """What is added in period k: scalar, to every input, or [n_u]."""
        total = jnp.zeros(())
        if self.force is not None:
            total = self._pushes(key, k, dt)
        if self.noise is not None:
            unit = jax.random.normal(noise_key(key, k, ACTUATOR), np.shape(self.noise))
            total = total + self.noise * unit
        return total

    def _pushes(self, key: Array | None, k: Array, dt: float) -> Array:
        """Time is counted in ticks: a float threshold on the grid would flicker."""
        since = k - jnp.round(self.at / dt).astype(jnp.int32)
        turn = jnp.zeros_like(since)
        if self.every is not None:
            period = jnp.maximum(jnp.round(self.every / dt), 1).astype(jnp.int32)
            turn, since = jnp.maximum(since // period, 0), since % period
            since = jnp.where(k.astype(float) < jnp.round(self.at / dt), -1, since)
        asked = self.duration * (1 / dt)  # XLA divides by constants its own way
        length = jnp.maximum(jnp.round(asked), 1)
        force = jnp.asarray(self.force) * (asked / length)  # the impulse stays
        force = jnp.broadcast_to(force, since.shape)
        if self.random_size:
            force = force * self._draws(key, turn)
        lasts = (since >= 0) & (since.astype(length.dtype) < length)
        return jnp.sum(jnp.where(lasts, force, 0.0))

    def _draws(self, key: Array | None, turn: Array) -> Array:
        """One draw a push and turn, the same in every period of the push."""

        def draw(push: Array, turn: Array) -> Array:
            push_key = jax.random.fold_in(noise_key(key, turn, PUSH), push)
            return jax.random.uniform(push_key, minval=-1.0, maxval=1.0)

        return jax.vmap(draw)(jnp.arange(turn.shape[0]), turn)
