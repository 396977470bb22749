"""Units in which rigs record, and what they are in those of the toolkit."""

import math
from typing import Any

from hybridctl.checks import fail, number

TURN = 2.0 * math.pi
FACTORS = {
    "deg": (math.pi / 180.0, "rad"),
    "°": (math.pi / 180.0, "rad"),
    "rev": (TURN, "rad"),
    "turn": (TURN, "rad"),
    "deg/s": (math.pi / 180.0, "rad/s"),
    "°/s": (math.pi / 180.0, "rad/s"),
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
    "min": (60.0, "s"),
    "ms": (1e-3, "s"),
    "us": (1e-6, "s"),
    "µs": (1e-6, "s"),
    "ns": (1e-9, "s"),
}


def told_in(name: str, unit: Any) -> tuple[float, str]:
    """What a recorded number is multiplied with, and the unit that it then has.

    Args:
        name: of the signal, for the sentence.
        unit: such as "deg"; or (factor, unit), such as (2 * np.pi / 2048, "rad") of an
            encoder; a unit that is not in the table is one of the toolkit's own.

    Raises:
        ValueError: counts without a factor, or anything else.
    """
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
