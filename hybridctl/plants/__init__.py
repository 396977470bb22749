"""What the world is."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.plants.bodies.acrobot import Acrobot as Acrobot
    from hybridctl.plants.bodies.acrobot import Pendubot as Pendubot
    from hybridctl.plants.bodies.cartpole import CartPole as CartPole
    from hybridctl.plants.bodies.doublecartpole import DoubleCartPole as DoubleCartPole
    from hybridctl.plants.bodies.pendulum import Pendulum as Pendulum
    from hybridctl.plants.diagram.block import Function as Function
    from hybridctl.plants.diagram.diagram import Diagram as Diagram
    from hybridctl.plants.diagram.discrete import Delay as Delay
    from hybridctl.plants.diagram.discrete import (
        DiscreteStateSpace as DiscreteStateSpace,
    )
    from hybridctl.plants.diagram.join import feedback as feedback
    from hybridctl.plants.diagram.join import wires_by_name as wires_by_name
    from hybridctl.plants.diagram.linear import StateSpace as StateSpace
    from hybridctl.plants.diagram.linear import TransferFunction as TransferFunction
    from hybridctl.plants.diagram.linear import state_space as state_space
    from hybridctl.plants.diagram.linear import transfer as transfer
    from hybridctl.plants.diagram.static import DeadZone as DeadZone
    from hybridctl.plants.diagram.static import Gain as Gain
    from hybridctl.plants.diagram.static import Junction as Junction
    from hybridctl.plants.diagram.static import LookupTable as LookupTable
    from hybridctl.plants.diagram.static import Saturation as Saturation
    from hybridctl.plants.discrete import DiscretePlant as DiscretePlant
    from hybridctl.plants.hybrid.automaton import Automaton as Automaton
    from hybridctl.plants.hybrid.ball import BouncingBall as BouncingBall
    from hybridctl.plants.hybrid.endstops import EndStops as EndStops
    from hybridctl.plants.hybrid.plant import HybridPlant as HybridPlant
    from hybridctl.plants.hybrid.thermostat import Thermostat as Thermostat
    from hybridctl.plants.lagrangian import LagrangianPlant as LagrangianPlant
    from hybridctl.plants.linearize import Equilibrium as Equilibrium
    from hybridctl.plants.mujoco.mjcf import mjcf as mjcf
    from hybridctl.plants.mujoco.plant import MuJoCoPlant as MuJoCoPlant
    from hybridctl.plants.network.component import Component as Component
    from hybridctl.plants.network.component import Port as Port
    from hybridctl.plants.network.electrical import Capacitor as Capacitor
    from hybridctl.plants.network.electrical import CurrentSource as CurrentSource
    from hybridctl.plants.network.electrical import DCMotor as DCMotor
    from hybridctl.plants.network.electrical import Inductor as Inductor
    from hybridctl.plants.network.electrical import Resistor as Resistor
    from hybridctl.plants.network.electrical import VoltageSource as VoltageSource
    from hybridctl.plants.network.hydraulic import Pipe as Pipe
    from hybridctl.plants.network.hydraulic import PressureSource as PressureSource
    from hybridctl.plants.network.hydraulic import Pump as Pump
    from hybridctl.plants.network.hydraulic import Tank as Tank
    from hybridctl.plants.network.mechanics import Angle as Angle
    from hybridctl.plants.network.mechanics import Damper as Damper
    from hybridctl.plants.network.mechanics import Force as Force
    from hybridctl.plants.network.mechanics import Gear as Gear
    from hybridctl.plants.network.mechanics import Inertia as Inertia
    from hybridctl.plants.network.mechanics import Mass as Mass
    from hybridctl.plants.network.mechanics import Position as Position
    from hybridctl.plants.network.mechanics import RotaryDamper as RotaryDamper
    from hybridctl.plants.network.mechanics import Speed as Speed
    from hybridctl.plants.network.mechanics import Spring as Spring
    from hybridctl.plants.network.mechanics import Torque as Torque
    from hybridctl.plants.network.mechanics import TorsionSpring as TorsionSpring
    from hybridctl.plants.network.mechanics import Velocity as Velocity
    from hybridctl.plants.network.mechanics import Wheel as Wheel
    from hybridctl.plants.network.motor import motor_cartpole as motor_cartpole
    from hybridctl.plants.network.network import Network as Network
    from hybridctl.plants.plant import FunctionPlant as FunctionPlant
    from hybridctl.plants.plant import MechanicalPlant as MechanicalPlant
    from hybridctl.plants.plant import Plant as Plant
    from hybridctl.plants.sampled import SampledPlant as SampledPlant
    from hybridctl.plants.scales import OwnUnits as OwnUnits
    from hybridctl.plants.scales import own_units as own_units
    from hybridctl.plants.uncertain import UncertainPlant as UncertainPlant
    from hybridctl.plants.vary import Vary as Vary

open_room(__name__)
