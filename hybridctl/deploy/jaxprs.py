"""A controller's two verbs as graphs, in float64."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from hybridctl.checks import Rest, fail, on_numbers, positive, require, split
from hybridctl.codegen.graph import kind_of
from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.fill import (
    applied_inputs,
    blank_tick,
    measurements,
    references,
)
from hybridctl.controllers.inspect import check_dt, walk
from hybridctl.controllers.machine import mode_of
from hybridctl.plants import Plant
from hybridctl.precision import float64_on_host
from hybridctl.store.answers import runs

GUESSES = 32  # measurements, where no part of a controller says how many it takes


class Sizes(NamedTuple):
    """How many numbers a controller takes and gives."""

    n_y: int
    n_u: int
    n_r: int
    n_out: int
    more: bool = False  # whether measurements behind the n_y first are let pass


@dataclass
class Traced:
    """A controller's verbs on the root tick of a loop, and what is known of them.

    Attributes:
        begin: jaxpr of `init`: (leaves, tick) -> memory.
        step: jaxpr of `step`: (leaves, memory, tick) -> memory, u.
        leaves: the controller's arrays.
        memory: tree of shapes.
        sizes: of measurement, input and reference.
    """

    begin: Any
    step: Any
    leaves: list[Any]
    memory: Any
    sizes: Sizes

    @property
    def hash(self) -> str:
        """Of everything that it computes."""
        parts = [str(self.begin), str(self.step), *map(np.ndarray.tobytes, self.leaves)]
        whole = hashlib.sha256()
        for part in parts:
            whole.update(part.encode() if isinstance(part, str) else part)
        return whole.hexdigest()


def trace(
    controller: Controller,
    dt: float,
    plant: Plant | None = None,
    sizes: Sizes | None = None,
) -> Traced:
    """Trace a controller in float64, whatever the precision of the process.

    Args:
        controller: anything with init and step.
        dt: control period [s].
        plant: whose state it measures, where its parts do not say how much that is.
        sizes: of measurement, input and reference, where they are known.

    Raises:
        ValueError: no Controller, one designed for another period, or one that does
            not run.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> trace(Constant([1.5]), 0.02).sizes
        Sizes(n_y=1, n_u=1, n_r=0, n_out=1, more=True)
    """
    if not isinstance(controller, Controller):
        fail(
            f"expected a Controller, got {type(controller).__name__}; of a training "
            "run, give run.controller"
        )
    positive("dt", dt)
    check_dt(controller, dt)
    controller = on_numbers(exact, controller)
    with float64_on_host():
        sizes = sizes or _sizes(controller, plant)
        leaves, rest = split(controller)
        ticks = example(sizes)
        begin, step = verbs(rest)
        first = runs(jax.make_jaxpr(begin), leaves, *ticks)
        memory = jax.eval_shape(begin, leaves, *ticks)
        zeros = jax.tree.map(lambda m: np.zeros(m.shape, m.dtype), memory)
        every = runs(jax.make_jaxpr(step), leaves, zeros, *ticks)
        _check_stable(memory, every.out_avals)
        return Traced(first, every, leaves, memory, sizes)


def verbs(rest: Rest) -> tuple[Callable, Callable]:
    """Init and step as functions of leaves and memory, on the root tick of a loop."""

    def begin(leaves: Any, t: Any, k: Any, y: Any, r: Any, applied: Any, asked: Any):
        tick = Tick(t, k, y, r, applied, u_asked=asked)
        return rest(leaves).init(tick)

    def step(leaves: Any, memory: Any, t: Any, k: Any, y: Any, r: Any, u: Any, v: Any):
        tick = Tick(t, k, y, r, u, mode_of(memory), u_asked=v)
        return rest(leaves).step(memory, tick)

    return begin, step


def exact(leaf: Any) -> Any:
    """A parameter in float64 on the host; whole numbers as they are."""
    array = np.array(leaf)  # a copy, which JAX has not met in another precision
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def example(sizes: Sizes) -> tuple:
    """The fields of a tick at rest: t, k, y, r, u_applied, u_asked."""
    zeros = np.zeros
    r, u = zeros(sizes.n_r) if sizes.n_r else None, zeros(sizes.n_u)
    return np.float64(0), np.int32(0), zeros(sizes.n_y), r, u, u


Rows = list[tuple[str, str]]


def names_of(plant: Plant | None, sizes: Sizes) -> tuple[Rows, Rows]:
    """Names and units of measurements and inputs; plain ones where none are known."""
    y: Rows = [(f"y{i}", "") for i in range(sizes.n_y)]
    u: Rows = [(f"u{i}", "") for i in range(sizes.n_out)]
    if plant is None:
        return y, u
    unit = plant.units.get
    if plant.n_x >= sizes.n_y:
        y = [(n, str(unit(n, ""))) for n in plant.states[: sizes.n_y]]
    if plant.n_u == sizes.n_out:
        u = [(n, str(unit(n, ""))) for n in plant.inputs]
    return y, u


def plant_of(controller: Controller) -> Plant | None:
    """The first plant that a part of a controller knows."""
    parts = (node for node, _ in walk(controller))
    return next((node for node in parts if isinstance(node, Plant)), None)


def mode_place(memory: Any) -> int | None:
    """Which leaf of a memory is the active mode."""
    mode = mode_of(memory)
    leaves = jax.tree.leaves(memory)
    return next((i for i, leaf in enumerate(leaves) if leaf is mode), None)


def _sizes(controller: Controller, plant: Plant | None) -> Sizes:
    """What the parts say, or else the least with which the controller runs."""
    n_u, n_r = applied_inputs(controller), references(controller)
    stated = measurements(controller) if plant is None else plant.n_x
    errors = []
    for n_y in range(1, GUESSES) if stated is None else [stated]:
        try:
            n_out = runs(_outputs, controller, n_y, n_u or 1, n_r)
            more = stated is None and _takes_more(controller, n_u or 1, n_r)
            return Sizes(n_y, n_u or n_out, n_r, n_out, more)
        except ValueError as error:
            errors.append(error)
    raise errors[0]


def _takes_more(controller: Controller, n_u: int, n_r: int) -> bool:
    try:
        return _outputs(controller, GUESSES, n_u, n_r) > 0
    except Exception:  # of its own code, where a shape does not fit
        return False


def _outputs(controller: Controller, n_y: int, n_u: int, n_r: int) -> int:
    def run() -> Any:
        tick = blank_tick(n_y, n_u, n_r).but(mode=None, age=None)
        memory = controller.init(tick)
        return controller.step(memory, tick.but(mode=mode_of(memory)))[1]

    shape = jax.eval_shape(run).shape
    require(len(shape) == 1, f"its output has shape {shape}, expected [n_u]")
    return shape[0]


def _check_stable(memory: Any, outs: Any) -> None:
    """A memory keeps its shapes and kinds from tick to tick."""
    before = jax.tree.leaves(memory)
    for a, b in zip(before, outs, strict=False):
        require(
            a.shape == b.shape and kind_of(a.dtype) == kind_of(b.dtype),
            f"init gives a memory of {a.dtype}{list(a.shape)} where step gives "
            f"{b.dtype}{list(b.shape)}; make them the same",
        )
