"""The parts of a task's section: its facts, its table and its figures."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.compare import Episode
from hybridctl.compare.table import HEADINGS, cells
from hybridctl.controllers.guards import Guard, Near, Not
from hybridctl.loop import Trace
from hybridctl.show.figures import MOST_BANDS, plot_traces, settling_curve
from hybridctl.show.phase import phase_portrait
from hybridctl.show.style import Look
from hybridctl.show.svg import to_svg
from hybridctl.show.verdict import Findings
from hybridctl.tasks import Task

_KEYS = (
    "success", "settle_median", "settle_p95", "J", "difference", "effort", "peak_x",
    "step_us",
)  # fmt: skip


def facts(found: Findings) -> str:
    """Horizon, control period, settling box and failure of a task."""
    table, task = found.table, found.table.task
    lines = [
        f"{table.n} episodes of {task.seconds:g} s, control period "
        f"{1000 * task.loop.dt:g} ms."
    ]
    inside, outside = box(task, task.settled), box(task, task.failure)
    lines += [f"Settled: at the end within {inside}."] if inside else []
    charge = f"it is charged J = {float(task.failure_cost):g}"
    lines += [f"An episode fails beyond {outside}; {charge}."] if outside else []
    return " ".join(lines)


def box(task: Task, guard: Guard) -> str:
    """A `near` or `beyond` guard in words; empty for any other.

    Example:
        >>> from hybridctl import tasks
        >>> task = tasks.get("balance")
        >>> box(task, task.failure)
        '|x| = 2.4 m, |theta − 3.142| = 0.2094 rad'
    """
    near = guard.a if isinstance(guard, Not) else guard
    if not isinstance(near, Near):
        return ""
    plant, sign = task.plant, "=" if isinstance(guard, Not) else "≤"
    terms = []
    for column, c, bound in zip(near.columns, near.centre, near.tolerance, strict=True):
        name = plant.states[column]
        error = f"|{name}|" if c == 0 else f"|{name} − {float(c):.4g}|"
        terms.append(f"{error} {sign} {float(bound):.4g} {plant.units.get(name, '')}")
    return ", ".join(term.strip() for term in terms)


def grid(found: Findings, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Headings and rows of the table: text, interval and whether it is the best."""
    names = list(found.rows)
    columns = [*zip(*(cells(found.rows[name]) for name in names), strict=True)]
    used = [i for i, column in enumerate(columns) if set(column) != {"–"}]
    body = [
        [_cell(found, _KEYS[i], columns[i], names, row) for i in used]
        for row in range(len(names))
    ]
    headings = [HEADINGS[i + 1].replace(" [95 %]", "") for i in used]
    return {
        "headings": [*headings, "failed"],
        "rows": [
            (name, looks[name]["color"], cell, found.rows[name]["failed"])
            for name, cell in zip(names, body, strict=True)
        ],
        "notes": _notes(found),
    }


def _cell(
    found: Findings, key: str, column: tuple[str, ...], names: list[str], row: int
) -> dict[str, Any]:
    value, _, interval = column[row].partition(" [")
    best = column[row] == _best(found, key, column, names)
    shown = f"[{interval}" if interval and not found.alike else ""
    return {"value": value, "interval": shown, "best": best}


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
        f"ΔJ: to {against}, episode by episode.",
        "Settling: median and 95th percentile of all episodes; never: so many do not.",
        "Bold: the best of those with the highest success.",
    ]
    broken = {n: row["not_finite"] for n, row in found.rows.items() if row["not_finite"]}
    notes += [f"{n}: {k} episodes were not finite." for n, k in broken.items()]
    return notes[1:] if found.alike else notes


def overview(found: Findings, looks: Mapping[str, Look], key: str) -> dict[str, str]:
    """Figures of all controllers: traces of one episode, phase portrait, settling."""
    table = found.table
    episodes = {name: table.episode(name, 0) for name in table.controllers}
    traces = {name: counted(found, name, e) for name, e in episodes.items()}
    failed = [name for name in traces if table.scores[name].failed[0]]
    options = {"target": table.task.target, "failed": failed, "looks": looks}
    start = start_text(next(iter(episodes.values())))
    alt = f"of {', '.join(traces)} on {found.title}"
    return {
        "start": start,
        "failed": ", ".join(failed),
        "traces": to_svg(plot_traces(traces, **options), f"{key}t", f"Traces {alt}"),
        "phase": to_svg(
            phase_portrait(traces, **options), f"{key}p", f"Phase portrait {alt}"
        ),
        "settling": to_svg(
            settling_curve(table, looks), f"{key}s", f"Settled episodes over time {alt}"
        ),
    }


def worst(found: Findings, looks: Mapping[str, Look], key: str) -> list[dict[str, Any]]:
    """The worst episode of every controller: a small figure and its words."""
    cards = []
    for i, name in enumerate(found.table.controllers):
        episode = found.table.worst(name, k=1)[0]
        trace = counted(found, name, episode)
        failed = [name] if found.table.scores[name].failed[episode.index] else []
        figure = plot_traces(
            {name: trace}, target=found.table.task.target, failed=failed,
            signals=_few(trace), looks={name: {**looks[name], "linewidth": 1.2}},
            size=(3.7, 2.9),
        )  # fmt: skip
        alt = f"Worst episode of {name} on {found.title}"
        svg = to_svg(figure, f"{key}w{i}", alt)
        about = {"name": name, "colour": looks[name]["color"], "svg": svg}
        cards.append({**about, "text": _end(found, name, episode, trace)})
    return cards


def _few(trace: Trace) -> tuple[str, ...]:
    """The signals of a small figure: the first state, the angles, the inputs."""
    angles = (trace.states[i] for i in trace.angles)
    return tuple(dict.fromkeys((trace.states[0], *angles, *trace.inputs)))


def _end(found: Findings, name: str, episode: Episode, trace: Trace) -> str:
    scores, i = found.table.scores[name], episode.index
    if scores.failed[i]:
        end = f"failed after {float(trace.t[-1]):.2f} s, charged J = {episode.cost:.4g}"
    elif episode.success:
        end = f"J = {episode.cost:.3g}, settled after {scores.settle[i]:.2f} s"
    else:
        end = f"J = {episode.cost:.3g}, never settled"
    changes = len(trace.switches())
    many = f"; {changes} mode changes, too many to shade" if changes > MOST_BANDS else ""
    return f"episode {i}: {end}{many}. Start: {start_text(episode)}."


def start_text(episode: Episode) -> str:
    """A start in words, as x = 0.1 m, theta = 3 rad."""
    units = dict(episode.trace.units)
    pairs = zip(episode.trace.states, episode.x0, strict=True)
    return ", ".join(f"{n} = {float(v):.3g} {units.get(n, '')}".strip() for n, v in pairs)


def counted(found: Findings, name: str, episode: Episode) -> Trace:
    """An episode's trace as far as it counted: up to its failure."""
    trace = episode.trace
    n = max(int(found.table.scores[name].length[episode.index]), 1)
    mode = None if trace.mode is None else np.asarray(trace.mode)[:n]
    parts = {"t": trace.t[: n + 1], "x": trace.x[: n + 1], "u": trace.u[:n]}
    return dataclasses.replace(trace, asked=trace.asked[:n], mode=mode, **parts)
