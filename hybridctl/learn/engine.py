"""What every trainer offers while it trains."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hybridctl.controllers import Controller
from hybridctl.learn.checkpoint import Checkpoint
from hybridctl.learn.config import Config
from hybridctl.learn.env import Env
from hybridctl.learn.tally import Totals


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
Engine = Callable[[Env, Config, int, Take, Checkpoint | None], None]
_HOMES = {
    "ppo": "hybridctl.learn.brax.ppo",
    "sac": "hybridctl.learn.brax.sac",
    "hjb": "hybridctl.learn.hjb.engine",
}


def engine(algorithm: str) -> Engine:
    """The trainer of that name, imported when it is first used.

    A trainer is a function of (env, config, seed, take, checkpoint). It calls
    `take` with an `Offer` before training and after every epoch, and lets through
    whatever that raises to stop it.
    """
    return importlib.import_module(_HOMES[algorithm]).engine
