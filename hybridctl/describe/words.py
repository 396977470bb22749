"""Numbers and units as short plain text (ASCII, but for what a user named)."""

from typing import Any

import numpy as np

from hybridctl.checks import is_tracer

FEW = 6  # numbers in a row that are all written


def number(value: Any) -> str:
    """A number, or an array of them, in four digits; the shape of what is traced.

    Example:
        >>> number(2.0), number([1, 2.5]), number(np.arange(9.0))
        ('2', '[1, 2.5]', '9 values from 0 to 8')
    """
    if is_tracer(value):
        return f"{value.dtype.name}{list(value.shape)}"
    if not hasattr(value, "dtype"):
        value = np.asarray(value)
    if str(value.dtype).startswith("key"):
        return "a random key"
    array = np.asarray(value)
    if array.dtype.kind not in "biufc" or array.size == 0:
        return " ".join(str(array).split())
    if array.ndim == 0:
        return _digits(array.item())
    if max(array.shape) <= FEW and array.ndim <= 2:
        return f"[{', '.join(number(row) for row in array)}]"
    return _spread(array)


def _digits(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)
    told = f"{value + 0.0:.4g}"  # -0 is 0
    whole = "e+" in told and abs(value) < 1e7
    return f"{value:.0f}" if whole else told


def _spread(array: np.ndarray) -> str:
    """Many numbers in words."""
    size = " x ".join(map(str, array.shape))
    if array.dtype.kind == "c" or not np.isfinite(array).any():
        return f"{size} values"
    seen = array[np.isfinite(array)]
    low, high = (_digits(end.item()) for end in (seen.min(), seen.max()))
    told = f"from {low} to {high}" if low != high else f"all {low}"
    return f"{size} values {told}"


def angle(value: Any) -> str:
    """An angle [rad], as a share of pi where it is one.

    Example:
        >>> angle(np.pi), angle(-np.pi / 2), angle(0.3)
        ('pi', '-pi/2', '0.3')
    """
    if is_tracer(value) or np.ndim(value):
        return number(value)
    for part in (1, 2, 3, 4, 6):
        turns = part * float(value) / np.pi
        n = round(turns) if np.isfinite(turns) and abs(turns) < 100 else 0
        if n and abs(turns - n) < 1e-6 * abs(n):
            size = f"{abs(n)} pi" if abs(n) > 1 else "pi"
            return f"{'-' if n < 0 else ''}{size}{f'/{part}' if part > 1 else ''}"
    return number(value)


def quantity(value: Any, unit: str = "") -> str:
    """A number with its unit.

    Example:
        >>> quantity(0.02, "s"), quantity(3, "")
        ('0.02 s', '3')
    """
    return f"{number(value)} {unit}".strip() if unit != "1" else number(value)


def per(unit: str, other: str) -> str:
    """One unit by another.

    Example:
        >>> per("N", "m/s"), per("N", ""), per("", "m")
        ('N/(m/s)', 'N', '1/m')
    """
    if other in ("", "1"):
        return unit
    closed = f"({other})" if set(other) & set("/ ") else other
    return f"{unit or 1}/{closed}"


def apart(name: str, centre: str) -> str:
    """How far a signal is from a number.

    Example:
        >>> apart("theta", "pi"), apart("x", "0"), apart("x", "-2")
        ('theta - pi', 'x', 'x + 2')
    """
    if centre == "0":
        return name
    return f"{name} + {centre[1:]}" if centre.startswith("-") else f"{name} - {centre}"
