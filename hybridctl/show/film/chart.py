"""A film of what has no picture of its own: its signals over time, as they come."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hybridctl.checks import require
from hybridctl.loop import Trace
from hybridctl.loop.plot import titled
from hybridctl.show.figures.time import plot_traces
from hybridctl.show.style import STYLE, check_traces

DPI = 100
SIZE = (640, 480)  # [pixels]
ROW = 44  # least height of a panel [pixels]
GAP = 15  # between panels [pixels]
LETTERS = 40  # of a name in its panel
LABEL: Any = {"fontsize": 7, "ha": "right", "va": "bottom", "color": "#52606d"}
VEIL, CLOCK = {"color": "white", "alpha": 0.82, "lw": 0}, "#1f2933"


class Chart:
    """Signals of traces over time; a line goes along, and ahead of it all is pale.

    Args:
        traces: single traces of one plant by name.
        size: of the picture [pixels]; None: 640 x 480.
    """

    renderer = "matplotlib"

    def __init__(self, traces: Mapping[str, Trace], size: tuple[int, int] | None):
        first = check_traces(traces)
        self.size = size or SIZE
        require(min(self.size) >= 64, f"size={size} is too small; give 64 x 64 or more")
        self.traces = dict(traces)
        self.end = max(float(np.asarray(trace.t)[-1]) for trace in traces.values())
        self.figure = self._drawn(_chosen(first, self.size[1]))
        self._prepare()

    def _drawn(self, signals: tuple[str, ...]) -> Any:
        """Everything that does not move."""
        from matplotlib import rc_context

        inches = (self.size[0] + 0.1) / DPI, (self.size[1] + 0.1) / DPI  # rounded down
        named = {name or "trace": trace for name, trace in self.traces.items()}
        figure = plot_traces(named, signals=signals, size=inches)
        figure.set_dpi(DPI)
        with rc_context(STYLE):
            for axis, name in zip(figure.axes, signals, strict=True):
                axis.set_ylabel("")
                axis.tick_params(labelsize=7)
                label = titled(next(iter(named.values())), name, LETTERS)
                axis.text(1.0, 1.0, label, transform=axis.transAxes, **LABEL)
        self._spread(figure)
        return figure

    def _spread(self, figure: Any) -> None:
        """Room for a name above every panel."""
        rows, place = len(figure.axes), figure.subplotpars
        whole = (place.top - place.bottom) * self.size[1]
        tall = max((whole - GAP * (rows - 1)) / rows, 1.0)
        figure.subplots_adjust(hspace=GAP / tall)

    def _prepare(self) -> None:
        """Keep the still picture, and what is drawn upon it."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.patches import Rectangle

        self.canvas = FigureCanvasAgg(self.figure)
        self.movers = []
        for axis in self.figure.axes:
            across = axis.get_xaxis_transform()
            veil = Rectangle((0, 0), 1, 1, transform=across, zorder=5, **VEIL)
            line = axis.axvline(0.0, color=CLOCK, lw=0.8, zorder=6)
            self.movers.append((axis, axis.add_patch(veil), line))
        self.clock: Any = self.figure.text(0.985, 0.99, "", ha="right", va="top")
        for artist in (self.clock, *(a for _, *both in self.movers for a in both)):
            artist.set_animated(True)
        self.canvas.draw()
        self.empty = self.canvas.copy_from_bbox(self.figure.bbox)  # type: ignore[attr-defined]

    def at(self, t: float) -> np.ndarray:
        """The picture at a time [s]: [height, width, 3]."""
        self.canvas.restore_region(self.empty)  # type: ignore[attr-defined]
        for axis, veil, line in self.movers:
            right = axis.get_xlim()[1]
            veil.set_x(t)
            veil.set_width(max(right - t, 0.0))
            line.set_xdata([t, t])
            for artist in (veil, line):
                axis.draw_artist(artist)
        self.clock.set_text(self._words(t))
        self.figure.draw_artist(self.clock)
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    def _words(self, t: float) -> str:
        """The time, and the mode of a trace that is alone."""
        trace = next(iter(self.traces.values()))
        alone = len(self.traces) == 1 and trace.mode is not None and trace.modes
        clock = f"{t:.2f} s" if self.end >= 1.0 else f"{t:.3g} s"
        if not alone:
            return clock
        k = int(np.searchsorted(np.asarray(trace.t), t * (1 + 1e-6), "right")) - 1
        mode = np.asarray(trace.mode)
        return f"{trace.modes[int(mode[min(max(k, 0), len(mode) - 1)])]}   {clock}"

    def sheet(self, times: list[float]) -> np.ndarray:
        """The whole course: a still of it needs no moments."""
        return self.at(times[-1] if times else self.end)

    def frames(self, times: np.ndarray) -> Iterator[np.ndarray]:
        """A picture at each time [s]."""
        for t in times.tolist():
            yield self.at(t)

    def telling(self, count: int, end: float) -> list[float]:
        """Times at equal distances, up to the end."""
        return np.linspace(0.0, end, count).tolist()

    def close(self) -> None:
        """Nothing to free."""

    def __enter__(self) -> "Chart":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _chosen(trace: Trace, height: int) -> tuple[str, ...]:
    """As many signals as there is room for: the inputs, and the first states."""
    rows = max(height // ROW - 1, 1)
    if len(trace.states) + len(trace.inputs) <= rows:
        return (*trace.states, *trace.inputs)
    n_u = min(len(trace.inputs), max(rows // 3, 0))
    return (*trace.states[: rows - n_u], *trace.inputs[:n_u])
