"""The classical answer to a task that is known: dynamic programming on a grid."""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl import design
from hybridctl.checks import positive
from hybridctl.controllers import (
    Constant,
    Controller,
    Greedy,
    GridValue,
    Mix,
    machine,
)
from hybridctl.kinds import checked
from hybridctl.loop.known import Known
from hybridctl.plants import Plant
from hybridctl.plants.scales import natural_units, own_second
from hybridctl.strategies.model import observing
from hybridctl.strategies.optimal import LEFT, OptimalControl, optimal_control
from hybridctl.strategies.reference import build_balance, leaves, locked
from hybridctl.tasks import Task

NODES = {1: 1e3, 2: 2e4, 3: 2e5, 4: 1.05e6}  # by number of states
HOLD = 0.08  # own seconds for which an input is held
SHARES = (0.0, 0.1, 0.3, 0.6, 1.0)  # of the limit that are tried, either way
KEPT = 8  # values that are there when they are asked for again
TRIED = 21  # inputs of the lookahead, evenly within the limit
SPIN, PACE = 9.0, 5.0  # fastest rates of angles and of others on the grid, own units
POSITION, RATE = 2.3, 4.5  # cells of other states for one of an angle, in own units
FEWEST = 4.0  # own units that a narrow position counts as, so that it has nodes


@checked
def value_iteration(
    task: Task,
    *,
    nodes: Sequence[int] | None = None,
    hold: float | None = None,
    progress: bool = True,
) -> GridValue:
    """The cost-to-go of a task on a grid of its states, one to four.

    V(x) = min_u ∫ c dt + V(x(h)) by policy iteration, V linear between the nodes, the
    LQR's cost-to-go within its lock, and `task.failure_cost` charged for a failure. It
    needs no training and meets new limits at once.

    Args:
        task: with a running cost of its inputs, and a limit of them.
        nodes: odd numbers, one a state; None: some that take half a minute at most.
        hold: for how long an input is held [s]; None: whole periods that take a state
            about a cell further.
        progress: whether a bar is drawn.

    Returns:
        The value, for `hc.Greedy`.

    Raises:
        ValueError: more than four states, no limit of the input, or a loop of which
            the state does not tell everything.

    Example:
        >>> from hybridctl import plants, tasks
        >>> task = tasks.reach(plants.Pendulum())
        >>> value = value_iteration(task, nodes=(31, 31), progress=False)
        >>> print(value)
        GridValue: the cost-to-go on a grid
          theta   0 to 6.283 rad, 31 nodes
          dtheta  -9 to 9 rad/s, 31 nodes
    """
    if hold is not None:
        positive("hold", hold)
    problem = optimal_control(task)
    return _on_grid(task, problem, nodes, hold or _hold(task), progress)


def build_dp(task: Task) -> Controller:
    """Lookahead on a value found by dynamic programming, LQR catch.

    Behind an EKF where the sensor is noisy or gives no state, and a predictor where
    the input is late.
    """
    problem, value = _solved(Known(task), bool(jax.config.jax_enable_x64))  # type: ignore[attr-defined]
    hold = _hold(task)
    tried = _within(problem.limit, np.linspace(-1.0, 1.0, TRIED))
    swing = Greedy(
        task.plant, task.cost, value, problem.limit, task.loop.dt, tried, hold
    )
    return observing(task, _machine(task, swing))


@functools.lru_cache(maxsize=KEPT)
def _solved(known: Known, wide: bool) -> tuple[OptimalControl, GridValue]:
    """Of a task, once: it takes half a minute."""
    del wide  # float64 is another value
    task = known.tree
    problem = optimal_control(task, undisturbed=False)
    return problem, _on_grid(task, problem, None, _hold(task), False)


def _machine(task: Task, swing: Controller) -> Controller:
    """`build_machine`, its modes weights: a batch of its episodes shares the grid.

    A mode within a Switch that is mapped gets a copy of what it needs for each.
    """
    names = ("swing", "balance")
    edges = {
        names: locked(task),
        names[::-1]: leaves(task),
    }
    chosen = [Constant([1.0, 0.0]), Constant([0.0, 1.0])]
    supervisor = machine(dict(zip(names, chosen, strict=True)), edges)
    return Mix(supervisor, [swing, build_balance(task)])


def _on_grid(
    task: Task, problem: OptimalControl, nodes: Any, hold: float, progress: bool
) -> GridValue:
    """Without the soft fence, which linear interpolation would carry far inside."""
    worth = np.asarray(task.failure_cost) / LEFT
    hard = dataclasses.replace(problem, columns=(), bounds=(), fence=(), worth=worth)
    low, high = _box(task)
    nodes = _nodes(task.plant, high - low) if nodes is None else nodes
    shares = sorted({sign * share for share in SHARES for sign in (-1.0, 1.0)})
    tried = _within(problem.limit, shares)
    return design.value_iteration(
        hard, low, high, nodes, tried, hold, progress=progress
    )


def _hold(task: Task) -> float:
    """Whole control periods [s], near `HOLD` own seconds."""
    dt = task.loop.dt
    return dt * max(round(HOLD * own_second(task.plant) / dt), 1)


def _within(limit: Any, shares: Any) -> NDArray:
    """Every combination of these shares of the limits, [n_tried, n_u]."""
    rows = itertools.product(*(np.multiply(bound, shares) for bound in limit))
    return np.array(list(rows))


def _box(task: Task) -> tuple[NDArray, NDArray]:
    """Corners of the grid: the limits, a whole turn of angles, own units of rates."""
    plant, (positions, rates) = task.plant, _kinds(task.plant)
    centre, half = np.array(task.target.x, float), np.zeros(plant.n_x)
    unit = np.asarray(natural_units(plant), float)
    for i, name in enumerate(plant.states):
        turns = i - len(positions) * (i in rates) in plant.angles
        half[i] = (SPIN if turns else PACE) * unit[i]
        half[i] = task.limits.get(name, half[i])
        half[i] = np.pi if i in plant.angles else half[i]
    return centre - half, centre + half


def _kinds(plant: Plant) -> tuple[range, range]:
    """Which states are positions, and which their rates; all are positions if odd."""
    n = plant.n_x // 2
    rates = [f"d{name}" for name in plant.states[:n]]
    paired = plant.n_x == 2 * n and list(plant.states[n:]) == rates
    return (range(n), range(n, 2 * n)) if paired else (range(plant.n_x), range(0))


def _nodes(plant: Plant, spans: NDArray) -> list[int]:
    """Odd numbers of nodes, finest in the angles, as many as `NODES` in all."""
    unit, (_, rates) = np.asarray(natural_units(plant), float), _kinds(plant)
    weights = [
        1.0 if i in plant.angles else RATE if i in rates else POSITION
        for i in range(plant.n_x)
    ]
    wide = np.maximum(spans / unit, FEWEST) / weights
    a = (np.prod(wide) / NODES.get(plant.n_x, 1.0)) ** (1.0 / plant.n_x)
    return [2 * max(round(w / a / 2.0), 1) + 1 for w in wide]
