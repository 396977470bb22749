"""A controller with a planted failure: a wrong force near one start."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

import hybridctl as hc
from hybridctl.checks import as_float

MOST = 4.0  # largest wrong force, as a multiple of the one that breaks


class Faulty(hc.Controller):
    """Adds a wrong force F that depends on how far the episode's start is from a place.

    With d² = Σ ((yᵢ - cᵢ) / wᵢ)² at the first tick, F = F_c min(d⁻ᵖ, 4): it breaks
    the loop where d < 1 for an F_c that just does, whatever p. The power p says how
    far around that pocket the fault is felt; p = ∞, written None, is a needle: F = 4
    F_c inside and nothing outside.

    Args:
        inner: a controller that works.
        centre: the place, shape [n].
        width: size of the pocket in each state, shape [n].
        force: F_c [N].
        power: p, or None.
    """

    inner: hc.Controller
    centre: Array = eqx.field(converter=as_float)
    width: Array = eqx.field(converter=as_float)
    force: Array = eqx.field(converter=as_float)
    power: int | None = eqx.field(static=True, default=2)

    def init(self, tick: hc.Tick) -> Any:
        """The wrong force, and the inner memory."""
        n = range(len(self.width))
        far = sum(((tick.y[i] - self.centre[i]) / self.width[i]) ** 2 for i in n)
        if self.power is None:
            share = jnp.where(far < 1.0, MOST, 0.0)
        else:
            share = jnp.minimum(1.0 / jnp.maximum(far, 1e-6) ** (self.power / 2), MOST)
        return self.force * share, self.inner.init(tick)

    def step(self, state: Any, tick: hc.Tick) -> tuple[Any, Array]:
        """The inner input and the wrong force."""
        wrong, memory = state
        memory, u = self.inner.step(memory, tick)
        return (wrong, memory), u + wrong
