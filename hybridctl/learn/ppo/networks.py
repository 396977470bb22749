"""Actor and critic as one flat vector, and the actions that the actor spreads."""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.controllers.gru import GRU
from hybridctl.controllers.policy import ACTIVATIONS
from hybridctl.learn.config import Config

Layers = tuple[tuple[Any, Any], ...]  # weights [n_in, n_out] and biases [n_out]
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
        judged: of the critic, which sees those of the actor and more.
        actions: of the actor.
    """

    def __init__(self, config: Config, seen: int, judged: int, actions: int):
        self.actions, self.activation = actions, ACTIVATIONS[config.activation]
        self.seen = seen
        self.kept = config.recurrent or 0
        self.actor = (seen + self.kept, *config.hidden, 2 * actions)
        self.critic = (judged, *(config.value_hidden or config.hidden), 1)

    def random(self, seed: int) -> np.ndarray:
        """Parameters before a training [p]: U(±√(3 / n_in)).

        Mean actions of zero: an untrained template is its base, exactly.
        """
        draw = np.random.default_rng(seed)
        actor, critic = (_layers(draw, sizes) for sizes in (self.actor, self.critic))
        actor[-1][0][:, : self.actions] = 0.0
        memory = sum(map(math.prod, self._gru()))
        near = draw.uniform(-1.0, 1.0, memory) / np.sqrt(max(self.kept, 1))
        return np.concatenate([near.astype("f4"), _joined(actor, critic)]).astype(float)

    def _gru(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of what a memory has."""
        m, k = self.seen, self.kept
        return ((m, 3 * k), (k, 3 * k), (3 * k,), (k,))

    def exploring(self, at: Any, spread: float) -> np.ndarray:
        """Parameters whose actions spread by so much everywhere."""
        at = at.copy()
        w, b = self.unravel(at)[0][-1]  # views
        w[:, self.actions :], b[self.actions :] = 0.0, np.log(np.expm1(spread))
        return at

    def unravel(self, at: Any) -> tuple[Layers, Layers]:
        """Layers of actor and critic from parameters [p]; views, where NumPy's."""
        at = at[sum(map(math.prod, self._gru())) :]
        split = sum(map(_size, itertools.pairwise(self.actor)))
        return _cut(at[:split], self.actor), _cut(at[split:], self.critic)

    def memory(self, at: Any) -> GRU | None:
        """What remembers, from parameters [p]; None where nothing does."""
        if not self.kept:
            return None
        ends = np.cumsum([math.prod(shape) for shape in self._gru()])
        parts = zip((0, *ends), ends, self._gru(), strict=False)
        return GRU(*(at[a:b].reshape(shape) for a, b, shape in parts))

    def remembered(self, at: Array, kept: Array, z: Array) -> Array:
        """The memory [n, k] after what is seen [n, m]."""
        gru = self.memory(at)
        return kept if gru is None else gru(kept, z[..., : self.seen])

    def recalled(self, at: Array, kept: Array, z: Array, began: Array) -> Array:
        """The memory along sequences [n, length, k].

        Args:
            at: parameters.
            kept: memory before the first decision [n, k].
            z: what is seen, normalized [n, length, m].
            began: where an episode begins, and with it the memory [n, length].
        """

        def along(kept: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            z, began = now
            kept = self.remembered(at, jnp.where(began[:, None], 0.0, kept), z)
            return kept, kept

        turned = jnp.moveaxis(z, 1, 0), began.T
        return jnp.moveaxis(jax.lax.scan(along, kept, turned)[1], 0, 1)

    def spread(self, at: Array, z: Array, kept: Array | None = None) -> Spread:
        """Of the actions at what is seen, normalized [n, m], of which it knows some."""
        z = z[..., : self.seen]
        z = z if kept is None else jnp.concatenate([z, kept], -1)
        out = self._mlp(self.unravel(at)[0], z)
        raw = out[..., self.actions :]
        return Spread(out[..., : self.actions], jax.nn.softplus(raw) + LEAST)

    def value(self, at: Array, z: Array) -> Array:
        """The critic's estimate at what is seen, normalized [n, m]."""
        return self._mlp(self.unravel(at)[1], z)[..., 0]

    def _mlp(self, layers: Layers, z: Array) -> Array:
        *hidden, (w, b) = layers
        for weights, biases in hidden:
            z = self.activation(z @ weights + biases)
        return z @ w + b


def _layers(draw: np.random.Generator, sizes: tuple[int, ...]) -> Layers:
    """Weights and biases of an MLP, float32."""
    return tuple(
        (
            draw.uniform(-1.0, 1.0, (n, m)).astype("f4") * np.sqrt(3.0 / n, dtype="f4"),
            np.zeros(m, "f4"),
        )
        for n, m in itertools.pairwise(sizes)
    )


def _size(widths: tuple[int, int]) -> int:
    """Parameters of a layer."""
    return (widths[0] + 1) * widths[1]


def _joined(*networks: Layers) -> np.ndarray:
    """All of them as one vector."""
    return np.concatenate([np.ravel(a) for net in networks for w in net for a in w])


def _cut(at: Any, sizes: tuple[int, ...]) -> Layers:
    """Layers of one network from its part of the vector."""
    layers, start = [], 0
    for n, m in itertools.pairwise(sizes):
        end = start + n * m
        layers.append((at[start:end].reshape(n, m), at[end : end + m]))
        start = end + m
    return tuple(layers)
