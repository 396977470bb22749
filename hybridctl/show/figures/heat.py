"""Heat maps: a measure of controllers over two parameters of the world."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import one_of
from hybridctl.contests.over import MEASURES, Grid
from hybridctl.describe import units_of
from hybridctl.describe.style import COLOURS
from hybridctl.show.style import BOTTOM, GAP, LEFT, STYLE
from hybridctl.tasks import Task

CELL = (0.34, 0.62)  # smallest and largest width of a cell [in]
TALL, TITLE, BAR, ACROSS = 0.3, 0.28, 0.75, 3  # [in], and panels beside each other
PANEL = 3.3  # widest panel [in]
DARK, LIGHT = "#1a1a1a", "#ffffff"
NOMINAL = COLOURS[1]
NEVER = "#d9d9d9"  # of a cell without a value
LABELS = {"success": "{} [%]", "J": "mean J [–]", "settle": "settling, median [s]"}
DECADES = 1000.0  # largest value of a scale of colours over its smallest


class Scale(NamedTuple):
    """How numbers become colours: light is good, whatever the measure."""

    label: str
    colours: Any
    norm: Any


def heat_maps(grid: Grid, measure: str = "success") -> Any:
    """Draw a grid: a heat map for every controller, all on one scale.

    Light is good. The task's own values are framed; a cell in which most episodes
    never settle is grey. A grid over one parameter is one map, a row a controller.

    Args:
        grid: of `hc.compare_over`.
        measure: "success", "J" or "settle".

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown measure.
    """
    from matplotlib import rc_context

    one_of("measure", measure, MEASURES)
    rows = {name: grid.of(measure, name) for name in grid.controllers}
    if measure == "success":
        rows = {name: 100 * row for name, row in rows.items()}
    scale = scale_of(measure, np.stack(list(rows.values())), grid.task)
    with rc_context(STYLE):
        if len(grid.axes) == 1:
            return _one_map(grid, rows, scale)
        return _maps(grid, rows, scale)


def scale_of(measure: str, values: NDArray, task: Task, limits: Any = None) -> Scale:
    """One scale for all values of a measure; infinite ones have no colour."""
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm, Normalize

    good = values[np.isfinite(values)]
    low, high = limits or (good.min(initial=np.inf), good.max(initial=-np.inf))
    if measure == "success":
        label = LABELS[measure].format(task.criterion)
        return Scale(label, colormaps["cividis"], Normalize(0.0, 100.0))
    if not np.isfinite(low):
        low, high = 1.0, 2.0
    low = max(low, high / DECADES) if low > 0 else low  # one that is 0 but for rounding
    norm = LogNorm if low > 0 and high > 5 * low else Normalize
    high = high if high > low else low + 1.0
    colours = colormaps["cividis_r"].with_extremes(bad=NEVER)
    return Scale(LABELS[measure], colours, norm(low, high))


def _one_map(grid: Grid, rows: dict[str, NDArray], scale: Scale) -> Any:
    """Controllers down, values of the one parameter across."""
    ((name, values),) = grid.axes.items()
    names = [_short(n) for n in rows]
    left = 0.3 + 0.075 * max(len(n) for n in names)
    figure, axes = panels(1, len(values), len(rows), left=left)
    cells(axes[0], np.stack(list(rows.values())), scale)
    _ticks(axes[0].xaxis, values)
    axes[0].set_yticks(range(len(rows)), names)
    axes[0].invert_yaxis()
    axes[0].set_xlabel(label_of(name, grid.task))
    column = _nearest(values, grid.nominal[name])
    frame(axes[0], column, 0 if column is not None else None, len(rows))
    bar(figure, axes[0], scale)
    return figure


def _maps(grid: Grid, rows: dict[str, NDArray], scale: Scale) -> Any:
    """A panel a controller: the first parameter down, the second across."""
    (down, ys), (across, xs) = grid.axes.items()
    figure, axes = panels(len(rows), len(xs), len(ys))
    for i, (name, row) in enumerate(rows.items()):
        axis = axes[i]
        cells(axis, row, scale)
        axis.set_title(_short(name), loc="left")
        _ticks(axis.xaxis, xs)
        _ticks(axis.yaxis, ys)
        column, line = (
            _nearest(xs, grid.nominal[across]),
            _nearest(ys, grid.nominal[down]),
        )
        frame(axis, column, line)
        if i % ACROSS == 0:
            axis.set_ylabel(label_of(down, grid.task))
        else:
            axis.tick_params(labelleft=False)
        axis.set_xlabel(label_of(across, grid.task))
    bar(figure, axes[min(ACROSS, len(axes)) - 1], scale)
    return figure


def panels(
    n: int,
    columns: int,
    lines: int,
    left: float = LEFT,
    cell: float | None = None,
    line: float = TALL,
) -> tuple[Any, list[Any]]:
    """A figure with n panels of so many cells in rows of three, all of one size."""
    from matplotlib.figure import Figure

    across, down = min(n, ACROSS), -(-n // ACROSS)
    cell = cell or float(np.clip(PANEL / columns, *CELL))
    wide, tall = cell * columns, max(line * lines, 0.5)
    below = BOTTOM + TITLE
    width = left + across * (wide + GAP) + BAR
    height = down * (tall + below) + 0.05
    figure = Figure(figsize=(width, height))
    axes = []
    for i in range(n):
        x = left + (i % across) * (wide + GAP)
        y = height - (i // across + 1) * (tall + below) + BOTTOM
        place = (x / width, y / height, wide / width, tall / height)
        axes.append(figure.add_axes(place))
    return figure, axes


def cells(axis: Any, values: NDArray, scale: Scale) -> None:
    """Coloured cells with their values, the first row at the bottom."""
    shown = np.ma.masked_invalid(values)
    axis.imshow(
        shown, origin="lower", cmap=scale.colours, norm=scale.norm, aspect="auto"
    )
    axis.grid(False)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    axis.tick_params(which="minor", length=0)
    axis.grid(which="minor", color="white", linewidth=0.8, alpha=1.0)
    for (i, j), value in np.ndenumerate(values):
        axis.text(
            j, i, text_of(value), ha="center", va="center", fontsize=7.5,
            color=_ink(scale, value),
        )  # fmt: skip


def text_of(value: float) -> str:
    """Three digits at most; a dash for never.

    Example:
        >>> [text_of(v) for v in (100.0, 99.61, 0.0, 12.345, 1234.5, float("inf"))]
        ['100', '99.6', '0', '12.3', '1234', '–']
    """
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if value >= 99.95 or value == 0 else f"{value:.3g}"


def _ink(scale: Scale, value: float) -> str:
    """Dark letters on light cells, and the other way round."""
    if not np.isfinite(value):
        return DARK
    red, green, blue, _ = scale.colours(scale.norm(value))
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else LIGHT


def frame(axis: Any, column: int | None, line: int | None, lines: int = 1) -> None:
    """A frame around the nominal cell, or around so many lines of its column."""
    from matplotlib.patches import Rectangle

    if column is None or line is None:
        return
    for colour, width in (("white", 3.4), (NOMINAL, 1.8)):
        box = Rectangle((column - 0.5, line - 0.5), 1, lines, fill=False)
        box.set(edgecolor=colour, linewidth=width, clip_on=False, zorder=3)
        axis.add_patch(box)
    axis.text(
        1.0, 1.02, "framed: nominal", color=NOMINAL, fontsize=7.5, ha="right",
        va="bottom", transform=axis.transAxes,
    )  # fmt: skip


def bar(figure: Any, beside: Any, scale: Scale) -> None:
    """The scale, at the right of a panel."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    box, width = beside.get_position(), figure.get_figwidth()
    place = (box.x1 + 0.12 / width, box.y0, 0.12 / width, box.height)
    axis = figure.add_axes(place)
    drawn = figure.colorbar(ScalarMappable(scale.norm, scale.colours), cax=axis)
    drawn.set_label(scale.label)
    drawn.outline.set_visible(False)
    drawn.ax.grid(False)
    if not scale.label.endswith("[%]"):
        drawn.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        drawn.ax.yaxis.set_minor_formatter(NullFormatter())


def _ticks(axis: Any, values: Sequence[float]) -> None:
    axis.set_ticks(range(len(values)), [f"{v:.3g}" for v in values])


def _nearest(values: Sequence[float], nominal: float) -> int | None:
    """The cell of the nominal value, where there is one."""
    hits = np.flatnonzero(np.isclose(values, nominal, rtol=1e-6))
    return int(hits[0]) if len(hits) else None


def label_of(name: str, task: Task) -> str:
    """A parameter with its unit, as the docstrings of plant and loop tell it."""
    parts = task.plant, task.loop.actuator, task.loop.sensor, task.loop.disturbance
    told = (units_of(type(part)).get(name.split(".")[-1]) for part in parts)
    unit = next(filter(None, told), "")
    return f"{name} [{unit}]" if unit else name


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
