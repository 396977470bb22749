"""The integrator by name: fixed-step RK4, one of diffrax's, or MuJoCo's engine."""

import functools
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import number, one_of, positive, require
from hybridctl.loop.events import Solve, travel
from hybridctl.loop.mujoco_engine import engine
from hybridctl.plants import HybridPlant, Plant
from hybridctl.plants.clocks import check_pace, grid
from hybridctl.plants.flow import Motion, Moved
from hybridctl.plants.hybrid.plant import has_events
from hybridctl.plants.sampled import SampledPlant, has_clocks

ADAPTIVE = {"dopri5": "Dopri5", "tsit5": "Tsit5", "kvaerno5": "Kvaerno5"}
IMPLICIT = ("kvaerno5",)
SOLVERS = ("rk4", *ADAPTIVE, "mujoco")
STEPS = 4096  # of an adaptive solver, in a control period
LEAST = 1e-7  # relative tolerance of an implicit solver in float32


def adaptive_motion(dt: float, solver: str, rtol: float, atol: float) -> Motion:
    """A diffrax solver over each control period dt [s], which also tells the events.

    The solver's own time runs from 0 to dt in every period, and the plant is given
    t + that: so a period is dt long at any hour, in any precision. Where the solver
    does not get through (a state that is not finite, or escapes, or more steps than
    `STEPS`), the state is NaN from there on, in that lane of a batch only.

    Args:
        dt: control period [s].
        solver: dopri5, tsit5, or kvaerno5 for stiff plants.
        rtol: relative tolerance of a step.
        atol: absolute tolerance of a step.
    """
    import diffrax

    one_of("solver", solver, ADAPTIVE)
    control = diffrax.PIDController(rtol=rtol, atol=atol)

    def solve(ode: Any, start: Any, end: Any, x: Array, u: Array, **more: Any) -> Any:
        term = diffrax.ODETerm(lambda s, x, _: jnp.asarray(ode(s, x, u), x.dtype))
        return diffrax.diffeqsolve(
            term, _method(solver, x.dtype), start, end, None, x,
            stepsize_controller=control, max_steps=STEPS, throw=False, **more,
        )  # fmt: skip

    def flow(plant: Plant, t: Array, x: Array, u: Array, end: Array) -> Moved:
        if has_events(plant):
            hybrid = cast(HybridPlant, plant)
            return travel(cast(Solve, solve), hybrid, t, x, u, end, dt)
        ok = jnp.all(jnp.isfinite(x)) & jnp.all(jnp.isfinite(u))
        end = jnp.where(ok, end, 0)  # a lost lane costs nothing
        ode = lambda s, x, u: plant.ode(t + s, x, u)  # noqa: E731
        found = solve(ode, jnp.zeros_like(end), end, x, u)
        ok &= found.result == diffrax.RESULTS.successful
        return Moved(jnp.where(ok, found.ys[0], jnp.nan))

    def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
        check_pace(plant.steps_every, dt, solver)
        if has_clocks(plant):
            return from_tick_to_tick(flow, cast(SampledPlant, plant), t, x, u, dt)
        return flow(plant, t, x, u, jnp.asarray(dt, x.dtype))

    return motion


def from_tick_to_tick(
    flow: Callable[..., Moved],
    plant: SampledPlant,
    t: Array,
    x: Array,
    u: Array,
    dt: float,
) -> Moved:
    """A plant with sampled parts over one control period, exactly from tick to tick.

    Args:
        flow: moves a plant over a part of a period: (plant, t, x, u, length).
        plant: with clocks.
        t: begin of the period [s].
        x: state [n_x].
        u: input [n_u], held.
        dt: control period [s].
    """
    steps, rows = grid(plant.clocks, dt)
    h, k = dt / steps, jnp.round(t / dt).astype(jnp.int32)
    most = 1 + sum(-(-steps // row.every) for row in rows)

    def leg(way: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Any]:
        i, x = way
        since = i.astype(x.dtype) * h
        due = [row.due(k, steps, i) & (i < steps) for row in rows]
        count = [row.count(k, steps, i) for row in rows]
        x = plant.sample(t + since, x, u, due, count)
        far = [i + row.left(k, steps, i) for row in rows]
        after = jnp.minimum(functools.reduce(jnp.minimum, far), steps)
        moved = flow(plant, t + since, x, u, (after - i).astype(x.dtype) * h)
        hits = moved.hits and moved.hits._replace(offset=moved.hits.offset + since)
        return (after, moved.x), hits

    (_, x), hits = jax.lax.scan(leg, (jnp.int32(0), x), None, most)
    return Moved(x, jax.tree.map(jnp.ravel, hits))


def _method(solver: str, dtype: Any) -> Any:
    """A diffrax solver by name.

    Newton's iteration of an implicit one stops when a correction is small; in float32
    corrections of a stiff plant are rounding, never small, and it would call them
    divergence. There it iterates twice, and the estimated error is the judge.
    """
    import diffrax

    method = getattr(diffrax, ADAPTIVE[solver])
    if solver not in IMPLICIT or dtype == jnp.float64:
        return method()
    return method(root_finder=diffrax.VeryChord(rtol=1e9, atol=1e9))


def tolerances_of(solver: str, rtol: Any, atol: Any) -> tuple[float, float]:
    """The tolerances of a step as numbers.

    Raises:
        ValueError: not positive, or finer than an implicit solver meets in float32.
    """
    rtol, atol = number("rtol", rtol), number("atol", atol)
    positive("rtol", rtol)
    positive("atol", atol)
    rough = solver in IMPLICIT and jnp.zeros(()).dtype == jnp.float32
    require(
        not rough or rtol >= LEAST,
        f"rtol={rtol:g} is finer than {solver} meets in float32; give rtol={LEAST:g} "
        "or more, or run in float64: JAX_ENABLE_X64=1",
    )
    return rtol, atol


def motion_of(
    solver: str, dt: float, substeps: int, rtol: float = 1e-6, atol: float = 1e-8
) -> Motion | None:
    """The integrator by name; None for rk4, the loop's own fixed steps.

    Others are dopri5, tsit5, kvaerno5 and mujoco.
    """
    one_of("solver", solver, SOLVERS)
    if solver == "rk4":
        return None
    if solver == "mujoco":
        return engine(dt, substeps)
    return adaptive_motion(dt, solver, rtol, atol)
