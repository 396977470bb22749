"""Units in which rigs record, and what they are in those of the toolkit."""

import math
from typing import Any

from hybridctl.checks import fail, number, plain

TURN = 2.0 * math.pi
FACTORS = {
    "deg": (math.pi / 180.0, "rad"),
    "°": (math.pi / 180.0, "rad"),
    "rev": (TURN, "rad"),
    "turn": (TURN, "rad"),
    "degree": (math.pi / 180.0, "rad"),
    "degrees": (math.pi / 180.0, "rad"),
    "mrad": (1e-3, "rad"),
    "radian": (1.0, "rad"),
    "radians": (1.0, "rad"),
    "deg/s": (math.pi / 180.0, "rad/s"),
    "°/s": (math.pi / 180.0, "rad/s"),
    "deg/sec": (math.pi / 180.0, "rad/s"),
    "degrees/s": (math.pi / 180.0, "rad/s"),
    "rad/sec": (1.0, "rad/s"),
    "mrad/s": (1e-3, "rad/s"),
    "rpm": (TURN / 60.0, "rad/s"),
    "rev/s": (TURN, "rad/s"),
    "km": (1e3, "m"),
    "cm": (1e-2, "m"),
    "mm": (1e-3, "m"),
    "um": (1e-6, "m"),
    "in": (0.0254, "m"),
    "cm/s": (1e-2, "m/s"),
    "mm/s": (1e-3, "m/s"),
    "km/h": (1.0 / 3.6, "m/s"),
    "kN": (1e3, "N"),
    "mN": (1e-3, "N"),
    "mNm": (1e-3, "N m"),
    "Nm": (1.0, "N m"),
    "N*m": (1.0, "N m"),
    "kg": (1.0, "kg"),
    "g": (1e-3, "kg"),
    "mV": (1e-3, "V"),
    "mA": (1e-3, "A"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), (3600.0, "s")),
    **dict.fromkeys(("min", "minute", "minutes"), (60.0, "s")),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), (1.0, "s")),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), (1e-3, "s")),
    **dict.fromkeys(("us", "µs", "usec", "microsecond", "microseconds"), (1e-6, "s")),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), (1e-9, "s")),
}


def told_in(name: str, unit: Any) -> tuple[float, str]:
    """What a recorded number is multiplied with, and the unit that it then has.

    Args:
        name: of the signal, for the sentence.
        unit: such as "deg"; or (factor, unit), such as (2 * np.pi / 2048, "rad") of an
            encoder; a unit that is not in the table is one of the toolkit's own.

    Raises:
        ValueError: counts without a factor, anything else, or times "t" in what
            cannot be told in seconds.
    """
    factor, known = _told(name, unit)
    if name == "t" and known not in ("s", ""):
        times = ", ".join(text for text, (_, base) in FACTORS.items() if base == "s")
        fail(
            f"the times are in {plain(repr(unit), 80)}, which is no known unit of "
            f"time; give one of s, {times}, or its size: "
            'units={"t": (0.01, "s")}'
        )
    return factor, known


def _told(name: str, unit: Any) -> tuple[float, str]:
    if isinstance(unit, str):
        if unit.strip().lower() in ("count", "counts", "tick", "ticks"):
            fail(
                f"{name} is in counts, and nobody knows how much one is; give (size of "
                f'a count, unit), such as units={{"{name}": (2 * np.pi / 2048, "rad")}}'
            )
        return FACTORS.get(unit.strip(), (1.0, unit.strip()))
    if isinstance(unit, (tuple, list)) and len(unit) == 2 and isinstance(unit[1], str):
        return number(f"factor of {name}", unit[0]), unit[1]
    fail(
        f'units[{name!r}]={unit!r} is neither a unit nor (factor, unit), as (0.1, "m")'
    )
