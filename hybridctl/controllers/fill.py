"""Filling the Slots of a template: with an action, or with an agent for good."""

import math
from typing import Any, NamedTuple

import jax
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.controllers.basic import Constant, Slot
from hybridctl.controllers.combine import Hold, paced
from hybridctl.controllers.controller import (
    Controller,
    Series,
    State,
    Tick,
    children,
    walk,
)
from hybridctl.controllers.foreign import answered
from hybridctl.controllers.machine import age_of, mode_of
from hybridctl.controllers.trial import blank_tick, count, tried
from hybridctl.ports import Ports, merged, of


def _is_slot(node: Any) -> bool:
    return isinstance(node, Slot)


def _stays(node: Any) -> bool:
    """A part below which no Slot is open: one that is filled already."""
    return _is_slot(node) or isinstance(node, Filled)


def _slots(template: Controller) -> list[tuple[Slot, int]]:
    """The open Slots with their number of periods per step."""
    parts = paced(template, stop=_stays)
    return [(node, every) for node, every in parts if _is_slot(node)]


class Opening(NamedTuple):
    """What the open Slots of a template ask of an agent.

    Attributes:
        size: numbers in an action: the sizes of all Slots together.
        every: periods per decision: what the Holds around all Slots have in common.
    """

    size: int
    every: int


def opening(template: Controller) -> Opening:
    """What a template asks of an agent; size 0 where it has no open Slot.

    Raises:
        ValueError: a Slot stands behind an observer that the agent does not stand
            behind; says how to move the observer.
    """
    found = _opening(template)
    if found.size:
        _check_sight(template)
    return found


def _opening(template: Controller) -> Opening:
    slots = _slots(template)
    every = math.gcd(*(every for _, every in slots)) or 1
    return Opening(sum(slot.size for slot, _ in slots), every)


def action_size(template: Controller) -> int:
    """Number of actions that fill a template: the sizes of its Slots together."""
    return _opening(template).size


def decision_every(template: Controller) -> int:
    """Periods per decision: what the Holds around all Slots have in common."""
    return _opening(template).every


def held(template: Controller, every: int) -> Controller:
    """The template with each Slot held for so many of its own steps.

    Example:
        >>> decision_every(held(Hold(Slot(1), every=2), 3))
        6
    """
    if every == 1:
        return template
    hold = lambda node: Hold(node, every) if _is_slot(node) else node  # noqa: E731
    return jax.tree.map(hold, template, is_leaf=_stays)


def is_held(controller: Controller, every: int) -> bool:
    """Whether a filled template is one that `held` has made."""
    template = controller.template if isinstance(controller, Filled) else controller
    return every == 1 or all(
        isinstance(node, Hold) and node.every == every
        for node in walk(template, stop=_stays)
        if any(map(_is_slot, children(node)))
    )


def engage(template: Controller, action: Array) -> Controller:
    """The template with each Slot replaced by its part of the action [n_a]."""
    start = 0

    def replace(node: Any) -> Any:
        nonlocal start
        if not _is_slot(node):
            return node
        start += node.size
        return Constant(action[start - node.size : start])

    return jax.tree.map(replace, template, is_leaf=_stays)


def observed(template: Controller, memory: State, tick: Tick) -> Tick:
    """The root tick as an agent sees it.

    Observers that the whole template stands behind come first: their estimate is
    what the agent sees. Mode and time in it are those of the enclosing machine.
    """
    while isinstance(template, (Series, Filled)):
        if isinstance(template, Filled):
            template, memory = template.template, memory[0]
            continue
        tick = tick.seeing(template.observer.step(memory[0], tick)[1])
        template, memory = template.inner, memory[1]
    mode, age = mode_of(memory), age_of(memory)
    return tick.but(mode=mode, age=age)


def _check_sight(template: Controller) -> None:
    """Refuse a Slot behind an observer that the agent does not stand behind."""
    while isinstance(template, Series) and not action_size(template.observer):
        template = template.inner
    for node in walk(template, stop=_stays):
        hidden = isinstance(node, Series) and action_size(node.inner)
        require(
            not hidden,
            "a Slot stands behind an observer within the template, where the agent "
            "cannot see the estimate; put the observer in front of all: "
            "observer >> (everything else)",
        )


class Filled(Controller):
    """A template whose Slots an agent fills.

    The agent decides on the root tick, in whatever mode the template is, and its
    output engages the Slots: exactly what an environment does with an action.

    Args:
        template: a controller with Slots.
        agent: outputs the actions of all Slots, shape [n_a].
    """

    template: Controller
    agent: Controller

    @property
    def ports(self) -> Ports:
        """Those of the template; the agent looks at the same tick, or behind it."""
        template = of(self.template)
        both = merged(template, self.agent)
        behind = isinstance(self.template, Series) and template.y is None
        y = None if behind else template.y or both.y
        by_name = both.by_name if template.y is None else template.by_name
        return both.but(y=y, by_name=by_name, u=template.u, mode=template.mode)

    def init(self, tick: Tick) -> State:
        """The memories of both."""
        memory = self.template.init(tick)
        return memory, self.agent.init(observed(self.template, memory, tick))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The agent decides, the engaged template acts."""
        memory, agent = state
        seen = observed(self.template, memory, tick)
        agent, action = self.agent.step(agent, seen)
        memory, u = engage(self.template, action).step(memory, tick)
        return (memory, agent), u

    def shows(self, state: State) -> dict[str, Array]:
        """What the template shows."""
        return self.template.shows(state[0])


def fill(template: Controller, agent: Controller) -> Filled:
    """Fill the Slots of a template for good.

    Args:
        template: a controller with at least one Slot.
        agent: a controller with as many outputs as the Slots have together; where
            every Slot is held for n periods it decides every n-th period.

    Returns:
        A controller without any Slot.

    Raises:
        ValueError: no Slot, one behind an observer inside the template, or the wrong
            number of outputs where that is known.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> type(fill(5.0 * Slot(1), Constant([0.2]))).__name__
        'Filled'
    """
    size, every = opening(template)
    require(size > 0, "this controller has no Slot to fill; add one: + 5.0 * Slot(1)")
    _check_outputs(agent, size)
    return Filled(template, Hold(agent, every) if every > 1 else agent)


def _check_outputs(agent: Any, size: int) -> None:
    if not isinstance(agent, Controller):
        fail(f"a Slot takes a Controller, got {type(agent).__name__}")
    ports = of(agent)
    tick = blank_tick(count(ports.y) or 1, count(ports.applied) or 1, count(ports.r))
    given = tried(answered(agent), tick)[2].shape
    require(
        given == (size,),
        f"the Slots take {size} outputs together, the agent gives shape {given}",
    )
