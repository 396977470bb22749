"""Figures over time: traces and settling."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hybridctl.checks import require
from hybridctl.contests import Table
from hybridctl.describe.style import mark_turns
from hybridctl.loop import Trace
from hybridctl.loop.plot import draw_modes, titled
from hybridctl.plants import Equilibrium
from hybridctl.show.lines import fold, thin, unwind
from hybridctl.show.style import (
    MUTED,
    STYLE,
    WIDTH,
    Look,
    blank,
    centre_of,
    check_traces,
    finite_part,
    is_angle,
    legend,
    levels,
    looks_of,
    rows_of,
)

MOST_BANDS = 60  # mode changes beyond which bands would be noise


def plot_traces(
    traces: Mapping[str, Trace],
    *,
    target: Equilibrium | None = None,
    failed: Collection[str] = (),
    signals: Sequence[str] | None = None,
    looks: Mapping[str, Look] | None = None,
    size: tuple[float, float] | None = None,
) -> Any:
    """Draw traces of one plant over time, a panel a signal.

    Modes are shaded where there is only one trace. An angle starts next to the
    target (π without one), and is wrapped where it turns far from there.

    Args:
        traces: single traces by name.
        target: drawn as a dashed line.
        failed: names of the traces whose end is a failure, marked by a cross.
        signals: names of states and inputs; all by default.
        looks: of the lines by name; see `hybridctl.show.style.looks_of`.
        size: width and height [in].

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: not a mapping of names to single traces, or an unknown signal.
    """
    from matplotlib import rc_context

    first = check_traces(traces)
    names = tuple(signals or (*first.states, *first.inputs))
    _check_signals(first, names)
    looks = looks_of(traces) | dict(looks or {})
    with rc_context(STYLE):
        width, height = size or (WIDTH, 0.6 + 1.15 * len(names))
        figure = blank(len(names), height, width, rows_of(traces))
        for axis, name in zip(figure.axes, names, strict=True):
            for key, trace in traces.items():
                _draw(axis, trace, name, looks[key], target, key in failed)
            _finish(axis, first, name, target)
        figure.axes[-1].set_xlabel("time [s]")
        figure.axes[-1].set_xlim(0.0, max(float(tr.t[-1]) for tr in traces.values()))
        if len(traces) > 1:
            legend(figure, {name: looks[name] for name in traces})
        elif len(first.switches()) <= MOST_BANDS:
            draw_modes(first, figure.axes)
    return figure


def _check_signals(trace: Trace, names: Sequence[str]) -> None:
    known = (*trace.states, *trace.inputs)
    for name in names:
        require(
            name in known, f"no signal {name!r}; the signals are {', '.join(known)}"
        )


def _draw(
    axis: Any,
    trace: Trace,
    name: str,
    look: Look,
    target: Equilibrium | None,
    failed: bool,
) -> None:
    if name in trace.inputs:
        u = np.asarray(trace[name], np.float64)
        u = np.where(np.isfinite(u), u, np.nan)
        u = np.append(u, u[-1:])  # held through the last period
        axis.step(*thin(np.asarray(trace.t)[: len(u)], u), where="post", **look)
        return
    t, x = finite_part(trace)
    y = x[:, trace.states.index(name)]
    if is_angle(trace, name):
        centre = centre_of(trace, name, target)
        t, y = thin(t, unwind(y, centre))
        y, t = fold(y, t, centre)
    else:
        t, y = thin(t, y)
    axis.plot(t, y, **look)
    if failed:
        axis.plot(t[-1], y[-1], "x", color=look["color"], ms=5, mew=1.4, clip_on=False)


def _finish(axis: Any, trace: Trace, name: str, target: Equilibrium | None) -> None:
    """Label a panel, and draw where the target is."""
    axis.set_ylabel(titled(trace, name))
    for level in levels(trace, name, target, axis.get_ylim()):
        axis.axhline(level, color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=0.5)
    if is_angle(trace, name):
        mark_turns(axis.yaxis, float(np.ptp(axis.get_ylim())))


def settling_curve(table: Table, looks: Mapping[str, Look] | None = None) -> Any:
    """Share of a comparison's episodes that are settled for good by a time.

    Args:
        table: of `hc.compare`.
        looks: of the lines by name.

    Returns:
        The matplotlib figure.
    """
    from matplotlib import rc_context

    looks = looks_of(table.controllers) | dict(looks or {})
    grid = np.linspace(0.0, table.task.seconds, 401)
    with rc_context(STYLE):
        figure = blank(1, 2.5, above=rows_of(table.scores))
        axis = figure.axes[0]
        for name, scores in table.scores.items():
            settled = np.sort(scores.settle)
            share = np.searchsorted(settled, grid, side="right") / len(settled)
            axis.step(grid, 100 * share, where="post", **looks[name])
        axis.set(xlabel="time [s]", ylabel="settled episodes [%]", ylim=(-3, 103))
        axis.set_xlim(0.0, table.task.seconds)
        legend(figure, {name: looks[name] for name in table.scores})
    return figure
