"""What is asked of `drive`, checked before anything moves."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl import ports
from hybridctl.checks import (
    count,
    fail,
    finite_entries,
    number,
    one_of,
    plain,
    positive,
    require,
)

ON_LATE, MISSING = ("skip", "error"), ("hold", "nan", "error")
LEAST = 0.2  # [s] that a call may take before it hangs, unless that is said
Names = list[tuple[str, str]]


class Limit(NamedTuple):
    """Where a signal has to stay: its name and place, and the range."""

    name: str
    place: int
    low: float
    high: float

    def check(self, row: NDArray) -> str:
        """A sentence where it is left; "" where it is kept, or the number is lost."""
        value = row[self.place]
        if value < self.low or value > self.high:
            return f"{self.name}={value:.6g} left {self.low:g} to {self.high:g}"
        return ""


class Function:
    """Any function of a measurement as a pilot: what is missing gives the last input.

    Args:
        call: gives u of y, or of y and r; may tell dt, y, u and on_missing, and be told
            what was applied, as a `Pilot` does.
        safe: input [n_u] that is written at last, and before the first measurement.
    """

    def __init__(self, call: Any, safe: Any):
        own = getattr(call, "on_missing", None)
        self._own = own in MISSING
        self.on_missing = own if self._own else "hold"
        self.y, self.u = _names(call, "y"), _names(call, "u")
        self.safe = _safe(self.u, safe)
        self._call, self._held = call, self.safe
        self._told = getattr(call, "applied", None)

    def __call__(self, *given: Any) -> Any:
        """The input."""
        if self._own or all(np.isfinite(row).all() for row in given):
            self._held = self._call(*given)
        return self._held

    def applied(self, u: NDArray) -> None:
        """Tell what was applied."""
        if self._told is not None:
            self._told(u)


@dataclass(frozen=True)
class Plan:
    """All that a ride needs; see `hybridctl.drive`."""

    pilot: Function
    read: Callable[[], Any]
    write: Callable[[NDArray], Any]
    dt: float
    periods: int
    safe: NDArray
    reference: Callable[[float], Any] | None
    limits: tuple[tuple[Limit, ...], tuple[Limit, ...]]
    on_late: str
    most_missing: int
    timeout: float


def plan(
    pilot: Any, read: Any, write: Any, dt: float, seconds: float, safe: Any, r: Any,
    limits: Any, on_late: str, most_missing: int, timeout: float | None,
) -> Plan:  # fmt: skip
    """What was asked, checked; see `hybridctl.drive`.

    Raises:
        ValueError: something is wrong with it; nothing was read or written.
    """
    positive("dt", dt)
    positive("seconds", seconds)
    one_of("on_late", on_late, ON_LATE)
    count("most_missing", most_missing)
    _check_pilot(pilot, dt)
    for name, call in (("read", read), ("write", write)):
        example = "lambda: y" if name == "read" else "lambda u: send(u)"
        require(
            callable(call),
            f"{name} is {plain(repr(call), 80)}; give a function, such as {example}",
        )
    require(seconds >= dt, f"seconds={seconds:g} is less than one period, dt={dt:g}")
    wait = max(10 * dt, LEAST) if timeout is None else timeout
    positive("timeout", wait)
    made = Function(pilot, safe)
    return Plan(
        made, read, write, float(dt), round(seconds / dt), made.safe,
        _reference(pilot, r), _limits(made, limits), on_late, most_missing, float(wait),
    )  # fmt: skip


def _check_pilot(pilot: Any, dt: float) -> None:
    """Something to call, made for this period."""
    if isinstance(ports.declared(pilot), ports.Ports):
        fail(
            f"pilot is a {type(pilot).__name__}, which runs in simulations; give "
            f"hc.embed(controller, dt={dt:g})"
        )
    if not callable(pilot) or isinstance(pilot, type):
        fail(
            f"pilot is {plain(repr(pilot), 80)}; give hc.embed(controller, dt={dt:g}), "
            "or a function of y"
        )
    own = getattr(pilot, "dt", None)
    if isinstance(own, (int, float)) and abs(own - dt) > 1e-9 * dt:
        fail(f"dt={dt:g} but this pilot is for dt={own:g}; embed it with dt={dt:g}")


def _names(call: Any, what: str) -> Names:
    """Names and units of signals, where somebody tells them as a `Pilot` does."""
    found = getattr(call, what, None)
    if not isinstance(found, (list, tuple)):
        return []
    told = all(isinstance(row, tuple) and len(row) == 2 for row in found)
    return [(str(name), str(unit)) for name, unit in found] if told else []


def _safe(u: Names, safe: Any) -> NDArray:
    """The safe input, of the right size."""
    names = [name for name, _ in u]
    if safe is None:
        require(
            bool(names),
            "safe is not given, and a function does not tell how many inputs there "
            "are; give one number for each, such as safe=[0.0]",
        )
        return np.zeros(len(names))
    row = as_row("safe", safe)
    if names and len(row) != len(names):
        fail(f"safe has {len(row)} numbers, expected {len(names)}: {', '.join(names)}")
    finite_entries("safe", row)
    return row


def _reference(pilot: Any, r: Any) -> Callable[[float], Any] | None:
    """The reference as a function of time; None without one."""
    if getattr(pilot, "follows", False) and r is None:
        fail("this pilot follows a reference; give r=[...], or r as a function of time")
    if r is None or callable(r):
        return r
    row = as_row("r", r)
    finite_entries("r", row)
    return lambda t: row


def _limits(
    pilot: Function, limits: Any
) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
    """Limits of measurements and of inputs, by their names."""
    given = {} if limits is None else limits
    if not isinstance(given, Mapping):
        fail(f'limits={limits!r} is no dict; give {{"theta": 0.5}} or (low, high)')
    y, u = ([name for name, _ in row] for row in (pilot.y, pilot.u))
    unknown = [str(name) for name in given if name not in (*y, *u)]
    if unknown:
        known = (
            f"this pilot has {', '.join((*y, *u))}"
            if y or u
            else "a function has no names"
        )
        fail(f"limits are given for {', '.join(unknown)}, but {known}")
    ranges = {name: _range(name, value) for name, value in given.items()}
    of_y = (Limit(n, y.index(n), *pair) for n, pair in ranges.items() if n in y)
    of_u = (Limit(n, u.index(n), *pair) for n, pair in ranges.items() if n in u)
    return tuple(of_y), tuple(of_u)


def _range(name: str, value: Any) -> tuple[float, float]:
    """From where to where."""
    pair = value if isinstance(value, (tuple, list)) else None
    if pair is not None and len(pair) != 2:
        fail(f"limits of {name} are {plain(value, 80)}; give one number or (low, high)")
    high = number(f"limit of {name}", pair[1] if pair else value)
    low = number(f"limit of {name}", pair[0]) if pair else -high
    require(
        low < high and not math.isnan(high - low),
        f"limits of {name} are {low:g} to {high:g}; give a number above 0, or a pair "
        "(low, high) that rises",
    )
    return low, high


def as_row(name: str, value: Any) -> NDArray:
    """A row of numbers of its own.

    Raises:
        ValueError: it is something else.
    """
    try:
        row = np.array(value, np.float64, ndmin=1)
    except (TypeError, ValueError, OverflowError):
        fail(f"{name} is {plain(repr(value), 80)}, no row of numbers; give a list")
    require(row.ndim == 1, f"{name} has shape {row.shape}, expected a row")
    return row


def as_path(path: Any) -> Path | None:
    """Where the rows go.

    Raises:
        ValueError: there is no such folder, or it is one.
    """
    if path is None:
        return None
    if not isinstance(path, (str, Path)):
        fail(f"path is {plain(repr(path), 80)}; give the name of a .csv file")
    path = Path(path)
    require(not path.is_dir(), f"{path} is a folder; give the name of a .csv file")
    require(path.parent.is_dir(), f"there is no folder {path.parent}; make it first")
    return path
