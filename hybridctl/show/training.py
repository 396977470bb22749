"""Learning curves, and what is known about a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.show.lines import thin
from hybridctl.show.style import MUTED, STYLE, Look, blank, legend, looks_of, rows_of


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
    looks = looks_of(runs) | dict(looks or {})
    entries = {name: {**looks[name], "linewidth": 1.4} for name in runs}
    marks = {"best, kept": _ring("#444444")}
    if any(target_of(run) is not None for run in runs.values()):
        marks["target"] = _TARGET
    with rc_context(STYLE):
        figure = blank(1, 2.4, above=rows_of([*entries, *marks]))
        axis = figure.axes[0]
        for name, run in runs.items():
            _draw_run(axis, run, entries[name])
        axis.set(xlabel="steps [decisions]", ylabel="validation score [–]")
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        legend(figure, entries | marks)
    return figure


_TARGET: Look = {"color": MUTED, "linestyle": (0, (4, 3)), "linewidth": 0.9}


def _draw_run(axis: Any, run: Any, look: Look) -> None:
    steps = np.array([point["steps"] for point in run.curve], float)
    score = np.array([point["score"] for point in run.curve], float)
    axis.plot(*thin(steps, score), **look)
    best = best_of(run)
    axis.plot(steps[best], score[best], **_ring(look["color"]))
    if (target := target_of(run)) is not None:
        axis.axhline(target, zorder=0.5, **_TARGET)


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
