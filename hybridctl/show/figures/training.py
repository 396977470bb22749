"""Learning curves, and what is known about a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.show.lines import thin
from hybridctl.show.style import MUTED, STYLE, Look, blank, legend, looks_of, rows_of
from hybridctl.tasks.statistics import student_mean

BAND = 0.18  # opacity
FEWEST = 3  # seeds that have a band: that of two hides everything
TARGET: Look = {"color": MUTED, "linestyle": (0, (4, 3)), "linewidth": 0.9}


def training_curve(
    runs: Mapping[str, Any],
    looks: Mapping[str, Look] | None = None,
    *,
    steps: float | None = None,
) -> Any:
    """Validation score over the decisions trained on; the kept policy is marked.

    Of several seeds: a thin line each, and their mean, from three on with its 95 %
    interval. A seed that has stopped counts on with the score of the policy that it
    kept.

    Args:
        runs: what `hc.train` gave, by name: a `Run`, or the `Runs` of several seeds.
        looks: of the lines by name.
        steps: where the axis ends; at the longest run by default.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: no runs, or one without a curve.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import EngFormatter

    groups = _groups(runs)
    looks = looks_of(groups) | dict(looks or {})
    looks = {name: {**looks[name], "linewidth": 1.4} for name in groups}
    targets = {target_of(run) for group in groups.values() for run in group} - {None}
    entries = _entries(groups, looks) | ({"target": TARGET} if targets else {})
    with rc_context(STYLE):
        figure = blank(1, 2.4, above=rows_of(entries))
        axis = figure.axes[0]
        for name, group in groups.items():
            _draw_group(axis, group, looks[name])
        for target in targets:
            axis.axhline(target, zorder=0.5, **TARGET)
        axis.set_ylim(axis.get_ylim())  # the interval of few seeds may be huge
        for name, group in groups.items():
            _draw_band(axis, group, looks[name])
        axis.set(xlabel="steps [decisions]", ylabel="validation score [–]")
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        if steps is not None:
            axis.set_xlim(-0.02 * steps, 1.02 * steps)
        legend(figure, entries)
    return figure


def _groups(runs: Any) -> dict[str, tuple[Any, ...]]:
    """The runs of every name: one, or one a seed."""
    if not isinstance(runs, Mapping):
        fail('give runs by name: {"residual": run}')
    require(len(runs) > 0, "no runs to draw; give at least one")
    groups = {name: tuple(getattr(run, "runs", (run,))) for name, run in runs.items()}
    for name, group in groups.items():
        require(len(group) > 0, f"{name!r} has no runs in it; give at least one")
        for run in group:
            check_runs({name: run})
    return groups


def _entries(
    groups: Mapping[str, tuple[Any, ...]], looks: Mapping[str, Look]
) -> dict[str, Look]:
    """What the legend says."""
    sizes = [len(group) for group in groups.values()]
    entries = {}
    for name, group in groups.items():
        seeds = f", {len(group)} seeds" if len(group) > 1 else ""
        entries[f"{name}{seeds}"] = looks[name]
    if min(sizes) == 1:
        entries["best, kept"] = _ring("#444444")
    if max(sizes) >= FEWEST:
        band = {"color": MUTED, "alpha": 2 * BAND, "linewidth": 6}
        entries["95 % interval of the mean"] = band
    return entries


def _draw_group(axis: Any, group: tuple[Any, ...], look: Look) -> None:
    if len(group) == 1:
        _draw_run(axis, group[0], look)
        return
    for run in group:
        axis.plot(*thin(*line_of(run)), **{**look, "linewidth": 0.6, "alpha": 0.5})
    axis.plot(*mean_of(group)[:2], **look)


def _draw_band(axis: Any, group: tuple[Any, ...], look: Look) -> None:
    if len(group) >= FEWEST:
        steps, _, bounds = mean_of(group)
        axis.fill_between(steps, *bounds, color=look["color"], alpha=BAND, linewidth=0)


def _draw_run(axis: Any, run: Any, look: Look) -> None:
    steps, score = line_of(run)
    axis.plot(*thin(steps, score), **look)
    best = best_of(run)
    axis.plot(steps[best], score[best], **_ring(look["color"]))


def _ring(colour: str) -> Look:
    return {"color": colour, "marker": "o", "mfc": "white", "ms": 5, "ls": "none"}


def line_of(run: Any) -> tuple[np.ndarray, np.ndarray]:
    """Steps and scores of a run's validations."""
    steps = np.array([point["steps"] for point in run.curve], float)
    return steps, np.array([point["score"] for point in run.curve], float)


def mean_of(group: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean score of several seeds, at every step at which one was validated.

    Args:
        group: runs; one that has stopped counts on with the score that it kept, one
            that is under way ends the mean where it is.

    Returns:
        Steps [n], mean [n], and the bounds [2, n] of its 95 % interval.
    """
    lines = [line_of(run) for run in group]
    steps = np.unique(np.concatenate([line[0] for line in lines]))
    under_way = [getattr(run, "stopped", "") == "running" for run in group]
    ends = [line[0][-1] for line, on in zip(lines, under_way, strict=True) if on]
    steps = steps[steps <= min(ends, default=np.inf)]
    kept = [line[1][best_of(run)] for run, line in zip(group, lines, strict=True)]
    rows = [
        np.where(steps > line[0][-1], last, np.interp(steps, *line))
        for line, last in zip(lines, kept, strict=True)
    ]
    found = [student_mean(column) for column in np.transpose(rows)]
    bounds = np.array([[i.low, i.high] for i in found]).T
    return steps, np.array([i.value for i in found]), bounds


def best_of(run: Any) -> int:
    """Index of the validation whose policy was kept."""
    scores = [point["score"] for point in run.curve]
    return int(getattr(run, "best", np.argmax(scores)))


def target_of(run: Any) -> float | None:
    """Validation score at which a run stops early, if any."""
    target = getattr(getattr(run, "config", None), "target", None)
    return None if target is None or np.isinf(target) else target


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
