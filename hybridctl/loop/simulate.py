"""`simulate`: the closed loop over time, as one compiled scan."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.cache import kept_programs
from hybridctl.checks import (
    as_float,
    as_key,
    cast,
    fail,
    finite,
    one_of,
    require,
)
from hybridctl.controllers import Controller
from hybridctl.controllers.bind import bind
from hybridctl.controllers.foreign import asks
from hybridctl.controllers.trial import count
from hybridctl.kinds import check_kind
from hybridctl.loop import host
from hybridctl.loop.events import settle_chatter
from hybridctl.loop.fit import check_fit, explain, steps_of
from hybridctl.loop.integrate import SOLVERS, motion_of, tolerances_of
from hybridctl.loop.loop import Loop, begin, step
from hybridctl.loop.trace import Trace
from hybridctl.plants import HybridPlant, Plant
from hybridctl.ports import Ports
from hybridctl.scale.devices import laid_out

USUAL = ("rk4", 1e-6, 1e-8)  # solver, rtol, atol


def simulate(
    plant: Plant,
    controller: Controller,
    x0: Any,
    seconds: float,
    dt: float | None = None,
    *,
    loop: Loop | None = None,
    key: Array | None = None,
    r: Any = None,
    solver: str = "rk4",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    devices: int = 1,
) -> Trace:
    """Simulate a controller on a plant.

    Args:
        plant: the plant.
        controller: decides the input, once every control period.
        x0: start [n_x], or a batch of starts [N, n_x].
        seconds: length [s], rounded to whole control periods.
        dt: control period [s], 0.02 by default; or give a loop.
        loop: sensor, actuator, disturbance and timing; its dt holds.
        key: a seed or a JAX key [2], needed where the loop draws random numbers.
        r: reference that the controller sees: [n_r], constant, or [T, n_r], a row a
            control period, the last one held.
        solver: rk4 (fixed step), with diffrax dopri5, tsit5, kvaerno5 (stiff), or
            mujoco (the engine itself, for a MuJoCoPlant).
        rtol: relative tolerance of an adaptive solver.
        atol: absolute tolerance of an adaptive solver, in the states' units.
        devices: over which a batch of starts is laid, of `jax.local_devices()`. The
            trace is the same, that of a network on less than 2048 starts a device to
            rounding.

    A state that is not finite stays so, in its lane of a batch only; so does one that
    an adaptive solver does not get through a period.

    Returns:
        A `Trace` with T periods; with a batch of starts, all arrays have a leading
        axis N.

    Raises:
        ValueError: shapes, dt or names that do not fit, before anything compiles;
            or a plant whose events chatter.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=0.02)
        >>> trace = hc.simulate(plant, lqr, [0, 3.0, 0, 0], seconds=5.0, dt=0.02)
        >>> trace.x.shape, trace.u.shape
        ((251, 4), (250, 1))
    """
    loop = one_loop(loop, dt)
    x0, key = _start(plant, x0), as_key(key)
    named = {"plant": plant, "controller": controller, "loop": loop}
    system = tuple(cast(part, name) for name, part in named.items())
    ports = _check(plant, controller, x0, loop, r)
    one_of("solver", solver, SOLVERS)
    require(
        key is not None or not loop.random,
        "this loop draws random numbers; give key=jax.random.PRNGKey(0) or "
        "a seed, key=0",
    )
    require(
        loop.jitter is None or solver == "rk4",
        f"solver={solver!r} keeps every period at dt, and this loop has jitter; give "
        'solver="rk4", or Loop(jitter=None)',
    )
    tolerances = tolerances_of(solver, rtol, atol)
    kept = plant.n_x + 2 * plant.n_u + 1
    steps = steps_of(seconds, loop.dt, kept * (len(x0) if x0.ndim == 2 else 1))
    r = None if r is None else _reference(ports, r)
    return run_checked(
        system, _shared(x0, devices), steps, ports, key, r, (solver, *tolerances)
    )


@kept_programs()
def run_checked(
    system: tuple[Plant, Controller, Loop],
    x0: Array,
    steps: int,
    ports: Ports,
    key: Array | None = None,
    r: Array | None = None,
    method: tuple = USUAL,
) -> Trace:
    """`simulate` for those who have checked what they give.

    Args:
        system: plant, controller and loop, cast.
        x0: start [n_x], or many [N, n_x].
        steps: control periods.
        ports: of the controller.
        key: of the loop's draws.
        r: reference [n_r] or [T, n_r].
        method: solver, rtol and atol.

    Returns:
        The trace.

    Raises:
        ValueError: a plant whose events chatter.
    """
    plant, controller, loop = system
    run = host.run if asks(controller) else _run
    try:
        x, sample = run(system, x0, key, r, steps=steps, method=method)
    except Exception as error:
        explain(plant, error)
        raise
    t = np.arange(steps + 1) * loop.dt
    names = plant.events if isinstance(plant, HybridPlant) else ()
    x = settle_chatter(x, sample.hits, loop, method[0], names)
    return Trace(
        t, x, sample.u, sample.asked, sample.mode, plant.states, plant.inputs,
        ports.mode, tuple(plant.units.items()), plant.angles,
        sample.hits, names, sample.shown or {},
    )  # fmt: skip


@eqx.filter_jit
def _run(system, x0, key, r, *, steps: int, method: tuple) -> tuple:
    plant, controller, loop = system
    controller = bind(controller, loop.measured(plant))
    solver, rtol, atol = method
    motion = motion_of(solver, loop.dt, loop.substeps, rtol, atol)

    def one(x0):
        def body(state, _):
            state, sample = step(loop, controller, state, motion)
            return state, (state.x, sample)

        start = begin(loop, controller, plant, x0, key, r)
        _, (xs, sample) = jax.lax.scan(body, start, None, steps)
        x = jnp.concatenate([x0[None], xs])
        return x, sample

    return jax.vmap(one)(x0) if x0.ndim == 2 else one(x0)


def one_loop(loop: Loop | None, dt: float | None) -> Loop:
    """The loop that is meant by a loop, a control period [s], or both.

    Raises:
        ValueError: they differ, or what is no loop.
    """
    check_kind("loop", loop, Loop | None)
    if loop is None:
        return Loop(0.02 if dt is None else dt)
    require(
        dt is None or abs(dt - loop.dt) <= 1e-9 * loop.dt,
        f"dt={dt} but the loop has dt={loop.dt}; give one of the two",
    )
    return loop


def _start(plant: Any, x0: Any) -> Array:
    if isinstance(x0, Mapping):
        states = ", ".join(plant.states) if isinstance(plant, Plant) else "the states"
        fail(f"x0 is a {type(x0).__name__}; give a list in this order: {states}")
    return jnp.asarray(as_float(x0), float)


def _shared(x0: Array, devices: int) -> Array:
    """Starts laid over devices."""
    require(
        devices == 1 or x0.ndim == 2,
        f"devices={devices} share a batch of starts; give x0 [N, n_x], or leave out "
        "devices",
    )
    return laid_out(x0, devices) if x0.ndim == 2 else x0


def _reference(ports: Ports, r: Any) -> Array:
    r = jnp.asarray(as_float(r), float)
    expected = count(ports.r) or (r.shape[-1] if r.ndim else 1)
    require(
        r.ndim in (1, 2) and 0 not in r.shape and r.shape[-1] == expected,
        f"r has shape {r.shape}, expected ({expected},) or (T, {expected}) with a row "
        "a control period; write r[:, None] for one reference over time",
    )
    finite("r", r)
    return r


def _check(
    plant: Plant, controller: Controller, x0: Array, loop: Loop, r: Any
) -> Ports:
    if not isinstance(plant, Plant):
        fail(f"expected a Plant, got {type(plant).__name__}; for example hc.CartPole()")
    require(
        x0.ndim in (1, 2) and x0.shape[-1] == plant.n_x,
        f"x0 has shape {x0.shape}, expected ({plant.n_x},) or (N, {plant.n_x}): "
        f"{', '.join(plant.states)}",
    )
    finite("x0", x0)
    n_r = 0 if r is None else (np.shape(r) or (1,))[-1]
    return check_fit(plant, controller, loop, n_r).ports
