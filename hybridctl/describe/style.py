"""How figures look: colours, lines, and angles told in π."""

from typing import Any

import numpy as np

# Okabe and Ito's colours: distinct in print and to the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "hybridctl",
}


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
