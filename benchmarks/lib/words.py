"""What every page says with numbers begins with: a result, and an interval."""

from collections.abc import Iterable


def with_interval(value: dict[str, float], form: str) -> str:
    """A value, with its interval where it has one."""
    middle, low, high = (format(value[key], form) for key in ("value", "low", "high"))
    return middle if low == high else f"{middle} [{low}, {high}]"


def section(title: str, *parts: str) -> str:
    """A heading, and what stands below it."""
    return "\n\n".join((f"## {title}", *parts))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
