"""Figures over time: traces, settling and training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.compare import Table
from hybridctl.loop import Trace
from hybridctl.loop.plot import draw_modes
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
    legend,
    looks_of,
    mark_turns,
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

    Modes are shaded where there is only one trace. An angle is shifted by whole
    turns to end next to the target (π without one).

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
    looks = looks or looks_of(traces)
    with rc_context(STYLE):
        width, height = size or (WIDTH, 0.5 + 1.15 * len(names))
        figure = blank(len(names), height, width)
        for axis, name in zip(figure.axes, names, strict=True):
            _draw_target(axis, first, name, target)
            for key, trace in traces.items():
                _draw(axis, trace, name, looks[key], target, key in failed)
            _label_signal(axis, first, name)
        figure.axes[-1].set_xlabel("time [s]")
        figure.align_ylabels()
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
        axis.step(*thin(np.asarray(trace.t)[: len(u)], u), where="post", **look)
        return
    t, x = finite_part(trace)
    y = x[:, trace.states.index(name)]
    if trace.states.index(name) in trace.angles:
        centre = centre_of(trace, name, target)
        t, y = thin(t, unwind(y, centre))
        y, t = fold(y, t, centre)
    else:
        t, y = thin(t, y)
    axis.plot(t, y, **look)
    if failed:
        axis.plot(t[-1], y[-1], "x", color=look["color"], ms=5, mew=1.4)


def _draw_target(
    axis: Any, trace: Trace, name: str, target: Equilibrium | None
) -> None:
    if target is not None and name in trace.states:
        level = centre_of(trace, name, target)
        axis.axhline(level, color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=0.5)


def _label_signal(axis: Any, trace: Trace, name: str) -> None:
    unit = dict(trace.units).get(name, "–")
    axis.set_ylabel(f"{name} [{unit}]")
    if name in trace.states and trace.states.index(name) in trace.angles:
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

    looks = looks or looks_of(table.controllers)
    grid = np.linspace(0.0, table.task.seconds, 401)
    with rc_context(STYLE):
        figure = blank(1, 2.5)
        axis = figure.axes[0]
        for name, scores in table.scores.items():
            settled = np.sort(scores.settle)
            share = np.searchsorted(settled, grid, side="right") / table.n
            axis.step(grid, 100 * share, where="post", **looks[name])
        axis.set(xlabel="time [s]", ylabel="settled episodes [%]", ylim=(-3, 103))
        axis.set_xlim(0.0, table.task.seconds)
        legend(figure, {name: looks[name] for name in table.scores})
    return figure


def training_curve(
    runs: Mapping[str, Any], looks: Mapping[str, Look] | None = None
) -> Any:
    """Validation score over the decisions trained on; the kept policy is marked.

    Args:
        runs: what `hc.train` gave, by name.
        looks: of the lines by name.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no runs, or one without a curve.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import EngFormatter

    check_runs(runs)
    require(len(runs) > 0, "no runs to draw; give at least one")
    looks = looks or looks_of(runs)
    with rc_context(STYLE):
        figure = blank(1, 2.4)
        axis = figure.axes[0]
        for name, run in runs.items():
            _draw_run(axis, run, looks[name])
        axis.set(xlabel="steps [decisions]", ylabel="validation score [–]")
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        marks = [("best, kept", _ring("#444444"))]
        if any(target_of(run) is not None for run in runs.values()):
            marks.append(("target", {"color": MUTED, "ls": (0, (4, 3)), "lw": 0.9}))
        legend(figure, {name: looks[name] for name in runs}, marks)
    return figure


def _draw_run(axis: Any, run: Any, look: Look) -> None:
    steps = np.array([point["steps"] for point in run.curve], float)
    score = np.array([point["score"] for point in run.curve], float)
    axis.plot(*thin(steps, score), **look)
    best = best_of(run)
    axis.plot(steps[best], score[best], **_ring(look["color"]))
    if (target := target_of(run)) is not None:
        axis.axhline(target, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0.5)


def _ring(colour: str) -> Look:
    return {"color": colour, "marker": "o", "mfc": "white", "ms": 5, "ls": "none"}


def best_of(run: Any) -> int:
    """Index of the validation whose policy was kept."""
    scores = [point["score"] for point in run.curve]
    return int(getattr(run, "best", np.argmax(scores)))


def target_of(run: Any) -> float | None:
    """Validation score at which a run stops early, if any."""
    return getattr(getattr(run, "config", None), "target", None)


def check_runs(runs: Any) -> None:
    """Refuse what is not a mapping of names to runs with a curve."""
    if not isinstance(runs, Mapping):
        fail('give runs by name: {"residual": run}')
    for name, run in runs.items():
        curve = getattr(run, "curve", None)
        require(
            bool(curve) and all({"steps", "score"} <= set(point) for point in curve),
            f"{name!r} has no curve of steps and score; give what hc.train returned",
        )
