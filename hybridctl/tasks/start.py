"""Where episodes start, and which plant they are given."""

import abc
import functools
import operator
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
    one_of,
    positive,
    require,
    shape,
)
from hybridctl.describe import Shown
from hybridctl.kinds import as_row, check_fields, check_fields_first
from hybridctl.plants import Plant
from hybridctl.plants.plant import Parametrized
from hybridctl.plants.signals import names as unique

CHOICE = 31  # stream of a start's key that chooses between two distributions


class Start(Shown, eqx.Module):
    """A distribution of starts: a key of `jax.random` to a state [n_x]."""

    CURE: ClassVar[str] = "; for example hc.tasks.Box(low, high)"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)

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
        shape("high", self.high, np.shape(self.low))
        finite("low", self.low)
        finite("high", self.high)
        if is_concrete(self.low, self.high):
            ok = np.all(np.asarray(self.low) <= np.asarray(self.high))
            require(bool(ok), f"low={self.low} exceeds high={self.high}; swap them")

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

    def __call__(self, key: Array) -> Array:
        """A draw."""
        first = jax.random.uniform(jax.random.fold_in(key, CHOICE)) < self.share
        return jnp.where(first, self.a(key), self.b(key))


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

    def __call__(self, key: Array) -> Array:
        """A hard start."""
        return self.hard(key)

    def at(self, number: Array) -> Start:
        """The starts of a lane's episode of that number, counted from 0."""
        share = jnp.clip(1.0 - number / self.episodes, 0.0, 1.0)
        return Either(self.easy, self.hard, share)


_WARPS = ("linear", "log", "square")


class Vary(Shown, eqx.Module):
    """A random plant for every episode.

    Each named parameter is drawn from [low, high] with u ~ U(0, 1): linear is
    low + (high - low) u, log is low (high / low)^u, square is low + (high - low) u².

    Args:
        names: parameters of the plant; of a network's component as "motor.R", an entry
            of an array, such as a MuJoCo model has, as "body_mass[2]".
        low: smallest values, shape [n].
        high: largest values, shape [n].
        warps: linear, log or square for each; linear by default.
    """

    names: tuple[str, ...] = eqx.field(static=True, converter=as_row)
    low: Float[Array, " n"] = eqx.field(converter=as_float)
    high: Float[Array, " n"] = eqx.field(converter=as_float)
    warps: tuple[str, ...] = eqx.field(static=True, converter=as_row, default=())

    def __check_init__(self):
        unique("parameters that vary", self.names)
        n = (len(self.names),)
        require(
            np.shape(self.low) == np.shape(self.high) == n,
            f"Vary of {n[0]} parameters needs {n[0]} values in low and in high",
        )
        shape("high", self.high, np.shape(self.low))
        finite("low", self.low)
        finite("high", self.high)
        for warp in self.warps:
            one_of("warp", warp, _WARPS)

    def __call__(self, key: Array, plant: Plant) -> Plant:
        """The plant with new parameters."""
        missing = [n for n in self.names if _parameter(plant, _entry(n)[0]) is None]
        require(not missing, f"{type(plant).__name__} has no parameters {missing}")
        u = jax.random.uniform(key, (len(self.names),))
        warps = self.warps or ("linear",) * len(self.names)
        for i, (name, warp) in enumerate(zip(self.names, warps, strict=True)):
            plant = _replaced(plant, name, self._value(i, warp, u[i]))
        return plant

    def of(self, plant: Plant) -> Array:
        """The values [n] that a plant has of these parameters."""
        found = [
            (_parameter(plant, whole), at) for whole, at in map(_entry, self.names)
        ]
        return jnp.stack([jnp.asarray(value)[at] for value, at in found])

    def _value(self, i: int, warp: str, u: Array) -> Array:
        low, high = self.low[i], self.high[i]
        if warp == "log":
            return low * (high / low) ** u
        return low + (high - low) * (u**2 if warp == "square" else u)


def _replaced(plant: Plant, name: str, value: Array) -> Plant:
    """The plant with another value of a parameter, or of an entry of one."""
    whole, index = _entry(name)
    old = _parameter(plant, whole)
    sizes = np.shape(old)
    fits = len(index) == len(sizes) and all(map(operator.lt, index, sizes))
    require(
        fits,
        f"Vary draws single numbers, and {name} of {type(plant).__name__} is none: "
        f"{whole} has shape {sizes}; name an entry, such as "
        f"{whole}{[0] * len(sizes) or ''}",
    )
    new = jnp.asarray(old).at[index].set(value) if index else value
    return eqx.tree_at(lambda p: _parameter(p, whole), plant, new)


def _entry(name: str) -> tuple[str, tuple[int, ...]]:
    """The parameter that a name means, and the entry of it: "body_mass[2]"."""
    whole, _, index = name.removesuffix("]").partition("[")
    numbers = index.split(",") if index else ()
    require(
        all(number.strip().isdigit() for number in numbers),
        f"{name!r} names no entry; count from 0, as in {whole}[2]",
    )
    return whole, tuple(int(number) for number in numbers)


def _parameter(plant: Any, name: str) -> Any:
    """A parameter by its name, also of a part ("motor.R") or of a plant's dict."""
    found = functools.reduce(lambda p, n: getattr(p, n, None), name.split("."), plant)
    own = plant.parameters if isinstance(plant, Parametrized) else None
    return own.get(name) if found is None and isinstance(own, dict) else found
