"""What the world is."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.plants.acrobot import Acrobot as Acrobot
    from hybridctl.plants.acrobot import Pendubot as Pendubot
    from hybridctl.plants.automaton import Automaton as Automaton
    from hybridctl.plants.ball import BouncingBall as BouncingBall
    from hybridctl.plants.cartpole import CartPole as CartPole
    from hybridctl.plants.component import Component as Component
    from hybridctl.plants.component import Port as Port
    from hybridctl.plants.doublecartpole import DoubleCartPole as DoubleCartPole
    from hybridctl.plants.electrical import Capacitor as Capacitor
    from hybridctl.plants.electrical import CurrentSource as CurrentSource
    from hybridctl.plants.electrical import DCMotor as DCMotor
    from hybridctl.plants.electrical import Inductor as Inductor
    from hybridctl.plants.electrical import Resistor as Resistor
    from hybridctl.plants.electrical import VoltageSource as VoltageSource
    from hybridctl.plants.endstops import EndStops as EndStops
    from hybridctl.plants.function import FunctionPlant as FunctionPlant
    from hybridctl.plants.hybrid import HybridPlant as HybridPlant
    from hybridctl.plants.hydraulic import Pipe as Pipe
    from hybridctl.plants.hydraulic import PressureSource as PressureSource
    from hybridctl.plants.hydraulic import Pump as Pump
    from hybridctl.plants.hydraulic import Tank as Tank
    from hybridctl.plants.lagrangian import LagrangianPlant as LagrangianPlant
    from hybridctl.plants.mechanics import Angle as Angle
    from hybridctl.plants.mechanics import Damper as Damper
    from hybridctl.plants.mechanics import Force as Force
    from hybridctl.plants.mechanics import Gear as Gear
    from hybridctl.plants.mechanics import Inertia as Inertia
    from hybridctl.plants.mechanics import Mass as Mass
    from hybridctl.plants.mechanics import Position as Position
    from hybridctl.plants.mechanics import RotaryDamper as RotaryDamper
    from hybridctl.plants.mechanics import Speed as Speed
    from hybridctl.plants.mechanics import Spring as Spring
    from hybridctl.plants.mechanics import Torque as Torque
    from hybridctl.plants.mechanics import TorsionSpring as TorsionSpring
    from hybridctl.plants.mechanics import Velocity as Velocity
    from hybridctl.plants.mechanics import Wheel as Wheel
    from hybridctl.plants.mjcf import mjcf as mjcf
    from hybridctl.plants.motor import motor_cartpole as motor_cartpole
    from hybridctl.plants.mujoco import MuJoCoPlant as MuJoCoPlant
    from hybridctl.plants.network import Network as Network
    from hybridctl.plants.pendulum import Pendulum as Pendulum
    from hybridctl.plants.plant import Equilibrium as Equilibrium
    from hybridctl.plants.plant import MechanicalPlant as MechanicalPlant
    from hybridctl.plants.plant import Plant as Plant
    from hybridctl.plants.scales import OwnUnits as OwnUnits
    from hybridctl.plants.scales import own_units as own_units
    from hybridctl.plants.thermostat import Thermostat as Thermostat

open_room(__name__)
