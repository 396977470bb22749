"""What every trainer offers while it trains."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hybridctl.controllers import Controller
from hybridctl.learn.checkpoint import Checkpoint
from hybridctl.learn.config import Config
from hybridctl.learn.lane import Lane


class Totals(NamedTuple):
    """Sums over all decisions of a training so far.

    Attributes:
        reward: of all decisions.
        ended: episodes.
        failed: episodes that failed.
        not_finite: episodes that were not finite.
    """

    reward: float
    ended: float
    failed: float
    not_finite: float


class Offer(NamedTuple):
    """A policy that a trainer has reached.

    Attributes:
        steps: decisions of this training so far.
        policy: what fills the Slots, a deterministic controller.
        arrays: all parameters of the trainer, by name.
        totals: what happened in training, where the trainer can tell.
    """

    steps: int
    policy: Controller
    arrays: dict[str, np.ndarray]
    totals: Totals | None


Take = Callable[[Offer], None]
Engine = Callable[[Lane, Config, int, Take, Checkpoint | None], None]
_HOMES = {
    ("jax", "ppo"): "hybridctl.learn.ppo.engine",
    ("jax", "hjb"): "hybridctl.learn.hjb.engine",
    ("brax", "ppo"): "hybridctl.learn.brax.ppo",
    ("brax", "sac"): "hybridctl.learn.brax.sac",
}


def engine(config: Config) -> Engine:
    """The trainer that settings ask for, imported when it is first used.

    A trainer is a function of (lane, config, seed, take, checkpoint). It calls
    `take` with an `Offer` before training and after every epoch, and lets through
    whatever that raises to stop it.
    """
    home = _HOMES[config.trained_by, config.algorithm]
    return importlib.import_module(home).engine
