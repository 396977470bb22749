"""Who is best, by one rule everywhere: success first, then J in pairs."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.contests.statistics import SURE, crossed_mean, rate
from hybridctl.tasks import Scores

Rows = Mapping[str, Mapping[str, Any]]
EVEN, ODD, ALL = slice(0, None, 2), slice(1, None, 2), slice(None)


class Met(NamedTuple):
    """What a controller scored with S training seeds in n episodes, [S, n] each.

    Attributes:
        success: by the task's criterion.
        cost: J as charged.
    """

    success: NDArray
    cost: NDArray

    @staticmethod
    def of(scores: Scores) -> "Met":
        """Scores [n] of one controller, or [S, n] of several seeds."""
        return Met(np.atleast_2d(scores.success), np.atleast_2d(scores.cost))


def separate(a: Mapping[str, float], b: Mapping[str, float]) -> bool:
    """Whether two intervals do not overlap."""
    return a["high"] < b["low"] or b["high"] < a["low"]


def eligible(rows: Rows) -> list[str]:
    """Names of those whose success the data do not tell from the highest.

    Args:
        rows: by name, with `success` {value, low, high}.
    """
    best = max(rows.values(), key=lambda row: row["success"]["value"])["success"]
    return [n for n, row in rows.items() if not separate(row["success"], best)]


def ranked(rows: Rows, names: Iterable[str] | None = None) -> list[str]:
    """Names, the best first: eligible ones by their difference to the reference.

    The others follow by their success.

    Args:
        rows: by name, with `success` and `difference`, None of the reference.
        names: of those that are ranked; all by default.
    """
    fair = eligible(rows)

    def rank(name: str) -> tuple[bool, float, float]:
        row = rows[name]
        gap = row["difference"]["value"] if row["difference"] else 0.0
        success = 0.0 if name in fair else -row["success"]["value"]
        return name not in fair, success, gap

    return sorted(rows if names is None else names, key=rank)


def paired(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    """Values of two on the episodes, the last axis, that both met."""
    n = min(a.shape[-1], b.shape[-1])
    return a[..., :n], b[..., :n]


def contest(
    met: Mapping[str, Met], learned: Collection[str], against: str
) -> dict[str, Any] | None:
    """The best learned controller against the best classical one.

    Where there is a choice, both are picked on every other episode and tested on the
    rest: the best of several on some episodes is in part the luckiest on them. An only
    episode serves for both.

    Args:
        met: what each scored, by name.
        learned: names of those that are learned.
        against: whom differences are taken to.

    Returns:
        The names `learned` and `classical`; whether the episodes were `halved`; of the
        `episodes` tested the `success` of both, and of J, in pairs, `value`, `low`,
        `high` and `p` (learned minus classical), and `share` of the classical J; and
        `fair`, whether each is eligible there. None where one kind is missing.
    """
    sides = [n for n in met if n in learned], [n for n in met if n not in learned]
    if not all(sides):
        return None
    halved = _halved(met, len(met) > 2)
    picking = standings(met, against, EVEN if halved else ALL)
    a, b = (ranked(picking, side)[0] for side in sides)
    testing = standings(met, against, ODD if halved else ALL)
    fair = eligible(testing)
    mine, theirs = paired(*(met[n].cost[:, ODD if halved else ALL] for n in (a, b)))
    gap = crossed_mean(mine - theirs)
    return {
        "learned": a,
        "classical": b,
        "halved": halved,
        "episodes": mine.shape[-1],
        "success": [testing[name]["success"]["value"] for name in (a, b)],
        **gap._asdict(),
        "share": gap.value / max(float(theirs.mean()), 1e-12),
        "fair": [name in fair for name in (a, b)],
    }


def _halved(met: Mapping[str, Met], choice: bool) -> bool:
    """Whether episodes are parted: where there is a choice, and all have two."""
    return choice and min(m.cost.shape[1] for m in met.values()) > 1


def standings(
    met: Mapping[str, Met], against: str, episodes: slice = ALL
) -> dict[str, dict[str, Any]]:
    """`success` and `difference` on some of the episodes, by name."""
    part = {n: Met(m.success[:, episodes], m.cost[:, episodes]) for n, m in met.items()}
    return {
        name: {"success": share(m.success), "difference": _apart(part, name, against)}
        for name, m in part.items()
    }


def _apart(part: Mapping[str, Met], name: str, against: str) -> dict | None:
    if name == against:
        return None
    mine, theirs = paired(part[name].cost, part[against].cost)
    return crossed_mean(mine - theirs).interval


def share(met: NDArray) -> dict[str, float]:
    """How often something holds [S, n]; exact of an only episode, which is all."""
    only = float(met.mean())
    return rate(met) if met.size > 1 else {"value": only, "low": only, "high": only}


def verdict(told: Mapping[str, Any], p: float) -> str:
    """On the learned controller of a contest: "beats", "loses" or "open".

    Args:
        told: of `contest`.
        p: its p-value, adjusted where there are several contests.
    """
    fair, rival_fair = told["fair"]
    if fair != rival_fair:
        return "beats" if fair else "loses"
    if p >= SURE:
        return "open"
    return "beats" if told["value"] < 0 else "loses"
