"""A task's facts and its table."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.compare.table import cells
from hybridctl.controllers.guards import Guard, Near, Not
from hybridctl.show.findings import Findings
from hybridctl.show.style import Look, in_turns
from hybridctl.show.words import number
from hybridctl.tasks import Task

_HEADINGS = {
    "success": "success",
    "settle_median": "settling, median",
    "settle_p95": "settling, p95",
    "J": "J",
    "difference": "ΔJ",
    "effort": "∫u² dt",
    "peak_x": "peak |x|",
    "step_us": "µs/step",
}  # in the order of `cells`


def facts(found: Findings) -> str:
    """Horizon, control period, settling box and failure of a task."""
    table, task = found.table, found.table.task
    lines = [
        f"{table.n} episodes of {task.seconds:g} s, control period "
        f"{1000 * task.loop.dt:g} ms."
    ]
    inside, outside = box(task, task.settled), box(task, task.failure)
    lines += [f"Settled: at the end within {inside}."] if inside else []
    charge = f"charged J = {float(task.failure_cost):g}"
    lines += [f"Beyond {outside} an episode fails and is {charge}."] if outside else []
    return " ".join(lines)


def box(task: Task, guard: Guard) -> str:
    """A `near` or `beyond` guard in words; empty for any other.

    Example:
        >>> from hybridctl import tasks
        >>> task = tasks.get("balance")
        >>> box(task, task.failure)
        '|x| = 2.4 m or |theta − π| = 0.2094 rad'
    """
    near = guard.a if isinstance(guard, Not) else guard
    if not isinstance(near, Near):
        return ""
    outside = isinstance(guard, Not)
    terms = []
    for column, c, bound in zip(near.columns, near.centre, near.tolerance, strict=True):
        name = task.plant.states[column]
        size = f"{float(bound):.4g} {task.plant.units.get(name, '')}".strip()
        terms.append(f"{_error(name, float(c))} {'=' if outside else '≤'} {size}")
    return (" or " if outside else ", ").join(terms)


def _error(name: str, centre: float) -> str:
    if centre == 0:
        return f"|{name}|"
    turns = abs(centre / np.pi - round(centre / np.pi)) < 1e-6
    return f"|{name} − {in_turns(centre) if turns else f'{centre:.4g}'}|"


def grid(found: Findings, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Headings and rows of the table: text, interval and whether it is the best."""
    names, keys = list(found.rows), list(_HEADINGS)
    columns = [*zip(*(cells(found.rows[name]) for name in names), strict=True)]
    used = [i for i, column in enumerate(columns) if set(column) != {"–"}]
    body = [
        [_cell(found, keys[i], columns[i], names, row) for i in used]
        for row in range(len(names))
    ]
    return {
        "headings": [*(_HEADINGS[keys[i]] for i in used), "failed"],
        "rows": [
            (name, looks[name]["color"], cell, found.rows[name]["failed"])
            for name, cell in zip(names, body, strict=True)
        ],
        "notes": _notes(found),
    }


def _cell(
    found: Findings, key: str, column: tuple[str, ...], names: list[str], row: int
) -> dict[str, Any]:
    if key == "difference" and names[row] == found.table.against:
        return {"value": "reference", "interval": "", "best": False}
    value, _, interval = _plain(column[row]).partition(" [")
    best = column[row] == _best(found, key, column, names)
    shown = f"[{interval}" if interval and not found.alike else ""
    return {"value": value, "interval": shown, "best": best}


def _plain(text: str) -> str:
    """Without exponents, and with true minus signs.

    Example:
        >>> _plain("-1.83e+03 [-2e+03, -1.7e+03]")
        '−1830 [−2000, −1700]'
    """
    text = re.sub(r"\d[\d.]*e\+\d+", lambda m: number(float(m[0])), text)
    return text.replace("-", "−")


def _best(
    found: Findings, key: str, column: tuple[str, ...], names: list[str]
) -> str | None:
    """Text of a column's best entry, of those with the highest success."""
    if key == "difference" or len(set(column)) == 1:
        return None
    sizes = {name: _size(found.rows[name][key]) for name in found.top}
    first = (max if key == "success" else min)(sizes, key=lambda name: sizes[name])
    return column[names.index(first)]


def _size(value: Any) -> float:
    value = value["value"] if isinstance(value, dict) else value
    return float("inf") if value is None else value


def _notes(found: Findings) -> list[str]:
    against = found.table.against
    notes = [
        "Brackets: 95 % intervals (Wilson for success, bootstrap for means).",
        f"ΔJ: to {against}, in pairs, episode by episode.",
        "Settling: median and 95th percentile of all episodes.",
        "Bold: the best among those with the highest success.",
    ]
    broken = {name: row["not_finite"] for name, row in found.rows.items()}
    notes += [f"{n}: {k} episodes were not finite." for n, k in broken.items() if k]
    return notes[1:] if found.alike else notes
