"""What cannot run together is refused in a sentence, before anything compiles."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl import ports
from hybridctl.checks import fail, is_concrete, is_number, number, positive, require
from hybridctl.controllers import Controller
from hybridctl.controllers.bind import bind
from hybridctl.controllers.foreign import answered
from hybridctl.controllers.trial import blank_tick, check_memory, count, tried
from hybridctl.loop.loop import Loop, begin, step
from hybridctl.loop.parts import Disturbance
from hybridctl.plants import Plant
from hybridctl.plants.flow import Moved
from hybridctl.ports import Ports, Signals, words

SENSOR = "noise", "bias", "resolution", "drop"  # fields with a number for all or each
ACTUATOR = "limit", "lag", "step", "response", "dead_zone", "gain"
PERIODS = 2**31 - 1  # that an int32 counts
MEMORY = 2**36  # bytes of a trace; more than any run of ours has needed


def steps_of(seconds: Any, dt: float, row: int = 0) -> int:
    """Control periods in a time.

    Args:
        seconds: length [s].
        dt: control period [s].
        row: numbers that are kept of every period, of 4 bytes.

    Raises:
        ValueError: no such time, or more periods than can be counted or kept.
    """
    seconds = number("seconds", seconds)
    positive("seconds", seconds)
    steps, size = seconds / dt, 4 * row * seconds / dt
    require(
        steps <= PERIODS and size <= MEMORY,
        f"seconds={seconds:g} are {steps:.3g} periods of {dt:g} s"
        + f", {size / 2**30:.3g} GiB of signals" * (row > 0)
        + f"; at most {PERIODS:.3g} periods and {MEMORY >> 30} GiB are run at once: "
        "simulate a part, and go on from its last state",
    )
    require(
        round(steps) > 0,
        f"seconds={seconds:g} is shorter than one period of {dt:g} s; give at least "
        f"seconds={dt:g}",
    )
    return round(steps)


class Fitted(NamedTuple):
    """A controller on what a loop measures of a plant.

    Attributes:
        controller: bound to what is measured.
        ports: of it then.
    """

    controller: Controller
    ports: Ports


def check_fit(
    plant: Plant, controller: Controller, loop: Loop | None = None, n_r: int = 0
) -> Fitted:
    """Refuse a controller that does not fit the plant's state or input.

    Args:
        plant: the plant.
        controller: that decides its input.
        loop: what is between them; a Sensor may give another number of measurements.
        n_r: references that are given, where the controller declares none.

    Returns:
        The controller on what is measured, and its ports.

    Raises:
        ValueError: no plant, no controller, or one for another period; names both
            sizes, or what does not run.
    """
    if not isinstance(plant, Plant):
        fail(f"expected a Plant, got {type(plant).__name__}; for example hc.CartPole()")
    if not isinstance(controller, Controller):
        fail(f"expected a Controller, got {type(controller).__name__}")
    known = ports.of(controller)
    if loop is not None:
        known.check_dt(loop.dt)
    if not is_concrete(controller):
        return Fitted(bind(controller, (loop or Loop()).measured(plant)), known)
    if loop is not None and is_concrete(plant, loop):
        _check_sizes(loop, plant)
    n_y, y = _measured(loop, plant), (loop or Loop()).measured(plant)
    controller = bind(controller, y)
    known = ports.of(controller)
    require(
        known.y is None or len(known.y) == n_y,
        f"the controller expects {count(known.y)} measurements"
        f"{ports.listed(known.y)}, {_source(loop, plant)} gives {n_y}: "
        f"{words(y)}",
    )
    bare = answered(controller)
    n_r = n_r if known.r is None else len(known.r)
    tick = blank_tick(n_y, plant.n_u, n_r)
    memory, after, given = tried(bare, tick)
    check_memory(memory, after)
    require(
        given.shape == (plant.n_u,),
        f"the controller gives an input of shape {given.shape}, "
        f"{type(plant).__name__} takes ({plant.n_u},): {', '.join(plant.inputs)}"
        "; give an array [n_u], as jnp.stack([u]) or jnp.reshape(u, (-1,)) does",
    )
    if loop is not None:
        _check_parts(loop, bare, plant, n_r)
    return Fitted(controller, known)


def _check_sizes(loop: Loop, plant: Plant) -> None:
    """Columns of the sensor and of the actuator: one for all, or one each."""
    given = plant.ports
    measured = given.y if loop.sensor is None else loop.sensor.signals(plant)
    rows = (
        (loop.sensor, SENSOR, measured),
        (loop.actuator, ACTUATOR, given.u),
    )
    for part, fields, names in rows:
        for field in fields if part else ():
            given, n = _shape(part, field), len(names or ())
            require(
                given in ((), (n,)),
                f"{type(part).__name__}({field}=...) has shape {given}, expected one "
                f"number or ({n},): {words(names)}",
            )
    if loop.disturbance is not None:
        _check_pushes(loop.disturbance, plant.ports.u)


def _shape(part: Any, field: str) -> tuple[int, ...]:
    """Of what a part has in a field; that of a number where there is nothing."""
    value: Any = getattr(part, field)
    return () if value is None else np.shape(value)


def _check_pushes(push: Disturbance, inputs: Signals | None) -> None:
    """One size, duration and period for all pushes, or one for each; so with noise."""
    noise, n = _shape(push, "noise"), len(inputs or ())
    require(
        noise in ((), (n,)),
        f"{type(push).__name__}(noise=...) has shape {noise}, expected one number or "
        f"({n},): {words(inputs)}",
    )
    times = _shape(push, "at")
    for name in ("force", "duration", "every"):
        given = _shape(push, name)
        require(
            given in ((), (1,), times),
            f"{type(push).__name__}({name}=...) has shape {given} for pushes at "
            f"{math.prod(times)} times; give one number, or one for each time",
        )


def _measured(loop: Loop | None, plant: Plant) -> int:
    """How many numbers a controller sees of the plant."""
    if loop is None or loop.sensor is None:
        return plant.n_x
    x = jnp.zeros(plant.n_x)
    y = _abstract("sensor", lambda: loop.measure(plant, x, *_draws(loop)))
    require(
        len(y.shape) == 1,
        f"the loop's sensor gives shape {y.shape}, expected [n_y]; give an array",
    )
    return y.shape[0]


def _source(loop: Loop | None, plant: Plant) -> str:
    """Who gives the measurements."""
    name = type(plant).__name__
    part = None if loop is None else loop.sensor
    return name if part is None else f"the {type(part).__name__} of {name}"


def _check_parts(loop: Loop, controller: Controller, plant: Plant, n_r: int) -> None:
    """One period with the plant at rest, where there is more than plant and controller.

    Shapes only: the plant itself, which may be large, is not traced.
    """
    if loop.sensor is loop.actuator is loop.disturbance is None:
        return
    r = jnp.zeros(n_r) if n_r else None
    rest = lambda plant, t, x, u: Moved(x + 0 * jnp.sum(u))  # noqa: E731

    def period() -> Any:
        x = jnp.zeros(plant.n_x)
        before = begin(loop, controller, plant, x, _draws(loop)[0], r)
        after, sample = step(loop, controller, before, rest)
        return before, after, sample.u

    before, after, u = _abstract("sensor, actuator or disturbance", period)
    require(
        u.shape == (plant.n_u,),
        f"the loop's actuator gives shape {u.shape}, expected ({plant.n_u},): "
        f"{', '.join(plant.inputs)}",
    )
    check_memory(before.actuator, after.actuator, "actuator")


def _draws(loop: Loop) -> tuple[Array | None, Array]:
    return (jax.random.PRNGKey(0) if loop.random else None), jnp.int32(0)


def _abstract(name: str, run: Any) -> Any:
    try:
        return eqx.filter_eval_shape(run)
    except Exception as error:  # a part of the user's own may raise anything
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"the loop's {name} does not run: {type(error).__name__}: {reason}; write "
            "it with jax.numpy, and with as many columns as the plant has"
        ) from error


def explain(plant: Plant, error: Exception) -> None:
    """Say what is wrong with a plant, where that is why a loop does not trace.

    Raises:
        ValueError: the plant gives no derivative of its state.
    """
    if not is_concrete(plant):
        return
    name, n = type(plant).__name__, plant.n_x
    x, u = jnp.zeros(n), jnp.zeros(plant.n_u)
    try:
        given = jax.eval_shape(lambda: plant.ode(jnp.zeros(()), x, u))
        array = isinstance(given, jax.ShapeDtypeStruct)
        told = f"gives {given.shape if array else type(given).__name__}"
        if told == f"gives {(n,)}":
            return
    except Exception as reason:  # the user's own code may raise anything
        first = (str(reason).strip().splitlines() or [""])[0]
        told = f"raises {type(reason).__name__}: {first}"
    rows = [(p, np.shape(v)) for p, v in _leaves(plant) if np.ndim(v) > 0]
    cure = "write it with jax.numpy, and return an array"
    if rows:
        shapes = ", ".join(f"{p} {shape}" for p, shape in rows[:4])
        cure = (
            f"its parameters have shapes {shapes}: for a batch of plants write "
            "jax.vmap(lambda plant: hc.simulate(plant, ...))(plants)"
        )
    raise ValueError(
        f"the ode of {name} {told}, expected a derivative ({n},); {cure}"
    ) from error


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    rows = jax.tree_util.tree_flatten_with_path(tree)[0]
    keys = jax.tree_util.keystr
    return [(keys(path).lstrip("."), leaf) for path, leaf in rows if is_number(leaf)]
