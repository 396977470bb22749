"""A plant whose parameters nobody has measured: they are states that stand still."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import require
from hybridctl.plants.hybrid.plant import has_events
from hybridctl.plants.plant import Plant
from hybridctl.plants.sampled import has_clocks
from hybridctl.plants.signals import Table, limits_of, units_of
from hybridctl.plants.vary import Vary


class UncertainPlant(Plant):
    """ẋ = f(x, u; p(σ)), σ̇ = 0: an observer of its states estimates its parameters.

    A parameter's state σ goes from -1 to 1 along its range, as its share of the range
    goes from 0 to 1 in `Vary`; beyond the ends p stays, but not its slope, so that a
    filter finds back.

    Args:
        plant: nominal.
        vary: which parameters are uncertain, and their ranges.

    Raises:
        ValueError: a plant with events, or without such parameters.

    Example:
        >>> import hybridctl as hc
        >>> vary = hc.tasks.Vary(("m_p", "L"), [0.1, 0.5], [0.3, 1.5])
        >>> plant = UncertainPlant(hc.CartPole(), vary)
        >>> plant.states
        ('x', 'theta', 'dx', 'dtheta', 'm_p', 'L')
        >>> print(plant.at([0.0, 1.0]).L)
        1.5
    """

    plant: Plant
    vary: Vary

    def __init__(self, plant: Plant, vary: Vary):
        self.plant, self.vary = plant, vary

    def __check_init__(self):
        require(
            not (has_events(self.plant) or has_clocks(self.plant)),
            f"{type(self.plant).__name__} has events or sampled parts; parameters are "
            "estimated of plants without",
        )
        jax.eval_shape(self.at, jnp.zeros(self.n_p))  # or the sentence of `Vary`

    @property
    def n_p(self) -> int:
        """Number of uncertain parameters."""
        return len(self.vary.names)

    @property
    def states(self) -> tuple[str, ...]:
        """Those of the plant within, then the parameters."""
        return (*self.plant.states, *self.vary.names)

    @property
    def inputs(self) -> tuple[str, ...]:
        """As those of the plant within."""
        return self.plant.inputs

    @property
    def units(self) -> Mapping[str, str]:
        """As those of the plant within; a parameter's state has none."""
        return units_of(self.plant.units, self._signals)

    @property
    def angles(self) -> tuple[int, ...]:
        """As those of the plant within."""
        return self.plant.angles

    @property
    def limits(self) -> Mapping[str, float]:
        """As those of the plant within, and 1 of every parameter's state."""
        ends = dict.fromkeys(self.vary.names, 1.0)
        return limits_of(Table({**self.plant.limits, **ends}), self._signals)

    @property
    def _signals(self) -> tuple[str, ...]:
        return (*self.states, *self.inputs)

    def at(self, sigma: Array) -> Plant:
        """The plant that parameters' states σ [n_p] stand for."""
        sigma = jnp.asarray(sigma)
        kept = jax.lax.stop_gradient  # so that the slope is that of σ, the value exact
        inside = kept(jnp.clip(sigma, -1.0, 1.0)) + (sigma - kept(sigma))
        return self.vary.at(0.5 + 0.5 * inside, self.plant)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative at state [x, σ] [n_x]."""
        n = self.plant.n_x
        rates = self.at(x[n:]).ode(t, x[:n], u)
        return jnp.concatenate([rates, jnp.zeros_like(x[n:])])
