"""What decides an input."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.controllers.adaptive import Adaptive as Adaptive
    from hybridctl.controllers.adaptive import Family as Family
    from hybridctl.controllers.augmented import AugmentedFeedback as AugmentedFeedback
    from hybridctl.controllers.basic import Constant as Constant
    from hybridctl.controllers.basic import Sequence as Sequence
    from hybridctl.controllers.basic import Slot as Slot
    from hybridctl.controllers.combine import Argmax as Argmax
    from hybridctl.controllers.combine import Hold as Hold
    from hybridctl.controllers.combine import Mix as Mix
    from hybridctl.controllers.combine import Probe as Probe
    from hybridctl.controllers.controller import Controller as Controller
    from hybridctl.controllers.controller import Tick as Tick
    from hybridctl.controllers.differentiate import Differentiate as Differentiate
    from hybridctl.controllers.features import Features as Features
    from hybridctl.controllers.feedback import StateFeedback as StateFeedback
    from hybridctl.controllers.feedback import demands as demands
    from hybridctl.controllers.fill import Filled as Filled
    from hybridctl.controllers.fill import fill as fill
    from hybridctl.controllers.follow import Feedforward as Feedforward
    from hybridctl.controllers.follow import Shift as Shift
    from hybridctl.controllers.follow import TrajectoryFeedback as TrajectoryFeedback
    from hybridctl.controllers.follow import follow as follow
    from hybridctl.controllers.foreign import Foreign as Foreign
    from hybridctl.controllers.greedy import Greedy as Greedy
    from hybridctl.controllers.gru import GRU as GRU
    from hybridctl.controllers.guards import Guard as Guard
    from hybridctl.controllers.guards import Quadratic as Quadratic
    from hybridctl.controllers.guards import after as after
    from hybridctl.controllers.guards import beyond as beyond
    from hybridctl.controllers.guards import chosen as chosen
    from hybridctl.controllers.guards import level as level
    from hybridctl.controllers.guards import near as near
    from hybridctl.controllers.integral import IntegralFeedback as IntegralFeedback
    from hybridctl.controllers.late import Late as Late
    from hybridctl.controllers.linear import LinearController as LinearController
    from hybridctl.controllers.machine import StateMachine as StateMachine
    from hybridctl.controllers.machine import Switch as Switch
    from hybridctl.controllers.machine import machine as machine
    from hybridctl.controllers.mpc import MPC as MPC
    from hybridctl.controllers.observers import EKF as EKF
    from hybridctl.controllers.observers import KalmanFilter as KalmanFilter
    from hybridctl.controllers.pid import PID as PID
    from hybridctl.controllers.policy import Policy as Policy
    from hybridctl.controllers.predictor import Predictor as Predictor
    from hybridctl.controllers.safety import SafetyFilter as SafetyFilter
    from hybridctl.controllers.sampled import Sampled as Sampled
    from hybridctl.controllers.schedule import Hat as Hat
    from hybridctl.controllers.schedule import schedule as schedule
    from hybridctl.controllers.swingup import EnergySwingUp as EnergySwingUp
    from hybridctl.controllers.value import GridValue as GridValue
    from hybridctl.controllers.value import Value as Value
    from hybridctl.controllers.value_network import NetworkValue as NetworkValue
    from hybridctl.controllers.value_network import Physical as Physical

open_room(__name__)
