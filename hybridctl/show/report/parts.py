"""A task's figures, with the words below them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.contests import Episode
from hybridctl.describe.numbers import listed, spoken
from hybridctl.loop import Trace
from hybridctl.show.figures.phase import phase_portrait
from hybridctl.show.figures.time import MOST_BANDS, plot_traces, settling_curve
from hybridctl.show.report.findings import Findings
from hybridctl.show.style import Look
from hybridctl.show.svg import to_svg


def overview(found: Findings, looks: Mapping[str, Look], key: str) -> dict[str, Any]:
    """Figures of all controllers: traces of one episode, phase portrait, settling."""
    table = found.table
    shown = telling(found)
    episodes = {name: table.episode(name, shown) for name in table.controllers}
    traces = {name: counted(found, name, e) for name, e in episodes.items()}
    failed = [name for name in traces if table.scores[name].failed[shown]]
    options = {"target": table.task.target, "failed": failed, "looks": looks}
    alt = f"of {', '.join(traces)} on {found.title}"
    return {
        "episode": shown,
        "start": start_text(next(iter(episodes.values()))),
        "failed": listed(failed) if failed else "",
        "same": _same(traces),
        "turns": bool(table.task.plant.angles),
        "traces": to_svg(plot_traces(traces, **options), f"{key}t", f"Traces {alt}"),
        "phase": to_svg(
            phase_portrait(traces, **options), f"{key}p", f"Phase portrait {alt}"
        ),
        "settling": to_svg(
            settling_curve(table, looks), f"{key}s", f"Settled episodes over time {alt}"
        ),
    }


def telling(found: Findings) -> int:
    """The first episode that tells the controllers apart; the first where none does."""
    costs = [scores.cost for scores in found.table.scores.values()]
    met = min(map(len, costs))
    return int(np.argmax(np.ptp([cost[:met] for cost in costs], axis=0) > 0))


def _same(traces: Mapping[str, Trace]) -> str:
    """Which traces hide each other, in words."""
    groups: dict[bytes, list[str]] = {}
    for name, trace in traces.items():
        groups.setdefault(np.asarray(trace.x).tobytes(), []).append(name)
    return " ".join(
        f"{listed(names)} coincide." for names in groups.values() if len(names) > 1
    )


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
            size=(3.3, 2.9),
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
    J = spoken(episode.cost)
    if scores.failed[i]:
        end = f"failed after {float(trace.t[-1]):.2f} s, charged J = {J}"
    elif scores.settled[i]:
        end = f"J = {J}, settled after {scores.settle[i]:.2f} s"
    else:
        end = f"J = {J}, to its end without failing, never settled"
    if (equals := int((scores.cost == scores.cost[i]).sum()) - 1) and not found.alike:
        end += f" like {equals} other{'s' if equals > 1 else ''}"
    changes = len(trace.switches())
    if changes > MOST_BANDS:
        end += f"; {changes} mode changes, too many to shade"
    return f"episode {i}: {end}. Start: {start_text(episode)}."


def start_text(episode: Episode) -> str:
    """A start in words, as x = 0.1 m, theta = 3 rad."""
    units = dict(episode.trace.units)
    values = (spoken(float(v)) for v in episode.x0)
    pairs = zip(episode.trace.states, values, strict=True)
    return ", ".join(
        f"{n}\u00a0=\u00a0{v}\u00a0{units.get(n, '')}".strip() for n, v in pairs
    )


def counted(found: Findings, name: str, episode: Episode) -> Trace:
    """An episode's trace as far as it counted: up to its failure."""
    trace = episode.trace
    n = max(int(found.table.scores[name].length[episode.index]), 1)
    mode = None if trace.mode is None else np.asarray(trace.mode)[:n]
    parts = {"t": trace.t[: n + 1], "x": trace.x[: n + 1], "u": trace.u[:n]}
    return dataclasses.replace(trace, asked=trace.asked[:n], mode=mode, **parts)
