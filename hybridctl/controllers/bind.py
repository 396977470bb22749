"""Names become places: a controller meets what is measured."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail
from hybridctl.controllers.controller import Controller, Series, State, Tick
from hybridctl.controllers.fill import Filled
from hybridctl.ports import Names, Ports, Signals, named, words


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
        return self.inner.ports.but(y=y)

    def init(self, tick: Tick) -> State:
        """The inner memory."""
        return self.inner.init(self._shown(tick))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The inner step on its own measurements."""
        return self.inner.step(state, self._shown(tick))

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
    own = part.ports.y if isinstance(part, Controller) else None
    if not known(own):
        return _rebuilt(part, y)
    return seeing(_rebuilt(part, own or ()), own or (), y, by_name(part))


@functools.singledispatch
def by_name(part: Any) -> bool:
    """Whether a part takes its measurements by name whatever their number."""
    return any(by_name(n) for n in _inside(part) if isinstance(n, eqx.Module))


@bind.register
def _(part: Seeing, y: Signals) -> Controller:
    """Bound anew, to something else perhaps."""
    return bind(part.inner, y)


@bind.register
def _(part: Series, y: Signals) -> Controller:
    """The inner controller meets the observer's estimate."""
    estimate = part.observer.ports.u
    inner = part.inner if estimate is None else bind(part.inner, estimate)
    return _with(part, [bind(part.observer, y), inner])


@bind.register
def _(part: Filled, y: Signals) -> Controller:
    """The agent meets what `fill.observed` shows it."""
    agent = bind(part.agent, agent_sees(part.template, y))
    return _with(part, [bind(part.template, y), agent])


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


def known(y: Signals | None) -> bool:
    """Whether signals are declared and all of them have names."""
    return bool(y) and all(signal.name for signal in y or ())


def seeing(
    part: Controller, own: Signals, y: Signals, strict: bool = True
) -> Controller:
    """A controller that takes `own`, on the measurement y; see `find`."""
    places = find(type(part).__name__, own, y, strict)
    if places == tuple(range(len(y))):
        return part
    angles = tuple(i for i, signal in enumerate(y) if signal.angle)
    return Seeing(part, places, tuple((s.name, s.unit) for s in y), angles)


def find(who: str, own: Signals, y: Signals, strict: bool = True) -> tuple[int, ...]:
    """Places of signals in a measurement y.

    Args:
        who: takes the signals.
        own: the signals.
        y: what is measured.
        strict: by name only. Else a model may call its states otherwise than the
            plant does: where y has as many signals, and none of these names at
            another place, they are those of y in its order.

    Raises:
        ValueError: some of them are not measured.
    """
    by_number = tuple(range(len(y)))
    if not known(y):
        return by_number
    place = {signal.name: i for i, signal in enumerate(y)}
    same = all(place.get(signal.name, i) == i for i, signal in enumerate(own))
    if same and len(own) == len(y) and not strict:
        return by_number
    missing = [repr(s.name) for s in own if s.name not in place]
    if missing:
        fail(
            f"{who} takes {' and '.join(missing)}, but what is measured is {words(y)}; "
            f"add {', '.join(missing)} to Sensor(outputs=...), or give a controller "
            "of this plant"
        )
    return tuple(place[signal.name] for signal in own)


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
