"""Every strategy on every task in one figure: J beside the reference's."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.contests.ranking import eligible
from hybridctl.show.style import STYLE, Look, blank, legend, rows_of
from hybridctl.suites import Result

ROW_HEIGHT, WIDE = 0.62, 9.8  # [in]
LOW, HIGH = 0.3, 4.0  # of the axis; what lies beyond stands at its edge
BOUND: Look = {"color": "#444444", "marker": "|", "ms": 16, "mew": 2.0, "ls": "none"}


def forest(result: Result, looks: Mapping[str, Look]) -> Any:
    """J as a share of the reference's on the same episodes, with intervals.

    Args:
        result: of a suite.
        looks: of the columns by name.

    Returns:
        The matplotlib figure.
    """
    from matplotlib import rc_context

    titles = list(result.suite.entries)
    names = [name for name in result.suite.columns if name != result.suite.against]
    shapes = shapes_of(looks)
    entries = {name: {**looks[name], **_mark(True, shapes[name])} for name in names}
    if any(rows[result.suite.against]["to_bound"] for rows in result.rows.values()):
        entries["bound"] = BOUND
    with rc_context(STYLE):
        height = ROW_HEIGHT * len(titles) + 0.8
        figure = blank(1, height, WIDE, rows_of(entries))
        figure.subplots_adjust(left=1.35 / WIDE)
        axis = figure.axes[0]
        for place, title in enumerate(titles):
            _draw(axis, result, title, place, names, looks, shapes)
        _finish(axis, titles, result.suite.against)
        legend(figure, entries)
    return figure


def _draw(
    axis: Any,
    result: Result,
    title: str,
    place: int,
    names: list[str],
    looks: Mapping[str, Look],
    shapes: Mapping[str, str],
) -> None:
    rows = result.rows[title]
    fair, shown = eligible(rows), [name for name in names if name in rows]
    steps = np.linspace(-0.32, 0.32, len(shown)) if len(shown) > 1 else [0.0]
    for step, name in zip(steps, shown, strict=True):
        bounds = [rows[name]["share"][key] for key in ("value", "low", "high")]
        value, low, high = np.clip(bounds, LOW, HIGH)
        colour, y = looks[name]["color"], place + step
        axis.plot([low, high], [y, y], "-", color=colour, lw=1.6, solid_capstyle="butt")
        edge = ">" if value >= HIGH else "<" if value <= LOW else shapes[name]
        axis.plot(value, y, color=colour, **_mark(name in fair, edge))
    if bound := rows[result.suite.against]["to_bound"]:
        axis.plot(1 / bound, place, zorder=0.5, **BOUND)


def shapes_of(looks: Mapping[str, Look]) -> dict[str, str]:
    """A mark a column; those that share a colour differ in it."""
    colours: list[str] = []
    shapes = {}
    for name, look in looks.items():
        shapes[name] = "osD^"[colours.count(look["color"]) % 4]
        colours.append(look["color"])
    return shapes


def _mark(full: bool, shape: str = "o") -> Look:
    fill = {} if full else {"mfc": "white"}
    return {"marker": shape, "ms": 5.0, "mew": 1.2, "ls": "none", **fill}


def _finish(axis: Any, titles: list[str], against: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axis.axvline(1.0, color="#444444", lw=0.9, zorder=0.4)
    for place in range(1, len(titles)):
        axis.axhline(place - 0.5, color="#dddddd", lw=0.6, zorder=0.3)
    axis.grid(visible=False, axis="y")
    axis.set_yticks(range(len(titles)), titles)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(len(titles) - 0.5, -0.5)
    axis.set_xscale("log")
    axis.set_xlim(LOW / 1.03, HIGH * 1.03)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks([0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0])
    ends = {LOW: "≤ ", HIGH: "≥ "}
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{ends.get(v, '')}{v:g}")
    )
    axis.set_xlabel(f"J / J of {against} [–]")
