"""Who is better: `hybridctl.compare` is this room, and the verb `compare` itself."""

import sys
from types import ModuleType

from hybridctl.compare.bounds import BOUNDS as BOUNDS
from hybridctl.compare.bounds import Bound as Bound
from hybridctl.compare.compare import compare as _compare
from hybridctl.compare.leaderboard import RealAIGymScores as RealAIGymScores
from hybridctl.compare.leaderboard import realaigym as realaigym
from hybridctl.compare.leaderboard import scores_of as scores_of
from hybridctl.compare.robust import Robustness as Robustness
from hybridctl.compare.robust import robustness as robustness
from hybridctl.compare.table import Episode as Episode
from hybridctl.compare.table import Table as Table
from hybridctl.compare.tune import Tuning as Tuning
from hybridctl.tasks.evaluate import Scores as Scores
from hybridctl.tasks.evaluate import evaluate as evaluate
from hybridctl.tasks.evaluate import replay as replay


class _Room(ModuleType):
    """A module that can be called: `hc.compare(task, controllers)`."""

    __call__ = staticmethod(_compare)


sys.modules[__name__].__class__ = _Room
