"""A ball that bounces on the floor and comes to rest."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, not_negative, positive, share
from hybridctl.plants.hybrid.contact import held, rebound
from hybridctl.plants.hybrid.plant import HybridPlant
from hybridctl.plants.plant import Equilibrium


class BouncingBall(HybridPlant):
    """A ball above a floor; the input is a vertical force.

    It flies by z̈ = u/m - g. Where z falls through 0, the impact sets ż⁺ = -e ż. The
    ball rests on the floor, z = ż = 0, from a rebound of at most `rest` on, until a
    force lifts it: infinitely many ever shorter bounces (Zeno) become finitely many.

    The state is [z, dz].

    Args:
        g: gravity [m/s²].
        e: restitution, scalar, 0 (sticks) … 1 (elastic; never rests by itself).
        m: mass [kg].
        rest: rebounds up to this speed are none [m/s].

    Raises:
        ValueError: a parameter that is not finite or out of its range.

    Source: R. Goebel, R. G. Sanfelice, A. R. Teel, *Hybrid Dynamical Systems*, 2012,
        example 1.1.

    Example:
        >>> import hybridctl as hc
        >>> trace = hc.simulate(BouncingBall(), hc.Constant([0.0]), [1.0, 0.0], 2.0)
        >>> [round(t, 3) for t, _ in trace.events]
        [0.452, 1.174, 1.752]
    """

    g: Array = eqx.field(converter=as_float, default=9.81)
    e: Array = eqx.field(converter=as_float, default=0.8)
    m: Array = eqx.field(converter=as_float, default=1.0)
    rest: Array = eqx.field(converter=as_float, default=1e-3)

    states: ClassVar[tuple[str, ...]] = ("z", "dz")
    inputs: ClassVar[tuple[str, ...]] = ("force",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"z": "m", "dz": "m/s", "force": "N"}
    )
    angles: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"force": 20.0})
    events: ClassVar[tuple[str, ...]] = ("impact",)

    def __check_init__(self):
        positive("g", self.g)
        positive("m", self.m)
        share("e", self.e)
        not_negative("rest", self.rest)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [ż, z̈] at state x [2] under force u [1]."""
        del t  # autonomous
        ddz = u[0] / self.m - self.g
        return jnp.stack([x[1], jnp.where(held(-x[1], -ddz, -x[0]), 0.0, ddz)])

    def guards(self, t: Array, x: Array, u: Array) -> Array:
        """Height above the floor [1]."""
        del t, u
        return x[:1]

    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """On the floor, away from it [1, 2]."""
        del t
        push = self.g - u[0] / self.m
        away = rebound(-x[1], push, -x[0], self.e, self.rest)
        return jnp.stack([jnp.zeros_like(away), away])[None]

    def grounded(self) -> Equilibrium:
        """The ball rests on the floor."""
        return Equilibrium([0.0, 0.0], [0.0], self.states, self.angles)
