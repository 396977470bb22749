"""Phase portraits: where a trajectory goes, whatever the time."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from hybridctl.checks import require
from hybridctl.controllers import Guard
from hybridctl.describe.style import mark_turns
from hybridctl.loop import Trace
from hybridctl.plants import Equilibrium
from hybridctl.show.figures.region import check_regions, shade, shade_look
from hybridctl.show.lines import along, fold, unwind
from hybridctl.show.style import (
    MUTED,
    STYLE,
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

MOST_MARKS = 100
INK = "#444444"
START = {"marker": "o", "ms": 4.5, "ls": "none"}
SWITCH = {"marker": "D", "ms": 4, "mfc": "white", "mew": 1.1, "ls": "none"}
FAILURE = {"marker": "x", "ms": 5.5, "mew": 1.4, "ls": "none"}


def phase_portrait(
    traces: Mapping[str, Trace],
    *,
    states: tuple[str, str] | None = None,
    target: Equilibrium | None = None,
    failed: Collection[str] = (),
    looks: Mapping[str, Look] | None = None,
    region: Guard | Mapping[str, Guard] | None = None,
) -> Any:
    """Draw two states of traces against each other, with starts and mode changes.

    An angle starts next to the target (π without one); one that turns far from there
    is wrapped, and its line cut where it wraps.

    Args:
        traces: single traces of one plant by name.
        states: the two states; by default the first angle and its rate.
        target: marked by a cross.
        failed: names of the traces whose end is a failure.
        looks: of the lines by name.
        region: where a guard holds, such as that of a machine's edge: the set in
            which it hands over, as a shade; or several by name. The states that are
            not drawn are those of the target.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: not a mapping of names to single traces, an unknown state, or a
            region without a target.
    """
    from matplotlib import rc_context

    first = check_traces(traces)
    pair = states or _first_angle(first)
    for name in pair:
        known = ", ".join(first.states)
        require(name in first.states, f"no state {name!r}; the states are {known}")
    looks = looks_of(traces) | dict(looks or {})
    regions = check_regions(region, target)
    entries = {name: looks[name] for name in traces} | _marks(traces, failed)
    entries |= {name: shade_look(i) for i, name in enumerate(regions)}
    with rc_context(STYLE):
        figure = blank(1, 3.6, above=rows_of(entries))
        axis = figure.axes[0]
        for name, trace in traces.items():
            _draw(axis, trace, pair, looks[name], target, name in failed)
        _finish(axis, first, pair, target)
        for i, guard in enumerate(regions.values()):
            shade(axis, guard, target, pair, i)
        legend(figure, entries)
    return figure


def _first_angle(trace: Trace) -> tuple[str, str]:
    """An angle and its rate, for x = [q, q̇]; the first two states without one."""
    n = len(trace.states)
    require(n > 1, f"a phase portrait needs two states; there is {trace.states}")
    angle = next((i for i in trace.angles if i + n // 2 < n), None)
    i, j = (0, 1) if angle is None else (angle, angle + n // 2)
    return trace.states[i], trace.states[j]


def _draw(
    axis: Any,
    trace: Trace,
    pair: tuple[str, str],
    look: Look,
    target: Equilibrium | None,
    failed: bool,
) -> None:
    a, b = _points(trace, pair, target)
    keep, centre = along(a, b), centre_of(trace, pair[0], target)
    line = a[keep], b[keep]
    if is_angle(trace, pair[0]):
        line = fold(*line, centre)
    axis.plot(*line, **look)
    colour = {"color": look["color"], "zorder": 3}
    axis.plot(line[0][0], line[1][0], **START, **colour)
    if len(at := _switches(trace, len(a))):
        axis.plot(*_wrapped(line, a[at], b[at], centre), **SWITCH, **colour)
    if failed:
        axis.plot(line[0][-1], line[1][-1], **FAILURE, **colour)


def _points(
    trace: Trace, pair: tuple[str, str], target: Equilibrium | None
) -> tuple[np.ndarray, np.ndarray]:
    """Both states, the first continuous where it is an angle."""
    _, x = finite_part(trace)
    columns = [trace.states.index(name) for name in pair]
    a, b = x[:, columns[0]], x[:, columns[1]]
    if is_angle(trace, pair[0]):
        a = unwind(a, centre_of(trace, pair[0], target))
    return a, b


def _switches(trace: Trace, end: int) -> np.ndarray:
    """Samples at which the mode changes, thinned evenly where they are too many."""
    if trace.mode is None:
        return np.array([], int)
    at = np.flatnonzero(np.diff(np.asarray(trace.mode))) + 1
    at = at[at < end]
    some = np.linspace(0, len(at) - 1, min(len(at), MOST_MARKS))
    return at[np.round(some).astype(int)]


def _wrapped(
    line: tuple[np.ndarray, np.ndarray], a: np.ndarray, b: np.ndarray, centre: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve, on the line as it is drawn."""
    if not np.isnan(line[0]).any():
        return a, b
    return (a - centre + np.pi) % (2 * np.pi) + centre - np.pi, b


def _finish(
    axis: Any, trace: Trace, pair: tuple[str, str], target: Equilibrium | None
) -> None:
    units = dict(trace.units)
    axis.set_xlabel(f"{pair[0]} [{units.get(pair[0], '–')}]")
    axis.set_ylabel(f"{pair[1]} [{units.get(pair[1], '–')}]")
    spans = axis.get_xlim(), axis.get_ylim()
    a, b = (levels(trace, n, target, s) for n, s in zip(pair, spans, strict=True))
    aims = [(i, j) for i in a for j in b]
    for aim in aims:
        axis.plot(*aim, "+", color=MUTED, ms=14, mew=1.0, zorder=0.5)
    if is_angle(trace, pair[0]):
        mark_turns(axis.xaxis, float(np.ptp(spans[0])))


def _marks(traces: Mapping[str, Trace], failed: Collection[str]) -> dict[str, Look]:
    """What the marks mean, as far as there are any."""
    marks = {"start": START}
    if any(trace.switches() for trace in traces.values()):
        marks["mode change"] = SWITCH
    if failed:
        marks["failure"] = FAILURE
    return {name: {**mark, "color": INK} for name, mark in marks.items()}
