"""What the world is."""

from hybridctl.plants.automaton import Automaton as Automaton
from hybridctl.plants.ball import BouncingBall as BouncingBall
from hybridctl.plants.cartpole import CartPole as CartPole
from hybridctl.plants.endstops import EndStops as EndStops
from hybridctl.plants.hybrid import HybridPlant as HybridPlant
from hybridctl.plants.plant import Equilibrium as Equilibrium
from hybridctl.plants.plant import MechanicalPlant as MechanicalPlant
from hybridctl.plants.plant import Plant as Plant
from hybridctl.plants.thermostat import Thermostat as Thermostat
