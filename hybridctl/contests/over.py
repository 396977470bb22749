"""`compare_over`: controllers over a grid of plant or loop parameters."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import count, finite, is_number, one_of, require, seeds
from hybridctl.contests.parameters import scaled
from hybridctl.contests.table import check_named, write_json
from hybridctl.controllers import Controller
from hybridctl.controllers.controller import check_again
from hybridctl.describe import Shown, plain_data
from hybridctl.plants import Plant
from hybridctl.scale.workers import On, Workers
from hybridctl.tasks import Scores, Task
from hybridctl.tasks.evaluate import check_pair, episode_keys, evaluate_tasks
from hybridctl.tasks.statistics import bootstrap_mean, quantile, wilson

MEASURES = ("success", "J", "settle")


@dataclass(frozen=True, repr=False, eq=False)
class Grid(Shown):
    """Controllers over a grid of one or two parameters.

    Attributes:
        task: that was changed.
        controllers: by name.
        axes: values of every parameter by name, in the order of the arrays' axes.
        nominal: the task's own value of each; 1 where a value is a factor.
        scores: of every cell and episode by name, [..., n]: first the axes.
        n: episodes a cell, the same in all cells and for all controllers.
        seed: of the episodes.
    """

    task: Task
    controllers: dict[str, Controller]
    axes: dict[str, tuple[float, ...]]
    nominal: dict[str, float]
    scores: dict[str, Scores]
    n: int
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each axis."""
        return tuple(len(values) for values in self.axes.values())

    def of(self, measure: str, name: str) -> NDArray:
        """A controller's measure in every cell, shaped as the axes.

        Args:
            measure: "success" (share, by the task's criterion), "J" (mean), or
                "settle" (median [s], infinite where most episodes never settle).
            name: of the controller.

        Raises:
            ValueError: an unknown measure or name.
        """
        one_of("measure", measure, MEASURES)
        one_of("controller", name, self.controllers)
        s = self.scores[name]
        if measure == "settle":
            middle = lambda row: np.quantile(row, 0.5, method="inverted_cdf")  # noqa: E731
            return np.apply_along_axis(middle, -1, s.settle)
        return (s.success if measure == "success" else s.cost).mean(axis=-1)

    def cell(self, name: str, index: tuple[int, ...]) -> dict[str, Any]:
        """One cell's figures, with 95 % intervals of success and J."""
        s = self.scores[name]
        success, cost = s.success[index], s.cost[index]
        rate = (float(success.mean()), *wilson(int(success.sum()), self.n))
        J = (float(cost.mean()), *bootstrap_mean(cost, self.seed))
        at = zip(self.axes.items(), index, strict=True)
        return {
            **{axis: values[i] for (axis, values), i in at},
            "success": dict(zip(("value", "low", "high"), rate, strict=True)),
            "J": dict(zip(("value", "low", "high"), J, strict=True)),
            "settle_median": quantile(s.settle[index], 0.5),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, one row a cell."""
        cells = list(itertools.product(*(range(size) for size in self.shape)))
        rows = {n: [self.cell(n, cell) for cell in cells] for n in self.controllers}
        about = {"task": self.task.name, "n": self.n, "seed": self.seed}
        axes = {name: list(values) for name, values in self.axes.items()}
        told = {**about, "axes": axes, "nominal": self.nominal, "rows": rows}
        return plain_data(told)

    def to_json(self, path: str | Path) -> Path:
        """Write `to_dict()` to a file.

        Raises:
            ValueError: the file cannot be written.
        """
        return write_json(path, self.to_dict())

    def __str__(self) -> str:
        """What the task asks for in percent, one block a controller."""
        about = f"{self.n} episodes, seed {self.seed}"
        head = f"{self.task.name}: {self.task.criterion} [%] of {about}"
        (first, down), *rest = self.axes.items()
        second, across = rest[0] if rest else ("", (0.0,))
        title = f"{first} \\ {second}" if second else first
        heads = [f"{v:g}" for v in across] if second else [""]
        lines = [head]
        for name in self.controllers:
            rates = 100 * self.of("success", name).reshape(len(down), -1)
            lines += ["", name, _line([title, *heads])]
            pairs = zip(down, rates, strict=True)
            lines += [_line([f"{v:g}", *(f"{r:.4g}" for r in row)]) for v, row in pairs]
        return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:>10}" + "".join(f"{cell:>7}" for cell in cells[1:])


def compare_over(
    task: Task,
    controllers: Mapping[str, Controller],
    *,
    n: int = 128,
    seed: int = 0,
    on: On = None,
    **values: Sequence[float],
) -> Grid:
    """Compare controllers over a grid of one or two parameters of the world.

    Every cell has the same starts, noise and pushes, and every controller meets all
    cells in one compiled program. The controllers know nothing of the change.

    Args:
        task: what counts; its plant, loop and cost hold the parameters.
        controllers: by name.
        n: episodes a cell.
        seed: of the episodes; never the one that something was tuned on.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.
        **values: one or two parameters by name, with the values to try: `m_p=[...]`,
            or a longer name where that is not unique, such as
            `**{"sensor.noise": [...]}`. Of a whole array, as this one, a value is a
            factor.

    Returns:
        A `Grid`: print it, take `to_dict()` or `to_json(path)`, or draw it with
        `hc.show.heat_maps`.

    Raises:
        ValueError: no controllers, no parameter or more than two, an unknown one, or
            a value that the plant or loop refuses.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance", seconds=4.0)
        >>> known = {"lqr": hc.reference("lqr", task)}
        >>> print(hc.compare_over(task, known, L=[0.5, 1.0, 8.0], n=16))
        balance: survived [%] of 16 episodes, seed 0
        <BLANKLINE>
        lqr
                 L
               0.5    100
                 1    100
                 8      0
    """
    check_named(controllers)
    count("n", n)
    seeds(seed)
    for controller in controllers.values():
        check_pair(task, controller)
    axes = _axes(task, values)
    tasks, nominal = _tasks(task, axes)
    size = tuple(len(row) for row in axes.values())
    keys = np.asarray(episode_keys(seed, n))
    keys = np.broadcast_to(keys, (int(np.prod(size)), *keys.shape))
    with Workers.of(on) as team:
        scores = {
            name: _shaped(evaluate_tasks(tasks, each, keys, team=team), size)
            for name, each in controllers.items()
        }
    return Grid(task, dict(controllers), axes, nominal, scores, n, seed)


def _axes(task: Task, values: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    require(
        len(values) in (1, 2),
        f"give one or two parameters to go over, got {len(values)}: m_p=[0.1, 0.2]",
    )
    for name, row in values.items():
        ok = np.ndim(row) == 1 and len(row) > 0
        require(ok, f"{name}={row}: expected a row of values, as in [0.1, 0.2]")
        finite(name, row)
        require(
            not _is_drawn(task, name),
            f"{name} is drawn anew for every episode of {task.name!r}; give the task "
            "vary=None",
        )
    return {name: tuple(float(v) for v in row) for name, row in values.items()}


def _is_drawn(task: Task, name: str) -> bool:
    """Whether every episode draws a parameter anew, so that it does not stay NaN."""
    if task.vary is None:
        return False
    plant = scaled(task, [name])[0]({name: np.nan}).plant
    least: Any = np.zeros(len(task.vary.names))
    return _lost(task.vary.at(least, plant)) < _lost(plant)


def _lost(plant: Plant) -> int:
    leaves = [leaf for leaf in jax.tree.leaves(plant) if is_number(leaf)]
    return sum(int(np.isnan(leaf).sum()) for leaf in leaves)


def _tasks(task: Task, axes: Mapping[str, Any]) -> tuple[Task, dict[str, float]]:
    """The tasks of all cells with a leading axis, and the nominal values."""
    build, nominal = scaled(task, axes)
    cells = np.array(list(itertools.product(*axes.values())))
    for cell in cells:
        check_again(build(dict(zip(axes, cell, strict=True))))
    return build(dict(zip(axes, cells.T, strict=True))), nominal


def _shaped(scores: Scores, size: tuple[int, ...]) -> Scores:
    return jax.tree.map(lambda v: v.reshape(*size, -1), scores)
