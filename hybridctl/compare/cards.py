"""What comparisons say of themselves; the words are their own, the look is here."""

import html
from typing import Any

from hybridctl.compare.columns import legend, lines, rates
from hybridctl.compare.falsify import Falsified
from hybridctl.compare.over import Grid
from hybridctl.compare.table import Table, number
from hybridctl.compare.tune import Tuning
from hybridctl.describe import Known, draws, names

COLUMNS = (
    ("settling", "settle"), ("J", "J"), ("ΔJ", "difference"), ("∫u² dt", "effort"),
    ("peak", "peak_x"), ("µs/step", "step_us"),
)  # fmt: skip
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
    """The rows as a table of HTML, with a line on every column below."""
    shares = rates(table.task)
    pairs = [*zip(shares, shares, strict=True), *COLUMNS]
    headings = ["controller", *(heading for heading, _ in pairs)]
    head = "".join(f'<th style="{CELL}">{html.escape(h)}</th>' for h in headings)
    body = "".join(
        f"<tr>{''.join(map(_cell, (name, *_cells(table.row(name), shares))))}</tr>"
        for name in table.controllers
    )
    title = f"{table.task.name}: {table.n} episodes, seed {table.seed}"
    told = lines(legend(pairs, table.task, table.against))
    below = f"<small>{'<br>'.join(map(html.escape, told))}</small>"
    grid = f"<table><tr>{head}</tr>{body}</table>"
    return f"<strong>{html.escape(title)}</strong>{grid}{below}"


def _cells(row: dict[str, Any], shares: tuple[str, str]) -> list[str]:
    """A row as text, with its 95 % intervals."""
    step, settle = row["step_us"], row["settle_median"]
    return [
        *(_mean(row[share], ".1%") for share in shares),
        "never" if settle is None else f"{settle:.2f} s",
        _mean(row["J"]),
        "–" if row["difference"] is None else _mean(row["difference"], "+.3g"),
        number(row["effort"]),
        f"{row['peak_x']:.2f}",
        "–" if step is None else f"{step:.0f}",
    ]


def _mean(value: dict[str, float], form: str = ".3g") -> str:
    middle, low, high = (format(value[key], form) for key in ("value", "low", "high"))
    return f"{middle} [{low}, {high}]"
