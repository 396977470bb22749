"""A plant as a system of python-control."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hybridctl.checks import positive, require
from hybridctl.kinds import checked
from hybridctl.plants.linearize import Dynamics, Equilibrium, linearize
from hybridctl.precision import float64, float64_on_host

if TYPE_CHECKING:
    import control


def nonlinear_system(plant: Dynamics) -> "control.NonlinearIOSystem":
    """The plant as ẋ = f(t, x, u) with all states as outputs, in float64."""
    import control

    plant = float64(plant)

    def update(t: float, x: np.ndarray, u: np.ndarray, params: Any) -> np.ndarray:
        del params  # the plant's own fields are its parameters
        with float64_on_host():
            return np.asarray(_rate(plant, *map(np.float64, (t, x, u))))

    return control.nlsys(update, **_names(plant))


def linear_system(
    plant: Dynamics, equilibrium: Equilibrium, dt: float | None = None
) -> "control.StateSpace":
    """The plant's linear model at an equilibrium; with dt exact for a held input."""
    import control

    A, B = linearize(plant, equilibrium)
    C, D = np.eye(len(A)), np.zeros(B.shape)
    system = control.StateSpace(A, B, C, D, **_names(plant))
    if dt is None:
        return system
    positive("dt", dt)
    return system.sample(float(dt), method="zoh", name=system.name)


@jax.jit
def _rate(plant: Dynamics, t: Any, x: Any, u: Any) -> jax.Array:
    return plant.ode(t, x, u)


def _names(plant: Dynamics) -> dict[str, Any]:
    states, inputs = list(plant.states), list(plant.inputs)
    name = type(plant).__name__
    return {"name": name, "states": states, "inputs": inputs, "outputs": states}


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
