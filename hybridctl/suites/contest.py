"""Learned against classical: the best of each on a task, in pairs."""

from typing import TYPE_CHECKING, Any

from hybridctl.compare.crossed import SURE, crossed_mean

if TYPE_CHECKING:
    from hybridctl.suites.result import Result


def contest(result: "Result", title: str) -> dict[str, Any] | None:
    """The best learned column of a task against the best classical one.

    The best is the one with the lowest J, by its paired difference to the reference,
    of those whose success the data do not tell from the highest.

    Args:
        result: of a suite.
        title: of the task.

    Returns:
        Names `learned` and `classical`; of J, in pairs, `value`, `low`, `high` and
        `p` (learned minus classical) and `share` of the classical J; and the
        `verdict` on the learned one: "beats", "loses" or "open". None where one kind
        is missing.
    """
    rows = result.rows[title]
    learned = [name for name in rows if rows[name]["kind"] == "template"]
    classical = [name for name in rows if name not in learned]
    if not learned or not classical:
        return None
    a, b = (ranked(rows, names)[0] for names in (learned, classical))
    mine, theirs = (result.scores[title, name].cost for name in (a, b))
    n = min(mine.shape[1], theirs.shape[1])
    gap = crossed_mean(mine[:, :n] - theirs[:, :n])
    share = gap.value / max(float(theirs[:, :n].mean()), 1e-12)
    fair = [name in eligible(rows) for name in (a, b)]
    verdict = _verdict(gap.value, gap.p, *fair)
    names = {"learned": a, "classical": b, "episodes": n}
    return {**names, **gap._asdict(), "share": share, "verdict": verdict}


def _verdict(gap: float, p: float, fair: bool, rival_fair: bool) -> str:
    if fair != rival_fair:
        return "beats" if fair else "loses"
    if p >= SURE:
        return "open"
    return "beats" if gap < 0 else "loses"


def eligible(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Columns whose success the data do not tell from the highest."""
    best = max(rows.values(), key=lambda row: row["success"]["value"])["success"]
    return [n for n, row in rows.items() if row["success"]["high"] >= best["low"]]


def ranked(rows: dict[str, dict[str, Any]], names: list[str]) -> list[str]:
    """Columns, the best first: eligible ones by their difference to the reference."""
    fair = eligible(rows)

    def rank(name: str) -> tuple[bool, float, float]:
        row = rows[name]
        gap = row["difference"]["value"] if row["difference"] else 0.0
        success = 0.0 if name in fair else -row["success"]["value"]
        return name not in fair, success, gap

    return sorted(names, key=rank)


def wins(result: "Result") -> dict[str, list[str]]:
    """Titles of the tasks by verdict: "beats", "loses", "open"."""
    found: dict[str, list[str]] = {"beats": [], "loses": [], "open": []}
    for title in result.suite.entries:
        if (told := contest(result, title)) is not None:
            found[told["verdict"]].append(title)
    return found
