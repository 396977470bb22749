"""How everything looks: one style, and one look a controller."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.describe import style as base
from hybridctl.loop import Trace
from hybridctl.plants import Equilibrium
from hybridctl.show.lines import copies

STYLE = base.STYLE | {
    "axes.edgecolor": "#888888",
    "axes.formatter.limits": (-4, 5),
    "axes.linewidth": 0.6,
    "axes.prop_cycle": f"cycler(color={list(base.COLOURS)})",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "grid.linewidth": 0.6,
    "legend.borderaxespad": 0.2,
    "legend.borderpad": 0.0,
    "legend.handlelength": 1.5,
    "svg.fonttype": "none",  # text stays text: small, and the page chooses the font
    "text.parse_math": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
WIDTH = 4.8  # [in]: two beside each other on a desk, one on a phone
LEFT, RIGHT, BOTTOM, TOP, GAP = 0.72, 0.2, 0.44, 0.1, 0.12  # margins [in]
LINE = 0.19  # a row of a legend [in]
ROW = 59  # letters in it
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
    widths = np.linspace(2.2, 1.1, len(names)) if len(names) > 1 else [1.4]
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
            fail(f"{name!r} is a {type(trace).__name__}; give what simulate returned")
        which = repr(name) if name else "this trace"
        require(trace.x.ndim == 2, f"{which} is a batch; choose one first: trace[0]")
        require(
            (trace.states, trace.inputs) == (first.states, first.inputs),
            f"{name!r} has other signals than the first trace; draw each plant apart",
        )
    return first


def finite_part(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """Time and state up to the first sample that is not finite; the start at least."""
    x = np.asarray(trace.x, np.float64)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=-1))
    end = max(int(bad[0]), 1) if len(bad) else len(x)
    return np.asarray(trace.t)[:end], np.nan_to_num(x[:end])


def is_angle(trace: Trace, name: str) -> bool:
    """Whether a signal is an angle."""
    return name in trace.states and trace.states.index(name) in trace.angles


def centre_of(trace: Trace, name: str, target: Equilibrium | None) -> float:
    """Where a state should be: at the target, or standing without one."""
    return float(target.x[trace.states.index(name)]) if target is not None else np.pi


def levels(
    trace: Trace, name: str, target: Equilibrium | None, span: tuple[float, float]
) -> list[float]:
    """Where a state is at the target; an angle in a span may be there many times."""
    if target is None or name not in trace.states:
        return []
    level = centre_of(trace, name, target)
    return copies(level, *span) or [level] if is_angle(trace, name) else [level]


def blank(rows: int, height: float, width: float = WIDTH, above: int = 1) -> Any:
    """A figure with `rows` axes in a stack that share the horizontal axis.

    Margins are given in inches, so that figures below each other align. There is
    room for `above` lines of text at the top; all but one add to the height.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    height += LINE * (above - 1)
    figure = Figure(figsize=(width, height))
    figure.subplots(rows, 1, sharex=True)
    top = height - TOP - LINE * above
    tall = (top - BOTTOM - GAP * (rows - 1)) / rows
    figure.subplots_adjust(
        left=LEFT / width, right=1 - RIGHT / width, bottom=BOTTOM / height,
        top=top / height, hspace=GAP / tall,
    )  # fmt: skip
    for axis in figure.axes:
        axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.yaxis.set_label_coords(-0.58 / (width - LEFT - RIGHT), 0.5)
    return figure


def columns_of(names: Sequence[str]) -> int:
    """How many names fit beside each other in a legend."""
    for n in range(len(names), 1, -1):
        if sum(max(map(len, names[i::n])) + 7 for i in range(n)) <= ROW:
            return n
    return 1


def rows_of(names: Iterable[str]) -> int:
    """Lines of a legend."""
    labels = [_label(name) for name in names]
    return -(-len(labels) // columns_of(labels))


def legend(figure: Any, looks: Mapping[str, Look]) -> None:
    """Name lines and marks above a figure, row by row."""
    from matplotlib.lines import Line2D

    labels = [_label(name) for name in looks]
    handles = [Line2D([], [], **look) for look in looks.values()]
    n = columns_of(labels)
    order = [k for i in range(n) for k in range(i, len(labels), n)]
    figure.legend(
        [handles[k] for k in order], [labels[k] for k in order], loc="upper left",
        bbox_to_anchor=(LEFT / figure.get_figwidth(), 0.995), ncols=n,
    )  # fmt: skip


def _label(name: str) -> str:
    """A name that fits; matplotlib leaves out what starts with an underscore."""
    short = name if len(name) <= 30 else f"{name[:29]}…"
    return f" {short}" if short.startswith("_") else short
