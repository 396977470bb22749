"""A plant as a system of python-control."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hybridctl.checks import positive, require
from hybridctl.kinds import checked
from hybridctl.plants.clocks import common_period
from hybridctl.plants.linearize import Dynamics, Equilibrium, linearize
from hybridctl.plants.measured import output, output_slopes, outputs
from hybridctl.precision import float64, float64_on_host

if TYPE_CHECKING:
    import control


def nonlinear_system(plant: Dynamics) -> "control.NonlinearIOSystem":
    """The plant as ẋ = f(t, x, u), in float64; its outputs or else all states."""
    import control

    require(
        not plant.clocks,
        f"this {type(plant).__name__} has sampled parts, which python-control cannot "
        "mix with continuous ones; give to_control(equilibrium) for its linear model",
    )
    plant = float64(plant)

    def update(t: float, x: np.ndarray, u: np.ndarray, params: Any) -> np.ndarray:
        del params  # the plant's own fields are its parameters
        with float64_on_host():
            return np.asarray(_rate(plant, *map(np.float64, (t, x, u))))

    def give(t: float, x: np.ndarray, u: np.ndarray, params: Any) -> np.ndarray:
        del params
        with float64_on_host():
            return np.asarray(output(plant, *map(np.float64, (t, x, u))))

    update.plant = plant  # by which a diagram takes it for what it is
    return control.nlsys(update, give, **_names(plant))


def linear_system(
    plant: Dynamics, equilibrium: Equilibrium, dt: float | None = None
) -> "control.StateSpace":
    """The plant's linear model at an equilibrium; with dt exact for a held input.

    That of a plant with sampled parts is discrete, over their common period.
    """
    import control

    A, B = linearize(plant, equilibrium)
    at = (np.array(v, np.float64) for v in (equilibrium.x, equilibrium.u))
    with float64_on_host():
        C, D = map(np.asarray, output_slopes(float64(plant), *at))
    sampled = plant.clocks
    period = common_period(sampled) if sampled else 0
    system = control.StateSpace(A, B, C, D, period, **_names(plant))
    if dt is None:
        return system
    positive("dt", dt)
    require(
        not sampled or dt == period,
        f"dt={dt} but this {type(plant).__name__} is sampled, with the common period "
        f"{period:g} s; give dt={period:g}",
    )
    if sampled:
        return system
    return system.sample(float(dt), method="zoh", name=system.name)


@jax.jit
def _rate(plant: Dynamics, t: Any, x: Any, u: Any) -> jax.Array:
    return plant.ode(t, x, u)


def _names(plant: Dynamics) -> dict[str, Any]:
    names = {"states": plant.states, "inputs": plant.inputs, "outputs": outputs(plant)}
    plain = {what: [n.replace(".", "_") for n in row] for what, row in names.items()}
    return {"name": type(plant).__name__, **plain}


@checked
def to_control(
    plant: Dynamics, equilibrium: Equilibrium | None = None, dt: float | None = None
) -> "control.NonlinearIOSystem | control.StateSpace":
    """See `Plant.to_control`."""
    if equilibrium is not None:
        return linear_system(plant, equilibrium, dt)
    require(
        dt is None,
        f"dt={dt} without an equilibrium; a sampled model is linear: give "
        "to_control(equilibrium, dt)",
    )
    return nonlinear_system(plant)
