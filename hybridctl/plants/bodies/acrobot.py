"""Two links with one motor: at the elbow (acrobot) or at the shoulder (pendubot)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.plants.bodies.links import TwoLinks, pose_of
from hybridctl.plants.plant import Equilibrium

UNITS = MappingProxyType(
    {"theta1": "rad", "theta2": "rad", "dtheta1": "rad/s", "dtheta2": "rad/s"}
    | {"torque": "N m"}
)


class HungLinks(TwoLinks):
    """Two links that hang from a fixed hinge; see `TwoLinks` for the parameters.

    The state is [theta1, theta2, dtheta1, dtheta2].
    """

    states: ClassVar[tuple[str, ...]] = ("theta1", "theta2", "dtheta1", "dtheta2")
    inputs: ClassVar[tuple[str, ...]] = ("torque",)
    units: ClassVar[Mapping[str, str]] = UNITS
    angles: ClassVar[tuple[int, ...]] = (0, 1)

    def moved(self, x: Array, shoulder: Array, elbow: Array) -> Array:
        """State derivative [4] under torques of motors at the hinges."""
        pose = pose_of(*x)
        torques = self.torques(pose, shoulder, elbow)
        first, second = self.accelerations(pose, *torques)
        return jnp.stack([x[2], x[3], first, second - first])

    def kinetic(self, q: Array, dq: Array) -> Array:
        """Kinetic energy of both links [J]."""
        return self.spinning(pose_of(*q, *dq))

    def potential(self, q: Array) -> Array:
        """Potential energy of both links [J], zero with both level."""
        return self.height(*q)

    def upright(self) -> Equilibrium:
        """Both links stand at rest."""
        return self.equilibrium([np.pi, 0.0, 0.0, 0.0])

    def hanging(self) -> Equilibrium:
        """Both links hang at rest."""
        return self.equilibrium(np.zeros(4))


class Acrobot(HungLinks):
    """Two links in a row with a motor at the elbow; the input is its torque.

    M(θ₂) θ̈ + C(θ, θ̇) θ̇ + ∂V/∂θ + friction = [0, u]. The state is [theta1, theta2,
    dtheta1, dtheta2]; theta1 counts from hanging, theta2 **from the first link**, both
    counter-clockwise: 0, 0 hangs and π, 0 stands. gymnasium's Acrobot counts alike
    (with I about the centres of mass and g = 9.8); dm_control's stands at 0, 0.

    Args:
        m1, m2, l1, l2, lc1, lc2, I1, I2, g, friction1, friction2: see `TwoLinks`;
            two uniform rods of 1 kg and 1 m by default, without friction.

    Raises:
        ValueError: a parameter is not finite, a mass, length or gravity is not
            positive, or an inertia or friction is negative.

    Source: M. W. Spong, "The swing up control problem for the acrobot", IEEE Control
        Systems 15 (1995); R. Tedrake, *Underactuated Robotics*, "The Acrobot" (whose
        inertias are about the joints: I + m lc² of these).

    Example:
        >>> print(Acrobot().ode(0.0, np.zeros(4), np.array([1.0])).round(1))
        [ 0.   0.  -4.3 13.7]
    """

    actuated: ClassVar[tuple[int, ...]] = (1,)
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"torque": 10.0})

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative at state x [4] under the elbow's torque u [1]."""
        del t  # autonomous
        return self.moved(x, jnp.zeros_like(u[0]), u[0])


class Pendubot(HungLinks):
    """Two links in a row with a motor at the shoulder; the input is its torque.

    M(θ₂) θ̈ + C(θ, θ̇) θ̇ + ∂V/∂θ + friction = [u, 0]. The state is [theta1, theta2,
    dtheta1, dtheta2]; theta1 counts from hanging, theta2 **from the first link**, both
    counter-clockwise: 0, 0 hangs and π, 0 stands.

    Args:
        m1, m2, l1, l2, lc1, lc2, I1, I2, g, friction1, friction2: see `TwoLinks`;
            two uniform rods of 1 kg and 1 m by default, without friction.

    Raises:
        ValueError: a parameter is not finite, a mass, length or gravity is not
            positive, or an inertia or friction is negative.

    Source: M. W. Spong, D. J. Block, "The Pendubot: a mechatronic system for control
        research and education", CDC 1995.

    Example:
        >>> print(Pendubot().ode(0.0, np.zeros(4), np.array([1.0])).round(1))
        [ 0.   0.   1.7 -4.3]
    """

    actuated: ClassVar[tuple[int, ...]] = (0,)
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({"torque": 20.0})

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative at state x [4] under the shoulder's torque u [1]."""
        del t  # autonomous
        return self.moved(x, u[0], jnp.zeros_like(u[0]))
