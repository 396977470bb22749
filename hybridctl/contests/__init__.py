"""Who is better: comparisons, tuning, searches for failures, public scores."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.contests.bounds import BOUNDS as BOUNDS
    from hybridctl.contests.bounds import Bound as Bound
    from hybridctl.contests.bounds import bound_of as bound_of
    from hybridctl.contests.compare import compare as compare
    from hybridctl.contests.falsify.counterexample import (
        Counterexample as Counterexample,
    )
    from hybridctl.contests.falsify.falsify import Falsified as Falsified
    from hybridctl.contests.falsify.falsify import falsify as falsify
    from hybridctl.contests.over import Grid as Grid
    from hybridctl.contests.over import compare_over as compare_over
    from hybridctl.contests.realaigym.performance import (
        RealAIGymScores as RealAIGymScores,
    )
    from hybridctl.contests.realaigym.performance import realaigym as realaigym
    from hybridctl.contests.realaigym.performance import scores_of as scores_of
    from hybridctl.contests.realaigym.robustness import Robustness as Robustness
    from hybridctl.contests.realaigym.robustness import robustness as robustness
    from hybridctl.contests.search import Search as Search
    from hybridctl.contests.search import search as search
    from hybridctl.contests.table import Episode as Episode
    from hybridctl.contests.table import Table as Table
    from hybridctl.contests.tune import Tuning as Tuning
    from hybridctl.contests.tune import tune as tune
    from hybridctl.tasks.evaluate import Scores as Scores
    from hybridctl.tasks.evaluate import evaluate as evaluate
    from hybridctl.tasks.evaluate import replay as replay

open_room(__name__)
