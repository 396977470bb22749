"""Where episodes start."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    finite,
    is_concrete,
    positive,
    require,
    row,
    shape,
    share,
)
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, check_fields_first

CHOICE = 31  # stream of a start's key that chooses between two distributions


class Start(Shown, eqx.Module):
    """A distribution of starts: a key of `jax.random` to a state [n_x]."""

    CURE: ClassVar[str] = "; for example hc.tasks.Box(low, high)"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)

    @property
    def n_x(self) -> int | None:
        """States that it gives; None where it does not tell."""
        return None

    @abc.abstractmethod
    def __call__(self, key: Array) -> Array:
        """A start x0 [n_x]."""


class Box(Start):
    """Uniform between two corners; equal corners are one point.

    Args:
        low: shape [n_x].
        high: shape [n_x].
    """

    low: Float[Array, " n_x"] = eqx.field(converter=as_float)
    high: Float[Array, " n_x"] = eqx.field(converter=as_float)

    def __check_init__(self):
        row("low", self.low)
        shape("high", self.high, np.shape(self.low))
        finite("low", self.low)
        finite("high", self.high)
        if is_concrete(self.low, self.high):
            ok = np.all(np.asarray(self.low) <= np.asarray(self.high))
            require(bool(ok), f"low={self.low} exceeds high={self.high}; swap them")

    @property
    def n_x(self) -> int | None:
        """As many as a corner has."""
        return np.shape(self.low)[-1]

    @staticmethod
    def around(centre: Any, half: Any) -> "Box":
        """Centre ± half."""
        centre, half = as_float(centre), as_float(half)
        if np.ndim(half):
            shape("half", half, np.shape(centre))
        return Box(centre - half, centre + half)

    def __call__(self, key: Array) -> Array:
        """A draw."""
        low, high = jnp.asarray(self.low), jnp.asarray(self.high)
        return jax.random.uniform(key, low.shape, minval=low, maxval=high)


class Either(Start):
    """From one of two starts, by chance.

    Args:
        a: drawn from with probability `share`.
        b: otherwise.
        share: from 0 to 1, scalar.
    """

    a: Start
    b: Start
    share: Array = eqx.field(converter=as_float, default=0.5)

    def __check_init__(self):
        share("share", self.share)
        sizes = self.a.n_x, self.b.n_x
        require(
            None in sizes or sizes[0] == sizes[1],
            f"the two starts give {sizes[0]} and {sizes[1]} states; make them as many",
        )

    @property
    def n_x(self) -> int | None:
        """As many as either gives."""
        return self.b.n_x if self.a.n_x is None else self.a.n_x

    def __call__(self, key: Array) -> Array:
        """A draw."""
        first = jax.random.uniform(jax.random.fold_in(key, CHOICE)) < self.share
        return jnp.where(first, self.a(key), self.b(key))


class Beside(Start):
    """Some states from one start, those behind them from another.

    Args:
        a: of the first states.
        b: of the others.
    """

    a: Start
    b: Start

    @property
    def n_x(self) -> int | None:
        """Those of both."""
        a, b = self.a.n_x, self.b.n_x
        return None if a is None or b is None else a + b

    def __call__(self, key: Array) -> Array:
        """A draw."""
        first, second = jax.random.split(key)
        return jnp.concatenate([self.a(first), self.b(second)])


class Curriculum(Start):
    """From easy to hard starts: all easy in a lane's first episode, then ever fewer.

    Args:
        easy: where training begins.
        hard: where it ends; evaluation starts there always.
        episodes: number of one environment's, scalar, until all of its starts are hard.
    """

    easy: Start
    hard: Start
    episodes: Array = eqx.field(converter=as_float, default=20.0)

    def __check_init__(self):
        positive("episodes", self.episodes)

    @property
    def n_x(self) -> int | None:
        """Those of the hard starts."""
        return self.hard.n_x

    def __call__(self, key: Array) -> Array:
        """A hard start."""
        return self.hard(key)

    def at(self, number: Array) -> Start:
        """The starts of a lane's episode of that number, counted from 0."""
        share = jnp.clip(1.0 - number / self.episodes, 0.0, 1.0)
        return Either(self.easy, self.hard, share)
