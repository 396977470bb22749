"""Figures, intervals and names for reading: in tables, sentences and pages."""

from collections.abc import Callable, Mapping, Sequence

Form = Callable[[float], str]
NONE = "–"


def tabular(value: float) -> str:
    """For a column: whole from 1000 on, three digits, few decimals below 1.

    Example:
        >>> tabular(1834.2), tabular(999.7), tabular(13.24), tabular(0.04)
        ('1834', '1000', '13.2', '0.040')
    """
    return _tabular(value, "", ".3f")


def signed(value: float) -> str:
    """As `tabular`, with its sign.

    Example:
        >>> signed(1834.2), signed(-0.04)
        ('+1834', '-0.04')
    """
    return _tabular(value, "+", ".2f")


def _tabular(value: float, sign: str, small: str) -> str:
    size = abs(value)
    digits = ".0f" if size >= 999.5 else small if 0 < size < 1 else ".3g"
    return format(value, sign + digits)


def spoken(value: float, digits: int = 3, sign: bool = False) -> str:
    """For a sentence: no exponent up to a million, true minus and plus signs.

    Example:
        >>> spoken(1834.2), spoken(-0.0041236), spoken(13.24, sign=True), spoken(999.7)
        ('1830', '−0.00412', '+13.2', '1000')
    """
    size = abs(value)
    plain = 10**digits - 0.5 <= size < 1e6
    step = 10 ** max(len(f"{size:.0f}") - digits, 0) if plain else 1
    text = f"{round(value / step) * step}" if plain else f"{value:.{digits}g}"
    return f"+{text}" if sign and value > 0 else text.replace("-", "−")


def percent(share: float) -> str:
    """A share, as 12.5%."""
    return f"{share:.1%}"


def seconds(value: float | None, unit: str = "") -> str:
    """A time until something that may never be."""
    return "never" if value is None else f"{value:.2f} {unit}".strip()


def brackets(found: Mapping[str, float], form: Form, point: bool = False) -> str:
    """The bounds of an interval; nothing where it is a point, unless that is told."""
    low, high = found["low"], found["high"]
    return f"[{form(low)}, {form(high)}]" if point or low != high else ""


def ranged(found: Mapping[str, float], form: Form, point: bool = False) -> str:
    """A value with its interval, as `brackets` has it.

    Example:
        >>> ranged({"value": 0.5, "low": 0.25, "high": 0.75}, percent)
        '50.0% [25.0%, 75.0%]'
    """
    return f"{form(found['value'])} {brackets(found, form, point)}".rstrip()


def stacked(found: Mapping[str, float] | None, form: Form, mark: str = "") -> str:
    """A value above its interval, for a cell of a terminal's table.

    Args:
        found: `value`, `low` and `high`; None: there is none.
        form: of a number.
        mark: behind the value.
    """
    if found is None:
        return NONE
    middle, low, high = (form(found[key]) for key in ("value", "low", "high"))
    return f"{middle}{mark}\n[dim]\\[{low}, {high}][/]"


def percents(share: Mapping[str, float]) -> str:
    """A share and its interval in percent, one above the other."""
    return stacked({key: 100 * value for key, value in share.items()}, tabular)


def settling(row: Mapping[str, float | None]) -> str:
    """Median and 95th percentile of a row's settling times, one above the other."""
    median, p95 = (seconds(row[key]) for key in ("settle_median", "settle_p95"))
    return f"{median}\n[dim]{p95}[/]"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    Example:
        >>> listed(["lqr", "mpc", "ppo"])
        'lqr, mpc and ppo'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
