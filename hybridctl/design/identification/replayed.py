"""A model beside what its rig recorded."""

import dataclasses
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.controllers import Sequence
from hybridctl.design.identification.fitting import Fitting
from hybridctl.design.identification.recorded import Recorded
from hybridctl.design.identification.shooting import LENGTH
from hybridctl.kinds import checked
from hybridctl.loop import Log, Loop, Trace, simulate
from hybridctl.plants import Plant
from hybridctl.precision import float64, float64_on_host

EVALUATIONS = 100  # of the model, while its start is looked for


@checked
def replayed(plant: Plant, log: Log, loop: Loop | None = None, x0: Any = None) -> Trace:
    """What a plant does under the inputs of a log; see `hc.replay`."""
    recorded = Recorded.by(plant, [log], loop)
    log, loop = recorded.logs[0], recorded.loop
    x0 = _start(recorded) if x0 is None else x0
    bare = dataclasses.replace(loop, sensor=None, disturbance=None, jitter=None)
    asked, seconds = Sequence(log.rows(plant.inputs)[:-1]), (len(log) - 1) * loop.dt
    with float64_on_host():
        trace = simulate(float64(plant), asked, x0, seconds, loop=float64(bare))
    return dataclasses.replace(jax.tree.map(np.asarray, trace), t=log.t)


def _start(recorded: Recorded) -> NDArray[np.float64]:
    """The state from which the model follows the first rows best [n_x]."""
    log = recorded.logs[0]
    head = log.between(log.t[0], log.t[min(LENGTH, len(log) - 1)])
    fitting = Fitting(recorded, None, EVALUATIONS, history=0)
    return fitting.started([head]).starts[0]
