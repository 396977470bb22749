"""The plant over one control period, its input held: RK4, or diffrax."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import one_of
from hybridctl.plants import Plant

Flow = Callable[[Plant, Array, Array, Array], Array]
ADAPTIVE = {"dopri5": "Dopri5", "tsit5": "Tsit5", "kvaerno5": "Kvaerno5"}
SOLVERS = ("rk4", *ADAPTIVE)


def rk4(plant: Plant, t: Array, x: Array, u: Array, h: float) -> Array:
    """One classical Runge-Kutta step of length h [s], u held."""
    k1 = plant.ode(t, x, u)
    k2 = plant.ode(t + h / 2, x + h / 2 * k1, u)
    k3 = plant.ode(t + h / 2, x + h / 2 * k2, u)
    k4 = plant.ode(t + h, x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def fixed_step(dt: float, substeps: int) -> Flow:
    """RK4 with equal substeps of a control period dt [s]."""
    h = dt / substeps

    def flow(plant: Plant, t: Array, x: Array, u: Array) -> Array:
        body = lambda x, i: (rk4(plant, t + i * h, x, u, h), None)  # noqa: E731
        return jax.lax.scan(body, x, jnp.arange(substeps))[0]

    return flow


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
    """The integrator by name: rk4 (fixed step), dopri5, tsit5 or kvaerno5."""
    one_of("solver", solver, SOLVERS)
    if solver == "rk4":
        return fixed_step(dt, substeps)
    return adaptive(dt, solver, rtol, atol)
