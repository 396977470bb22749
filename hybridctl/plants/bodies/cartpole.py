"""The cart-pole of the tutorial that this package grew out of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, not_negative, positive
from hybridctl.plants.plant import Equilibrium, MechanicalPlant


class CartPole(MechanicalPlant):
    """A point-mass pendulum on a cart; the input is the force on the cart.

    With s = sin θ, c = cos θ and F = u - b_c ẋ::

        ẍ = (F + m_p s (L θ̇² + g c) + b_p θ̇ c / L) / (m_c + m_p s²)
        θ̈ = -(c ẍ + g s) / L - b_p θ̇ / (m_p L²)

    The state is [x, theta, dx, dtheta]; theta = 0 hangs, theta = π stands.

    Args:
        m_c: mass of the cart [kg].
        m_p: mass at the tip of the pole [kg].
        L: length of the pole [m].
        g: gravity [m/s²].
        cart_friction: viscous friction b_c of the cart [N s/m].
        pole_friction: viscous friction b_p of the hinge [N m s/rad].

    Raises:
        ValueError: a parameter is not finite, a mass, length or gravity is not
            positive, or a friction is negative.

    Source: R. Tedrake, *Underactuated Robotics*, "The Cart-Pole System".

    Example:
        >>> plant = CartPole(m_p=0.1)
        >>> print(plant.ode(0.0, plant.hanging().x, plant.hanging().u))
        [ 0.  0.  0. -0.]
    """

    m_c: Array = eqx.field(converter=as_float, default=1.0)
    m_p: Array = eqx.field(converter=as_float, default=0.1)
    L: Array = eqx.field(converter=as_float, default=1.0)
    g: Array = eqx.field(converter=as_float, default=9.81)
    cart_friction: Array = eqx.field(converter=as_float, default=0.0)
    pole_friction: Array = eqx.field(converter=as_float, default=0.0)

    states: ClassVar[tuple[str, ...]] = ("x", "theta", "dx", "dtheta")
    inputs: ClassVar[tuple[str, ...]] = ("force",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"x": "m", "theta": "rad", "dx": "m/s", "dtheta": "rad/s", "force": "N"}
    )
    angles: ClassVar[tuple[int, ...]] = (1,)
    actuated: ClassVar[tuple[int, ...]] = (0,)
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"x": 2.4, "force": 10.0})

    def __check_init__(self):
        for name in ("m_c", "m_p", "L", "g"):
            positive(name, getattr(self, name))
        for name in ("cart_friction", "pole_friction"):
            not_negative(name, getattr(self, name))

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [ẋ, θ̇, ẍ, θ̈] at state x [4] under force u [1]."""
        del t  # autonomous
        _, theta, dx, dtheta = x
        s, c = jnp.sin(theta), jnp.cos(theta)
        force = u[0] - self.cart_friction * dx
        hinge = self.pole_friction * dtheta / (self.m_p * self.L)
        swing = self.m_p * s * (self.L * dtheta**2 + self.g * c)
        ddx = (force + swing + self.m_p * hinge * c) / (self.m_c + self.m_p * s**2)
        ddtheta = -(c * ddx + self.g * s + hinge) / self.L
        return jnp.stack([dx, dtheta, ddx, ddtheta])

    def kinetic(self, q: Array, dq: Array) -> Array:
        """½(m_c + m_p)ẋ² + m_p L ẋ θ̇ cos θ + ½ m_p L² θ̇² [J]."""
        dx, tip = dq[0], self.L * dq[1]
        pole = 0.5 * self.m_p * tip**2 + self.m_p * dx * tip * jnp.cos(q[1])
        return 0.5 * (self.m_c + self.m_p) * dx**2 + pole

    def potential(self, q: Array) -> Array:
        """-m_p g L cos θ [J], zero with the pole level."""
        return -self.m_p * self.g * self.L * jnp.cos(q[1])

    def upright(self) -> Equilibrium:
        """The pole stands at rest in the middle of the track."""
        return self._rest(np.pi)

    def hanging(self) -> Equilibrium:
        """The pole hangs at rest in the middle of the track."""
        return self._rest(0.0)

    def _rest(self, theta: float) -> Equilibrium:
        return self.equilibrium([0.0, theta, 0.0, 0.0])
