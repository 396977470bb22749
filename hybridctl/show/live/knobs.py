"""The numbers of a loop that can be moved while it runs."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import is_number, require
from hybridctl.deploy.labels import shortest, words
from hybridctl.loop import Actuator, Loop, Sensor
from hybridctl.plants import Plant
from hybridctl.precision import float64

MORE = 5  # periods that the input may be late beyond the task's own delay


class Rig(eqx.Module):
    """A plant and its actuator, whose numbers are moved."""

    plant: Plant
    actuator: Actuator


class Knobs(NamedTuple):
    """The numbers p [n] of a rig that can be moved, and the rig that has them.

    Attributes:
        rig: in float64, its actuator told as a spread.
        names: of the numbers, in order: those of the plant, "limit", "arrives".
        values: where they start [n].
        places: which leaf of the rig, and which entry of it.
        late: how late the input is in the task itself: its share of every period.
    """

    rig: Rig
    names: list[str]
    values: np.ndarray
    places: list[tuple[int, int]]
    late: list[float]

    def at(self, p: Any) -> Rig:
        """The rig with other numbers [n], which may be traced."""
        leaves, structure = jax.tree.flatten(self.rig)
        rows: dict[int, list[Any]] = {}
        for i, (leaf, _) in enumerate(self.places):
            rows.setdefault(leaf, []).append(p[i])
        for leaf, row in rows.items():
            flat = jax.numpy.stack(row)
            leaves[leaf] = flat.reshape(np.shape(leaves[leaf]))
        return jax.tree.unflatten(structure, leaves)


def knobs_of(plant: Plant, loop: Loop) -> Knobs:
    """What can be moved of a plant and its actuator.

    The delay is a spread of the input over the periods to come, which moves without a
    change of program: the whole of it comes so many periods late.
    """
    old = loop.actuator or Actuator()
    spread = [1.0] if old.spread is None else np.asarray(old.spread, float).tolist()
    late = [0.0] * old.delay + spread
    line = np.array(late + [0.0] * MORE)
    actuator = dataclasses.replace(old, delay=0, spread=line)
    rig = float64(Rig(plant, actuator))
    names, places, values = [], [], []
    paths = jax.tree_util.tree_flatten_with_path(rig)[0]
    told = shortest([words(rig, path)[1:] for path, _ in paths])
    for i, (path, leaf) in enumerate(paths):
        name, inside = told[i], words(rig, path)[0]
        moved = np.ndim(leaf) == 0 if inside == "plant" else name in ("limit", "spread")
        if not (is_number(leaf) and moved and np.asarray(leaf).dtype.kind == "f"):
            continue
        for j, value in enumerate(np.ravel(leaf).tolist()):
            names.append(name)
            places.append((i, j))
            values.append(value)
    return Knobs(rig, names, np.array(values), places, late)


def noisy(loop: Loop, plant: Plant, x: Array, noise: Array) -> Array:
    """What a quiet loop measures of state x [n_x], with noise [n_y] that is known."""
    sensor = loop.sensor
    assert sensor is not None  # `quiet` gave it one
    return sensor(sensor.shows(plant, x) + noise, None, jnp.int32(0))


def check_loop(loop: Loop) -> None:
    """Refuse what a page does not have.

    Raises:
        ValueError: a sensor that is late or loses measurements, or periods that are
            late.
    """
    late = loop.jitter is not None or (loop.sensor and loop.sensor.remembers)
    require(
        not late,
        "a page has no jitter, and no sensor that is late or loses measurements; give "
        "the task a loop without: the delay of an actuator does as well",
    )


def quiet(loop: Loop, actuator: Actuator) -> Loop:
    """The loop without what is random or told from outside, and with that actuator."""
    sensor = loop.sensor or Sensor()
    if sensor.noise is not None:
        sensor = dataclasses.replace(sensor, noise=None)
    return Loop(loop.dt, loop.substeps, sensor, actuator)
