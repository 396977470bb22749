"""The closed loop: one function advances one control period."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import positive, require
from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.machine import mode_of
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, real_number
from hybridctl.loop.parts import Actuator, Disturbance, Sensor
from hybridctl.plants import Plant
from hybridctl.plants.flow import Motion, fixed_motion
from hybridctl.plants.hybrid import Hits


class Loop(Shown, eqx.Module):
    """How a controller meets its plant.

    Args:
        dt: control period [s]; the input is held over it.
        substeps: RK4 steps per control period.
        sensor: from state to measurement; None: the state itself.
        actuator: from input asked to input applied; None: as asked.
        disturbance: what is added to the applied input; None: nothing.

    Raises:
        ValueError: dt is not positive or substeps no whole number above 0.

    Example:
        >>> Loop(dt=0.02, actuator=Actuator(limit=10.0)).substeps
        2
    """

    CURE: ClassVar[str] = "; for example hc.Loop(0.02)"

    dt: float = eqx.field(static=True, converter=real_number, default=0.02)
    substeps: int = eqx.field(static=True, default=2)
    sensor: Sensor | None = None
    actuator: Actuator | None = None
    disturbance: Disturbance | None = None

    def __check_init__(self):
        check_fields(self)
        positive("dt", self.dt)
        require(
            isinstance(self.substeps, int) and self.substeps > 0,
            f"substeps={self.substeps!r} must be a whole number above 0",
        )

    @property
    def random(self) -> bool:
        """Whether some part draws random numbers, so that a key is needed."""
        parts = (self.sensor, self.disturbance)
        return any(part is not None and part.random for part in parts)


class LoopState(Shown, eqx.Module):
    """Everything that changes in a closed loop, and the plant's parameters.

    Attributes:
        k: number of the coming control period, int32 scalar.
        plant: the plant of this episode.
        x: state [n_x].
        measured: what the sensor measures of x, None where there is no sensor.
        u: input applied in the last period [n_u].
        asked: input that the controller asked for in the last period [n_u].
        actuator: memory of the actuator.
        controller: memory of the controller.
        key: the episode's key, None where nothing is random.
        r: reference [n_r] or None; [T, n_r] has a row a control period.
    """

    k: Array
    plant: Plant
    x: Array
    measured: Array | None
    u: Array
    asked: Array
    actuator: Any
    controller: Any
    key: Array | None = None
    r: Array | None = None

    @property
    def y(self) -> Array:
        """Measurement at the coming tick [n_y]."""
        return self.x if self.measured is None else self.measured

    def tick(self, dt: float) -> Tick:
        """What a controller sees now."""
        t = self.k.astype(self.x.dtype) * dt
        mode = mode_of(self.controller)
        r = reference_at(self.r, self.k)
        return Tick(t, self.k, self.y, r, self.u, mode, u_asked=self.asked)


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


def begin(
    loop: Loop,
    controller: Controller,
    plant: Plant,
    x0: Array,
    key: Array | None = None,
    r: Array | None = None,
) -> LoopState:
    """State of the closed loop before its first control period."""
    key = key if loop.random else None
    k, u = jnp.int32(0), jnp.zeros(plant.n_u, x0.dtype)
    measured = None if loop.sensor is None else loop.sensor(x0, key, k)
    actuator = None if loop.actuator is None else loop.actuator.init(plant.n_u)
    y = x0 if measured is None else measured
    now = reference_at(r, k)
    tick = Tick(jnp.zeros((), x0.dtype), k, y, now, u, u_asked=u)
    memory = controller.init(tick)
    return LoopState(k, plant, x0, measured, u, u, actuator, memory, key, r)


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
    motion = motion or fixed_motion(loop.dt, loop.substeps)
    tick = state.tick(loop.dt)
    memory, asked = controller.step(state.controller, tick)
    actuator, u = state.actuator, asked
    if loop.actuator is not None:
        actuator, u = loop.actuator(actuator, asked, loop.dt)
    force = u
    if loop.disturbance is not None:
        force = u + loop.disturbance(state.key, state.k, loop.dt)
    (x, hits), k = motion(state.plant, tick.t, state.x, force), state.k + 1
    measured = None if loop.sensor is None else loop.sensor(x, state.key, k)
    after = LoopState(
        k, state.plant, x, measured, u, asked, actuator, memory, state.key, state.r
    )
    return after, Sample(asked, u, mode_of(memory), hits)
