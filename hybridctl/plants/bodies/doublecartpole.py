"""A cart with two links in a row."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, not_negative, positive
from hybridctl.plants.bodies.links import TwoLinks, pose_of
from hybridctl.plants.plant import Equilibrium


class DoubleCartPole(TwoLinks):
    """Two links in a row on a cart; the input is the force on the cart.

    The state is [x, theta1, theta2, dx, dtheta1, dtheta2]; theta1 counts from
    hanging, theta2 **from the first link**, both counter-clockwise: 0, 0 hangs and
    π, 0 stands. MuJoCo's inverted double pendulum also has a second angle relative
    to the first, but stands at 0, 0.

    Args:
        m1, m2, l1, l2, lc1, lc2, I1, I2, g, friction1, friction2: see `TwoLinks`;
            two uniform rods of 1 kg and 1 m by default, without friction.
        m_c: mass of the cart [kg].
        cart_friction: viscous friction of the cart [N s/m].

    Raises:
        ValueError: a parameter is not finite, a mass, length or gravity is not
            positive, or an inertia or friction is negative.

    Example:
        >>> plant = DoubleCartPole()
        >>> print(plant.ode(0.0, np.zeros(6), np.array([9.0])).round(1))
        [ 0.  0.  0.  7. -9. 12.]
    """

    m_c: Array = eqx.field(converter=as_float, default=1.0)
    cart_friction: Array = eqx.field(converter=as_float, default=0.0)

    states: ClassVar[tuple[str, ...]] = (
        *("x", "theta1", "theta2"),
        *("dx", "dtheta1", "dtheta2"),
    )
    inputs: ClassVar[tuple[str, ...]] = ("force",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"x": "m", "theta1": "rad", "theta2": "rad", "dx": "m/s"}
        | {"dtheta1": "rad/s", "dtheta2": "rad/s", "force": "N"}
    )
    angles: ClassVar[tuple[int, ...]] = (1, 2)
    actuated: ClassVar[tuple[int, ...]] = (0,)
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"x": 2.4, "force": 40.0})

    def __check_init__(self):
        positive("m_c", self.m_c)
        not_negative("cart_friction", self.cart_friction)

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative at state x [6] under force u [1].

        The links' own equations give φ̈ = φ̈₀ - ẍ p, with p their accelerations for
        a cart that accelerates by 1 m/s², and the cart's equation then gives ẍ.
        """
        del t  # autonomous
        _, theta1, theta2, dx, dtheta1, dtheta2 = x
        pose = pose_of(theta1, theta2, dtheta1, dtheta2)
        arms, zero = self.arms(), jnp.zeros_like(dx)
        free = self.accelerations(pose, *self.torques(pose, zero, zero))
        lean = arms.c1 * jnp.cos(pose.phi1), arms.c2 * jnp.cos(pose.phi2)
        pull = self.accelerations(pose, *lean)
        swing = arms.c1 * jnp.sin(pose.phi1) * pose.w1**2
        swing = swing + arms.c2 * jnp.sin(pose.phi2) * pose.w2**2
        force = u[0] - self.cart_friction * dx + swing
        mass = self.m_c + self.m1 + self.m2 - lean[0] * pull[0] - lean[1] * pull[1]
        ddx = (force - lean[0] * free[0] - lean[1] * free[1]) / mass
        first, second = (f - p * ddx for f, p in zip(free, pull, strict=True))
        return jnp.stack([dx, dtheta1, dtheta2, ddx, first, second - first])

    def kinetic(self, q: Array, dq: Array) -> Array:
        """Kinetic energy of the cart and both links [J]."""
        pose, arms, dx = pose_of(q[1], q[2], dq[1], dq[2]), self.arms(), dq[0]
        couple = arms.c1 * pose.w1 * jnp.cos(pose.phi1)
        couple = couple + arms.c2 * pose.w2 * jnp.cos(pose.phi2)
        cart = 0.5 * (self.m_c + self.m1 + self.m2) * dx**2
        return cart + dx * couple + self.spinning(pose)

    def potential(self, q: Array) -> Array:
        """Potential energy of both links [J], zero with both level."""
        return self.height(q[1], q[2])

    def upright(self) -> Equilibrium:
        """Both links stand at rest in the middle of the track."""
        return self.equilibrium([0.0, np.pi, 0.0, 0.0, 0.0, 0.0])

    def hanging(self) -> Equilibrium:
        """Both links hang at rest in the middle of the track."""
        return self.equilibrium(np.zeros(6))
