"""Hybrid classical-plus-learned control in one JAX closed loop.

Names are loaded when they are first used: importing hybridctl costs nothing, and
brax is imported only by what trains. It does two things besides: it asks XLA for exact
arithmetic (`rounding`), and gives Gymnasium, where that is imported, its ids (`gym`).
"""

from typing import TYPE_CHECKING

from hybridctl.gym import announce
from hybridctl.lazy import open_room
from hybridctl.rounding import keep_arithmetic_exact

keep_arithmetic_exact()
announce()

if TYPE_CHECKING:
    from hybridctl import contests as contests
    from hybridctl import controllers as controllers
    from hybridctl import deploy as deploy
    from hybridctl import design as design
    from hybridctl import gym as gym
    from hybridctl import learn as learn
    from hybridctl import loop as loop
    from hybridctl import plants as plants
    from hybridctl import ports as ports
    from hybridctl import runs as runs
    from hybridctl import scale as scale
    from hybridctl import show as show
    from hybridctl import store as store
    from hybridctl import strategies as strategies
    from hybridctl import suites as suites
    from hybridctl import tasks as tasks
    from hybridctl.contests.compare import compare as compare
    from hybridctl.contests.falsify.falsify import falsify as falsify
    from hybridctl.contests.over import compare_over as compare_over
    from hybridctl.contests.search import search as search
    from hybridctl.contests.tune import tune as tune
    from hybridctl.controllers import EKF as EKF
    from hybridctl.controllers import GRU as GRU
    from hybridctl.controllers import MPC as MPC
    from hybridctl.controllers import PID as PID
    from hybridctl.controllers import Argmax as Argmax
    from hybridctl.controllers import AugmentedFeedback as AugmentedFeedback
    from hybridctl.controllers import Constant as Constant
    from hybridctl.controllers import Controller as Controller
    from hybridctl.controllers import Differentiate as Differentiate
    from hybridctl.controllers import EnergySwingUp as EnergySwingUp
    from hybridctl.controllers import Features as Features
    from hybridctl.controllers import Feedforward as Feedforward
    from hybridctl.controllers import Foreign as Foreign
    from hybridctl.controllers import Greedy as Greedy
    from hybridctl.controllers import GridValue as GridValue
    from hybridctl.controllers import Hat as Hat
    from hybridctl.controllers import Hold as Hold
    from hybridctl.controllers import IntegralFeedback as IntegralFeedback
    from hybridctl.controllers import KalmanFilter as KalmanFilter
    from hybridctl.controllers import Late as Late
    from hybridctl.controllers import LinearController as LinearController
    from hybridctl.controllers import Mix as Mix
    from hybridctl.controllers import NetworkValue as NetworkValue
    from hybridctl.controllers import Policy as Policy
    from hybridctl.controllers import Predictor as Predictor
    from hybridctl.controllers import Probe as Probe
    from hybridctl.controllers import SafetyFilter as SafetyFilter
    from hybridctl.controllers import Sampled as Sampled
    from hybridctl.controllers import Sequence as Sequence
    from hybridctl.controllers import Shift as Shift
    from hybridctl.controllers import Slot as Slot
    from hybridctl.controllers import StateFeedback as StateFeedback
    from hybridctl.controllers import StateMachine as StateMachine
    from hybridctl.controllers import Switch as Switch
    from hybridctl.controllers import Tick as Tick
    from hybridctl.controllers import TrajectoryFeedback as TrajectoryFeedback
    from hybridctl.controllers import Value as Value
    from hybridctl.controllers import after as after
    from hybridctl.controllers import beyond as beyond
    from hybridctl.controllers import chosen as chosen
    from hybridctl.controllers import demands as demands
    from hybridctl.controllers import fill as fill
    from hybridctl.controllers import follow as follow
    from hybridctl.controllers import level as level
    from hybridctl.controllers import machine as machine
    from hybridctl.controllers import near as near
    from hybridctl.controllers import schedule as schedule
    from hybridctl.deploy import Pilot as Pilot
    from hybridctl.deploy import RunFolder as RunFolder
    from hybridctl.deploy import RunFolders as RunFolders
    from hybridctl.deploy import Swap as Swap
    from hybridctl.deploy import drive as drive
    from hybridctl.deploy import embed as embed
    from hybridctl.deploy import export as export
    from hybridctl.deploy import load as load
    from hybridctl.deploy import register as register
    from hybridctl.deploy import save as save
    from hybridctl.design import bode as bode
    from hybridctl.design import closed_loop as closed_loop
    from hybridctl.design import discretize as discretize
    from hybridctl.design import from_control as from_control
    from hybridctl.design import identify as identify
    from hybridctl.design import linearize as linearize
    from hybridctl.design import margins as margins
    from hybridctl.design import nyquist as nyquist
    from hybridctl.design import place as place
    from hybridctl.design import root_locus as root_locus
    from hybridctl.design import step_response as step_response
    from hybridctl.design import to_control as to_control
    from hybridctl.design.attraction import check_level as check_level
    from hybridctl.design.attraction import region_of_attraction as region_of_attraction
    from hybridctl.design.feedback import lqr as lqr
    from hybridctl.design.kalman import kalman as kalman
    from hybridctl.design.tracking import lqi as lqi
    from hybridctl.design.tracking import tracking as tracking
    from hybridctl.design.trajectory import tvlqr as tvlqr
    from hybridctl.learn import Env as Env
    from hybridctl.learn import Run as Run
    from hybridctl.learn import from_brax as from_brax
    from hybridctl.learn import from_sb3 as from_sb3
    from hybridctl.learn import train as train
    from hybridctl.loop import Actuator as Actuator
    from hybridctl.loop import Disturbance as Disturbance
    from hybridctl.loop import Log as Log
    from hybridctl.loop import Loop as Loop
    from hybridctl.loop import Sensor as Sensor
    from hybridctl.loop import Trace as Trace
    from hybridctl.loop import referee as referee
    from hybridctl.loop import simulate as simulate
    from hybridctl.plants import Acrobot as Acrobot
    from hybridctl.plants import Automaton as Automaton
    from hybridctl.plants import BouncingBall as BouncingBall
    from hybridctl.plants import CartPole as CartPole
    from hybridctl.plants import DeadZone as DeadZone
    from hybridctl.plants import Delay as Delay
    from hybridctl.plants import Diagram as Diagram
    from hybridctl.plants import DoubleCartPole as DoubleCartPole
    from hybridctl.plants import EndStops as EndStops
    from hybridctl.plants import Equilibrium as Equilibrium
    from hybridctl.plants import Gain as Gain
    from hybridctl.plants import HybridPlant as HybridPlant
    from hybridctl.plants import Junction as Junction
    from hybridctl.plants import LagrangianPlant as LagrangianPlant
    from hybridctl.plants import LookupTable as LookupTable
    from hybridctl.plants import MechanicalPlant as MechanicalPlant
    from hybridctl.plants import MuJoCoPlant as MuJoCoPlant
    from hybridctl.plants import Network as Network
    from hybridctl.plants import Pendubot as Pendubot
    from hybridctl.plants import Pendulum as Pendulum
    from hybridctl.plants import Plant as Plant
    from hybridctl.plants import Saturation as Saturation
    from hybridctl.plants import Thermostat as Thermostat
    from hybridctl.plants import feedback as feedback
    from hybridctl.plants import state_space as state_space
    from hybridctl.plants import transfer as transfer
    from hybridctl.show import LiveCurve as LiveCurve
    from hybridctl.show import TensorBoard as TensorBoard
    from hybridctl.show import live as live
    from hybridctl.show import render as render
    from hybridctl.show import replay as replay
    from hybridctl.show import report as report
    from hybridctl.strategies import reference as reference
    from hybridctl.strategies import template as template
    from hybridctl.strategies import value_iteration as value_iteration
    from hybridctl.tasks import Task as Task
    from hybridctl.tasks import evaluate as evaluate
    from hybridctl.version import __version__ as __version__

open_room(__name__)
