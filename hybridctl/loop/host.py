"""Python in the loop: compiled periods one by one, a `Foreign` asked in between."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.checks import is_concrete, require
from hybridctl.controllers import Controller, Features, Tick
from hybridctl.controllers.bind import bind
from hybridctl.controllers.combine import paced
from hybridctl.controllers.controller import Series, walk
from hybridctl.controllers.fill import Filled, observed
from hybridctl.controllers.foreign import Foreign, answered, asks
from hybridctl.loop.integrate import motion_of
from hybridctl.loop.loop import Loop, LoopState, Sample, begin, step

Method = tuple[str, float, float]  # solver, rtol, atol
RK4: Method = ("rk4", 1e-6, 1e-8)


class Period(NamedTuple):
    """One control period of N closed loops; every array has a leading axis N."""

    before: LoopState
    sample: Sample
    after: LoopState


def periods(
    loop: Loop,
    controller: Controller,
    states: LoopState,
    steps: int,
    method: Method = RK4,
) -> Iterator[Period]:
    """Advance N closed loops together, and show every period.

    Args:
        loop: sensor, actuator, disturbance and timing.
        controller: with a `Foreign` somewhere.
        states: at the start, begun with `answered(controller)`; leading axis N.
        steps: number of control periods.
        method: solver and its tolerances.

    Raises:
        ValueError: something is traced by jit, vmap or grad.
    """
    parts = foreign_parts(controller)
    require(is_concrete(controller, states), parts[0][0].refusal)
    bare, features = answered(controller), [part.features for part, _ in parts]
    memories, seen = _first_look(loop, bare, features, states)
    answers: list[NDArray] = [np.zeros(0)] * len(parts)
    kept = memories
    for k in range(steps):
        due = [k % every == 0 for _, every in parts]
        for i, (part, _) in enumerate(parts):
            if due[i]:
                answers[i] = part.answers(np.asarray(seen[i])).astype(states.x.dtype)
        kept = [m if d else old for d, m, old in zip(due, memories, kept, strict=True)]
        after, sample, memories, seen = _advance(
            loop, bare, features, states, kept, answers, method
        )
        yield Period(states, sample, after)
        states = after


def run(
    system: Any, x0: Array, key: Any, r: Any, *, steps: int, method: Method
) -> tuple[Array, Sample]:
    """The states and samples of `simulate`, from one start or from N."""
    plant, controller, loop = system
    controller = bind(controller, loop.measured(plant))
    require(is_concrete(x0, key, r), foreign_parts(controller)[0][0].refusal)
    rows = jnp.atleast_2d(x0)
    states = _begin(loop, answered(controller), plant, rows, key, r)
    x, samples = [rows], []
    for period in periods(loop, controller, states, steps, method):
        x.append(period.after.x)
        samples.append(period.sample)
    both = _over_time(*x), jax.tree.map(_over_time, *samples)
    return jax.tree.map(lambda a: a[0], both) if x0.ndim == 1 else both


def _over_time(*rows: Array) -> Array:
    """Time as the second axis."""
    return jnp.asarray(np.stack([np.asarray(row) for row in rows], axis=1))


@eqx.filter_jit
def _begin(loop, controller, plant, x0, key, r) -> LoopState:
    return jax.vmap(lambda x: begin(loop, controller, plant, x, key, r))(x0)


@eqx.filter_jit
def _first_look(loop, controller, features, states) -> tuple:
    def one(state):
        memory, tick = state.controller, state.tick(loop.dt)
        memories = first_looks(controller, features, memory, tick)
        return looks(controller, features, memory, tick, memories)

    return jax.vmap(one)(states)


@eqx.filter_jit
def _advance(loop, controller, features, states, memories, answers, method) -> tuple:
    motion = motion_of(method[0], loop.dt, loop.substeps, *method[1:])

    def one(state, memories, answers):
        engaged = answered(controller, answers)
        after, sample = step(loop, engaged, state, motion)
        memory, tick = after.controller, after.tick(loop.dt)
        seen = looks(controller, features, memory, tick, memories)
        return after, sample, *seen

    return jax.vmap(one)(states, memories, answers)


def first_looks(
    controller: Controller, features: list[Features], memory: Any, tick: Tick
) -> list[Any]:
    """Memories of what each `Foreign` of a controller observes, at its first tick."""
    tick = observed(controller, memory, tick)
    return [f.init(tick) for f in features]


def looks(
    controller: Controller,
    features: list[Features],
    memory: Any,
    tick: Tick,
    memories: list[Any],
) -> tuple[list[Any], list[Array]]:
    """What each `Foreign` observes at the coming tick, with the memory after it."""
    tick = observed(controller, memory, tick)
    pairs = [f.step(m, tick) for f, m in zip(features, memories, strict=True)]
    return [memory for memory, _ in pairs], [seen for _, seen in pairs]


def foreign_parts(controller: Controller) -> list[tuple[Foreign, int]]:
    """The `Foreign`s of a controller, with their periods per decision.

    Raises:
        ValueError: one stands behind an observer that does not stand in front of all.
    """
    parts = [(c, n) for c, n in paced(controller) if isinstance(c, Foreign)]
    if parts:
        _check_sight(controller)
    return parts


def _check_sight(controller: Controller) -> None:
    """Only observers in front of all may stand before a `Foreign`; see `observed`."""
    agents: list[Any] = []
    while isinstance(controller, (Series, Filled)):
        if isinstance(controller, Series):
            require(not asks(controller.observer), "an observer cannot be Foreign")
            controller = controller.inner
        else:
            agents.append(controller.agent)
            controller = controller.template
    for root in (controller, *agents):
        require(
            not any(isinstance(n, Series) and asks(n) for n in walk(root)),
            "a Foreign stands behind an observer within the controller, where it "
            "cannot see the estimate; put the observer in front of all: "
            "observer >> (everything else)",
        )
