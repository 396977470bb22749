"""What decides an input: the Tick that is seen and the Controller that answers."""

import abc
import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
from jax import Array

from hybridctl.checks import as_float, fail, finite, require
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, check_fields_first
from hybridctl.ports import Ports

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

    t: Array
    k: Array
    y: Array
    r: Array | None = None
    u_applied: Array | None = None
    mode: Array | None = None
    age: Array | None = None
    u_asked: Array | None = None

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
        """What it takes and gives; None in it for what its class does not declare."""
        return Ports()

    __array_ufunc__ = None  # let `numpy_scalar * controller` reach __rmul__

    @abc.abstractmethod
    def init(self, tick: Tick) -> State:
        """Memory at the first tick."""

    @abc.abstractmethod
    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Memory after this period, and the input u [n_u] to ask for in it."""

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

    def init(self, tick: Tick) -> State:
        """Both memories."""
        return self.a.init(tick), self.b.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Both step on the same tick."""
        a, u_a = self.a.step(state[0], tick)
        b, u_b = self.b.step(state[1], tick)
        return (a, b), u_a + u_b


class Scaled(Controller):
    """u = scale · u_inner; written `scale * inner`. scale: scalar or [n_u]."""

    scale: Array = eqx.field(converter=as_float)
    inner: Controller

    def __check_init__(self):
        finite("scale", self.scale)

    def init(self, tick: Tick) -> State:
        """The inner memory."""
        return self.inner.init(tick)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Scale the inner input."""
        state, u = self.inner.step(state, tick)
        return state, self.scale * u


class Series(Controller):
    """The observer's output replaces `tick.y`; written `observer >> inner`."""

    observer: Controller
    inner: Controller

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


def output_of(controller: Controller, tick: Tick) -> jax.ShapeDtypeStruct:
    """Shape and dtype of a controller's output, without computing it."""
    return jax.eval_shape(lambda: controller.step(controller.init(tick), tick)[1])


def tried(controller: Controller, tick: Tick) -> tuple[Any, Any, Any]:
    """Shapes of a controller's memory, the memory after a step, and the output.

    Raises:
        ValueError: it does not run, or gives no array of real numbers.
    """
    name = type(controller).__name__

    def run() -> Any:
        memory = controller.init(tick)
        return memory, *controller.step(memory, tick)

    try:
        memory, after, u = eqx.filter_eval_shape(run)
        u = jax.eval_shape(lambda: jax.numpy.asarray(u)) if _is_scalar(u) else u
    except ValueError:
        raise
    except Exception as error:  # a controller's own code may raise anything
        first = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"{name} does not run in JAX: {type(error).__name__}: {first}; write it "
            "with jax.numpy, as jnp.where(...) for if"
        ) from error
    if not isinstance(u, jax.ShapeDtypeStruct):
        fail(f"{name} gives a {type(u).__name__}, expected an array; use jnp.stack")
    real = u.dtype.kind in "fiub" or jax.numpy.issubdtype(u.dtype, jax.numpy.floating)
    require(real, f"{name} gives {u.dtype}, expected real numbers")
    return memory, after, u


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def check_memory(before: Any, after: Any, name: str = "memory") -> None:
    """Refuse a memory that does not keep its tree, shapes and dtypes.

    Args:
        before: shapes at the first tick.
        after: shapes after a step.
        name: of what it is.

    Raises:
        ValueError: names what changes, from what to what.
    """
    flat = jax.tree_util.tree_flatten_with_path
    (old, tree), (new, other) = flat(before), flat(after)
    require(
        tree == other,
        f"the {name} changes its structure: {tree} at the start, {other} after a step; "
        "return from step what init returns",
    )
    for (path, a), (_, b) in zip(old, new, strict=True):
        where = name + jax.tree_util.keystr(path)
        for leaf in (a, b):
            if not (_is_scalar(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)):
                fail(
                    f"{where} is a {type(leaf).__name__}, expected numbers; keep it in "
                    "a field of the controller"
                )
        told = [f"{v.dtype}{list(v.shape)}" for v in map(_shaped, (a, b))]
        require(
            told[0] == told[1],
            f"{where} is {told[0]} at the start and {told[1]} after a step; make them "
            "the same, for example 0.0 instead of 0",
        )


def _shaped(leaf: Any) -> Any:
    return jax.eval_shape(lambda: jax.numpy.asarray(leaf)) if _is_scalar(leaf) else leaf
