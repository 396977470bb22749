"""What a comparison shows, in sentences made from its numbers."""

from typing import Any

from hybridctl.contests import Table
from hybridctl.contests.ranking import separate
from hybridctl.contests.ranking import verdict as decided
from hybridctl.controllers.learned import is_learned
from hybridctl.describe.numbers import listed
from hybridctl.show.report.findings import (
    Findings,
    rate,
    unsigned,
)

FEW = 50  # episodes below which intervals are called rough
WORDS = {
    "loses": "loses to a classical one",
    "beats": "beats the classical ones",
    "open": "is not shown to beat the classical ones",
}
PICKED = "Picked on one half of the episodes and tested on the other,"


def verdict(table: Table) -> str:
    """Who is better on a task, by how much, and how sure that is.

    Args:
        table: of `hc.compare`.

    Returns:
        A few sentences.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("balance", seconds=4.0)
        >>> lqr = hc.reference("lqr", task)
        >>> print(verdict(hc.compare(task, {"lqr": lqr}, n=8)))
        lqr survives in 100.0% [67.6%, 100.0%] of the episodes, with a mean J of ...
    """
    return tell(Findings(table, table.task.name))


def tell(found: Findings) -> str:
    """The verdict on a table."""
    if len(found.order) == 1:
        return " ".join(filter(None, [_alone(found), _doubt(found)]))
    told = found.contest
    known = (
        {told["learned"], told["classical"]} if told and not told["halved"] else set()
    )
    pairs = [pair for pair in _pairs(found) if set(pair) != known]
    parts = [_lead(found), *(f"{a} {_relation(found, a, b)}." for a, b in pairs)]
    parts += [_cheaper(found), _learned(found, told) if told else "", _doubt(found)]
    return " ".join(filter(None, parts))


def _alone(found: Findings) -> str:
    name = found.order[0]
    row = found.rows[name]
    rates, J = found.percent(row["success"]), found.amount(row["J"])
    return (
        f"{name} {found.verbs[0]} in {rates} of the episodes, with a mean J of {J}; "
        "there is nothing to compare it with."
    )


def _lead(found: Findings) -> str:
    """Who has the lowest J among those that do most often what is asked for."""
    lead, top = found.order[0], found.top
    J = found.amount(found.rows[lead]["J"])
    if not any(map(rate, found.rows.values())):
        never = f"None {found.verbs[0]} in any of the {found.table.n} episodes"
        return f"{never}; {lead} has the lowest J, {J}."
    if len(top) == 1:
        success = found.percent(found.rows[lead]["success"])
        return f"{lead} {found.verbs[0]} most often, in {success}; its mean J is {J}."
    same = [lead, *(name for name in top[1:] if found.same(name, lead))]
    if len(same) == len(top):
        return f"{_among(found)}; they cost the same in every one, J = {J} in the mean."
    if len(same) > 1:
        equal = f"{listed(same)}, equal in every one,"
        return f"{_among(found)}; {equal} have the lowest mean J, {J}."
    return f"{_among(found)}; {lead} has the lowest mean J, {J}."


def _among(found: Findings) -> str:
    """Which several do most often what is asked for, and how often."""
    top = found.top
    shares = [found.percent(found.rows[name]["success"]) for name in top]
    apart = "" if len(set(shares)) == 1 else ", which the data do not tell apart"
    success = listed(shares if apart else shares[:1])
    if len(top) < len(found.order):
        return f"{listed(top)} {found.verbs[1]} most often, in {success}{apart}"
    who = "Both" if len(top) == 2 else f"All {len(top)}"
    who = f"{who}, {listed(top)}," if apart else who
    return f"{who} {found.verbs[1]} in {success} of the episodes{apart}"


def _pairs(found: Findings) -> list[tuple[str, str]]:
    """Who must be compared: the leader with the reference, and with who is close."""
    lead, against = found.order[0], found.table.against
    others = [name for name in found.order[1:] if not found.same(name, lead)]
    close = [name for name in others if name != against and _close(found, name, lead)]
    if lead == against:
        return [(name, lead) for name in dict.fromkeys([*others[:1], *close])]
    first = [(lead, against)] if against in others else []
    return first + [(name, lead) for name in close]


def _close(found: Findings, name: str, lead: str) -> bool:
    """Whether the data leave open that a controller is as good as the leader."""
    a, b = (found.rows[n]["success"] for n in (name, lead))
    return not separate(a, b) and found.apart(name, lead)["low"] <= 0


def _relation(found: Findings, name: str, other: str) -> str:
    """How a controller compares with another: the sentence after its name."""
    a, b = (found.rows[n]["success"] for n in (name, other))
    called = f"{other}, the reference" if other == found.table.against else other
    if a["value"] == b["value"]:
        return _costs(found, name, other, called)
    more = "more" if a["value"] > b["value"] else "less"
    sure = "" if separate(a, b) else " (the intervals overlap)"
    rates = f"{found.percent(a)} against {found.percent(b)}{sure}"
    costs = _costs(found, name, other)
    return f"{found.verbs[0]} {more} often than {called}: {rates}, and {costs}"


def _costs(found: Findings, name: str, other: str, called: str = "") -> str:
    """The paired difference of J in words."""
    gap, base = found.apart(name, other), found.rows[other]["J_mean"]
    if found.same(name, other):
        return f"costs the same{called and f' as {called}'} in every episode"
    if gap["low"] <= 0 <= gap["high"]:
        apart = f"differs{called and f' from {called}'} by {found.amount(gap)} in J"
        return f"{apart}, which may as well be nothing"
    more = "more" if gap["value"] > 0 else "less"
    than = called and f" than {called}"
    size, ratio = found.amount(unsigned(gap)), abs(gap["value"]) / max(base, 1e-12)
    share = f" ({ratio:.0%})" if ratio < 1 else ""  # many times as much says nothing
    return f"costs {size}{share} {more}{than}{_charged(found, name)}"


def _charged(found: Findings, name: str) -> str:
    failed = found.rows[name]["failed"]
    if not failed:
        return ""
    episodes = "episode is" if failed == 1 else "episodes are"
    charge = float(found.table.task.failure_cost)
    return f"; its {failed} failed {episodes} charged J = {charge:g}"


def _learned(found: Findings, told: dict[str, Any]) -> str:
    """What learning was good for."""
    name, rival = told["learned"], told["classical"]
    many = sum(is_learned(c) for c in found.table.controllers.values()) > 1
    called = f"{'best ' if many else ''}learned controller, {name},"
    lead = f"{PICKED} the {called}" if told["halved"] else f"The {called}"
    word, tested = WORDS[decided(told, told["p"])], found.tested
    return f"{lead} {word}: it {_relation(tested, name, rival)}."


def _cheaper(found: Findings) -> str:
    """Those whose lower J is paid for with success."""
    lead, rows = found.order[0], found.rows
    rest = [name for name in found.order if name not in found.top]
    cheap = [n for n in rest if rows[n]["J_mean"] < rows[lead]["J_mean"]]
    return " ".join(
        f"{name} has a lower mean J, {found.amount(rows[name]['J'])}, but "
        f"{found.verbs[0]} less often, {found.percent(rows[name]['success'])}."
        for name in cheap
    )


def _doubt(found: Findings) -> str:
    n = found.table.n
    if n == 1:
        return "One episode says little, and gives no interval."
    if found.alike:
        return (
            f"All {n} episodes are alike (one start, nothing random), so they count as "
            "one and no interval is given."
        )
    return f"With {n} episodes the intervals are rough." if n < FEW else ""
