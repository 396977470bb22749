"""`LiveCurve`: the learning curve in a notebook, while it grows."""

import importlib
import io
import threading
from types import SimpleNamespace
from typing import Any

from hybridctl.show.figures.training import training_curve

DPI = 110
ELSEWHERE = (
    "LiveCurve draws in notebooks; here, the progress bar shows the training, and "
    "hc.show.training_curve({name: run}) draws its curve afterwards"
)


class LiveCurve:
    """Draws the validation score anew after every validation, in place.

    Give it to `train` as `on_validation`, in a notebook; elsewhere it says so, once,
    and does nothing. While it trains, the axis of the steps goes on to its last one.
    With several seeds there is a thin line each and their mean.

    Args:
        name: what the legend calls the training; the task's name by default.

    Example:
        >>> import hybridctl as hc
        >>> task, template = hc.tasks.get("balance"), 1.0 * hc.Slot(1)
        >>> curve = hc.LiveCurve()
        >>> run = hc.train(task, template, on_validation=curve)  # doctest: +SKIP
    """

    def __init__(self, name: str | None = None):
        self.name = name
        self.runs: dict[int, Any] = {}
        self._show = _display()
        self._shown: Any = None
        self._told = False
        self._alone = threading.Lock()

    def __call__(self, run: Any) -> None:
        """Draw the run so far."""
        with self._alone:
            if self._show is None:
                self._say_elsewhere()
                return
            self.runs[run.seed] = run
            picture = self._picture()
            if self._shown is None:
                self._shown = self._show.display(picture, display_id=True)
            else:
                self._shown.update(picture)

    def figure(self) -> Any:
        """The matplotlib figure of what was drawn last."""
        runs = tuple(self.runs.values())
        name = self.name or runs[0].task
        steps = max(_end_of(run) for run in runs)
        return training_curve({name: SimpleNamespace(runs=runs)}, steps=steps)

    def _picture(self) -> Any:
        """As PNG: what shows it needs no backend of matplotlib."""
        data, figure = io.BytesIO(), self.figure()
        figure.savefig(data, dpi=2 * DPI)
        width = round(figure.get_figwidth() * DPI)
        return self._show.Image(data.getvalue(), format="png", width=width)

    def _say_elsewhere(self) -> None:
        if not self._told:
            print(ELSEWHERE)
        self._told = True


def _end_of(run: Any) -> float:
    """Steps at which a training ends, as far as is known."""
    return run.config.steps if run.stopped == "running" else run.curve[-1]["steps"]


def _display() -> Any:
    """IPython's display where a notebook listens; None elsewhere."""
    try:
        shell = importlib.import_module("IPython").get_ipython()
        notebook = hasattr(shell, "kernel")
        return importlib.import_module("IPython.display") if notebook else None
    except (ImportError, AttributeError):
        return None
