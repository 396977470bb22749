"""Names become places: a controller meets what is measured."""

import dataclasses
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.controllers.adaptive import Adaptive
from hybridctl.controllers.controller import Controller, Series, State, Tick
from hybridctl.controllers.fill import Filled
from hybridctl.controllers.foreign import Foreign
from hybridctl.controllers.guards import Near
from hybridctl.controllers.schedule import Hat
from hybridctl.plants import Plant
from hybridctl.ports import Names, Ports, Signal, Signals, find, known, named, of


class Seeing(Controller):
    """A controller that is shown some of what is measured, in its own order.

    Args:
        inner: the controller.
        places: of its measurements in y.
        measured: names and units of y.
        angles: coordinates of y that are angles.
    """

    inner: Controller
    places: tuple[int, ...] = eqx.field(static=True)
    measured: Names = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())

    @property
    def ports(self) -> Ports:
        """Those of the controller, on all that is measured."""
        y = named(self.measured, len(self.measured), self.angles)
        return of(self.inner).but(y=y, by_name=False)

    def init(self, tick: Tick) -> State:
        """The inner memory."""
        return self.inner.init(self._shown(tick))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The inner step on its own measurements."""
        return self.inner.step(state, self._shown(tick))

    def shows(self, state: State) -> dict[str, Array]:
        """What the controller shows."""
        return self.inner.shows(state)

    def _shown(self, tick: Tick) -> Tick:
        return tick.seeing(jnp.stack([tick.y[i] for i in self.places]))


@functools.singledispatch
def bind(part: Any, y: Signals) -> Any:
    """A controller that finds its measurements by their names.

    A controller whose ports name what it takes is shown just that, in its order,
    wherever it stands in y. Where it stands there anyway, or names are not known,
    nothing changes and the layout is by number.

    Args:
        part: a controller, or a tree of them.
        y: what is measured.

    Returns:
        The controller, the same object where there is nothing to do.

    Raises:
        ValueError: it takes what is not measured.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), [1, 10, 1, 1], 0.1, 0.02)
        >>> loop = hc.Loop(0.02, sensor=hc.Sensor(outputs=plant.states[::-1]))
        >>> bind(lqr, plant.ports.y) is lqr, bind(lqr, loop.measured(plant)).places
        (True, (3, 2, 1, 0))
    """
    own = part.ports if isinstance(part, Controller) else Ports()
    alone = not any(isinstance(n, Controller) for n in _inside(part))
    if known(own.y) and (alone or not own.by_name):
        return seeing(_rebuilt(part, own.y or ()), own, y)
    return _rebuilt(part, y)


def on_its_own(controller: Controller, known: Ports) -> Controller:
    """A controller on exactly what its ports take, as a file or a pilot runs it.

    Args:
        controller: the controller.
        known: its ports.
    """
    return bind(controller, known.y) if known.y else controller


@bind.register
def _(part: Seeing, y: Signals) -> Controller:
    """Bound anew, to something else perhaps."""
    return bind(part.inner, y)


@bind.register
def _(part: Plant, y: Signals) -> Plant:
    """Controllers in a diagram meet what they are wired to."""
    del y
    return part


@bind.register
def _(part: Near, y: Signals) -> Near:
    """Its columns by the names of the states that they are."""
    columns, names = _columns("a guard", part.states, part.columns, y)
    return dataclasses.replace(part, columns=columns, states=names) if names else part


@bind.register
def _(part: Hat, y: Signals) -> Hat:
    """The measurement that it looks up by the name of the state that it is."""
    columns, names = _columns("a schedule", part.states, (part.column,), y)
    return dataclasses.replace(part, column=columns[0], states=names) if names else part


def _columns(
    who: str, states: tuple[str, ...], columns: tuple[int, ...], y: Signals
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Columns by the names of states, and all names of y; () where numbers stand."""
    place = {signal.name: i for i, signal in enumerate(y)}
    order = [place.get(name, i) for i, name in enumerate(states)]
    at_home = order == list(range(len(y)))  # or a model that calls its states otherwise
    if at_home or not any(name in place for name in states):
        return columns, ()
    own = tuple(Signal(states[column]) for column in columns)
    return find(who, own, y), tuple(signal.name for signal in y)


@bind.register
def _(part: Series, y: Signals) -> Controller:
    """The inner controller meets the observer's estimate."""
    estimate = part.observer.ports.u
    inner = part.inner if estimate is None else bind(part.inner, estimate)
    return _with(part, [bind(part.observer, y), inner])


@bind.register
def _(part: Adaptive, y: Signals) -> Controller:
    """Its designs meet the state by place, as it hands it on."""
    return seeing(part, part.ports, y) if known(part.ports.y) else part


@bind.register
def _(part: Filled, y: Signals) -> Controller:
    """The agent meets what `fill.observed` shows it."""
    seen = agent_sees(part.template, y)
    agent = bind(part.agent, seen) if seen else part.agent
    return _with(part, [bind(part.template, y), agent])


@bind.register
def _(part: Foreign, y: Signals) -> Controller:
    """Its features are asked outside of it."""
    features = part.features.on(y)
    if features is part.features:
        return part
    return dataclasses.replace(part, features=features)


def agent_sees(template: Controller, y: Signals) -> Signals:
    """What an agent in a template's Slots sees: `fill.observed`, by name.

    Args:
        template: with Slots.
        y: what is measured.

    Returns:
        The signals, () behind an observer that does not declare what it gives.
    """
    while isinstance(template, (Series, Filled)):
        if isinstance(template, Series):
            y = template.observer.ports.u or ()
            template = template.inner
        else:
            template = template.template
    return y


def seeing(part: Controller, own: Ports, y: Signals) -> Controller:
    """A controller with these ports on the measurement y."""
    places = find(type(part).__name__, own.y or (), y, own.by_name)
    if places == tuple(range(len(y))):
        return part
    angles = tuple(i for i, signal in enumerate(y) if signal.angle)
    return Seeing(part, places, tuple((s.name, s.unit) for s in y), angles)


def _rebuilt(part: Any, y: Signals) -> Any:
    """A part with what it holds bound."""
    held = _inside(part)
    return _with(part, [bind(n, y) if isinstance(n, eqx.Module) else n for n in held])


def _inside(part: Any) -> list[Any]:
    """What a part holds, down to the next modules."""
    return _split(part)[0]


def _split(part: Any) -> tuple[list[Any], Any]:
    stops = lambda n: n is not part and isinstance(n, eqx.Module)  # noqa: E731
    return jax.tree.flatten(part, is_leaf=stops)


def _with(part: Any, leaves: list[Any]) -> Any:
    """A part with others of what it holds; the same object where they are the same."""
    before, tree = _split(part)
    same = all(a is b for a, b in zip(before, leaves, strict=True))
    return part if same else jax.tree.unflatten(tree, leaves)
