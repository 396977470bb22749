"""A teacher that goes along: asked in every period that a student meets."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.foreign import answered
from hybridctl.learn.lane import blank, put_where
from hybridctl.loop.host import first_looks, foreign_parts, looks


class Answers:
    """Inputs of a controller along ticks that others have met.

    Args:
        controller: of the plant's whole input, in JAX.
    """

    def __init__(self, controller: Controller):
        self.begin, self.step = jax.vmap(controller.init), jax.vmap(controller.step)

    def __call__(self, memory: Any, ticks: Tick, began: Array) -> tuple[Any, Array]:
        """The memory after the ticks, and the input of each first period.

        Args:
            memory: of all lanes; None at the very first tick.
            ticks: with shapes [decisions, periods, lanes].
            began: whether an episode began with the decision [decisions, lanes].
        """
        if memory is None:
            memory = blank(jax.eval_shape(self.begin, at(ticks, 0, 0)))
        return self._along(memory, ticks, began)

    @functools.partial(jax.jit, static_argnums=0)
    def _along(self, memory: Any, ticks: Tick, began: Array) -> tuple[Any, Array]:
        def decide(memory: Any, row: tuple[Tick, Array]) -> tuple[Any, Array]:
            ticks, began = row
            memory = put_where(began, self.begin(at(ticks, 0)), memory)
            memory, u = jax.lax.scan(self.step, memory, ticks)
            return memory, u[0]

        return jax.lax.scan(decide, memory, (ticks, began))


class HostedAnswers:
    """The same of a controller with a `Foreign` in it, which Python answers.

    Args:
        controller: of the plant's whole input.
    """

    def __init__(self, controller: Controller):
        self.parts, self.bare = foreign_parts(controller), answered(controller)
        self.features = [part.features for part, _ in self.parts]
        self.look, self.step = jax.jit(self._look), jax.jit(self._step)

    def __call__(self, memory: Any, ticks: Tick, began: Array) -> tuple[Any, Array]:
        """As of `Answers`."""
        inputs = []
        for d, k in np.ndindex(ticks.k.shape[:2]):
            tick = at(ticks, d, k)
            memory, seen = self.look(memory, tick, began[d] & (k == 0))
            pairs = zip(self.parts, seen, strict=True)
            given = [part.answers(np.asarray(rows)) for (part, _), rows in pairs]
            memory, u = self.step(memory, tick, given)
            inputs += [u] * (k == 0)
        return memory, jnp.stack(inputs)

    def _look(self, memory: Any, ticks: Tick, begins: Array) -> tuple[Any, list]:
        """Memories of the controller and of what its `Foreign`s observe, and that."""

        def begin(tick: Tick) -> tuple[Any, list]:
            memory = self.bare.init(tick)
            return memory, first_looks(self.bare, self.features, memory, tick)

        def look(memory: tuple, tick: Tick, begins: Array) -> tuple[Any, list]:
            controller, kept = memory
            after, seen = looks(self.bare, self.features, controller, tick, kept)
            due = [begins | (tick.k % every == 0) for _, every in self.parts]
            rows = zip(due, after, kept, strict=True)
            return (controller, [_either(*row) for row in rows]), seen

        fresh = jax.vmap(begin)(ticks)
        memory = fresh if memory is None else put_where(begins, fresh, memory)
        return jax.vmap(look)(memory, ticks, begins)

    def _step(self, memory: tuple, ticks: Tick, given: list[Array]) -> tuple:
        def step(controller: Any, tick: Tick, given: list[Array]) -> tuple:
            return answered(self.bare, given).step(controller, tick)

        controller, u = jax.vmap(step)(memory[0], ticks, given)
        return (controller, memory[1]), u


def _either(due: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(due, a, b), new, old)


def at(ticks: Tick, *place: int) -> Tick:
    """The tick of some place among many."""
    return jax.tree.map(lambda rows: rows[place], ticks)
