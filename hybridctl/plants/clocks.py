"""Clocks of sampled parts, and the grid on which their instants lie."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from hybridctl.checks import fail, require

FINEST = 46_000  # grid steps of a period: their product still is an int32


class Clock(NamedTuple):
    """When a sampled part steps: at offset, and every dt from then on.

    Attributes:
        name: of the part.
        dt: its period [s].
        offset: its first instant [s], from 0 to less than dt.
    """

    name: str
    dt: float
    offset: float = 0.0


class Beat(NamedTuple):
    """A clock in whole steps of a grid: when it first ticks, and every how many."""

    every: int
    first: int

    def due(self, k: Any, steps: int, i: Any) -> Any:
        """Whether it ticks at step i of period k, each of so many steps."""
        if steps % self.every == 0 and isinstance(i, int):
            return i % self.every == self.first
        whole = (k % self.every) * (steps % self.every)  # far from what int32 holds
        return (whole + i) % self.every == self.first

    def left(self, k: Any, steps: int, i: Any) -> Any:
        """Steps from step i of period k until it ticks next, at least 1."""
        whole = (k % self.every) * (steps % self.every)
        return self.every - (whole + i - self.first) % self.every

    def count(self, k: Any, steps: int, i: Any) -> Any:
        """How often it ticked before step i of period k, at which it ticks."""
        whole, part = divmod(steps, self.every)
        return k * whole + (k * part + i - self.first) // self.every


def beats(clocks: Sequence[Clock], h: float) -> list[Beat]:
    """Clocks on the grid of a fixed step h [s].

    Raises:
        ValueError: an instant between two steps; names the part and the cure.
    """
    rows = []
    for name, dt, offset in clocks:
        whole = [round(time / h) for time in (dt, offset)]
        off = [time for time, n in zip((dt, offset), whole, strict=True)
               if abs(n * h - time) > 1e-9 * dt]  # fmt: skip
        if off or whole[0] < 1:
            what = "dt" if off[:1] == [dt] or whole[0] < 1 else "offset"
            fail(
                f"{name} samples with {what}={dt if what == 'dt' else offset:g} s, "
                f"which is no whole number of integration steps of {h:g} s; give the "
                "Loop a dt or substeps that it is a multiple of, or an adaptive solver"
            )
        rows.append(Beat(*whole))
    return rows


def grid(clocks: Sequence[Clock], dt: float) -> tuple[int, list[Beat]]:
    """The widest grid on which a period dt [s] and all instants lie.

    Returns:
        Its steps in a period, and the clocks on it.

    Raises:
        ValueError: there is none that is fine enough for numbers of 32 bits.
    """
    times = [dt, *(t for c in clocks for t in (c.dt, c.offset))]
    parts = [Fraction(time).limit_denominator(10**7) for time in times]
    step = Fraction(
        math.gcd(*(p.numerator * (_least(parts) // p.denominator) for p in parts)),
        _least(parts),
    )
    n = [int(p / step) for p in parts]
    close = all(abs(k * float(step) - t) <= 1e-9 * dt
                for k, t in zip(n, times, strict=True))  # fmt: skip
    require(
        close and max(n) < FINEST,
        f"the period dt={dt:g} s and those of {', '.join(c.name for c in clocks)} have "
        "no common grid; choose periods that are multiples of one step",
    )
    return n[0], [Beat(*n[1 + 2 * i : 3 + 2 * i]) for i in range(len(clocks))]


def _least(parts: Sequence[Fraction]) -> int:
    return math.lcm(*(p.denominator for p in parts))


def common_period(clocks: Sequence[Clock]) -> float:
    """Time [s] after which all clocks tick as before."""
    times = [Fraction(clock.dt).limit_denominator(10**7) for clock in clocks]
    least = math.lcm(*(time.denominator for time in times))
    whole = math.lcm(*(time.numerator * (least // time.denominator) for time in times))
    return float(Fraction(whole, least))


def check_pace(plant: Any, dt: Any, solver: str = "rk4") -> None:
    """Refuse a discrete plant in another period than its own, or to be integrated.

    Args:
        plant: any.
        dt: control period [s].
        solver: by name.

    Raises:
        ValueError: with the cure.
    """
    pace = getattr(plant, "steps_every", None)
    if pace is None:
        return
    require(
        solver == "rk4",
        f"solver={solver!r} integrates, and this plant steps from instant to instant; "
        "leave the solver out",
    )
    steady = isinstance(dt, int | float)
    require(
        steady and abs(dt - pace) <= 1e-9 * pace,
        f"this plant steps every {pace:g} s, the loop every "
        + (f"{dt:g} s" if steady else "so often, with jitter")
        + f"; give the loop dt={pace:g}, or fit the plant for its period",
    )
