"""Running mean and deviation of the observations."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.learn.config import Config

SMALLEST, LARGEST = 1e-6, 1e6  # deviation


class Normalizer(NamedTuple):
    """Statistics of all observations so far.

    Attributes:
        mean: shape [m].
        variance: shape [m].
        std: its root, within limits [m].
        count: observations, scalar.
    """

    mean: Array
    variance: Array
    std: Array
    count: Array

    @classmethod
    def of(cls, size: int) -> "Normalizer":
        """Before any observation: normalizes nothing."""
        parts: Any = np.zeros(size), np.ones(size), np.zeros(())
        none, one, count = parts
        return cls(none, one, one, count)

    def __call__(self, obs: Array, config: Config) -> Array:
        """Observations [..., m] at mean 0 and deviation 1."""
        if not config.normalize_observations:
            return obs
        return (obs - self.mean) / self.std

    def after(self, obs: Array, config: Config) -> "Normalizer":
        """With more observations [n, m].

        Both of brax's modes: Welford's and its "ema" are the same mean and variance,
        but that the latter stands still after `normalize_until_count`.
        """
        count = self.count + len(obs)
        share, until = len(obs) / count, config.normalize_until_count
        if until is not None and config.normalize_observations_mode == "ema":
            share = jnp.where(count > until, 0.0, share)
        middle = jnp.mean(obs, 0)
        apart = middle - self.mean
        mean = self.mean + share * apart
        spread = jnp.mean((obs - middle) ** 2, 0) + apart * (middle - mean)
        variance = self.variance + share * (spread - self.variance)
        root = jnp.sqrt(variance + config.normalize_observations_std_eps)
        return Normalizer(mean, variance, jnp.clip(root, SMALLEST, LARGEST), count)
