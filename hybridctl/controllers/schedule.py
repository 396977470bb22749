"""Gain schedules: controllers blended over what is measured or asked for."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    fail,
    finite,
    is_concrete,
    one_of,
    place,
    require,
)
from hybridctl.controllers.combine import Mix
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import seen, wrap
from hybridctl.controllers.follow import reference
from hybridctl.kinds import check_kind
from hybridctl.plants import Equilibrium, Plant
from hybridctl.ports import Ports, unnamed

SOURCES = ("y", "r")


class Hat(Controller):
    """Weights of linear interpolation over a grid: hat functions that sum to 1.

    Args:
        points: increasing grid, shape [n] with n >= 2; beyond its ends the weights
            are those of the end.
        column: which measurement, or which reference, is looked up.
        source: "y" (measurement) or "r" (reference; 0 without one).
        angle: whether what is looked up is an angle, taken on the turn that is
            nearest to the grid's middle.
        states: names of all of y by which the column counts, where known.

    Raises:
        ValueError: fewer than two points, or points that do not increase.

    Example:
        >>> tick = Tick(0.0, 0, jnp.array([0.25]))
        >>> print(Hat([0.0, 1.0, 2.0]).step(None, tick)[1])
        [0.75 0.25 0.  ]
    """

    points: Float[Array, " n"] = eqx.field(converter=as_float)
    column: int = eqx.field(static=True, default=0)
    source: str = eqx.field(static=True, default="y")
    angle: bool = eqx.field(static=True, default=False)
    states: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        require(
            np.ndim(self.points) == 1 and len(self.points) > 1,
            f"a schedule needs at least two points, got shape {np.shape(self.points)}",
        )
        finite("points", self.points)
        if is_concrete(self.points):
            rising = bool(np.all(np.diff(np.asarray(self.points)) > 0))
            require(rising, f"the points {self.points} do not increase; sort them")
        one_of("source", self.source, SOURCES)
        place("column", self.column)

    @property
    def n_r(self) -> int:
        """Number of references that it needs."""
        return self.column + 1 if self.source == "r" else 0

    @property
    def ports(self) -> Ports:
        """The place of a measurement or reference that it looks up."""
        return Ports(None, unnamed(self.n_r), unnamed(len(self.points)), applied=())

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Weights [n]."""
        row = tick.y if self.source == "y" else reference(tick, self.n_r)
        p, s = self.points, seen("Hat(column=...)", row, [self.column])[0]
        if self.angle:
            middle = 0.5 * (p[0] + p[-1])
            s = middle + wrap(s - middle)
        rise = [
            jnp.clip((s - p[i]) / (p[i + 1] - p[i]), 0.0, 1.0)
            for i in range(len(p) - 1)
        ]
        inner = [a - b for a, b in itertools.pairwise(rise)]
        return state, jnp.stack([1.0 - rise[0], *inner, rise[-1]])


def schedule(
    names: Any, controllers: Iterable[Controller], **points: Sequence[float]
) -> Mix:
    """Interpolate between controllers over a state, or over the reference.

    Between linear feedbacks this is linear interpolation of their gains:
    u = Σ wᵢ(s) (u0ᵢ - Kᵢ (y - x0ᵢ)), with Σ wᵢ = 1.

    Args:
        names: a plant or an equilibrium, which names the states.
        controllers: one a point, such as `lqr` at several equilibria.
        **points: one state's name, or r (the first reference), with the increasing
            values that the controllers were designed for.

    Returns:
        A `Mix` of the controllers with `Hat` weights.

    Raises:
        ValueError: not exactly one name, an unknown one, or another number of
            points than controllers.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> from hybridctl.plants import CartPole
        >>> low, high = Constant([0.0]), Constant([1.0])
        >>> schedule(CartPole(), [low, high], x=[-1.0, 1.0]).weights.column
        0
    """
    check_kind("names", names, Plant | Equilibrium)
    check_kind("controllers", controllers, Iterable[Controller])
    known = (*names.states, "r")
    if len(points) != 1 or next(iter(points)) not in known:
        fail(f"schedule over one of {', '.join(known)}; got {list(points)}")
    [(name, grid)] = points.items()
    parts = tuple(controllers)
    check_kind(name, grid, Iterable[float])
    require(
        len(parts) == len(grid),
        f"{len(parts)} controllers for {len(grid)} points of {name}; give one each",
    )
    column = 0 if name == "r" else known.index(name)
    turns = name != "r" and column in names.angles
    source, told = ("r", ()) if name == "r" else ("y", names.states)
    weights = Hat(grid, column, source, turns, told)
    return Mix(weights, parts)
