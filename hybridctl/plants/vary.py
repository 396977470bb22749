"""Parameters of a plant that vary, or that nobody has measured."""

import functools
import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, finite, is_concrete, one_of, require, shape
from hybridctl.describe import Shown
from hybridctl.kinds import as_row
from hybridctl.plants.plant import Labelled, Parametrized, Plant
from hybridctl.plants.signals import names as unique

_WARPS = ("linear", "log", "square")


class Vary(Shown, eqx.Module):
    """A random plant for every episode.

    Each named parameter is drawn from [low, high] with u ~ U(0, 1): linear is
    low + (high - low) u, log is low (high / low)^u, square is low + (high - low) u².

    Args:
        names: parameters of the plant; of a network's component as "motor.R", an entry
            of an array, such as a MuJoCo model has, as "body_mass[2]" or
            "body_mass[pole]".
        low: smallest values, shape [n].
        high: largest values, shape [n].
        warps: linear, log or square for each; linear by default.

    Raises:
        ValueError: as many names as there are not values, a low that exceeds its high,
            what is not finite, an unknown warp, or a log one from 0.
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
        if is_concrete(self.low, self.high):
            ends = zip(self.names, self.low, self.high, strict=True)
            for name, low, high in ends:
                require(
                    bool(low <= high),
                    f"{name} varies from low={low:g} to high={high:g}; exchange them",
                )
        for warp in self.warps:
            one_of("warp", warp, _WARPS)
        require(
            len(self.warps) in (0, *n),
            f"{len(self.warps)} warps for {n[0]} parameters; give one each, or none",
        )
        if is_concrete(self.low, self.high):
            for name, low, high, warp in zip(
                self.names, self.low, self.high, self.warps, strict=False
            ):
                require(
                    warp != "log" or low * high > 0,
                    f"{name} varies by log from {low:g} to {high:g}, where no factor "
                    'leads; give a low above 0, or the warp "linear"',
                )

    def __call__(self, key: Array, plant: Plant) -> Plant:
        """The plant with new parameters."""
        return self.at(jax.random.uniform(key, (len(self.names),)), plant)

    def at(self, u: Array, plant: Plant) -> Plant:
        """The plant with the parameters that u [n], from 0 to 1, stands for."""
        self._check_names(plant)
        warps = self.warps or ("linear",) * len(self.names)
        for i, (name, warp) in enumerate(zip(self.names, warps, strict=True)):
            plant = _replaced(plant, name, self._value(i, warp, u[i]))
        return plant

    def ends(self, plant: Plant) -> tuple[Plant, Plant]:
        """The plant with all smallest values, and with all largest ones."""
        self._check_names(plant)
        least = most = plant
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            least, most = _replaced(least, name, low), _replaced(most, name, high)
        return least, most

    def of(self, plant: Plant) -> Array:
        """The values [n] that a plant has of these parameters."""
        self._check_names(plant)
        entries = (
            (_parameter(plant, name), at)
            for name, at in (_entry(plant, name) for name in self.names)
        )
        return jnp.stack([jnp.asarray(value)[at] for value, at in entries])

    def marked(self, plant: Any) -> Any:
        """A tree like the plant with True in the place of each of these parameters."""
        for name in self.names:
            whole = name.partition("[")[0]
            plant = eqx.tree_at(lambda p, w=whole: _parameter(p, w), plant, True)
        return plant

    def _check_names(self, plant: Plant) -> None:
        wholes = {name: name.partition("[")[0] for name in self.names}
        missing = [n for n, whole in wholes.items() if _parameter(plant, whole) is None]
        require(
            not missing,
            f"{type(plant).__name__} has no parameters {missing}; "
            "print(plant) shows those that it has",
        )

    def _value(self, i: int, warp: str, u: Array) -> Array:
        low, high = self.low[i], self.high[i]
        if warp == "log":
            return low * (high / low) ** u
        return low + (high - low) * (u**2 if warp == "square" else u)


def _replaced(plant: Plant, name: str, value: Array) -> Plant:
    """The plant with another value of a parameter, or of an entry of one."""
    whole, index = _entry(plant, name)
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


def _entry(plant: Plant, name: str) -> tuple[str, tuple[int, ...]]:
    """The parameter that a name means, and the entry: "body_mass[2]", "[pole]"."""
    whole, _, index = name.removesuffix("]").partition("[")
    words = [word.strip() for word in index.split(",")] if index else []
    if words and isinstance(plant, Labelled) and not words[0].isdigit():
        words[0] = str(plant.place(whole, words[0]))
    require(
        all(word.isdigit() for word in words),
        f"{name!r} names no entry; count from 0, as in {whole}[2]",
    )
    return whole, tuple(int(word) for word in words)


def _parameter(plant: Any, name: str) -> Any:
    """A parameter by its name, also of a part ("motor.R") or of a plant's dict."""
    found = functools.reduce(lambda p, n: getattr(p, n, None), name.split("."), plant)
    own = plant.parameters if isinstance(plant, Parametrized) else None
    return own.get(name) if found is None and isinstance(own, dict) else found
