"""What a rig recorded: signals by name over time."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, plain, positive, require
from hybridctl.describe import Shown
from hybridctl.loop.plot import plot_log
from hybridctl.loop.table import read, write
from hybridctl.loop.trace import Trace
from hybridctl.loop.units import told_in

GAP = 1.5  # usual periods after which a row is missing
EVEN = 0.01  # of a period: by how much clocks may wander before it is said


class Log(Shown):
    """Signals of a rig by name, with the times at which they were recorded.

    A row is what was measured at its time and what was put in from then on. A number
    that is NaN is one that was lost.

    Args:
        columns: the time "t" [s], rising, and a signal by name, each of length n: a
            dict of rows, a pandas DataFrame, or any other mapping.
        units: unit by name: "deg", "rpm", "mm", "ms" and others become those of the
            toolkit; (factor, unit) does for counts: (2 * np.pi / 2048, "rad").

    Attributes:
        t: times [s], float64, shape [n].
        names: of the signals.
        units: unit by name, where it is known.

    Raises:
        ValueError: no time, a clock that runs backwards, columns of different
            lengths, or what is no number.

    Example:
        >>> log = Log({"t": [0, 20, 40], "theta": [180.0, 179.0, 177.0]},
        ...           units={"t": "ms", "theta": "deg"})
        >>> print(log["theta"].round(3), log.units["theta"], log.dt)
        [3.142 3.124 3.089] rad 0.02
    """

    def __init__(
        self, columns: Mapping[str, Any], units: Mapping[str, Any] | None = None
    ):
        given = _by_name(columns)
        told = dict(units or {})
        unknown = [name for name in told if name not in given]
        require(not unknown, f"units are given for {unknown}, the log has {[*given]}")
        require(
            "t" in given,
            f'a log needs its times: a column "t"; there are {", ".join(given)}'
            "; tell which it is, as in Log.from_csv(path, names={'time': 't'})",
        )
        rows = {name: _column(name, values) for name, values in given.items()}
        factors = {name: told_in(name, unit) for name, unit in told.items()}
        scaled = {n: factors[n][0] * r if n in factors else r for n, r in rows.items()}
        self.t = scaled.pop("t")
        self._signals = scaled
        self.units = {n: unit for n, (_, unit) in factors.items() if n != "t"}
        self._check()

    def _check(self) -> None:
        n = len(self.t)
        require(n > 1, f"a log of {n} rows is no motion; give at least two")
        require(bool(self._signals), 'a log needs signals beside its times "t"')
        for name, row in self._signals.items():
            require(
                len(row) == n, f"{name} has {len(row)} numbers, but there are {n} times"
            )
        require(
            bool(np.isfinite(self.t).all()),
            f"{np.sum(~np.isfinite(self.t))} of the times are not finite",
        )
        back = np.flatnonzero(np.diff(self.t) <= 0)
        if len(back):
            at = int(back[0])
            fail(
                f"the clock stands still or runs backwards after row {at}: "
                f"{self.t[at]:g} s, then {self.t[at + 1]:g} s; sort the rows, or give "
                "times that were never set back"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the signals."""
        return tuple(self._signals)

    @property
    def dt(self) -> float:
        """The usual time from row to row [s]: the median."""
        return float(np.median(np.diff(self.t)))

    @property
    def uneven(self) -> float:
        """The largest deviation of a period from the usual one, as a share of it."""
        return float(np.abs(np.diff(self.t) / self.dt - 1.0).max())

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """A signal [n], or the times as "t"."""
        if name == "t":
            return self.t
        if name not in self._signals:
            raise KeyError(f"no signal {name!r}; the log has {', '.join(self.names)}")
        return self._signals[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Log):
            return NotImplemented
        if (self.names, self.units) != (other.names, other.units):
            return False
        pairs = ((self[name], other[name]) for name in ("t", *self.names))
        return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def rows(self, names: Iterable[str]) -> NDArray[np.float64]:
        """Some of the signals, shape [n, signals].

        Raises:
            ValueError: the log has no such signal.
        """
        names = tuple(names)
        missing = [name for name in names if name not in self._signals]
        require(
            not missing,
            f"the log has no {', '.join(missing)}; it has {', '.join(self.names)}",
        )
        return np.stack([self[name] for name in names], axis=-1)

    def between(self, start: float, end: float) -> "Log":
        """The rows from a time to another [s], both included, with their times."""
        inside = (self.t >= start) & (self.t <= end)
        require(
            inside.sum() > 1,
            f"the log has fewer than two rows from {start:g} to {end:g} s; it goes "
            f"from {self.t[0]:g} to {self.t[-1]:g} s",
        )
        return self._with(
            self.t[inside], {n: r[inside] for n, r in self._signals.items()}
        )

    def resampled(
        self,
        dt: float | None = None,
        held: Sequence[str] = (),
        angles: Sequence[str] = (),
    ) -> "Log":
        """The same at even times.

        Args:
            dt: the new period [s]; by default the usual one.
            held: names of signals that stay until the next row, as inputs do; others
                are interpolated linearly.
            angles: names of signals that may jump by a turn, as from π to -π [rad]:
                they are interpolated the short way round.

        Returns:
            A log that begins when this one does. Where a number is lost, or a row and
            more is missing, those that would be made of it are lost, too.
        """
        dt = self.dt if dt is None else dt
        positive("dt", dt)
        n = int(np.floor((self.t[-1] - self.t[0]) / dt * (1 + 1e-12) + 1e-9)) + 1
        require(n > 1, f"dt={dt:g} s is longer than the whole log")
        t = self.t[0] + dt * np.arange(n)
        last = np.searchsorted(self.t, t + 1e-9 * dt, side="right") - 1
        signals = {
            name: row[last] if name in held else np.interp(t, self.t, row)
            for name, row in self._signals.items()
        }
        turning = [name for name in angles if name in signals and name not in held]
        for name, row in self._unwound(turning).items():
            turns = row - self[name]  # they stay those of the row before
            signals[name] = np.interp(t, self.t, row) - turns[last]
        after = np.minimum(last + 1, len(self.t) - 1)
        gap = (self.t[after] - self.t[last] > GAP * self.dt) & (
            t > self.t[last] + 1e-9 * dt
        )
        for name in signals:
            signals[name] = np.where(gap & (name not in held), np.nan, signals[name])
        return self._with(t, signals)

    def even(self, held: Sequence[str] = (), angles: Sequence[str] = ()) -> "Log":
        """This log where its clock is even, else `resampled`, with a warning.

        Args:
            held: names of signals that stay until the next row, as inputs do.
            angles: names of signals that may jump by a turn.
        """
        if self.uneven <= EVEN:
            return self
        warnings.warn(
            f"the periods of this log differ by up to {self.uneven:.0%} of {self.dt:g} "
            "s; it is resampled to even times",
            stacklevel=3,
        )
        return self.resampled(held=held, angles=angles)

    def unwound(self, names: Iterable[str]) -> "Log":
        """The same, with angles that go on beyond ±π [rad] instead of jumping.

        Args:
            names: of the angles; what was lost of them stays so.
        """
        return Log(self.to_dict() | self._unwound(names), self.units)

    def _unwound(self, names: Iterable[str]) -> dict[str, NDArray[np.float64]]:
        """Rows of angles that go on beyond ±π."""
        rows = {name: self[name].copy() for name in names}
        for row in rows.values():
            seen = np.isfinite(row)
            row[seen] = np.unwrap(row[seen])
        return rows

    def _with(self, t: Any, signals: Mapping[str, Any]) -> "Log":
        return Log({"t": t, **signals}, self.units)

    @staticmethod
    def from_trace(trace: Trace) -> "Log":
        """A simulation as a log; the input of the last period is held.

        Inputs are those that were applied: what is made of the log later (`identify`,
        `replay`) is given no actuator that has acted on them already.

        Args:
            trace: a single one.
        """
        require(np.ndim(trace.x) == 2, "a log is of one trace; choose one: trace[0]")
        held = {n: np.append(trace[n], trace[n][-1:]) for n in trace.inputs}
        states = {name: trace[name] for name in trace.states}
        return Log({"t": trace.t, **states, **held}, dict(trace.units))

    @staticmethod
    def from_csv(
        path: str | Path,
        units: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> "Log":
        """A log from a text file with a heading and a row a time.

        Columns are parted by commas, semicolons, tabs or spaces. A heading may tell its
        unit, as "theta [deg]" or "theta (deg)".

        Args:
            path: of the file.
            units: unit by name, as of `Log`, where a heading does not tell it.
            names: the toolkit's name by the heading's, such as {"time": "t"}.

        Raises:
            ValueError: a row of another length, or what is no number, with its line.
        """
        columns, told = read(Path(path), dict(names or {}))
        return Log(columns, told | dict(units or {}))

    def to_csv(self, path: str | Path) -> Path:
        """Write a text file that `from_csv` reads to the last digit."""
        return write(Path(path), self.to_dict(), self.units)

    def to_dict(self) -> dict[str, NDArray[np.float64]]:
        """Times and signals by name, each [n]: `pandas.DataFrame(log.to_dict())`."""
        return {"t": self.t, **self._signals}

    def plot(
        self,
        model: "Log | Trace | None" = None,
        held: Sequence[str] = (),
        figure: Any = None,
    ) -> Any:
        """Draw the signals over time, and those of a model over them.

        Args:
            model: another log, or a trace such as that of `hc.replay(plant, log)`, of
                which signals of the same names are drawn.
            held: names of signals that stay until the next row; inputs of a trace do.
            figure: a figure returned by an earlier call, to draw into.

        Returns:
            The matplotlib figure.
        """
        if not isinstance(model, Trace):
            return plot_log(self, model, held, figure)
        angles = [
            model.states[i] for i in model.angles if model.states[i] in self.names
        ]
        steady, held = self.unwound(angles), (*held, *model.inputs)
        return plot_log(steady, Log.from_trace(model), held, figure)


def _by_name(columns: Any) -> dict[str, Any]:
    """The columns of a mapping or a table."""
    try:
        return {str(name): column for name, column in dict(columns).items()}
    except (TypeError, ValueError):
        fail(
            f"a log is made of columns by name, not of a {type(columns).__name__}; "
            'give a dict such as {"t": t, "theta": theta}'
        )


def _column(name: str, values: Any) -> NDArray[np.float64]:
    """One row of numbers; what is None was lost."""
    try:
        row = np.array(values, dtype=np.float64, ndmin=1)
    except (TypeError, ValueError):
        fail(f"{name}={plain(repr(values), 80)} is no row of numbers")
    require(row.ndim == 1, f"{name} has shape {row.shape}, expected a row [n]")
    return row
