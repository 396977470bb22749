"""What counts as good: tasks by name."""

from hybridctl.names import TASKS, check_listed
from hybridctl.plants.vary import Vary as Vary
from hybridctl.tasks.cartpole import balance as balance
from hybridctl.tasks.cartpole import global_ as global_
from hybridctl.tasks.cartpole import short_track as short_track
from hybridctl.tasks.cartpole import swingup as swingup
from hybridctl.tasks.cartpole import weak as weak
from hybridctl.tasks.cost import Cost as Cost
from hybridctl.tasks.cost import Fenced as Fenced
from hybridctl.tasks.disturbed import noisy as noisy
from hybridctl.tasks.disturbed import push as push
from hybridctl.tasks.disturbed import unknown_plant as unknown_plant
from hybridctl.tasks.evaluate import Scores as Scores
from hybridctl.tasks.evaluate import evaluate as evaluate
from hybridctl.tasks.evaluate import replay as replay
from hybridctl.tasks.hints import Hints as Hints
from hybridctl.tasks.hints import MachineGains as MachineGains
from hybridctl.tasks.reach import reach as reach
from hybridctl.tasks.registry import about as about
from hybridctl.tasks.registry import get as get
from hybridctl.tasks.registry import names as names
from hybridctl.tasks.registry import register as register
from hybridctl.tasks.start import Beside as Beside
from hybridctl.tasks.start import Box as Box
from hybridctl.tasks.start import Curriculum as Curriculum
from hybridctl.tasks.start import Either as Either
from hybridctl.tasks.start import Start as Start
from hybridctl.tasks.task import Goal as Goal
from hybridctl.tasks.task import Outcome as Outcome
from hybridctl.tasks.task import Task as Task
from hybridctl.tasks.task import holds as holds
from hybridctl.tasks.task import judge as judge
from hybridctl.tasks.task import start_episode as start_episode

check_listed("TaskName", TASKS, names())
