"""A task's facts and its table."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.contests.columns import VERBS, legend, rates
from hybridctl.controllers.guards import Guard, Near, Not
from hybridctl.describe.numbers import Form, brackets, percent, spoken
from hybridctl.describe.style import in_turns
from hybridctl.show.report.findings import Findings
from hybridctl.show.style import Look
from hybridctl.tasks import Task

_COLUMNS = {
    "settle_median": "settling",
    "J": "J",
    "difference": "ΔJ",
    "effort": "∫u² dt",
    "peak_x": "peak",
    "step_us": "µs/step",
    "failed": "failed",
}
_SETTLE = {"settle_median": "settle"}  # what `columns` calls it


def facts(found: Findings) -> str:
    """Horizon, control period, settling box and failure of a task."""
    table, task = found.table, found.table.task
    lines = [
        f"{table.n} episode{'s' * (table.n > 1)} of {task.seconds:g} s, control period "
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
    rows, task = found.rows, found.table.task
    first = task.plant.states[0]
    headings = {rate: rate for rate in rates(task)}
    headings |= _COLUMNS | {"peak_x": f"peak |{first}|"}
    used = [k for k in headings if any(row[k] is not None for row in rows.values())]
    used = [k for k in headings if k in used or k.startswith("settle")]
    best = {key: _best(found, key) for key in used}
    return {
        "first": "controller",
        "headings": [headings[key] for key in used],
        "rows": [
            (name, looks[name]["color"], [_cell(found, k, name, best[k]) for k in used])
            for name in rows
        ],
        "legend": legend(
            [(headings[key], _SETTLE.get(key, key)) for key in used],
            task,
            found.table.against,
        ),
        "notes": _notes(found),
    }


def _cell(found: Findings, key: str, name: str, best: str | None) -> dict[str, Any]:
    value, interval = _texts(found, key, found.rows[name][key])
    if key == "settle_median" and not found.alike:
        interval, _ = _texts(found, "settle_p95", found.rows[name]["settle_p95"])
    good = value == best and name in found.top
    return {"value": value, "interval": interval, "best": good}


def _best(found: Findings, key: str) -> str | None:
    """Text of a column's best entry, of those that do most often what is asked for."""
    texts = {_texts(found, key, row[key]) for row in found.rows.values()}
    if key in ("difference", "failed") or len(texts) == 1:
        return None
    values = [found.rows[name][key] for name in found.top]
    first = (max if key in VERBS else min)(values, key=_size)
    return _texts(found, key, first)[0]


def _size(value: Any) -> float:
    value = value["value"] if isinstance(value, dict) else value
    return float("inf") if value is None else value


def _texts(found: Findings, key: str, value: Any) -> tuple[str, str]:
    """A figure and its interval as text; no interval where there is none."""
    if value is None:
        return {"difference": "reference", "step_us": "–"}.get(key, "never"), ""
    if isinstance(value, dict):
        form = _FORMS.get(key, spoken)
        return form(value["value"]), brackets(value, form, not found.alike)
    plant = found.table.task.plant
    unit = plant.units.get(plant.states[0], "") if key == "peak_x" else "s"
    if key in ("peak_x", "settle_median", "settle_p95"):
        return f"{value:.2f} {unit}".strip(), ""
    return spoken(value), ""


_FORMS: dict[str, Form] = {
    "survived": percent,
    "settled": percent,
    "difference": functools.partial(spoken, sign=True),
}


def _notes(found: Findings) -> list[str]:
    notes = [
        "Brackets: 95% intervals (Wilson for shares, Student’s t for means); below "
        "settling, its 95th percentile.",
        f"Bold: the best of those whose share {found.table.task.criterion} is not told "
        "from the highest.",
    ]
    broken = {name: row["not_finite"] for name, row in found.rows.items()}
    notes += [f"{n}: {k} episodes were not finite." for n, k in broken.items() if k]
    return notes[1:] if found.alike else notes
