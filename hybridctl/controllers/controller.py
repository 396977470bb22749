"""What decides an input: the Tick that is seen and the Controller that answers."""

import abc
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import equinox as eqx
import jax
from jax import Array
from jaxtyping import Float, Int

from hybridctl.checks import as_float, fail, finite
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, check_fields_first
from hybridctl.ports import Ports, merged, of

State = Any  # a controller's memory: any pytree of arrays


class Tick(Shown, eqx.Module):
    """What a controller sees at the start of a control period.

    Attributes:
        t: time [s], scalar.
        k: number of the period, int scalar; t = k dt.
        y: measurement, shape [n_y].
        r: reference, shape [n_r], or None.
        u_applied: what the actuator applied during the last period, shape [n_u].
        mode: active mode of the enclosing machine before this period, int scalar, or
            None.
        age: ticks since that mode was entered, int scalar, or None.
        u_asked: what the controller asked for in the last period, shape [n_u]; it
            may still be on its way through the actuator.
    """

    t: Float[Array, ""]
    k: Int[Array, ""]
    y: Float[Array, " n_y"]
    r: Float[Array, " n_r"] | None = None
    u_applied: Float[Array, " n_u"] | None = None
    mode: Int[Array, ""] | None = None
    age: Int[Array, ""] | None = None
    u_asked: Float[Array, " n_u"] | None = None

    def seeing(self, y: Array) -> "Tick":
        """The same tick with another measurement."""
        return self.but(y=y)

    def but(self, **changes: Any) -> "Tick":
        """The same tick with other fields."""
        return dataclasses.replace(self, **changes)

    def need(self, name: str, by: Any) -> Array:
        """A field that may be None, or a ValueError that says who needs it."""
        value = getattr(self, name)
        if value is None:
            fail(f"{type(by).__name__} needs tick.{name}, which is None; give {name}")
        return value


class Controller(Shown, eqx.Module):
    """Everything that decides an input: a frozen pytree with two verbs.

    `init` makes the memory, `step` maps (memory, tick) to (memory, input). Both
    are pure JAX. Controllers add (`a + b`), scale (`2.0 * a`) and chain
    (`observer >> a`).
    """

    CURE: ClassVar[str] = "; of a training run, run.controller"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)

    @property
    def ports(self) -> Ports:
        """What it takes and gives; None in it for what its class does not declare.

        Without a declaration only this is known: for which period the controllers
        within were designed, and their modes.
        """
        parts = [part for part in inside(self) if isinstance(part, Controller)]
        return merged(*parts).but(y=None, r=None, u=None, applied=None)

    __array_ufunc__ = None  # let `numpy_scalar * controller` reach __rmul__

    @abc.abstractmethod
    def init(self, tick: Tick) -> State:
        """Memory at the first tick."""

    @abc.abstractmethod
    def step(self, state: State, tick: Tick) -> tuple[State, Float[Array, " n_u"]]:
        """Memory after this period, and the input u [n_u] to ask for in it."""

    def shows(self, state: State) -> dict[str, Array]:
        """What its memory tells, by name: a trace has it as a signal.

        Args:
            state: memory after a step.

        Returns:
            Arrays by name; nothing where its class declares nothing.
        """
        del state
        return {}

    def __add__(self, other: "Controller") -> "Sum":
        if not isinstance(other, Controller):
            return NotImplemented
        return Sum(self, other)

    def __sub__(self, other: "Controller") -> "Sum":
        if not isinstance(other, Controller):
            return NotImplemented
        return Sum(self, Scaled(-1.0, other))

    def __mul__(self, scale: float | Array) -> "Scaled":
        if isinstance(scale, Controller):
            return NotImplemented
        return Scaled(scale, self)

    def __rmul__(self, scale: float | Array) -> "Scaled":
        return self.__mul__(scale)

    def __neg__(self) -> "Scaled":
        return Scaled(-1.0, self)

    def __rshift__(self, other: "Controller") -> "Series":
        if not isinstance(other, Controller):
            return NotImplemented
        return Series(self, other)


class Sum(Controller):
    """u = u_a + u_b; written `a + b`."""

    a: Controller
    b: Controller

    @property
    def ports(self) -> Ports:
        """Those of both."""
        return merged(self.a, self.b)

    def init(self, tick: Tick) -> State:
        """Both memories."""
        return self.a.init(tick), self.b.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Both step on the same tick."""
        a, u_a = self.a.step(state[0], tick)
        b, u_b = self.b.step(state[1], tick)
        return (a, b), u_a + u_b

    def shows(self, state: State) -> dict[str, Array]:
        """What both show."""
        return beside(self.a.shows(state[0]), self.b.shows(state[1]))


class Scaled(Controller):
    """u = scale · u_inner; written `scale * inner`. scale: scalar or [n_u]."""

    scale: Array = eqx.field(converter=as_float)
    inner: Controller

    def __check_init__(self):
        finite("scale", self.scale)

    @property
    def ports(self) -> Ports:
        """Those of what is scaled."""
        return of(self.inner)

    def init(self, tick: Tick) -> State:
        """The inner memory."""
        return self.inner.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Scale the inner input."""
        state, u = self.inner.step(state, tick)
        return state, self.scale * u

    def shows(self, state: State) -> dict[str, Array]:
        """What the inner controller shows."""
        return self.inner.shows(state)


class Series(Controller):
    """The observer's output replaces `tick.y`; written `observer >> inner`."""

    observer: Controller
    inner: Controller

    @property
    def ports(self) -> Ports:
        """What the observer takes and the inner controller gives."""
        observer, inner = of(self.observer), of(self.inner)
        both = merged(inner, observer)
        return both.but(y=observer.y, by_name=observer.by_name, u=inner.u)

    def init(self, tick: Tick) -> State:
        """Both memories; the inner one starts on the first estimate."""
        state = self.observer.init(tick)
        estimate = self.observer.step(state, tick)[1]
        return state, self.inner.init(tick.seeing(estimate))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Estimate, then decide on the estimate."""
        observer, estimate = self.observer.step(state[0], tick)
        inner, u = self.inner.step(state[1], tick.seeing(estimate))
        return (observer, inner), u

    def shows(self, state: State) -> dict[str, Array]:
        """What both show."""
        return beside(self.observer.shows(state[0]), self.inner.shows(state[1]))


def beside(*parts: dict[str, Array]) -> dict[str, Array]:
    """What several show together; a name that is taken gets a number."""
    whole: dict[str, Array] = {}
    for part in parts:
        for name, value in part.items():
            number = sum(known.split("#")[0] == name for known in whole)
            whole[f"{name}#{number + 1}" if number else name] = value
    return whole


def children(node: Any) -> list[Any]:
    """What a pytree node holds, one level down."""
    return jax.tree.leaves(node, is_leaf=lambda n: n is not node)


def walk(node: Any, stop: Callable[[Any], bool] = lambda node: False) -> Iterator[Any]:
    """Every part of a tree, the root first.

    Args:
        node: root of the tree.
        stop: parts below which not to look.
    """
    yield node
    if stop(node):
        return
    for child in children(node):
        if child is not node:
            yield from walk(child, stop)


def check_again(tree: Any) -> None:
    """Let every part of a tree look at its numbers, which were put in from outside.

    Raises:
        ValueError: what a part refuses.
    """
    for part in walk(tree):
        for kind in type(part).__mro__:
            vars(kind).get("__check_init__", lambda part: None)(part)


def inside(node: Any) -> list[Any]:
    """What a node holds, modules in its tuples and dicts too, one module down."""
    found = [c for c in children(node) if c is not node]
    plain = [c for c in found if isinstance(c, tuple | list | dict)]
    deeper = [c for container in plain for c in inside(container)]
    return [c for c in found if not isinstance(c, tuple | list | dict)] + deeper
