"""A trainer's updates, compiled once and run in chunks, each of which is offered."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from hybridctl.learn.alike import Alike
from hybridctl.learn.config import Config
from hybridctl.learn.engine import Offer, Take
from hybridctl.learn.lane import Lane

QUICK: Any = {"xla_backend_optimization_level": 1}  # as fast, and compiled in less time
KEPT = 4  # trainers that wait for another seed
_making = threading.Lock()  # seeds side by side ask for the same one at once


class Chunked:
    """A trainer of our own, for any seed.

    Attributes:
        updates: that a training has.
        chunk: updates between two offers.
    """

    updates: int
    chunk: int

    def __init__(self):
        self._lock, self._compiled = threading.Lock(), None

    def run(self, learner: Any, updates: Any, *constants: Any) -> Any:
        """So many updates of a learner."""
        raise NotImplementedError

    def offer(self, learner: Any) -> Offer:
        """What was reached."""
        raise NotImplementedError

    def lowered(self, *arguments: Any) -> Any:
        """What is to be compiled; None where that was done."""
        done = self._compiled is not None
        return None if done else jax.jit(self.run).lower(*arguments)

    def compiled(self, lowered: Any) -> Callable[..., Any]:
        """The program of `run`; seeds side by side wait for the first of them."""
        with self._lock:
            if self._compiled is None:
                self._compiled = lowered.compile(QUICK)
            return self._compiled


@functools.lru_cache(maxsize=KEPT)
def _trainer(make: Callable[[Lane, Config], Chunked], alike: Alike, config: Config):
    return make(alike.lane, config)


def trainer_of(
    make: Callable[[Lane, Config], Chunked], lane: Lane, config: Config
) -> Any:
    """A trainer that has compiled already, where an equal one was made before."""
    with _making:
        return _trainer(make, Alike(lane), config)


def run_in_chunks(trainer: Chunked, learner: Any, take: Take, *constants: Any) -> None:
    """Train to the end. The first offer comes before anything is compiled.

    Args:
        trainer: what is run.
        learner: where it begins.
        take: is offered what was reached, and may raise to stop.
        constants: arrays that are handed to the program, as they are not part of it.
    """
    lowered = trainer.lowered(learner, np.int32(1), *constants)
    take(trainer.offer(learner))
    run = trainer.compiled(lowered)
    while (left := trainer.updates - int(learner.updates)) > 0:
        count = np.int32(min(left, trainer.chunk))
        learner = jax.block_until_ready(run(learner, count, *constants))
        take(trainer.offer(learner))
