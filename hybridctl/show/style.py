"""How everything looks: one style, and one look a controller."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.loop import Trace
from hybridctl.loop import plot as base
from hybridctl.plants import Equilibrium

STYLE = base.STYLE | {
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "grid.linewidth": 0.6,
    "legend.handlelength": 1.6,
    "svg.fonttype": "none",  # text stays text: small, and the page chooses the font
    "text.parse_math": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
WIDTH = 5.2  # [in]: two beside each other on a desk, one on a phone
DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
MUTED = "#9a9a9a"

Look = dict[str, Any]


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """Colour, dashes and width of every controller's lines.

    Later ones are thinner, so that one which covers another still shows it.

    Example:
        >>> looks_of(["lqr", "machine"])["lqr"]["color"]
        '#0072B2'
    """
    names = list(dict.fromkeys(names))
    widths = np.linspace(2.4, 1.2, len(names)) if len(names) > 1 else [1.4]
    return {
        name: {
            "color": base.COLOURS[i % len(base.COLOURS)],
            "linestyle": DASHES[i // len(base.COLOURS) % len(DASHES)],
            "linewidth": float(widths[i]),
        }
        for i, name in enumerate(names)
    }


def check_traces(traces: Any) -> Trace:
    """Refuse what cannot be drawn together; give the first trace.

    Raises:
        ValueError: no mapping of names to single traces of one plant.
    """
    if not isinstance(traces, Mapping):
        fail('give traces by name: {"lqr": trace}')
    require(len(traces) > 0, "no traces to draw; give at least one")
    first = next(iter(traces.values()))
    for name, trace in traces.items():
        if not isinstance(trace, Trace):
            fail(f"{name!r} is a {type(trace).__name__}, expected a Trace; see simulate")
        require(trace.x.ndim == 2, f"{name!r} is a batch; choose one first: trace[0]")
        require(
            (trace.states, trace.inputs) == (first.states, first.inputs),
            f"{name!r} has other signals than the first trace; draw each plant apart",
        )
    return first


def finite_part(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """t and x up to the first sample that is not finite; the start at least."""
    x = np.asarray(trace.x, np.float64)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=-1))
    end = max(int(bad[0]), 1) if len(bad) else len(x)
    return np.asarray(trace.t)[:end], np.nan_to_num(x[:end])


def centre_of(trace: Trace, name: str, target: Equilibrium | None) -> float:
    """Where an angle should end [rad]: at the target, or standing."""
    return float(target.x[trace.states.index(name)]) if target is not None else np.pi


def blank(rows: int, height: float, width: float = WIDTH) -> Any:
    """A figure with `rows` axes in a stack that share the time axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.subplots(rows, 1, sharex=True)
    return figure


def legend(
    figure: Any, looks: Mapping[str, Look], marks: Sequence[tuple[str, Look]] = ()
) -> None:
    """Name the lines, and what marks mean, above a figure."""
    from matplotlib.lines import Line2D

    entries = [*looks.items(), *marks]
    labels = [_label(name) for name, _ in entries]
    handles = [Line2D([], [], **look) for _, look in entries]
    longest = max(len(label) for label in labels)
    columns = min(len(labels), max(1, 62 // (longest + 6)))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _label(name: str) -> str:
    """A name that fits; matplotlib leaves out what starts with an underscore."""
    short = name if len(name) <= 40 else f"{name[:39]}…"
    return f" {short}" if short.startswith("_") else short


def mark_turns(axis: Any, span: float) -> None:
    """Label an angle's axis ("x" or "y" of an Axes) in π where it spans that much."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    if span > 2.5:
        step = np.pi * (1 if span < 14 else 2)
        axis.set_major_locator(MultipleLocator(step))
        axis.set_major_formatter(FuncFormatter(lambda value, _: in_turns(value)))


def in_turns(angle: float) -> str:
    """A multiple of π as text.

    Example:
        >>> in_turns(-2 * np.pi), in_turns(0.0), in_turns(np.pi)
        ('−2π', '0', 'π')
    """
    n = round(angle / np.pi)
    sign, size = "−" if n < 0 else "", abs(n)
    return "0" if n == 0 else f"{sign}{'' if size == 1 else size}π"
