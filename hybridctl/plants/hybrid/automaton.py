"""Plants with locations: exit, transition, entry."""

import abc

import jax.numpy as jnp
from jax import Array

from hybridctl.plants.hybrid.plant import HybridPlant


class Automaton(HybridPlant):
    """A hybrid plant with locations, one coordinate of x that events change.

    The reset of an event is three maps, in this order::

        x⁺ = entry(transition(exit(x)))

    `exit` sees the location that is left, `entry` the one that is entered; an event
    that leads back to its own location runs both.
    """

    @abc.abstractmethod
    def exit(self, t: Array, x: Array, u: Array) -> Array:
        """State after leaving the location that x names [n_x]."""

    @abc.abstractmethod
    def transitions(self, t: Array, x: Array, u: Array) -> Array:
        """State after each event's transition, new location included [n_e, n_x]."""

    @abc.abstractmethod
    def entry(self, t: Array, x: Array, u: Array) -> Array:
        """State after entering the location that x names [n_x]."""

    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """State after each event [n_e, n_x]: exit, transition, entry."""
        rows = self.transitions(t, self.exit(t, x, u), u)
        return jnp.stack([self.entry(t, row, u) for row in rows])
