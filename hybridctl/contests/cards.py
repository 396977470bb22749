"""What comparisons say of themselves; the words are their own, the look is here."""

import html
from typing import Any

from rich.text import Text

from hybridctl.contests.falsify.falsify import Falsified
from hybridctl.contests.over import Grid
from hybridctl.contests.realaigym.robustness import Robustness
from hybridctl.contests.search import Search
from hybridctl.contests.table import Table
from hybridctl.contests.tune import Tuning
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
def _search(found: Search, known: Known) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in found.settings.items())
    return f"Search({len(found.trials)} settings; {values}; score {found.score})"


@names
def _falsified(found: Falsified, known: Known) -> str:
    size = f"{len(found.found)} of {found.evaluations} episodes break"
    return f"Falsified({found.task}: {size})"


@names
def _robustness(found: Robustness, known: Known) -> str:
    return f"Robustness({found.overall:.3f} of {found.episodes} episodes)"


@draws
def _draw(found: Table | Robustness, known: Known) -> str:
    """What a terminal shows, as a table of HTML."""
    table = found.__rich__()
    columns = [[_plain(c.header), *map(_plain, c.cells)] for c in table.columns]
    head, *rows = zip(*columns, strict=True)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    heads = "".join(f'<th style="{CELL}">{told}</th>' for told in head)
    above, below = (_plain(words or "") for words in (table.title, table.caption))
    return f"<strong>{above}</strong><table><tr>{heads}</tr>{body}</table>{below}"


def _cell(told: str) -> str:
    return f'<td style="{CELL}">{told}</td>'


def _plain(told: Any) -> str:
    """Text of a terminal without its colours."""
    words = Text.from_markup(told).plain if isinstance(told, str) else str(told)
    return html.escape(words).replace("\n", "<br>")
