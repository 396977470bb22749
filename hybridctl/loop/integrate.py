"""The integrator by name: fixed-step RK4, one of diffrax's, or MuJoCo's engine."""

import jax.numpy as jnp
from jax import Array

from hybridctl.checks import one_of
from hybridctl.loop.engine import engine
from hybridctl.plants import Plant
from hybridctl.plants.flow import Flow, fixed_step

ADAPTIVE = {"dopri5": "Dopri5", "tsit5": "Tsit5", "kvaerno5": "Kvaerno5"}
SOLVERS = ("rk4", *ADAPTIVE, "mujoco")


def adaptive(dt: float, solver: str, rtol: float, atol: float) -> Flow:
    """A diffrax solver over each control period dt [s].

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

    def flow(plant: Plant, t: Array, x: Array, u: Array) -> Array:
        term = diffrax.ODETerm(lambda t, x, u: plant.ode(jnp.asarray(t), x, u))
        solution = diffrax.diffeqsolve(
            term, method, t, t + dt, None, x, u,
            stepsize_controller=control, max_steps=4096,
        )  # fmt: skip
        return solution.ys[0]  # pyright: ignore[reportOptionalSubscript]

    return flow


def flow_of(
    solver: str, dt: float, substeps: int, rtol: float = 1e-6, atol: float = 1e-8
) -> Flow:
    """The integrator by name: rk4 (fixed step), dopri5, tsit5, kvaerno5, mujoco."""
    one_of("solver", solver, SOLVERS)
    if solver == "rk4":
        return fixed_step(dt, substeps)
    if solver == "mujoco":
        return engine(dt, substeps)
    return adaptive(dt, solver, rtol, atol)
