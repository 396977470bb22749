"""What comparisons say of themselves; the words are their own, the look is here."""

import html

from hybridctl.compare.falsify import Falsified
from hybridctl.compare.over import Grid
from hybridctl.compare.table import HEADINGS, Table, cells
from hybridctl.compare.tune import Tuning
from hybridctl.describe import Known, draws, names

CELL = "padding:2px 10px;text-align:right;white-space:nowrap"


@names
def _table(table: Table, known: Known) -> str:
    among = ", ".join(table.controllers)
    return f"Table({table.task.name}: {among}; n={table.n}, seed={table.seed})"


@names
def _grid(grid: Grid, known: Known) -> str:
    axes = " x ".join(f"{len(v)} {name}" for name, v in grid.axes.items())
    return f"Grid({grid.task.name}: {', '.join(grid.controllers)}; {axes})"


@names
def _tuning(found: Tuning, known: Known) -> str:
    values = ", ".join(f"{name}={value:.4g}" for name, value in found.values.items())
    return f"Tuning({values}; score {found.score:.4g})"


@names
def _falsified(found: Falsified, known: Known) -> str:
    size = f"{len(found.found)} of {found.evaluations} episodes break"
    return f"Falsified({found.task}: {size})"


def _cell(told: str) -> str:
    return f'<td style="{CELL}">{html.escape(told)}</td>'


@draws
def _draw_table(table: Table, known: Known) -> str:
    """The rows as a table of HTML."""
    head = "".join(f'<th style="{CELL}">{html.escape(h)}</th>' for h in HEADINGS)
    body = "".join(
        f"<tr>{''.join(map(_cell, (name, *cells(table.row(name)))))}</tr>"
        for name in table.controllers
    )
    title = f"{table.task.name}: {table.n} episodes, seed {table.seed}"
    return f"<strong>{html.escape(title)}</strong><table><tr>{head}</tr>{body}</table>"
