"""One trace as a picture: states and inputs with units, modes as bands."""

import itertools
from typing import Any

import numpy as np

from hybridctl.describe.style import COLOURS, STYLE

BANDS = ("#F2F2F2", "#FFFFFF", "#E3EEF7", "#FBEFE3", "#E6F4EE")


def plot_trace(trace: Any, label: str | None = None, figure: Any = None) -> Any:
    """Draw a trace: one panel a state, one an input, mode bands behind.

    Args:
        trace: a single `Trace`.
        label: legend entry; call again with the same figure to compare traces.
        figure: a figure returned by an earlier call, to draw into.

    Returns:
        The matplotlib figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = (*trace.states, *trace.inputs)
    with rc_context(STYLE):
        if figure is None:
            figure = Figure(figsize=(7, 1.25 * len(names)), layout="constrained")
            figure.subplots(len(names), 1, sharex=True)
            draw_modes(trace, figure.axes)
            draw_events(trace, figure.axes)
        colour = COLOURS[len(figure.axes[0].lines) % len(COLOURS)]
        for axis, name in zip(figure.axes, names, strict=True):
            held = name in trace.inputs
            draw = axis.step if held else axis.plot
            style = {"where": "post"} if held else {}
            y = np.asarray(trace[name])
            y = np.append(y, y[-1:]) if held else y  # through the last period
            draw(trace.t[: len(y)], y, color=colour, label=label, **style)
            axis.set_ylabel(titled(trace, name))
        figure.axes[-1].set_xlabel("time [s]")
        if label is not None:
            figure.axes[0].legend(loc="upper right", ncols=4)
    return figure


def plot_log(log: Any, model: Any = None, held: Any = (), figure: Any = None) -> Any:
    """Draw a log: one panel a signal, a model's signals as lines over it.

    Args:
        log: a `Log`.
        model: another one, of which signals of the same names are drawn; None: none.
        held: names of signals that stay until the next row.
        figure: a figure returned by an earlier call, to draw into.

    Returns:
        The matplotlib figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        if figure is None:
            figure = Figure(figsize=(7, 1.25 * len(log.names)), layout="constrained")
            figure.subplots(len(log.names), 1, sharex=True, squeeze=False)
        for axis, name in zip(figure.axes, log.names, strict=True):
            how = {"drawstyle": "steps-post"} if name in held else {}
            seen = {"lw": 1.0} if model is None else {"marker": ".", "ms": 2, "lw": 0}
            axis.plot(log.t, log[name], color=COLOURS[0], label="log", **seen, **how)
            if model is not None and name in model.names:
                axis.plot(model.t, model[name], color=COLOURS[1], label="model", **how)
            axis.set_ylabel(titled(log, name))
        figure.axes[-1].set_xlabel("time [s]")
        if model is not None:  # above, where it covers nothing
            place = {"loc": "lower right", "bbox_to_anchor": (1, 1)}
            figure.axes[0].legend(ncols=2, markerscale=4, **place)
    return figure


def titled(trace: Any, name: str, most: int = 16) -> str:
    """A signal's name, cut where it is long, with its unit where it has one."""
    short = name if len(name) <= most else f"{name[: most - 1]}…"
    unit = dict(trace.units).get(name, "")
    return f"{short} [{unit}]" if unit else short


def draw_events(trace: Any, axes: Any) -> None:
    """A dotted line through all panels at every event of the plant."""
    style: Any = {"colors": "0.6", "lw": 0.7, "ls": ":", "zorder": 0}
    times = [time for time, _ in trace.events]
    for axis in axes if times else ():
        whole = axis.get_xaxis_transform()  # lines that are no data, nor counted so
        axis.vlines(times, 0.0, 1.0, transform=whole, **style)


def draw_modes(trace: Any, axes: Any) -> None:
    """Shade the time that each mode is active, and name it once at the top."""
    if trace.mode is None:
        return
    mode = np.asarray(trace.mode)
    edges = [0, *(np.flatnonzero(np.diff(mode)) + 1), len(mode)]
    for start, end in itertools.pairwise(edges):
        span, index = (trace.t[start], trace.t[end]), int(mode[start])
        for axis in axes:
            axis.axvspan(*span, color=BANDS[index % len(BANDS)], lw=0, zorder=0)
        if span[1] - span[0] > 0.06 * trace.t[-1]:
            axes[0].text(
                sum(span) / 2, 1.02, trace.modes[index], ha="center", va="bottom",
                fontsize=8, color="0.35", transform=axes[0].get_xaxis_transform(),
            )  # fmt: skip
