"""What a comparison shows, in sentences made from its numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hybridctl.compare import Table
from hybridctl.compare.statistics import bootstrap_mean
from hybridctl.controllers import Controller, Policy
from hybridctl.controllers.inspect import walk

FEW = 50  # episodes below which intervals are called rough


@dataclass(frozen=True)
class Findings:
    """A table with what the page says about it more than once.

    Attributes:
        table: the comparison.
        title: what it is called.
    """

    table: Table
    title: str

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Figures by name."""
        return {name: self.table.row(name) for name in self.table.controllers}

    @cached_property
    def order(self) -> list[str]:
        """Names by success, then by J: the first leads."""
        rows = self.rows
        return sorted(rows, key=lambda n: (-rate(rows[n]), rows[n]["J_mean"]))

    @cached_property
    def top(self) -> list[str]:
        """Those with the highest success."""
        best = rate(self.rows[self.order[0]])
        return [name for name in self.order if rate(self.rows[name]) == best]

    @cached_property
    def alike(self) -> bool:
        """Whether all episodes gave the same, so that they count as one."""
        fields = ("cost", "effort", "peak_x", "reward", "length")
        scores = self.table.scores.values()
        return self.table.n > 1 and all(
            np.ptp(getattr(s, field)) == 0 for s in scores for field in fields
        )

    def apart(self, name: str, other: str) -> dict[str, float]:
        """Paired difference of J, name - other, with its interval."""
        known = self.rows[name]["difference"]
        if other == self.table.against and known is not None:
            return known
        scores = self.table.scores
        values = scores[name].cost - scores[other].cost
        low, high = bootstrap_mean(values, self.table.seed)
        return {"value": float(values.mean()), "low": low, "high": high}


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
        lqr settles in 100.0 % [67.6, 100.0] of the episodes, with a mean J of ...
    """
    return tell(Findings(table, table.task.name))


def tell(found: Findings) -> str:
    """The verdict on a table."""
    parts = [_lead(found), _cheaper(found), _learned(found), _doubt(found)]
    return " ".join(part for part in parts if part)


def _lead(found: Findings) -> str:
    lead, top, n = found.order[0], found.top, found.table.n
    row = found.rows[lead]
    success, J = percent(found, row["success"]), amount(found, row["J"])
    if len(found.order) == 1:
        settles = f"{lead} settles in {success} of the episodes"
        return f"{settles}, with a mean J of {J}; there is nothing to compare it with."
    if rate(row) == 0:
        text = f"None settles in any of the {n} episodes; {lead} has the lowest mean J, {J}."
    elif len(top) == 1:
        text = f"{lead} has the highest success, {success}, with a mean J of {J}."
        text += _overlap(found, lead, found.order[1])
    else:
        among = "Both have" if len(top) == len(found.order) == 2 else f"{_list(top)} have"
        text = f"{among} the highest success, {success}; "
        text += f"{lead} has the lowest mean J of them, {J}."
    return f"{text} {_margin(found, lead)}"


def _overlap(found: Findings, lead: str, other: str) -> str:
    """Whether the next one's success may as well be higher."""
    a, b = found.rows[lead]["success"], found.rows[other]["success"]
    if found.alike or b["high"] < a["low"]:
        return ""
    return f" The success of {other}, {percent(found, b)}, overlaps it."


def _margin(found: Findings, lead: str) -> str:
    """The distance of the leader to the reference, or of the next to it."""
    if lead != found.table.against:
        other = found.table.against
        return f"{_costs(found, lead, other, f'the reference, {other}')}"
    other = found.order[1]
    text = _costs(found, other, lead, f"{lead}, the reference")
    failed = found.rows[other]["failed"]
    charge = f"{float(found.table.task.failure_cost):g}"
    return f"{text} ({failed} of its episodes failed and are charged J = {charge}.)" if (
        failed
    ) else text


def _costs(found: Findings, name: str, other: str, called: str) -> str:
    """One sentence on the paired difference of J."""
    apart, base = found.apart(name, other), found.rows[other]["J_mean"]
    value, size = apart["value"], amount(found, apart, signed=False)
    if not np.any(found.table.scores[name].cost - found.table.scores[other].cost):
        return f"{name} costs exactly as much as {called}, in every episode."
    if apart["low"] <= 0 <= apart["high"]:
        return (
            f"Between {name} and {called}, the difference of J, "
            f"{amount(found, apart)}, may as well be zero: neither is shown to be "
            "cheaper."
        )
    share = f" ({abs(value) / base:.0%})" if base > 0 else ""
    more = "more" if value > 0 else "less"
    return f"{name} costs {size} {more} than {called}{share}."


def _cheaper(found: Findings) -> str:
    """Those whose lower J is paid for with success."""
    lead, rows = found.order[0], found.rows
    rest = [name for name in found.order if name not in found.top]
    cheap = [n for n in rest if rows[n]["J_mean"] < rows[lead]["J_mean"]]
    return " ".join(
        f"{name} has a lower mean J, {amount(found, rows[name]['J'])}, but settles "
        f"less often: {percent(found, rows[name]['success'])}."
        for name in cheap
    )


def _learned(found: Findings) -> str:
    """The best learned controller against the best classical one."""
    controllers = found.table.controllers
    learned = [n for n in found.order if is_learned(controllers[n])]
    classical = [n for n in found.order if n not in learned]
    if not learned or not classical:
        return ""
    best, rival = learned[0], classical[0]
    called = "The learned controller" if len(learned) == 1 else "The best learned one"
    a, b = (found.rows[name]["success"] for name in (best, rival))
    if a["value"] < b["value"]:
        often = f"{percent(found, a)} against {percent(found, b)}"
        sure = "" if a["high"] < b["low"] or found.alike else ", though the intervals overlap"
        return f"{called}, {best}, settles less often than {rival}, a classical one: {often}{sure}."
    apart = found.apart(best, rival)
    if a["value"] > b["value"] or apart["high"] < 0:
        return f"{called}, {best}, does better than the best classical one, {rival}."
    if apart["low"] > 0:
        return f"{called}, {best}, loses to a classical one: " + _costs(
            found, best, rival, rival
        )
    return (
        f"{called}, {best}, is not shown to differ from the best classical one, {rival}."
    )


def _doubt(found: Findings) -> str:
    n = found.table.n
    if found.alike:
        return (
            f"All {n} episodes are alike (one start, nothing random), so they count as "
            "one and no interval is given."
        )
    return f"With {n} episodes the intervals are rough." if n < FEW else ""


def is_learned(controller: Controller) -> bool:
    """Whether a policy decides something in a controller."""
    return any(isinstance(node, Policy) for node, _ in walk(controller))


def rate(row: dict[str, Any]) -> float:
    """Share of the episodes that settled."""
    return row["success"]["value"]


def percent(found: Findings, share: dict[str, float]) -> str:
    """A rate with its interval."""
    value, low, high = (f"{100 * share[k]:.1f}" for k in ("value", "low", "high"))
    return f"{value} %" if found.alike else f"{value} % [{low}, {high}]"


def amount(found: Findings, size: dict[str, float], signed: bool = True) -> str:
    """A mean with its interval; unsigned where words say more or less."""
    keys = ("value", "low", "high")
    values = [size[k] for k in keys]
    if not signed:
        values = [abs(values[0]), *sorted(abs(v) for v in values[1:])]
    value, low, high = (f"{v:.3g}" for v in values)
    return value if found.alike else f"{value} [{low}, {high}]"


def _list(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
