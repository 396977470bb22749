"""A controller's two verbs as graphs, in float64."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from hybridctl.checks import Rest, on_numbers, require, split
from hybridctl.codegen.graph import kind_of
from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.machine import mode_of
from hybridctl.controllers.trial import Sizes, running, sizes
from hybridctl.ports import Ports
from hybridctl.precision import float64_on_host


@dataclass
class Traced:
    """A controller's verbs on the root tick of a loop, and what is known of them.

    Attributes:
        begin: jaxpr of `init`: (leaves, tick) -> memory.
        step: jaxpr of `step`: (leaves, memory, tick) -> memory, u.
        leaves: the controller's arrays.
        memory: tree of shapes.
        sizes: of measurement, input and reference.
        rest: the controller without its arrays.
    """

    begin: Any
    step: Any
    leaves: list[Any]
    memory: Any
    sizes: Sizes
    rest: Rest

    @property
    def hash(self) -> str:
        """Of everything that it computes."""
        parts = [str(self.begin), str(self.step), *map(np.ndarray.tobytes, self.leaves)]
        whole = hashlib.sha256()
        for part in parts:
            whole.update(part.encode() if isinstance(part, str) else part)
        return whole.hexdigest()


def trace(controller: Controller, known: Ports, n_y: int | None = None) -> Traced:
    """Trace a controller in float64, whatever the precision of the process.

    Args:
        controller: anything with init and step.
        known: its ports.
        n_y: measurements, where its ports do not say how many.

    Raises:
        ValueError: it does not run.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> constant = Constant([1.5])
        >>> trace(constant, constant.ports).sizes
        Sizes(n_y=1, n_u=1, n_r=0, out=(1,), more=True)
    """
    controller = on_numbers(exact, controller)
    with float64_on_host():
        asked = sizes(controller, known, n_y)
        leaves, rest = split(controller)
        ticks = example(asked)
        begin, step = verbs(rest)
        with running():
            first, memory = jax.make_jaxpr(begin, return_shape=True)(leaves, *ticks)
            zeros = jax.tree.map(lambda m: np.zeros(m.shape, m.dtype), memory)
            every = jax.make_jaxpr(step)(leaves, zeros, *ticks)
        _check_stable(memory, every.out_avals)
        return Traced(first, every, leaves, memory, asked, rest)


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


def mode_place(memory: Any) -> int | None:
    """Which leaf of a memory is the active mode."""
    mode = mode_of(memory)
    leaves = jax.tree.leaves(memory)
    return next((i for i, leaf in enumerate(leaves) if leaf is mode), None)


def _check_stable(memory: Any, outs: Any) -> None:
    """A memory keeps its shapes and kinds from tick to tick."""
    before = jax.tree.leaves(memory)
    for a, b in zip(before, outs, strict=False):
        require(
            a.shape == b.shape and kind_of(a.dtype) == kind_of(b.dtype),
            f"init gives a memory of {a.dtype}{list(a.shape)} where step gives "
            f"{b.dtype}{list(b.shape)}; make them the same",
        )
