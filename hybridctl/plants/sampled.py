"""Plants with parts that are sampled: what changes only at the instants of a clock."""

import abc
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.plants.clocks import Clock
from hybridctl.plants.hybrid.crossing import in_any_lane
from hybridctl.plants.linearize import Dynamics, Slopes, model, slopes
from hybridctl.plants.multirate import slopes_of_a_period
from hybridctl.plants.plant import Plant


class SampledPlant(Plant):
    """A plant of which some coordinates change at the instants of clocks only.

    At an instant the plant samples first, and flows on from there. Between instants
    those coordinates stand still: their rate is 0.

    Attributes:
        clocks: of its sampled parts, in the order in which they step.
        held: indices of the coordinates of x that only they change.
        whole: indices of those of them that are whole numbers: modes, ages, flags.
    """

    clocks: eqx.AbstractVar[tuple[Clock, ...]]
    held: eqx.AbstractVar[tuple[int, ...]]
    whole: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def sample(
        self, t: Array, x: Array, u: Array, due: Sequence[Any], k: Sequence[Any]
    ) -> Array:
        """State after an instant [n_x].

        Args:
            t: time [s].
            x: state [n_x].
            u: input [n_u].
            due: for each clock whether it ticks: True, False, or a bool scalar.
            k: for each clock how often it ticked before.
        """


def clocks_of(plant: Any) -> tuple[Clock, ...]:
    """Clocks of a plant's sampled parts; none where it has no such parts."""
    return plant.clocks if isinstance(plant, SampledPlant) else ()


def has_clocks(plant: Any) -> bool:
    """Whether a plant has sampled parts; known before anything compiles."""
    return len(clocks_of(plant)) > 0


def held(plant: Any) -> tuple[int, ...]:
    """Which coordinates of a plant's state only its sampled parts change."""
    return plant.held if isinstance(plant, SampledPlant) else ()


def where_due(due: Any, change: Any, x: Array) -> Array:
    """The changed state where a clock ticks; where none of a batch does, nothing runs.

    Args:
        due: True, False, or a bool scalar.
        change: from state to state.
        x: state [n_x].
    """
    if isinstance(due, bool):
        return change(x) if due else x
    here = lambda x: jnp.where(due, change(x), x)  # noqa: E731
    return jax.lax.cond(in_any_lane(due), here, lambda x: x, x)


@slopes.register
def _(plant: SampledPlant, x: NDArray, u: NDArray) -> Slopes:
    """x⁺ - x and its Jacobians over the common period, where something is sampled."""
    if not has_clocks(plant):
        return slopes.dispatch(Dynamics)(plant, x, u)
    return slopes_of_a_period(plant, x, u)


@model.register
def _(plant: SampledPlant, x: NDArray, u: NDArray) -> Slopes:
    """x⁺ - x, and x⁺ linearized."""
    left, (A, B) = slopes(plant, x, u)
    return left, ((A + np.eye(len(A)) if has_clocks(plant) else A), B)
