"""Plants whose state flows and jumps: guards, resets, and what happens when."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.plants.plant import Plant


class HybridPlant(Plant):
    """A plant that flows by its `ode` and jumps at events.

    Event i happens where its guard gᵢ(t, x, u) falls through zero; its reset then
    sets the state, x⁺ = rᵢ(t, x, u). A coordinate of x whose rate is 0 and that only
    resets change is a discrete variable (a heater that is on or off).

    What happens when, under every solver:

    * **Order within a control period.** The controller first: guards of its modes are
      evaluated, the mode that is left is not stepped any more, the mode that is
      entered starts fresh and decides in the same tick. Then the plant, over the
      period, under that input.
    * **Exit, transition, entry.** A reset is one map; of an `Automaton` it is
      x⁺ = entry(transition(exit(x))): exit of the location that is left, entry of
      the one that is entered.
    * **Start.** At t = 0, at the begin of every period (the input may have jumped)
      and after a reset, an event with g ≤ 0 is due at once if g falls: beyond the
      guard and on the way back is no event. Where g < 0 and the reset alone lifts the
      guard above zero, as switching off a heater does, it is due in any case.
    * **After a reset** g is about 0 and rises: that is no event, and the next fall
      through zero is one, however soon. A reset must leave its guard rising or above
      zero: an event that only counts needs a discrete variable in its guard.
    * **Grazing.** A guard that touches zero and does not go below is no event; nor is
      one that rests at zero. One that goes below and comes back within a solver's
      step may be missed: give a shorter dt.
    * **Simultaneous events** (within 5e-8 of a control period, in float32 5e-5)
      happen in declared order. Each happens once, and one that the reset of another
      took back does not.
    * **Chattering and Zeno.** More events in a period than fit end in one sentence,
      `ValueError` from `simulate`; in a batch of starts that lane is NaN from then
      on, which counts as not finite, and the others stay as they are. Under `vmap` or
      `jit` so does an adaptive solver; RK4 takes at most one event a substep, a
      second one at the begin of the next: the state stays finite, late by a substep.
    * **Accuracy and derivatives.** `simulate` says the time of an event to 5e-7 of a
      control period (float32: 5e-5, or a rounding of g divided by its rate) as far as
      the solver's tolerance goes. Derivatives go through events, and their times,
      with RK4 only.

    Attributes:
        events: names, in declared order.

    Example:
        >>> import hybridctl as hc
        >>> ball = hc.BouncingBall(g=9.81, e=0.8)
        >>> trace = hc.simulate(ball, hc.Constant([0.0]), [1.0, 0.0], seconds=1.0)
        >>> [(round(t, 4), name) for t, name in trace.events]
        [(0.4515, 'impact')]
    """

    events: eqx.AbstractVar[tuple[str, ...]]

    @abc.abstractmethod
    def guards(self, t: Array, x: Array, u: Array) -> Array:
        """Guards g(t, x, u), shape [n_e]; an event is a fall through zero."""

    @abc.abstractmethod
    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """State after each event, shape [n_e, n_x]: row i is x⁺ of event i."""


class Hits(NamedTuple):
    """Events of a control period, in order; n of them fit.

    Attributes:
        index: which event, int32 [n]; -1: none.
        offset: time since the begin of the period [s], [n].
    """

    index: Any
    offset: Any


class Look(NamedTuple):
    """A state's derivative [n_x], its guards and their rates of change [n_e]."""

    dx: Array
    g: Array
    rate: Array

    def falls(self, slack: float = 0.0) -> Array:
        """Which guards are at zero or below, or will be within slack [s], and fall."""
        return (self.rate < 0) & (self.g + slack * self.rate <= 0)


def has_events(plant: Plant) -> bool:
    """Whether a plant jumps at all; known before anything compiles."""
    return isinstance(plant, HybridPlant) and len(plant.events) > 0


def instant(dtype: Any, dt: float) -> float:
    """Time [s] of a control period dt [s] within which events are simultaneous."""
    return dt * (5e-8 if np.dtype(dtype) == np.float64 else 5e-5)


def look(plant: HybridPlant, t: Array, x: Array, u: Array) -> Look:
    """ẋ, g, and ∂g/∂t + ∂g/∂x ẋ."""
    t, dx = jnp.asarray(t, x.dtype), plant.ode(t, x, u)
    guards = lambda t, x: plant.guards(t, x, u)  # noqa: E731
    return Look(dx, *jax.jvp(guards, (t, x), (jnp.ones_like(t), dx)))


def due(
    plant: HybridPlant, t: Array, x: Array, u: Array, seen: Look, slack: float = 0.0
) -> Array:
    """Which events happen at once, bool [n_e]; see `HybridPlant`, "Start"."""
    rows = plant.resets(t, x, u)
    lifted = [plant.guards(t, rows[i], u)[i] > 0 for i in range(len(plant.events))]
    return seen.falls(slack) | ((seen.g < 0) & jnp.stack(lifted))


def jump(plant: HybridPlant, t: Array, x: Array, u: Array, index: Array) -> Array:
    """State after the event of that index, x itself where it is -1."""
    rows, after = plant.resets(t, x, u), x
    for i in range(len(plant.events)):
        after = jnp.where(index == i, rows[i], after)
    return after
