"""What `drive` keeps of every period: in memory, in a file as it goes, as a `Log`."""

import csv
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.deploy.realtime.plan import Names
from hybridctl.loop.log import Log

OWN = (("jitter", "s"), ("response", "s"))


@dataclass(slots=True)
class Row:
    """One period: its time, how late it began, what was measured, put in, and taken."""

    t: float
    jitter: float
    y: NDArray | None = None
    u: NDArray | None = None
    response: float = math.nan


class Heading:
    """Names and units of the columns; unknown numbers are counted.

    Args:
        y: names and units of the measurements; empty where a function has none.
        u: those of the inputs.
        n_u: number of inputs.
    """

    def __init__(self, y: Names, u: Names, n_u: int):
        self._y, self._u = y, u or [(f"u{i}", "") for i in range(n_u)]

    def columns(self, n_y: int) -> Names:
        """Of a log, each with a name of its own."""
        y = self._y or [(f"y{i}", "") for i in range(n_y)]
        found: dict[str, str] = {"t": "s"}
        for name, unit in (*y, *self._u, *OWN):
            while name in found:
                name += "_"
            found[name] = unit
        return list(found.items())

    def numbers(self, row: Row, n_y: int) -> list[float]:
        """Of a period, one for each column; what there was not is NaN."""
        n_y, n_u = len(self._y) or n_y, len(self._u)
        y = [math.nan] * n_y if row.y is None else row.y.tolist()
        u = [math.nan] * n_u if row.u is None else row.u.tolist()
        y = (y + [math.nan] * n_y)[:n_y]
        return [row.t, *y, *u, row.jitter, row.response]


class Recorder:
    """A text file that is whole after every period, as `Log.from_csv` reads it.

    Args:
        path: of the file; None: none is written.
        heading: of its columns.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path | None, heading: Heading):
        self._file = path and open(path, "wb", buffering=0)
        self._heading, self._waiting = heading, list[Row]()
        self._n_y: int | None = None
        self.error: OSError | None = None

    def __call__(self, row: Row) -> None:
        """Add a row; those before the first measurement wait for it."""
        if self._file is None:
            return
        self._waiting.append(row)
        if self._n_y is None and row.y is not None:
            self._begin(len(row.y))
        if self._n_y is not None:
            self._write([self._heading.numbers(r, self._n_y) for r in self._waiting])
            self._waiting.clear()

    def close(self) -> None:
        """Write what waits, and warn where the disk did not take all."""
        if self._file is None:
            return
        if self._n_y is None:
            self._begin(0)
            self._write([self._heading.numbers(r, 0) for r in self._waiting])
        self._file.close()
        if self.error is not None:
            warnings.warn(
                f"{self._file.name} is not whole: {self.error}; the log itself is",
                stacklevel=3,
            )

    def _begin(self, n_y: int) -> None:
        self._n_y = n_y
        columns = self._heading.columns(n_y)
        self._write([[f"{n} [{unit}]" if unit else n for n, unit in columns]])

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        """At once, so that a process that is killed leaves whole rows."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        data = text.getvalue().encode()
        try:
            if self._file is not None and self.error is None:
                if (self._file.write(data) or 0) < len(data):
                    raise OSError("only a part of a row was taken")
        except OSError as error:  # a full disk is no reason to let the rig fall
            self.error = error


class Quantiles(NamedTuple):
    """Of times [s]: the usual one, the one that 1 % exceed, and the largest."""

    p50: float
    p99: float
    max: float

    @staticmethod
    def of(row: NDArray) -> "Quantiles":
        """Of all that are finite; NaN without one."""
        seen = row[np.isfinite(row)]
        if not len(seen):
            return Quantiles(math.nan, math.nan, math.nan)
        p50, p99 = np.percentile(seen, [50, 99])
        return Quantiles(float(p50), float(p99), float(seen.max()))

    def __str__(self) -> str:
        told = (_short(value) for value in self)
        return "p50 {}, p99 {}, at most {}".format(*told)


def _short(seconds: float) -> str:
    """A time in the unit that suits it.

    Example:
        >>> _short(2.5e-05), _short(0.0123)
        ('25 µs', '12.3 ms')
    """
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


class DriveLog(Log):
    """The log of a rig that was driven, and how well time was kept. Made by `drive`.

    A row is a period: its measurement (NaN where it was missing) and the input from
    then on (the safe one in the last row). "jitter" [s] tells by how much it began too
    late, "response" [s] how long it took until its input was written. A period that
    was skipped has neither.

    Attributes:
        ended: why it ended, in words.
        late: periods whose input came after their end, or not at all.
        missed: measurements that were missing.

    Example:
        >>> import hybridctl as hc
        >>> write = lambda u: None
        >>> log = hc.drive(lambda y: -y, lambda: [1.0], write, 0.01, 0.02, safe=[0.0])
        >>> log.names, log.ended
        (('y0', 'u0', 'jitter', 'response'), 'after 0.02 s')
    """

    ended: str = ""
    late: int = 0
    missed: int = 0

    @property
    def own(self) -> tuple[str, str]:
        """Names of the two columns on time, usually "jitter" and "response"."""
        return self.names[-2], self.names[-1]

    @property
    def timing(self) -> dict[str, Quantiles]:
        """p50, p99 and largest [s] of "jitter" and of "response"."""
        return {name: Quantiles.of(self[name]) for name in self.own}

    @property
    def summary(self) -> str:
        """How it ended and how time was kept, in a line."""
        periods = f"{len(self) - 1} periods, {self.late} of them late"
        return f"{self.ended}; {periods}; jitter {self.timing[self.own[0]]}"


def drive_log(rows: Sequence[Row], heading: Heading) -> DriveLog:
    """Rows as a log."""
    n_y = max((len(row.y) for row in rows if row.y is not None), default=0)
    table = np.array([heading.numbers(row, n_y) for row in rows])
    columns = heading.columns(n_y)
    units = {name: unit for name, unit in columns if unit}
    return DriveLog({n: table[:, i] for i, (n, _) in enumerate(columns)}, units)
