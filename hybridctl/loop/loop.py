"""The closed loop: one function advances one control period."""

import math
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from hybridctl.checks import (
    is_number,
    number,
    optional_float,
    positive,
    require,
    share,
)
from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.machine import mode_of
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields
from hybridctl.loop.known import Known, parted, whole
from hybridctl.loop.parts import LATE, Actuator, Disturbance, Sensor, noise_key
from hybridctl.plants import Plant
from hybridctl.plants.flow import Motion, fixed_motion
from hybridctl.plants.hybrid.plant import Hits
from hybridctl.ports import Ports, Signals, unnamed


def _dt(value: Any) -> float:
    return number("dt", value)


class Loop(Shown, eqx.Module):
    """How a controller meets its plant.

    Args:
        dt: control period [s]; the input is held over it.
        substeps: RK4 steps per control period.
        sensor: from state to measurement; None: the state itself.
        actuator: from input asked to input applied; None: as asked.
        disturbance: what is added to the applied input; None: nothing.
        jitter: how late a period may begin, as a share of dt, scalar: by a draw from
            U(0, jitter) dt, as in a loop whose deadlines do not drift, so that periods
            are longer and shorter; `trace.t` keeps the deadlines. None: never late.

    Raises:
        ValueError: dt is not positive, substeps no whole number above 0, or jitter not
            a share.

    Example:
        >>> Loop(dt=0.02, actuator=Actuator(limit=10.0)).substeps
        2
    """

    CURE: ClassVar[str] = "; for example hc.Loop(0.02)"

    dt: float = eqx.field(static=True, converter=_dt, default=0.02)
    substeps: int = eqx.field(static=True, default=2)
    sensor: Sensor | None = None
    actuator: Actuator | None = None
    disturbance: Disturbance | None = None
    jitter: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        check_fields(self)
        positive("dt", self.dt)
        require(
            self.substeps > 0,
            f"substeps={self.substeps!r} must be a whole number above 0",
        )
        if self.jitter is not None:
            share("jitter", self.jitter)

    @property
    def ports(self) -> Ports:
        """Its period; what is measured depends on the plant: see `measured`."""
        return Ports(dt=self.dt)

    @property
    def random(self) -> bool:
        """Whether some part draws random numbers, so that a key is needed."""
        parts = (self.sensor, self.disturbance)
        return self.jitter is not None or any(part.random for part in parts if part)

    def motion(self, key: Array | None, k: Array) -> Motion:
        """RK4 substeps through period k, which may begin and end late."""
        length: Any = self.dt
        if self.jitter is not None:
            late = [jax.random.uniform(noise_key(key, i, LATE)) for i in (k, k + 1)]
            length = self.dt * (1.0 + self.jitter * (late[1] - late[0]))
        return fixed_motion(length, self.substeps)

    def measured(self, plant: Plant) -> Signals:
        """What a controller sees of a plant: the plant's states without a sensor.

        Args:
            plant: the plant.

        Returns:
            A `Signal` for each entry of y.

        Raises:
            ValueError: the sensor names what the plant has not.

        Example:
            >>> import hybridctl as hc
            >>> loop = Loop(sensor=Sensor(outputs=["theta"]))
            >>> loop.measured(hc.CartPole())
            (Signal(name='theta', unit='rad', angle=True),)
        """
        sensor = self.sensor
        if sensor is None:
            return plant.ports.y or ()
        told = sensor.signals(plant)
        if type(sensor) is Sensor:
            return told
        key = jax.random.PRNGKey(0) if self.random else None
        x, k = jnp.zeros(plant.n_x), jnp.int32(0)
        n = jax.eval_shape(lambda: self.measure(plant, x, key, k)).shape[0]
        return told if len(told) == n else unnamed(n)  # a class of the user's

    def measure(self, plant: Plant, x: Array, key: Array | None, k: Array) -> Any:
        """What the sensor measures [n_y] of a state x [n_x] in period k; or None."""
        sensor = self.sensor
        return None if sensor is None else sensor(sensor.shows(plant, x), key, k)


class LoopState(Shown, eqx.Module):
    """Everything that changes in a closed loop, and the plant's parameters.

    Attributes:
        k: number of the coming control period, int32 scalar.
        own: numbers of the plant that are this episode's, None for all others.
        x: state [n_x].
        measured: what has arrived from the sensor [n_y], None where there is none.
        u: input applied in the last period [n_u].
        asked: input that the controller asked for in the last period [n_u].
        actuator: memory of the actuator.
        controller: memory of the controller.
        key: the episode's key [2], None where nothing is random.
        r: reference [n_r] or None; [T, n_r] has a row a control period.
        known: the rest of the plant, which is the same in all episodes, so that
            programs are compiled for it; None where that is nothing.
        sensor: memory of the sensor, None where it has none.
    """

    k: Int[Array, ""]
    own: Any
    x: Float[Array, " n_x"]
    measured: Float[Array, " n_y"] | None
    u: Float[Array, " n_u"]
    asked: Float[Array, " n_u"]
    actuator: Any
    controller: Any
    key: Array | None = None
    r: Array | None = None
    known: Known | None = eqx.field(static=True, default=None)
    sensor: Any = None

    @property
    def plant(self) -> Plant:
        """The plant of this episode."""
        return whole(self.own, self.known)

    @property
    def y(self) -> Array:
        """Measurement at the coming tick [n_y]."""
        return self.x if self.measured is None else self.measured

    def tick(self, dt: float) -> Tick:
        """What a controller sees now."""
        t = time_of(self.k, dt, self.x.dtype)
        mode = mode_of(self.controller)
        r = reference_at(self.r, self.k)
        return Tick(t, self.k, self.y, r, self.u, mode, u_asked=self.asked)


def time_of(k: Array, dt: float, dtype: Any) -> Array:
    """T = k dt [s] of period k, right to the last bit of its precision.

    In float32 k and dt are cut into pieces of 12 bits, whose products are exact:
    a rounded dt alone is 0.2 ms late after an hour. What is left is the resolution
    of float32, 0.1 ms after an hour; a float64 process has 1e-12 s.
    """
    if dtype == jnp.float64:
        return k.astype(dtype) * dt
    coarse = _bits(dt)
    fine = _bits(dt - coarse)
    rest, low = dt - coarse - fine, (k & 0xFFF).astype(dtype)
    high = (k - (k & 0xFFF)).astype(dtype)
    whole = k.astype(dtype)
    return high * coarse + (low * coarse + (high * fine + (low * fine + whole * rest)))


def _bits(value: float) -> float:
    """A number with no more than the leading 12 bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * 4096), exponent - 12)


def reference_at(r: Array | None, k: Array) -> Array | None:
    """The reference of period k: constant, or a row a period, the last one held."""
    if r is None or r.ndim == 1:
        return r
    return r[jnp.minimum(k, len(r) - 1)]


class Sample(NamedTuple):
    """What one control period shows from outside."""

    asked: Array
    u: Array
    mode: Array | None
    hits: Hits | None = None
    shown: dict[str, Array] | None = None


def begin(
    loop: Loop,
    controller: Controller,
    plant: Plant,
    x0: Float[Array, " n_x"],
    key: Array | None = None,
    r: Array | None = None,
    carried: Any = is_number,
) -> LoopState:
    """State of the closed loop before its first control period.

    Args:
        loop: sensor, actuator, disturbance and timing.
        controller: whose memory begins.
        plant: with the parameters of this episode.
        x0: state [n_x].
        key: the episode's key [2], used where something is random.
        r: reference [n_r], or [T, n_r] with a row a control period; None: none.
        carried: which numbers of the plant the state carries, a function of them or a
            tree of bools; programs are compiled for the others.
    """
    key = key if loop.random else None
    k, u = jnp.int32(0), jnp.zeros(plant.n_u, x0.dtype)
    measured = loop.measure(plant, x0, key, k)
    actuator = None if loop.actuator is None else loop.actuator.init(plant.n_u)
    y = x0 if measured is None else measured
    now = reference_at(r, k)
    tick = Tick(jnp.zeros((), x0.dtype), k, y, now, u, u_asked=u)
    memory = controller.init(tick)
    own, known = parted(plant, carried)
    sensor = loop.sensor
    kept = None
    if sensor is not None and measured is not None and sensor.remembers:
        kept = sensor.init(measured)
    return LoopState(k, own, x0, measured, u, u, actuator, memory, key, r, known, kept)


def step(
    loop: Loop, controller: Controller, state: LoopState, motion: Motion | None = None
) -> tuple[LoopState, Sample]:
    """Advance the closed loop by one control period.

    Args:
        loop: sensor, actuator, disturbance and timing.
        controller: decides the input of this period.
        state: before the period.
        motion: moves the plant over the period; RK4 substeps by default.

    Returns:
        The state after the period, and what was asked, applied and met in it.
    """
    motion = motion or loop.motion(state.key, state.k)
    tick = state.tick(loop.dt)
    memory, asked = controller.step(state.controller, tick)
    asked = jnp.asarray(asked, state.x.dtype)  # 10 N are 10.0 N
    actuator, u = state.actuator, asked
    if loop.actuator is not None:
        actuator, u = loop.actuator(actuator, asked, loop.dt)
    force = u
    if loop.disturbance is not None:
        force = u + loop.disturbance(state.key, state.k, loop.dt)
    plant, k = state.plant, state.k + 1
    x, hits = motion(plant, tick.t, state.x, force)
    measured, kept = loop.measure(plant, x, state.key, k), state.sensor
    if kept is not None and loop.sensor is not None:
        kept, measured = loop.sensor.arrived(kept, measured, state.key, k)
    after = LoopState(
        k, state.own, x, measured, u, asked, actuator, memory, state.key, state.r,
        state.known, kept,
    )  # fmt: skip
    return after, Sample(asked, u, mode_of(memory), hits, controller.shows(memory))
