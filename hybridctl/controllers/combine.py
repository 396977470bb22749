"""Controllers made of controllers: Hold, Mix, Argmax."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import require
from hybridctl.controllers.basic import Constant
from hybridctl.controllers.controller import (
    Controller,
    State,
    Tick,
    beside,
    children,
)
from hybridctl.controllers.error import total
from hybridctl.controllers.trial import count, output_of
from hybridctl.kinds import as_row
from hybridctl.ports import Ports, Signal, merged, of


class HoldState(eqx.Module):
    """Memory of a `Hold`: the held output, the inner memory, whether it is new."""

    u: Array
    inner: Any
    fresh: Array


class Hold(Controller):
    """The inner controller on a slower clock: it steps every n-th tick.

    Its own tick counts its own steps (k // every), and its output is held in
    between. Ticks with k divisible by `every` are common to all Holds, so Holds
    in different places of a controller stay in step.

    Args:
        inner: the slow controller.
        every: number of control periods per inner step.
    """

    inner: Controller
    every: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        require(
            isinstance(self.every, int) and self.every > 0,
            f"Hold every={self.every!r} must be a whole number of periods above 0",
        )

    @property
    def ports(self) -> Ports:
        """Those of what is held, on the loop's clock."""
        return of(self.inner).slower(self.every)

    def init(self, tick: Tick) -> State:
        """Nothing held yet."""
        out = output_of(self.inner, tick)
        held = jnp.zeros(out.shape, out.dtype)
        return HoldState(held, self.inner.init(self._slow(tick)), jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """A new output where it is due, the held one elsewhere."""
        due = state.fresh | (tick.k % self.every == 0)
        inner, u = self.inner.step(state.inner, self._slow(tick))
        inner = jax.tree.map(lambda a, b: jnp.where(due, a, b), inner, state.inner)
        u = jnp.where(due, u, state.u)
        return HoldState(u, inner, jnp.asarray(False)), u

    def shows(self, state: State) -> dict[str, Array]:
        """What the inner controller shows."""
        return self.inner.shows(state.inner)

    def _slow(self, tick: Tick) -> Tick:
        return tick.but(k=tick.k // self.every)


def paced(
    node: Any, every: int = 1, stop: Callable[[Any], bool] = lambda node: False
) -> Iterator[tuple[Any, int]]:
    """Every part of a tree with the number of control periods between its steps.

    Args:
        node: root of the tree.
        every: number of periods between the root's steps.
        stop: parts below which not to look.

    Yields:
        (part, periods), the root first.
    """
    yield node, every
    if stop(node):
        return
    slow = every * node.every if isinstance(node, Hold) else every
    for child in children(node):
        if child is not node:
            yield from paced(child, slow, stop)


class Argmax(Controller):
    """Index of the inner controller's largest output: a supervisor for `Switch`.

    Args:
        inner: with an output [n] for n modes.
    """

    inner: Controller

    @property
    def ports(self) -> Ports:
        """What the inner controller takes; an index comes out."""
        return of(self.inner).but(u=(Signal("index"),))

    def init(self, tick: Tick) -> State:
        """The inner memory."""
        return self.inner.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """An int32 scalar in 0 … n - 1."""
        state, scores = self.inner.step(state, tick)
        return state, jnp.argmax(scores).astype(jnp.int32)

    def shows(self, state: State) -> dict[str, Array]:
        """What the inner controller shows."""
        return self.inner.shows(state)


def _weights(value: Any) -> Controller:
    return value if isinstance(value, Controller) else Constant(value)


class Mix(Controller):
    """Weighted sum u = Σ wᵢ uᵢ (a blend, a gain schedule).

    Args:
        weights: shape [n], or a controller that outputs them (a Slot, say).
        controllers: n controllers with inputs of one shape.
    """

    weights: Controller = eqx.field(converter=_weights)
    controllers: tuple[Controller, ...] = eqx.field(converter=as_row)

    def __check_init__(self):
        n = len(self.controllers)
        require(n > 0, "Mix needs at least one controller, got none")
        given = of(self.weights).u
        require(
            given is None or len(given) == n,
            f"Mix got {count(given)} weights for {n} controllers; give one weight each",
        )

    @property
    def ports(self) -> Ports:
        """What all of them take; the weights are no input."""
        blended = merged(*self.controllers)
        return merged(blended, self.weights).but(u=blended.u)

    def init(self, tick: Tick) -> State:
        """The memories of weights and controllers."""
        return self.weights.init(tick), tuple(c.init(tick) for c in self.controllers)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """All step; their inputs are blended."""
        scheduler, w = self.weights.step(state[0], tick)
        pairs = zip(self.controllers, state[1], strict=True)
        stepped = [c.step(s, tick) for c, s in pairs]
        parts = [w[i] * u for i, (_, u) in enumerate(stepped)]
        return (scheduler, tuple(s for s, _ in stepped)), total(parts)

    def shows(self, state: State) -> dict[str, Array]:
        """What all of them show, the weights last."""
        pairs = zip(
            (*self.controllers, self.weights), (*state[1], state[0]), strict=True
        )
        return beside(*(c.shows(s) for c, s in pairs))


class Probe(Controller):
    """What a controller within others asks for, as a signal of the trace.

    `lqr + Probe("residual", 5.0 * Slot(1))` is the same controller, and
    `trace["residual"]` is what the residual added.

    Args:
        name: of the signal.
        inner: the controller that is looked at.

    Example:
        >>> import hybridctl as hc
        >>> pair = hc.Constant([1.0]) + Probe("push", hc.Constant([0.5]))
        >>> trace = hc.simulate(hc.Pendulum(), pair, [0.0, 0.0], seconds=0.04)
        >>> print(trace["push"].T, trace.u.T)
        [[0.5 0.5]] [[1.5 1.5]]
    """

    name: str = eqx.field(static=True)
    inner: Controller

    def __check_init__(self):
        told = isinstance(self.name, str) and self.name
        require(bool(told), f"Probe name={self.name!r} must be a text")

    @property
    def ports(self) -> Ports:
        """Those of what is looked at."""
        return of(self.inner)

    def init(self, tick: Tick) -> State:
        """The inner memory, and nothing asked for yet."""
        out = output_of(self.inner, tick)
        return self.inner.init(tick), jnp.zeros(out.shape, out.dtype)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """As the inner controller does."""
        inner, u = self.inner.step(state[0], tick)
        return (inner, u), u

    def shows(self, state: State) -> dict[str, Array]:
        """What was asked for, and what the inner controller shows."""
        return beside({self.name: state[1]}, self.inner.shows(state[0]))
