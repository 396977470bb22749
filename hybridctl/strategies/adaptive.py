"""Controllers for a plant that nobody has measured: it is estimated as they run."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail
from hybridctl.controllers import Adaptive, Controller, Family
from hybridctl.plants.uncertain import UncertainPlant
from hybridctl.ports import names_of
from hybridctl.strategies.model import observing
from hybridctl.strategies.reference import build_machine
from hybridctl.tasks import MachineGains, Task

DEGREE = 3  # of the polynomials in the parameters that a design's numbers are
SPARE = 2.0  # designs for each of their terms, at least


def uncertain(task: Task) -> UncertainPlant:
    """The task's plant with the parameters that vary as states.

    Raises:
        ValueError: nothing varies.
    """
    if task.vary is None:
        fail(f"nothing varies on {task.name!r}; give vary=hc.tasks.Vary(...)")
    return UncertainPlant(task.plant, task.vary)


def family(task: Task, build: Callable[[Task], Any]) -> Family:
    """What is built for a task, as a function of the parameters that vary on it.

    Args:
        task: with parameters that vary.
        build: from a task whose plant is known to a controller, guard or other tree.
    """
    plant = uncertain(task)
    sigma = spread(plant.n_p)
    known = (plant.vary.at(0.5 + 0.5 * row, plant.plant) for row in sigma)
    tasks = (dataclasses.replace(task, plant=p, vary=None) for p in known)
    return Family.fitted([build(own) for own in tasks], sigma, DEGREE)


def spread(n: int) -> NDArray[np.float64]:
    """The middle of [-1, 1]^n, and points that fill it evenly, shape [rows, n]."""
    from scipy.stats import qmc  # heavy, and few tasks need it

    terms = math.comb(n + DEGREE, n)
    points = qmc.Sobol(n, seed=0)  # pyright: ignore[reportCallIssue]  (older stubs)
    rows = points.random_base2(math.ceil(math.log2(SPARE * terms)))
    return np.concatenate([np.zeros((1, n)), 2.0 * rows - 1.0])


def adapting(task: Task, build: Callable[[Task], Controller]) -> Controller:
    """What is built for a plant that is known, on one whose parameters are estimated.

    An EKF gives state and parameters; behind it stands what `build` makes for those.

    Args:
        task: with or without parameters that vary.
        build: from a task whose plant is known to a controller of its state.
    """
    if task.vary is None:
        return observing(task, build(task))
    plant = uncertain(task)
    inner = Adaptive(family(task, build), names_of(plant)[0], plant.angles)
    return observing(task, inner, plant)


def build_adaptive(task: Task, gains: MachineGains | None = None) -> Controller:
    """The machine for the parameters that an EKF estimates where they vary."""
    return adapting(task, lambda task: build_machine(task, gains))
