"""What the closed loop and its traces say of themselves."""

from typing import Any

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.describe import (
    Card,
    Known,
    draws,
    label,
    names,
    number,
    quantity,
    tells,
)
from hybridctl.describe.fields import fields_of, is_number, short
from hybridctl.describe.style import STYLE
from hybridctl.loop.log import Log
from hybridctl.loop.loop import Loop, LoopState
from hybridctl.loop.parts import Actuator, Disturbance, Sensor
from hybridctl.loop.trace import Trace

PARTS = ("sensor", "actuator", "disturbance")
UNITS = {"delay": "periods", "lag": "s", "at": "s", "duration": "s", "every": "s"}
FORCES = ("limit", "step", "force")  # in the unit of u
MOST = 12  # signals of a trace that are drawn and told


@tells
def _loop(loop: Loop, known: Known) -> Card:
    title = f"Loop: every {loop.dt:g} s, {loop.substeps} RK4 steps each"
    return Card(title, loop_rows(loop, known))


def loop_rows(loop: Loop, known: Known = Known()) -> tuple[tuple[str, str], ...]:  # noqa: B008
    """A row for each part that there is."""
    parts = zip(PARTS, (loop.sensor, loop.actuator, loop.disturbance), strict=True)
    rows = [(n, _settings(part, known)) for n, part in parts if part is not None]
    late = [] if loop.jitter is None else [("jitter", f"{number(loop.jitter)} periods")]
    return (*rows, *late)


def _settings(part: Any, known: Known) -> str:
    """What is set in a sensor, an actuator or a disturbance."""
    unit = known.unit(known.inputs[0]) if len(known.inputs) == 1 else ""
    units = UNITS | {name: unit for name in FORCES}
    if isinstance(part, Disturbance) and part.force is None:
        found = [("noise", part.noise)]
    else:
        found = fields_of(part)
    told = [
        f"{name.replace('_', ' ')} {_setting(value, units.get(name, ''), known)}"
        for name, value in found
        if value is not None and (is_tracer(value) or np.shape(value) or value != 0)
    ]
    return ", ".join(told) or "as it is"


def _setting(value: Any, unit: str, known: Known) -> str:
    return quantity(value, unit) if is_number(value) else short(value, known)


@tells
def _part(part: Sensor | Actuator | Disturbance, known: Known) -> Card:
    return Card(f"{type(part).__name__}: {_settings(part, known)}")


@names
def _name_part(part: Sensor | Actuator | Disturbance, known: Known) -> str:
    return f"{type(part).__name__}({_settings(part, known)})"


@names
def _name_loop(loop: Loop, known: Known) -> str:
    rows = [f"{name}: {told}" for name, told in loop_rows(loop, known)]
    return f"Loop({'; '.join([f'dt {loop.dt:g} s', *rows])})"


@tells
def _state(state: LoopState, known: Known) -> Card:
    rows = (("period", number(state.k)), ("x", number(state.x)), ("u", number(state.u)))
    return Card(f"LoopState of {label(state.plant, known)}", rows)


@names
def _name_state(state: LoopState, known: Known) -> str:
    return f"LoopState(k={number(state.k)}, x={number(state.x)})"


@names
def _name_trace(trace: Trace, known: Known) -> str:
    return f"Trace({', '.join((*trace.states, *trace.inputs)[:MOST])}; {_size(trace)})"


def _size(trace: Trace) -> str:
    """How long, and how many."""
    if is_tracer(trace.t) or is_tracer(trace.x) or np.ndim(trace.t) != 1:
        return f"x {number(trace.x)}"
    batch = f"{len(trace.x)} traces of " if np.ndim(trace.x) == 3 else ""
    t = np.asarray(trace.t)
    span = quantity(t[-1], "s") if len(t) else "0 s"
    return f"{batch}{span} in {max(len(t) - 1, 0)} periods"


@tells
def _trace(trace: Trace, known: Known) -> Card:
    rows: list[tuple[str, str]] = []
    if not is_tracer(trace.x) and np.ndim(trace.x) == 2 and len(trace.x):
        rows += [(name, _course(trace, name)) for name in _shown(trace)]
        rows += _happened(trace)
    return Card(f"Trace: {_size(trace)}", tuple(rows))


def _shown(trace: Trace) -> tuple[str, ...]:
    return (*trace.states, *trace.inputs)[:MOST]


def _course(trace: Trace, name: str) -> str:
    """Where a signal starts, ends, and how far it goes."""
    y = np.asarray(trace[name], np.float64)
    if not len(y):
        return "no sample"
    unit, seen = dict(trace.units).get(name, ""), y[np.isfinite(y)]
    bad = f", {len(y) - len(seen)} not finite" if len(seen) < len(y) else ""
    if not len(seen):
        return "never finite"
    told = (number(v) for v in (y[0], y[-1], seen.min(), seen.max()))
    return "{} to {}, within {} ... {} {}".format(*told, unit).strip() + bad


def _happened(trace: Trace) -> list[tuple[str, str]]:
    """Modes, changes of mode, and events."""
    rows = [("modes", ", ".join(trace.modes))] * bool(trace.modes)
    told = {
        "switches": [f"{t:.4g} s {a} -> {b}" for t, a, b in trace.switches()],
        "events": [f"{t:.4g} s {name}" for t, name in trace.events],
    }
    for name, texts in told.items():
        more = f" ({len(texts)} in all)" if len(texts) > 6 else ""
        rows += [(name, f"{', '.join(texts[:6])}{more}")] * bool(texts)
    return rows


@names
def _name_log(log: Log, known: Known) -> str:
    return f"Log({', '.join(log.names[:MOST])}; {_extent(log)})"


@tells
def _log(log: Log, known: Known) -> Card:
    rows = [(name, _range(log, name)) for name in log.names[:MOST]]
    return Card(f"Log: {_extent(log)}", tuple(rows))


def _extent(log: Log) -> str:
    return (
        f"{len(log)} rows, {quantity(log.t[-1] - log.t[0], 's')} every {log.dt:.4g} s"
    )


def _range(log: Log, name: str) -> str:
    """How far a signal goes, and what was lost of it."""
    row, unit = log[name], log.units.get(name, "")
    seen = row[np.isfinite(row)]
    if not len(seen):
        return "never finite"
    lost = f", {len(row) - len(seen)} lost" if len(seen) < len(row) else ""
    return f"{number(seen.min())} ... {number(seen.max())} {unit}".strip() + lost


@draws
def _draw(trace: Trace, known: Known) -> str | None:
    """A plot of a single trace."""
    single = not is_tracer(trace.x) and np.ndim(trace.x) == 2
    few = len(trace.states) + len(trace.inputs) <= 2 * MOST
    if not (single and few and len(trace.x) > 1):
        return None
    from hybridctl.describe.figure import svg_of

    return svg_of(trace.plot(), "trace", "Signals over time", STYLE)
