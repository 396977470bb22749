"""A fit as a picture: what was measured, the model over it, and what is left."""

from typing import Any

from hybridctl.describe.style import COLOURS, STYLE
from hybridctl.loop.plot import titled

PARTS = ("fitted", "predicted")


def plot_fit(fit: Any) -> Any:
    """Draw a column for each log: every output with what is left of it, every input.

    Args:
        fit: a `Fit`.

    Returns:
        The matplotlib figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    logs, outputs, inputs = fit.logs, fit.model[0].names, fit.plant.inputs
    heights = [3.0, 1.2] * len(outputs) + [1.6] * len(inputs)
    with rc_context(STYLE):
        size = (7 * min(len(logs), 3), 0.55 * sum(heights))
        figure = Figure(figsize=size, layout="constrained")
        ratios = {"height_ratios": heights}
        grid = figure.subplots(
            len(heights), len(logs), sharex="col", squeeze=False, gridspec_kw=ratios
        )
        for n, (column, log) in enumerate(zip(grid.T, logs, strict=True)):
            models = dict(zip(PARTS, fit.model[n :: len(logs)], strict=False))
            for i, name in enumerate(outputs):
                _follow(column[2 * i], column[2 * i + 1], log, models, name)
            for axis, name in zip(column[2 * len(outputs) :], inputs, strict=True):
                axis.plot(log.t, log[name], color="0.4", lw=0.9, drawstyle="steps-post")
                axis.set_ylabel(titled(log, name))
            column[-1].set_xlabel("time [s]")
        entries = grid[0, 0].get_legend_handles_labels()
        figure.legend(*entries, ncols=3, loc="outside upper right")
    return figure


def _follow(axis: Any, rest: Any, log: Any, models: Any, name: str) -> None:
    """An output with the model over it, and the difference below."""
    axis.plot(log.t, log[name], ".", ms=2.5, color=COLOURS[0], label="measured")
    for (label, model), colour in zip(models.items(), COLOURS[1:], strict=False):
        inside = (log.t >= model.t[0] - 1e-9) & (log.t <= model.t[-1] + 1e-9)
        axis.plot(model.t, model[name], color=colour, label=label)
        rest.plot(model.t, log[name][inside] - model[name], color=colour, lw=0.7)
        if label == PARTS[1]:
            for panel in (axis, rest):
                panel.axvspan(model.t[0], model.t[-1], color="0.93", lw=0, zorder=0)
    axis.set_ylabel(titled(log, name))
    rest.set_ylabel("rest")
