"""A heated room: a discrete variable switched by a hysteresis band."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, finite, is_concrete, positive, require
from hybridctl.plants.hybrid.plant import HybridPlant


class Thermostat(HybridPlant):
    """A room whose heater a thermostat switches; the input is any other heat.

    With h the heater, 1 on or 0 off (a discrete variable, changed by events only)::

        Ṫ = (ambient - T) / tau + (power h + u) / capacity

    "off" happens where T rises through `high` while h = 1, "on" where T falls through
    `low` while h = 0. The state is [T, heater].

    Args:
        low: temperature that switches on [°C].
        high: temperature that switches off [°C].
        ambient: temperature outside [°C].
        tau: time constant [s].
        power: of the heater [W].
        capacity: heat capacity of the room [J/K].

    Raises:
        ValueError: low is not below high, or a number is not finite or not positive.

    Source: T. A. Henzinger, "The theory of hybrid automata", LICS 1996, figure 1.

    Example:
        >>> import hybridctl as hc
        >>> room = Thermostat(low=19.0, high=21.0)
        >>> trace = hc.simulate(room, hc.Constant([0.0]), [20.0, 1.0], 400.0, dt=5.0)
        >>> [(round(t, 1), name) for t, name in trace.events]
        [(80.1, 'off'), (200.5, 'on'), (351.3, 'off')]
    """

    low: Array = eqx.field(converter=as_float, default=19.0)
    high: Array = eqx.field(converter=as_float, default=21.0)
    ambient: Array = eqx.field(converter=as_float, default=10.0)
    tau: Array = eqx.field(converter=as_float, default=600.0)
    power: Array = eqx.field(converter=as_float, default=1500.0)
    capacity: Array = eqx.field(converter=as_float, default=5e4)

    states: ClassVar[tuple[str, ...]] = ("T", "heater")
    inputs: ClassVar[tuple[str, ...]] = ("heat",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"T": "°C", "heater": "1", "heat": "W"}
    )
    angles: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"heat": 500.0})
    events: ClassVar[tuple[str, ...]] = ("off", "on")

    def __check_init__(self):
        for name in ("low", "high", "ambient"):
            finite(name, getattr(self, name))
        for name in ("tau", "power", "capacity"):
            positive(name, getattr(self, name))
        if is_concrete(self.low, self.high):
            ok = bool(np.all(np.asarray(self.low) < np.asarray(self.high)))
            require(ok, f"low={self.low} must be below high={self.high}; swap them")

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [Ṫ, 0] at state x [2] under heat u [1]."""
        del t  # autonomous
        cooling = (self.ambient - x[0]) * (1.0 / self.tau)
        heating = (self.power * x[1] + u[0]) * (1.0 / self.capacity)
        return jnp.stack([cooling + heating, 0.0 * x[1]])

    def guards(self, t: Array, x: Array, u: Array) -> Array:
        """Degrees left until "off", and until "on" [2]; 1 where it cannot happen."""
        del t, u
        T, on = x[0], x[1] > 0.5
        off = jnp.where(on, self.high - T, 1.0)
        return jnp.stack([off, jnp.where(on, 1.0, T - self.low)])

    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """The heater off, the heater on; the temperature stays [2, 2]."""
        del t, u
        T = x[0]
        off, on = jnp.zeros_like(T), jnp.ones_like(T)
        return jnp.stack([jnp.stack([T, off]), jnp.stack([T, on])])
