"""What the world is."""

from hybridctl.plants.cartpole import CartPole as CartPole
from hybridctl.plants.mjcf import mjcf as mjcf
from hybridctl.plants.mujoco import MuJoCoPlant as MuJoCoPlant
from hybridctl.plants.plant import Equilibrium as Equilibrium
from hybridctl.plants.plant import MechanicalPlant as MechanicalPlant
from hybridctl.plants.plant import Plant as Plant
