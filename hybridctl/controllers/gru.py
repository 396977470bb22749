"""A gated recurrent unit: what a policy remembers of what it saw."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, require


class GRU(eqx.Module):
    """Memory h of what was seen, k numbers, each forgotten at a pace of its own.

        r, z = σ(W_x x + W_h h + b),   n = tanh(W_x x + b + r (W_h h + b_n))
        h⁺ = n + z (h - n)

    Args:
        seen: W_x of r, z and n beside each other, shape [m, 3*k].
        kept: W_h of r, z and n beside each other, shape [k, 3*k].
        bias: b of r, z and n, shape [3*k].
        inner: b_n, shape [k].

    Raises:
        ValueError: shapes that do not fit together.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder",
        EMNLP 2014, in the form of PyTorch and flax.
    """

    seen: Float[Array, "m 3*k"] = eqx.field(converter=as_float)
    kept: Float[Array, "k 3*k"] = eqx.field(converter=as_float)
    bias: Float[Array, " 3*k"] = eqx.field(converter=as_float)
    inner: Float[Array, " k"] = eqx.field(converter=as_float)

    def __check_init__(self):
        (m, _), k = np.shape(self.seen)[-2:], self.size
        expected = {"seen": (m, 3 * k), "kept": (k, 3 * k), "bias": (3 * k,)}
        for name, shape in expected.items():
            got = np.shape(getattr(self, name))[-len(shape) :]
            require(
                got == shape,
                f"a GRU of {k} units needs {name} of shape {shape}, got {got}",
            )

    @property
    def size(self) -> int:
        """Numbers that are remembered: k."""
        return np.shape(self.inner)[-1]

    def __call__(self, h: Array, x: Array) -> Array:
        """The memory [..., k] after x [..., m]."""
        k = self.size
        seen, kept = x @ self.seen + self.bias, h @ self.kept
        gates = jax.nn.sigmoid(seen[..., : 2 * k] + kept[..., : 2 * k])
        reset, update = gates[..., :k], gates[..., k:]
        new = jnp.tanh(seen[..., 2 * k :] + reset * (kept[..., 2 * k :] + self.inner))
        return new + update * (h - new)
