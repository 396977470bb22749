"""Two links in a row: what the acrobot, the pendubot and the double cart-pole share."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, not_negative, positive
from hybridctl.plants.plant import MechanicalPlant


class Pose(NamedTuple):
    """Angles φ from the vertical and their rates ω of both links."""

    phi1: Array
    phi2: Array
    w1: Array
    w2: Array


class Arms(NamedTuple):
    """Inertia of both links: T = ½ a₁ ω₁² + ½ a₂ ω₂² + h ω₁ ω₂ cos(φ₁ - φ₂).

    c₁ and c₂ are the first moments: V = -g (c₁ cos φ₁ + c₂ cos φ₂).
    """

    a1: Array
    a2: Array
    h: Array
    c1: Array
    c2: Array


class TwoLinks(MechanicalPlant):
    """Two rigid links with a hinge above each, in the plane.

    theta1 is the angle of the first link from hanging, theta2 that of the second
    link **relative to the first**, both counter-clockwise: 0, 0 hangs and π, 0 stands.

    The default is two uniform rods. A point mass at the end of a link is I = 0 and
    lc = l. Inertias are about the centres of mass; about the joint it is I + m lc².

    Args:
        m1: mass of the first link [kg].
        m2: mass of the second link [kg].
        l1: length of the first link [m].
        l2: length of the second link [m]; for drawings, no force depends on it.
        lc1: from the first hinge to the first link's centre of mass [m].
        lc2: from the second hinge to the second link's centre of mass [m].
        I1: inertia of the first link about its centre of mass [kg m²].
        I2: inertia of the second link about its centre of mass [kg m²].
        g: gravity [m/s²].
        friction1: viscous friction of the first hinge [N m s/rad].
        friction2: viscous friction of the second hinge [N m s/rad].
    """

    m1: Array = eqx.field(converter=as_float, default=1.0)
    m2: Array = eqx.field(converter=as_float, default=1.0)
    l1: Array = eqx.field(converter=as_float, default=1.0)
    l2: Array = eqx.field(converter=as_float, default=1.0)
    lc1: Array = eqx.field(converter=as_float, default=0.5)
    lc2: Array = eqx.field(converter=as_float, default=0.5)
    I1: Array = eqx.field(converter=as_float, default=1.0 / 12.0)
    I2: Array = eqx.field(converter=as_float, default=1.0 / 12.0)
    g: Array = eqx.field(converter=as_float, default=9.81)
    friction1: Array = eqx.field(converter=as_float, default=0.0)
    friction2: Array = eqx.field(converter=as_float, default=0.0)

    def __check_init__(self):
        for name in ("m1", "m2", "l1", "l2", "lc1", "lc2", "g"):
            positive(name, getattr(self, name))
        for name in ("I1", "I2", "friction1", "friction2"):
            not_negative(name, getattr(self, name))

    def arms(self) -> Arms:
        """The inertia that the equations need."""
        c1, c2 = self.m1 * self.lc1 + self.m2 * self.l1, self.m2 * self.lc2
        a1 = self.I1 + self.m1 * self.lc1**2 + self.m2 * self.l1**2
        return Arms(a1, self.I2 + c2 * self.lc2, c2 * self.l1, c1, c2)

    def torques(self, pose: Pose, shoulder: Array, elbow: Array) -> tuple[Array, Array]:
        """Torques on φ₁ and φ₂ that the hinges do not move: all but the inertia.

        Args:
            pose: of the links.
            shoulder: torque of a motor at the first hinge [N m].
            elbow: torque of a motor at the second hinge [N m].
        """
        arms, spin = self.arms(), jnp.sin(pose.phi1 - pose.phi2)
        elbow = elbow - self.friction2 * (pose.w2 - pose.w1)
        shoulder = shoulder - self.friction1 * pose.w1 - elbow
        first = shoulder - self.g * arms.c1 * jnp.sin(pose.phi1)
        second = elbow - self.g * arms.c2 * jnp.sin(pose.phi2)
        return (
            first - arms.h * spin * pose.w2**2,
            second + arms.h * spin * pose.w1**2,
        )

    def accelerations(self, pose: Pose, first: Array, second: Array) -> tuple:
        """Both φ̈ under the torques on φ₁ and φ₂ [rad/s²]."""
        a1, a2, h, _, _ = self.arms()
        both = h * jnp.cos(pose.phi1 - pose.phi2)
        room = a1 * a2 - both**2
        return (a2 * first - both * second) / room, (a1 * second - both * first) / room

    def spinning(self, pose: Pose) -> Array:
        """Kinetic energy of the links about a first hinge at rest [J]."""
        a1, a2, h, _, _ = self.arms()
        both = h * pose.w1 * pose.w2 * jnp.cos(pose.phi1 - pose.phi2)
        return 0.5 * (a1 * pose.w1**2 + a2 * pose.w2**2) + both

    def height(self, theta1: Array, theta2: Array) -> Array:
        """Potential energy of the links [J], zero with both level."""
        _, _, _, c1, c2 = self.arms()
        return -self.g * (c1 * jnp.cos(theta1) + c2 * jnp.cos(theta1 + theta2))


def pose_of(theta1: Array, theta2: Array, dtheta1: Array, dtheta2: Array) -> Pose:
    """From angles relative to the link before to angles from the vertical."""
    return Pose(theta1, theta1 + theta2, dtheta1, dtheta1 + dtheta2)
