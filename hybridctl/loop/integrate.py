"""The integrator by name: fixed-step RK4, one of diffrax's, or MuJoCo's engine."""

from typing import Any, cast

import jax.numpy as jnp
from jax import Array

from hybridctl.checks import one_of
from hybridctl.loop.engine import engine
from hybridctl.loop.events import Solve, travel
from hybridctl.plants import HybridPlant, Plant
from hybridctl.plants.flow import Motion, Moved, fixed_motion
from hybridctl.plants.hybrid import has_events

ADAPTIVE = {"dopri5": "Dopri5", "tsit5": "Tsit5", "kvaerno5": "Kvaerno5"}
SOLVERS = ("rk4", *ADAPTIVE, "mujoco")


def adaptive_motion(dt: float, solver: str, rtol: float, atol: float) -> Motion:
    """A diffrax solver over each control period dt [s], which also tells the events.

    Args:
        dt: control period [s].
        solver: dopri5, tsit5, or kvaerno5 for stiff plants.
        rtol: relative tolerance of a step.
        atol: absolute tolerance of a step.
    """
    import diffrax

    one_of("solver", solver, ADAPTIVE)
    method = getattr(diffrax, ADAPTIVE[solver])()
    control = diffrax.PIDController(rtol=rtol, atol=atol)

    def solve(ode: Any, start: Any, end: Any, x: Array, u: Array, **more: Any) -> Any:
        term = diffrax.ODETerm(lambda t, x, _: ode(jnp.asarray(t), x, u))
        return diffrax.diffeqsolve(
            term, method, start, end, None, x,
            stepsize_controller=control, max_steps=4096, **more,
        )  # fmt: skip

    def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
        if has_events(plant):
            return travel(cast(Solve, solve), cast(HybridPlant, plant), t, x, u, dt)
        return Moved(solve(plant.ode, t, t + dt, x, u).ys[0])

    return motion


def motion_of(
    solver: str, dt: float, substeps: int, rtol: float = 1e-6, atol: float = 1e-8
) -> Motion:
    """The integrator by name: rk4 (fixed step), dopri5, tsit5, kvaerno5, mujoco."""
    one_of("solver", solver, SOLVERS)
    if solver == "rk4":
        return fixed_motion(dt, substeps)
    if solver == "mujoco":
        return engine(dt, substeps)
    return adaptive_motion(dt, solver, rtol, atol)
