"""A learned policy: an MLP as plain arrays with its normalizer inside."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl import names
from hybridctl.checks import as_float, fail, one_of, positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.features import Features
from hybridctl.controllers.gru import GRU
from hybridctl.kinds import as_row
from hybridctl.ports import Ports, unnamed

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "swish": jax.nn.swish,
    "elu": jax.nn.elu,
}
names.check_listed("ActivationName", names.ACTIVATIONS, ACTIVATIONS)


def _arrays(values: Any) -> tuple:
    return tuple(as_float(v) for v in as_row(values))


def _is_clip(squash: Any) -> bool:
    return isinstance(squash, str) and squash == "clip"


class Policy(Controller):
    """u = squash(MLP((φ(tick) - mean) / std)), every output within ±1.

    With a memory the network sees what is remembered beside what is observed now.

    Args:
        features: φ, what is observed.
        weights: one matrix a layer, shape [n_in, n_out].
        biases: one vector a layer, shape [n_out].
        mean: of the observations in training, shape [features.size].
        std: of the observations in training, shape [features.size].
        activation: of the hidden layers: tanh, relu, swish or elu.
        dt: period [s] between two decisions that it was trained at.
        squash: how outputs are kept within ±1: "clip" cuts them off; None: tanh.
        memory: a `GRU` of what was observed, normalized; None: none.
        reach: normalized observations are cut off at ± this, in units of a standard
            deviation; None: not at all.

    Raises:
        ValueError: layers do not fit together, or an unknown activation.
    """

    features: Features
    weights: tuple[Array, ...] = eqx.field(converter=_arrays)
    biases: tuple[Array, ...] = eqx.field(converter=_arrays)
    mean: Float[Array, " features.size"] = eqx.field(converter=as_float)
    std: Float[Array, " features.size"] = eqx.field(converter=as_float)
    activation: str = eqx.field(static=True, default="tanh")
    dt: float | None = eqx.field(static=True, default=None)
    squash: str | None = eqx.field(static=True, default=None)
    reach: float | None = eqx.field(static=True, default=None)
    memory: GRU | None = None

    def __check_init__(self):
        one_of("activation", self.activation, ACTIVATIONS)
        if self.squash is not None and not _is_clip(self.squash):
            fail(f'squash={self.squash!r} is unknown; give "clip", or None for tanh')
        if self.reach is not None:
            positive("reach", self.reach)
        size = self.features.size
        positive("std", self.std)
        for name in ("mean", "std"):
            got = np.shape(getattr(self, name))[-1:]
            require(got == (size,), f"{name} has {got} entries, expected ({size},)")
        require(
            len(self.weights) == len(self.biases) > 0,
            f"{len(self.weights)} weight matrices for {len(self.biases)} biases",
        )
        for w, b in zip(self.weights, self.biases, strict=True):
            got = (*np.shape(w)[-2:], *np.shape(b)[-1:])
            size = got[1]
            require(
                got == (self._width(w), size, size),
                f"a layer's weights {got[:2]} do not fit its neighbours",
            )

    @property
    def ports(self) -> Ports:
        """What its features look at, and its actions."""
        seen = self.features.ports
        return seen.but(u=unnamed(np.shape(self.biases[-1])[-1]), dt=self.dt)

    def _width(self, layer: Array) -> int:
        i = next(i for i, w in enumerate(self.weights) if w is layer)
        if i:
            return np.shape(self.weights[i - 1])[-1]
        return self.features.size + (self.memory.size if self.memory else 0)

    def init(self, tick: Tick) -> State:
        """What its features remember, and its own memory."""
        seen = self.features.init(tick)
        return seen if self.memory is None else (seen, 0.0 * self.memory.inner)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Observe and decide."""
        kept: Any = None
        seen, kept = (state, None) if self.memory is None else state
        seen, obs = self.features.step(seen, tick)
        h = (obs - self.mean) / self.std
        if self.reach is not None:
            h = jnp.clip(h, -self.reach, self.reach)
        if self.memory is not None:
            kept = self.memory(kept, h)
            h = jnp.concatenate([h, kept])
        state = seen if self.memory is None else (seen, kept)
        activate = ACTIVATIONS[self.activation]
        layers = list(zip(self.weights, self.biases, strict=True))
        for w, b in layers[:-1]:
            h = activate(h @ w + b)
        w, b = layers[-1]
        u = h @ w + b
        return state, jnp.tanh(u) if self.squash is None else jnp.clip(u, -1.0, 1.0)
