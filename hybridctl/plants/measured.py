"""Plants that give something else than their states."""

from typing import Protocol, runtime_checkable

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.plants.linearize import Dynamics
from hybridctl.ports import Signals


@runtime_checkable
class Measured(Protocol):
    """A plant that gives something else than its states."""

    @property
    def gives(self) -> Signals:
        """What it gives."""
        ...

    def output(self, t: Array, x: Array, u: Array) -> Array:
        """What it gives [n_y]."""
        ...


def outputs(plant: Dynamics) -> tuple[str, ...]:
    """Names of what a plant gives: its states, if it says nothing else."""
    if not isinstance(plant, Measured):
        return plant.states
    return tuple(s.name or f"y[{i}]" for i, s in enumerate(plant.gives))


@jax.jit
def output(plant: Dynamics, t: Array, x: Array, u: Array) -> Array:
    """What a plant gives [n_y]."""
    return plant.output(t, x, u) if isinstance(plant, Measured) else x


@jax.jit
def output_slopes(plant: Dynamics, x: NDArray, u: NDArray) -> tuple[Array, Array]:
    """C = ∂y/∂x and D = ∂y/∂u of what a plant gives, at t = 0 s."""
    return jax.jacfwd(output, (2, 3))(plant, np.zeros(()), x, u)
