"""A pendulum with a motor at its hinge."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, not_negative, positive
from hybridctl.plants.plant import Equilibrium, MechanicalPlant


class Pendulum(MechanicalPlant):
    """A point mass on a rod; the input is the torque at the hinge.

    m L² θ̈ = u - b θ̇ - m g L sin θ. The state is [theta, dtheta]; theta = 0 hangs,
    theta = π stands, counted counter-clockwise as the torque is.

    In gymnasium's Pendulum 0 stands: its angle is theta - π, and its rod of mass M
    and length l is the point mass m = 3M/4 at L = 2l/3.

    Args:
        m: mass at the tip [kg].
        L: length [m].
        g: gravity [m/s²].
        friction: viscous friction b of the hinge [N m s/rad].

    Raises:
        ValueError: a parameter is not finite, a mass, length or gravity is not
            positive, or the friction is negative.

    Source: R. Tedrake, *Underactuated Robotics*, "The Simple Pendulum".

    Example:
        >>> x, u = np.array([np.pi / 2, 1.0]), np.array([3.0])
        >>> print(Pendulum().ode(0.0, x, u).round(2))
        [ 1.   -6.81]
    """

    m: Array = eqx.field(converter=as_float, default=1.0)
    L: Array = eqx.field(converter=as_float, default=1.0)
    g: Array = eqx.field(converter=as_float, default=9.81)
    friction: Array = eqx.field(converter=as_float, default=0.0)

    states: ClassVar[tuple[str, ...]] = ("theta", "dtheta")
    inputs: ClassVar[tuple[str, ...]] = ("torque",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"theta": "rad", "dtheta": "rad/s", "torque": "N m"}
    )
    angles: ClassVar[tuple[int, ...]] = (0,)
    actuated: ClassVar[tuple[int, ...]] = (0,)
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"torque": 3.0})

    def __check_init__(self):
        for name in ("m", "L", "g"):
            positive(name, getattr(self, name))
        not_negative("friction", self.friction)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [θ̇, θ̈] at state x [2] under torque u [1]."""
        del t  # autonomous
        theta, dtheta = x
        turn = (u[0] - self.friction * dtheta) / (self.m * self.L**2)
        return jnp.stack([dtheta, turn - self.g / self.L * jnp.sin(theta)])

    def kinetic(self, q: Array, dq: Array) -> Array:
        """½ m L² θ̇² [J]."""
        del q
        return 0.5 * self.m * (self.L * dq[0]) ** 2

    def potential(self, q: Array) -> Array:
        """-m g L cos θ [J], zero with the pendulum level."""
        return -self.m * self.g * self.L * jnp.cos(q[0])

    def upright(self) -> Equilibrium:
        """It stands at rest."""
        return self.equilibrium([np.pi, 0.0])

    def hanging(self) -> Equilibrium:
        """It hangs at rest."""
        return self.equilibrium([0.0, 0.0])
