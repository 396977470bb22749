"""The cart-pole whose cart a voltage drives."""

from typing import Any

from hybridctl.plants.bodies.cartpole import CartPole
from hybridctl.plants.network.component import Port
from hybridctl.plants.network.electrical import DCMotor, VoltageSource
from hybridctl.plants.network.mechanics import Gear, Wheel
from hybridctl.plants.network.network import Network


def motor_cartpole(
    plant: CartPole | None = None,
    motor: DCMotor | None = None,
    *,
    gear: Any = 3.71,
    radius: Any = 6.35e-3,
    voltage: float = 12.0,
) -> Network:
    """A cart-pole driven by a DC motor; the input is the motor's voltage.

    Motor, gear (n turns of the motor for one of the pinion) and pinion (radius r)
    move the cart with N = n/r radians of the motor for a metre. With the current
    i, from v = R i + L di/dt + k N ẋ or, without inductance, its static value::

        F = k N i - b N² ẋ - J N² ẍ

    pushes the cart: the rotor's inertia J counts as a mass J N² on the cart. The
    states are [x, theta, dx, dtheta], and motor.current where it has an inductance.

    Args:
        plant: the cart-pole; the tutorial's by default.
        motor: that of the Quanser IP02 cart by default, without its inductance of
            0.18 mH: its 0.07 ms are far below a control period.
        gear: n.
        radius: r [m].
        voltage: largest |voltage| [V], a default limit for tasks.

    Returns:
        A plant of five components: cart, wheel, gear, motor, source.

    Raises:
        ValueError: a parameter is not positive.

    Source: Quanser, *Linear Motion Servo Plant IP02, User Manual*.

    Example:
        >>> motorized = motor_cartpole()
        >>> motorized.states, motorized.inputs, motorized.merged
        (('x', 'theta', 'dx', 'dtheta'), ('voltage',), ('motor.speed',))
    """
    parts = {
        "cart": Port(plant or CartPole()),
        "wheel": Wheel(radius),
        "gear": Gear(gear),
        "motor": motor or DCMotor(R=2.6, k=0.00767, J=3.9e-7),
        "source": VoltageSource(input="voltage"),
    }
    nodes = [
        ("source.p", "motor.p"),
        ("source.n", "motor.n", "ground"),
        ("motor.shaft", "gear.a"),
        ("gear.b", "wheel.shaft"),
        ("wheel.rim", "cart.x"),
    ]
    return Network(parts, nodes, limits={"voltage": voltage})
