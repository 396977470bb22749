"""Actor and critic as one flat vector, and the actions that the actor spreads."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from hybridctl.controllers.policy import ACTIVATIONS
from hybridctl.learn.config import Config

Layers = tuple[tuple[Array, Array], ...]  # weights [n_in, n_out] and biases [n_out]
LEAST = 1e-3  # spread of an action before it is squashed


class Spread(NamedTuple):
    """Normal distributions of actions before tanh brings them within ±1.

    Attributes:
        mean: shape [n, n_a].
        scale: shape [n, n_a].
    """

    mean: Array
    scale: Array

    def drawn(self, noise: Array) -> Array:
        """Actions before tanh [n, n_a] from standard normal noise."""
        return self.mean + self.scale * noise

    def log_density(self, drawn: Array) -> Array:
        """Of actions before tanh, up to a constant [n]."""
        error = (drawn - self.mean) / self.scale
        return jnp.sum(-0.5 * error**2 - jnp.log(self.scale), -1)

    def entropy(self, noise: Array) -> Array:
        """Of the squashed actions, estimated with one draw of noise [n]."""
        x = self.drawn(noise)
        squashed = 2.0 * (np.log(2.0) - x - jax.nn.softplus(-2.0 * x))
        own = 0.5 + 0.5 * np.log(2.0 * np.pi) + jnp.log(self.scale)
        return jnp.sum(own + squashed, -1)

    def divergence(self, old: "Spread") -> Array:
        """Kullback-Leibler, of the old one from this [n]."""
        apart = old.scale**2 + (old.mean - self.mean) ** 2
        relative = jnp.log(self.scale / old.scale) + apart / (2.0 * self.scale**2)
        return jnp.sum(relative - 0.5, -1)


class Networks:
    """Shapes of actor and critic; parameters are handed in as one vector [p].

    Args:
        config: widths and activation.
        seen: observations of the actor.
        judged: observations of the critic.
        actions: of the actor.
    """

    def __init__(self, config: Config, seen: int, judged: int, actions: int):
        self.actions, self.activation = actions, ACTIVATIONS[config.activation]
        self.actor = (seen, *config.hidden, 2 * actions)
        self.critic = (judged, *(config.value_hidden or config.hidden), 1)
        self.unravel: Callable[[Array], tuple[Layers, Layers]]
        self.unravel = ravel_pytree(self._random(0))[1]

    def _random(self, seed: int) -> tuple[Layers, Layers]:
        """U(±√(3 / n_in)), but for mean actions of zero: a template is its base."""
        draw = np.random.default_rng(seed)
        actor, critic = (_layers(draw, sizes) for sizes in (self.actor, self.critic))
        actor[-1][0][:, : self.actions] = 0.0
        return jax.tree.map(jnp.asarray, (tuple(actor), tuple(critic)))

    def random(self, seed: int) -> Array:
        """Parameters before a training [p]."""
        return ravel_pytree(self._random(seed))[0]

    def exploring(self, at: Array, spread: float) -> Array:
        """Parameters whose actions spread by so much everywhere."""
        actor, critic = self.unravel(at)
        (w, b), n = actor[-1], self.actions
        raw = float(np.log(np.expm1(spread)))
        last = w.at[:, n:].set(0.0), b.at[n:].set(raw)
        return ravel_pytree(((*actor[:-1], last), critic))[0]

    def spread(self, at: Array, z: Array) -> Spread:
        """Of the actions at normalized observations [n, m]."""
        out = self._mlp(self.unravel(at)[0], z)
        raw = out[..., self.actions :]
        return Spread(out[..., : self.actions], jax.nn.softplus(raw) + LEAST)

    def value(self, at: Array, z: Array) -> Array:
        """The critic's estimate at normalized observations [n, m]."""
        return self._mlp(self.unravel(at)[1], z)[..., 0]

    def _mlp(self, layers: Layers, z: Array) -> Array:
        *hidden, (w, b) = layers
        for weights, biases in hidden:
            z = self.activation(z @ weights + biases)
        return z @ w + b


def _layers(draw: np.random.Generator, sizes: tuple[int, ...]) -> list:
    """Weights and biases of an MLP."""
    bounds = np.sqrt(3.0 / np.asarray(sizes[:-1]))
    shapes = zip(bounds, sizes[:-1], sizes[1:], strict=True)
    return [
        (draw.uniform(-bound, bound, (n, m)).astype(np.float32), np.zeros(m, "f4"))
        for bound, n, m in shapes
    ]
