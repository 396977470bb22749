"""What decides an input."""

from hybridctl.controllers.basic import Constant as Constant
from hybridctl.controllers.basic import Sequence as Sequence
from hybridctl.controllers.basic import Slot as Slot
from hybridctl.controllers.combine import Argmax as Argmax
from hybridctl.controllers.combine import Hold as Hold
from hybridctl.controllers.combine import Mix as Mix
from hybridctl.controllers.controller import Controller as Controller
from hybridctl.controllers.controller import Tick as Tick
from hybridctl.controllers.features import Features as Features
from hybridctl.controllers.feedback import StateFeedback as StateFeedback
from hybridctl.controllers.feedback import demands as demands
from hybridctl.controllers.fill import Filled as Filled
from hybridctl.controllers.fill import fill as fill
from hybridctl.controllers.guards import Guard as Guard
from hybridctl.controllers.guards import Quadratic as Quadratic
from hybridctl.controllers.guards import after as after
from hybridctl.controllers.guards import beyond as beyond
from hybridctl.controllers.guards import chosen as chosen
from hybridctl.controllers.guards import level as level
from hybridctl.controllers.guards import near as near
from hybridctl.controllers.linear import LinearController as LinearController
from hybridctl.controllers.machine import StateMachine as StateMachine
from hybridctl.controllers.machine import Switch as Switch
from hybridctl.controllers.machine import machine as machine
from hybridctl.controllers.policy import Policy as Policy
from hybridctl.controllers.swingup import EnergySwingUp as EnergySwingUp
