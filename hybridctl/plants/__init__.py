"""What the world is."""

from hybridctl.plants.acrobot import Acrobot as Acrobot
from hybridctl.plants.acrobot import Pendubot as Pendubot
from hybridctl.plants.cartpole import CartPole as CartPole
from hybridctl.plants.doublecartpole import DoubleCartPole as DoubleCartPole
from hybridctl.plants.function import FunctionPlant as FunctionPlant
from hybridctl.plants.lagrangian import LagrangianPlant as LagrangianPlant
from hybridctl.plants.pendulum import Pendulum as Pendulum
from hybridctl.plants.plant import Equilibrium as Equilibrium
from hybridctl.plants.plant import MechanicalPlant as MechanicalPlant
from hybridctl.plants.plant import Plant as Plant
