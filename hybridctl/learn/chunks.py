"""A trainer's updates, compiled once and run in chunks, each of which is offered."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

from hybridctl.learn.engine import Offer, Take

QUICK: Any = {"xla_backend_optimization_level": 1}  # as fast, and compiled in less time


class Chunked(Protocol):
    """A trainer of our own.

    Attributes:
        updates: that a training has.
        chunk: updates between two offers.
    """

    updates: int
    chunk: int

    @property
    def run(self) -> Callable[..., Any]:
        """So many updates of a learner: (learner, updates, *constants) -> learner."""
        ...

    def offer(self, learner: Any) -> Offer:
        """What was reached."""
        ...


def run_in_chunks(trainer: Chunked, learner: Any, take: Take, *constants: Any) -> None:
    """Train to the end. The first offer comes before anything is compiled.

    Args:
        trainer: what is run.
        learner: where it begins.
        take: is offered what was reached, and may raise to stop.
        constants: arrays that are handed to the program, as they are not part of it.
    """
    run = jax.jit(trainer.run).lower(learner, np.int32(1), *constants)
    take(trainer.offer(learner))
    compiled = run.compile(QUICK)
    while (left := trainer.updates - int(learner.updates)) > 0:
        count = np.int32(min(left, trainer.chunk))
        learner = jax.block_until_ready(compiled(learner, count, *constants))
        take(trainer.offer(learner))
