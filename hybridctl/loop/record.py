"""What `Trace.to_dict` gave, checked as what comes from a file."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridctl.checks import fail, require

KEYS = ("t", "mode", "modes", "units", "angles", "events")
HINT = "give what Trace.to_dict gave"


def fields_of(values: Any) -> dict[str, Any]:
    """The fields of the trace that was told; see `Trace.from_dict`."""
    if not isinstance(values, Mapping):
        fail(f"a trace is a dict of signals, not a {type(values).__name__}; {HINT}")
    t = _numbers("t", values.get("t"))
    periods = len(t) - 1
    require(
        periods > 0 and bool(np.all(np.isfinite(t)) and np.all(np.diff(t) > 0)),
        f"t must be at least two rising times; {HINT}",
    )
    signals = {n: _numbers(n, v) for n, v in values.items() if n not in KEYS}
    for name, signal in signals.items():
        require(
            len(signal) in (periods, periods + 1),
            f"{name!r} has {len(signal)} samples, t has {periods + 1}: a state has as "
            f"many, an input one fewer; {HINT}",
        )
    states = tuple(n for n, signal in signals.items() if len(signal) == periods + 1)
    inputs = tuple(n for n in signals if n not in states)
    require(bool(states and inputs), f"there are no states or no inputs; {HINT}")
    units = _units(values.get("units", {}))
    angles = values.get("angles", [n for n in states if dict(units).get(n) == "rad"])
    require(
        isinstance(angles, list) and all(name in states for name in angles),
        f"angles={angles!r} must be names of states; {HINT}",
    )
    mode, modes = _modes(values.get("mode"), values.get("modes", []), periods)
    x: Any = np.stack([signals[name] for name in states], axis=-1)
    u: Any = np.stack([signals[name] for name in inputs], axis=-1)
    return {
        "t": t, "x": x, "u": u, "asked": u, "mode": mode, "states": states,
        "inputs": inputs, "modes": modes, "units": units,
        "angles": tuple(states.index(name) for name in angles),
    }  # fmt: skip


def _numbers(name: str, values: Any) -> np.ndarray:
    """One number a sample; None stands for one that was not finite."""
    rows = values if isinstance(values, list) else []
    rows = [math.nan if value is None else value for value in rows]
    plain = all(isinstance(v, int | float) and not isinstance(v, bool) for v in rows)
    if not rows or not plain:
        batch = rows and isinstance(rows[0], list)
        cure = "it is of a batch; save one trace, trace[0]" if batch else HINT
        fail(f"{name!r} is not a list of numbers; {cure}")
    return np.array(rows, np.float64)


def _units(units: Any) -> tuple[tuple[str, str], ...]:
    fits = isinstance(units, Mapping) and all(
        isinstance(text, str) for pair in units.items() for text in pair
    )
    require(fits, f"units={units!r} must be texts by name; {HINT}")
    return tuple(units.items())


def _modes(mode: Any, modes: Any, periods: int) -> tuple[Any, tuple[str, ...]]:
    names = isinstance(modes, list) and all(isinstance(m, str) for m in modes)
    require(names, f"modes={modes!r} must be a list of names; {HINT}")
    if mode is None:
        return None, tuple(modes)
    fits = isinstance(mode, list) and len(mode) == periods
    fits = fits and all(type(m) is int and 0 <= m < len(modes) for m in mode)
    require(fits, f"mode must have {periods} whole numbers below {len(modes)}; {HINT}")
    return np.array(mode, np.int32), tuple(modes)
