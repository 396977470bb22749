"""Guards: conditions on a tick, as data that can be saved, swept and drawn."""

import abc
from typing import Any, ClassVar, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    as_int,
    fail,
    finite,
    number,
    place,
    places,
    positive,
    require,
)
from hybridctl.controllers.controller import Controller, Tick, children, walk
from hybridctl.controllers.error import deviation, seen, total
from hybridctl.describe import Shown, told
from hybridctl.kinds import check_fields, check_fields_first, checked
from hybridctl.plants import Equilibrium
from hybridctl.ports import Designed


class Guard(Shown, eqx.Module):
    """A yes-or-no condition; combine with `&`, `|` and `~`."""

    CURE: ClassVar[str] = "; for example hc.near(plant.upright(), theta=0.2)"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)

    @property
    def n_y(self) -> int:
        """Measurements that it needs at least, as far as it tells."""
        parts = [part for part in children(self) if isinstance(part, Guard)]
        return max((part.n_y for part in parts), default=0)

    @abc.abstractmethod
    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether it holds, bool scalar; age: ticks since the mode was entered."""

    def __and__(self, other: "Guard") -> "Guard":
        return And(self, other)

    def __or__(self, other: "Guard") -> "Guard":
        return Or(self, other)

    def __invert__(self) -> "Guard":
        return Not(self)

    def __bool__(self):
        raise TypeError("a guard has no truth value; combine guards with & | ~")


class And(Guard):
    """Both hold."""

    a: Guard
    b: Guard

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether both hold."""
        return self.a(tick, age) & self.b(tick, age)


class Or(Guard):
    """At least one holds."""

    a: Guard
    b: Guard

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether one holds."""
        return self.a(tick, age) | self.b(tick, age)


class Not(Guard):
    """The other one does not hold."""

    a: Guard

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether the other does not hold."""
        return ~self.a(tick, age)


class Near(Guard):
    """|y - centre| <= tolerance in the chosen columns; NaN is never near.

    Args:
        centre: shape [n].
        tolerance: shape [n].
        columns: which coordinates of y, length n.
        angles: which of those n are angles.
        states: names of all of y by which the columns count, where known: where they
            are measured in another order, the guard finds its own.
    """

    centre: Array = eqx.field(converter=as_float)
    tolerance: Array = eqx.field(converter=as_float)
    columns: tuple[int, ...] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    states: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        n = len(self.columns)
        require(
            n > 0
            and np.shape(self.centre)[-1:] == np.shape(self.tolerance)[-1:] == (n,),
            f"a guard on {n} columns needs {n} centres and tolerances",
        )
        for column in self.columns:
            place("columns", column)
        places("angles", self.angles, n, "columns")
        positive("tolerance", self.tolerance)

    @property
    def n_y(self) -> int:
        """Up to the last of its columns."""
        return max(self.columns) + 1

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether y is near the centre."""
        del age
        y = seen("a guard", tick.y, self.columns)
        errors = deviation(y, self.centre, self.angles)
        inside = jnp.asarray(True)
        for i, e in enumerate(errors):
            inside &= jnp.abs(e) <= self.tolerance[i]
        return inside


class Quadratic(Shown, eqx.Module):
    """V(y) = (y - x0)ᵀ P (y - x0), angle errors wrapped.

    Args:
        P: symmetric matrix, shape [n, n].
        x0: centre, shape [n].
        angles: coordinates that are angles.
    """

    P: Float[Array, "n n"] = eqx.field(converter=as_float)
    x0: Float[Array, " n"] = eqx.field(converter=as_float)
    angles: tuple[int, ...] = eqx.field(static=True, default=())

    def __call__(self, y: Array) -> Array:
        """V at measurement y [n], scalar."""
        e = deviation(y, self.x0, self.angles)
        n = range(len(e))
        return total([self.P[i, j] * e[i] * e[j] for i in n for j in n])

    def __lt__(self, rho: float) -> "Guard":
        """The guard `V < rho`."""
        return Level(self, rho)


class Level(Guard):
    """V(y) < rho: inside a level set; NaN is never inside."""

    V: Quadratic
    rho: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        positive("rho", self.rho)

    @property
    def n_y(self) -> int:
        """As many as V takes."""
        return np.shape(self.V.x0)[-1]

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether V is below rho."""
        del age
        return self.V(tick.y) < self.rho


class After(Guard):
    """At least this many ticks since the mode was entered.

    Args:
        ticks: scalar.
        dt: control period [s] by which seconds became ticks; None: any.
    """

    ticks: Array = eqx.field(converter=as_int)
    dt: float | None = eqx.field(static=True, default=None)

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether the time is over."""
        del tick
        return age >= self.ticks


class Chosen(Guard):
    """The output of a controller without memory is above a bound.

    With a Slot inside, an agent decides whether an edge is taken.

    Args:
        inner: a Slot, held or not, or any other controller without memory.
        above: the bound; an empty Slot outputs 0.
    """

    inner: Controller
    above: Array = eqx.field(converter=as_float, default=0.5)

    def __check_init__(self):
        finite("above", self.above)

    def __call__(self, tick: Tick, age: Array) -> Array:
        """Whether the first output is above the bound."""
        del age
        _, u = self.inner.step(self.inner.init(tick), tick)
        return u[0] > self.above


def chosen(inner: Controller, above: float = 0.5) -> Guard:
    """An edge that an agent decides on: `chosen(Slot(1))`.

    Args:
        inner: a Slot, or another controller without memory.
        above: the edge is taken where the first output [1] exceeds this; with a bound
            of at least 0 an empty Slot never takes it.

    Returns:
        A guard.

    Raises:
        ValueError: not a Controller.

    Example:
        >>> from hybridctl.controllers import Slot
        >>> from hybridctl.controllers.fill import action_size
        >>> action_size(chosen(Slot(1)))
        1
    """
    require(
        isinstance(inner, Controller),
        f"chosen takes a Controller such as Slot(1), got {type(inner).__name__}",
    )
    return Chosen(inner, above)


@checked
def near(centre: Equilibrium, **tolerance: float) -> Guard:
    """All named states within their tolerance of an equilibrium.

    Args:
        centre: the equilibrium, which names the states.
        **tolerance: largest |error| by state name, in the state's unit.

    Returns:
        A guard.

    Raises:
        ValueError: an unknown state, no state, or a tolerance that is not positive.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> near(CartPole().upright(), theta=0.2, dtheta=1.0).columns
        (1, 3)
    """
    known = centre.states
    require(bool(tolerance), f"name at least one state: {', '.join(known)}")
    for name in tolerance:
        require(name in known, f"no state {name!r}; the states are {', '.join(known)}")
    columns = tuple(known.index(name) for name in tolerance)
    angles = tuple(i for i, c in enumerate(columns) if c in centre.angles)
    bounds = jnp.stack if any(eqx.is_array(v) for v in tolerance.values()) else np.array
    x0, sizes = centre.x[np.array(columns)], bounds(list(tolerance.values()))
    return told(Near(x0, sizes, columns, angles, known), centre)


@checked
def beyond(centre: Equilibrium, **tolerance: float) -> Guard:
    """Some named state outside its tolerance (or not finite): `~near(...)`.

    Args:
        centre: from which the error is measured.
        **tolerance: largest |error| by state name, in the state's unit.
    """
    return ~near(centre, **tolerance)


@runtime_checkable
class LevelSet(Protocol):
    """A set V(y) < rho, as a region of attraction is one."""

    V: Quadratic
    rho: Any


def level(V: Any, rho: float | None = None) -> Guard:
    """Inside a level set of a cost-to-go: `level(lqr.V < 1.0)` or `level(V, 1.0)`.

    Anything that has a `V` and a `rho`, such as a region of attraction, will do.

    Args:
        V: the cost-to-go, or a guard already, as `lqr.V < 1.0` is.
        rho: the level, in the unit of the cost; None: that of V.
    """
    if isinstance(V, Guard):
        return V
    if rho is None and isinstance(V, LevelSet):
        return Level(V.V, V.rho)
    if rho is None:
        fail("level needs a bound: level(V < rho) or level(V, rho)")
    return Level(V, rho)


def after(time: float, dt: float | None = None) -> Guard:
    """A time since the mode was entered: ticks (int), or seconds with dt.

    Args:
        time: ticks (int), or time [s].
        dt: control period [s], where the time is in seconds; another is refused then.

    Raises:
        ValueError: no such time, or seconds without a period.
    """
    return After(ticks("after", time, dt), counted_by(time, dt))


def ticks(name: str, time: float, dt: float | None) -> int:
    """Whole ticks from a number of ticks (int), or from seconds and dt."""
    if dt is not None:
        positive("dt", dt)
    if isinstance(time, (int, np.integer)) and not isinstance(time, bool):
        require(time >= 0, f"{name}={time} ticks must not be negative")
        return int(time)
    time = number(name, time)
    require(
        dt is not None,
        f"{name}={time} s needs dt to become ticks; give {name} as a whole number of "
        f"ticks, or add dt",
    )
    require(time >= 0, f"{name}={time} s must not be negative")
    finite(name, time)
    return round(time / float(dt or 1))


def counted_by(time: float, dt: float | None) -> float | None:
    """The period [s] by which a time became ticks; None where it was ticks."""
    if dt is None or isinstance(time, (int, np.integer)):
        return None
    return float(dt)


def timed(guards: Any) -> tuple[Designed, ...]:
    """The guards, or parts of guards, whose seconds became ticks by a period."""
    parts = walk(guards, lambda part: isinstance(part, Controller))
    times = [g.dt for g in parts if isinstance(g, After) and g.dt is not None]
    return tuple(Designed("After", dt) for dt in times)
