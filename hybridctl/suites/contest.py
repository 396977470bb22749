"""Learned against classical: the best of each on a task, in pairs."""

from typing import TYPE_CHECKING, Any

from hybridctl.contests.statistics import SURE, crossed_mean, holm

if TYPE_CHECKING:
    from hybridctl.suites.result import Result


def contests(result: "Result") -> dict[str, dict[str, Any]]:
    """The best learned column of every task against the best classical one.

    The best is the one with the lowest J, by its paired difference to the reference,
    of those whose success the data do not tell from the highest.

    Args:
        result: of a suite.

    Returns:
        By title the names `learned` and `classical`; of J, in pairs, `value`, `low`,
        `high` and `p` (learned minus classical), `p_holm` (adjusted for the number of
        tasks) and `share` of the classical J; and the `verdict` on the learned one:
        "beats", "loses" or "open". Without tasks on which one kind is missing.
    """
    pairs = {title: _pair(result.rows[title]) for title in result.suite.entries}
    found = {t: _contest(result, t, *pair) for t, pair in pairs.items() if pair}
    adjusted = holm({title: told["p"] for title, told in found.items()})
    for title, told in found.items():
        fair = eligible(result.rows[title])
        sides = [told[kind] in fair for kind in ("learned", "classical")]
        told["p_holm"] = adjusted[title]
        told["verdict"] = _verdict(told["value"], told["p_holm"], *sides)
    return found


def _pair(rows: dict[str, dict[str, Any]]) -> tuple[str, str] | None:
    """The best learned column and the best classical one."""
    learned = [name for name in rows if rows[name]["kind"] == "template"]
    classical = [name for name in rows if name not in learned]
    if not learned or not classical:
        return None
    return ranked(rows, learned)[0], ranked(rows, classical)[0]


def _contest(
    result: "Result", title: str, learned: str, classical: str
) -> dict[str, Any]:
    a, b = (result.scores[title, name].cost for name in (learned, classical))
    n = min(a.shape[1], b.shape[1])
    gap = crossed_mean(a[:, :n] - b[:, :n])
    share = gap.value / max(float(b[:, :n].mean()), 1e-12)
    names = {"learned": learned, "classical": classical, "episodes": n}
    return {**names, **gap._asdict(), "share": share}


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
    for title, told in result.contests.items():
        found[told["verdict"]].append(title)
    return found
