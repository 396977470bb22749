"""From where a controller succeeds: a map over two states of the start."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import count, one_of
from hybridctl.contests.falsify.perturbation import Axis, Space, delay_of
from hybridctl.contests.over import MEASURES
from hybridctl.controllers import Controller
from hybridctl.controllers.plane import plane
from hybridctl.describe.style import mark_turns
from hybridctl.plants import Plant
from hybridctl.show.figures.heat import NEVER, Scale, bar, panels, scale_of
from hybridctl.show.figures.inputs import spans
from hybridctl.show.style import STYLE
from hybridctl.tasks import Task
from hybridctl.tasks.evaluate import check_pair, evaluate_tasks

SIZE = 2.3  # of a panel [in]


def start_map(
    task: Task,
    controller: Controller | Mapping[str, Controller],
    states: tuple[str, str] = ("theta", "dtheta"),
    *,
    measure: str = "J",
    low: tuple[float, float] | None = None,
    high: tuple[float, float] | None = None,
    points: int = 41,
) -> Any:
    """Draw what an episode costs by where it starts, and where it does not succeed.

    One episode a cell, on the task's own plant, the other states at the target. Light
    is good; grey is without success.

    Args:
        task: what counts.
        controller: one, or several by name: a panel each, on one scale.
        states: across and up.
        measure: "J", "settle" [s], or "success" alone.
        low: smallest values of both; by default three units (an angle: half a turn)
            below the target.
        high: largest values of both.
        points: cells on each side.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown state or measure, or a controller that does not fit.
    """
    from matplotlib import rc_context

    one_of("measure", measure, MEASURES)
    count("points", points)
    known = {"": controller} if isinstance(controller, Controller) else dict(controller)
    for each in known.values():
        check_pair(task, each)
    low, high = spans(task.target, states, low, high)
    a, b = (np.linspace(low[i], high[i], points) for i in (0, 1))
    x = plane(task.target, states, a, b)
    rows = {name: scored(task, each, x, measure) for name, each in known.items()}
    with rc_context(STYLE):
        figure, axes = panels(len(rows), 1, 1, cell=SIZE, line=SIZE)
        scale = scale_of(measure, np.stack(list(rows.values())), task)
        for i, (name, row) in enumerate(rows.items()):
            _panel(axes[i], row, scale, (*(low[:1] + high[:1]), *(low[1:] + high[1:])))
            axes[i].set_title(name, loc="left")
            _label(axes[i], task.plant, states, i == 0)
        bar(figure, axes[min(2, len(axes) - 1)], scale)
    return figure


def scored(
    task: Task, controller: Controller, x: NDArray, measure: str, seed: int = 0
) -> NDArray:
    """A measure of the episodes that start at x [n, m, n_x], NaN without success."""
    names, rows = task.plant.states, x.reshape(-1, x.shape[-1])
    ends = [(rows[:, i].min(), rows[:, i].max()) for i in range(len(names))]
    axes = [
        Axis("start", name, low - 1.0, high + 1.0, 0.5 * (low + high))
        for name, (low, high) in zip(names, ends, strict=True)
    ]
    space = Space(task, tuple(axes), (delay_of(task.loop),))
    nominal, unit = np.array([[a.nominal, a.unit] for a in axes]).T
    tasks = space.tasks((rows - nominal) / unit, space.delays[0])
    keys = np.random.default_rng(seed).integers(0, 2**32, (len(rows), 1, 2), np.uint32)
    scores = evaluate_tasks(tasks, controller, keys)
    if measure == "success":
        return 100.0 * scores.success[:, 0].reshape(x.shape[:-1])
    good, found = scores.success, scores.cost
    if measure == "settle":
        good, found = scores.settled, scores.settle
    return np.where(good, found, np.nan)[:, 0].reshape(x.shape[:-1])


def _panel(axis: Any, row: NDArray, scale: Scale, extent: tuple) -> None:
    axis.set_facecolor(NEVER)
    axis.imshow(
        np.ma.masked_invalid(row), origin="lower", extent=extent, aspect="auto",
        cmap=scale.colours, norm=scale.norm, interpolation="nearest",
    )  # fmt: skip
    axis.grid(False)


def _label(axis: Any, plant: Plant, states: tuple[str, str], first: bool) -> None:
    units, angles = plant.units, [plant.states[i] for i in plant.angles]
    axis.set_xlabel(f"{states[0]} [{units.get(states[0], '–')}]")
    if first:
        axis.set_ylabel(f"{states[1]} [{units.get(states[1], '–')}]")
    else:
        axis.tick_params(labelleft=False)
    for which, name in zip((axis.xaxis, axis.yaxis), states, strict=True):
        if name in angles:
            mark_turns(which, float(np.ptp(which.get_view_interval())))
