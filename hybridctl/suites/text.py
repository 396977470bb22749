"""A suite's result for a terminal, and in sentences."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table as RichTable

from hybridctl.contests.columns import VERBS, legend, lines, rates
from hybridctl.contests.ranking import eligible, ranked
from hybridctl.describe.numbers import (
    NONE,
    percent,
    percents,
    ranged,
    settling,
    signed,
    stacked,
    tabular,
)
from hybridctl.suites.plan import Suite
from hybridctl.tasks import Task

HEADINGS = (
    ("settle s", "settle"), ("J", "J"), ("ΔJ", "difference"), ("/ bound", "to_bound"),
)  # fmt: skip
CAPTION = (
    "Below: 95 % intervals, of learned columns over {seeds} and episodes; of settle s "
    "the 95th percentile. * is sure (p < 0.05 by Holm)."
)
PICKED = (
    "Both are picked on one half of the episodes and tested on the other, where there "
    "is more than one."
)


def sheet(suite: Suite, title: str, rows: Mapping[str, dict]) -> RichTable:
    """The rows of one task for a terminal of 80 columns, the best first."""
    seeds = f"{suite.seeds} seed{'s' if suite.seeds > 1 else ''}"
    task = suite.entries[title].task
    pairs = [*((f"{rate} %", rate) for rate in rates(task)), *HEADINGS]
    told = lines(legend(pairs, task, suite.against))
    told.append(CAPTION.format(seeds=seeds))
    met = rows[suite.against]["n"]
    if met < max(row["n"] for row in rows.values()):
        told.append(f"ΔJ: on the first {met} episodes, those that {suite.against} met.")
    known = RichTable(
        title=f"{suite.entries[title].number} {title}", title_justify="left",
        caption="\n".join(map(escape, told)), caption_justify="left",
        box=SIMPLE_HEAD, padding=0,
    )  # fmt: skip
    for i, heading in enumerate(("strategy", *(h for h, _ in pairs))):
        known.add_column(heading, justify="right" if i else "left", no_wrap=True)
    fair = eligible(rows)
    for name in ranked(rows, list(rows)):
        style = "" if name in fair else "dim"
        few = rows[name]["n"] < suite.n and not suite.entries[title].one_start
        first = escape(name)
        first += f"\n[dim]{rows[name]['n']} episodes[/]" if few else ""
        shares = [percents(rows[name][rate]) for rate in rates(task)]
        known.add_row(first, *shares, *_cells(rows[name]), style=style)
    return known


def _cells(row: dict[str, Any]) -> list[str]:
    gap, bound = row["difference"], row["to_bound"]
    mark = "*" if gap and gap["verdict"] != "open" else ""
    return [
        settling(row),
        stacked(row["J"], tabular),
        stacked(gap, signed, mark),
        NONE if bound is None else f"{bound:.2f}",
    ]


def sentence(told: Mapping[str, Any], task: Task) -> str:
    """How a contest between the best learned and the best classical column ended."""
    word = {"beats": "beats", "loses": "loses to", "open": "is not told from"}
    lead = (
        f"{told['learned']}, the best learned strategy, {word[told['verdict']]} "
        f"{told['classical']}, the best classical one"
    )
    mine, theirs = map(percent, told["success"])
    if mine != theirs:
        verb, _ = VERBS[task.criterion]
        lead += f"; it {verb} in {mine} of the episodes against {theirs}"
    pairs = "pair" if told["episodes"] == 1 else "pairs"
    return (
        f"{lead}: ΔJ = {ranged(told, '{:+.3g}'.format)} ({told['share']:+.1%}) in "
        f"{told['episodes']} {pairs} a seed."
    )


def verdict(
    contests: Mapping[str, Mapping[str, Any]],
    overall: Mapping[str, Mapping[str, float]],
    against: str,
) -> str:
    """What a suite settles, in a paragraph made from its numbers.

    Args:
        contests: of every task.
        overall: J of every column as a share of the reference's.
        against: the reference.
    """
    by = {
        word: [title for title, told in contests.items() if told["verdict"] == word]
        for word in ("beats", "loses", "open")
    }
    parts = [
        f"Of {len(contests)} tasks and variants, the best learned or hybrid strategy "
        f"beats the best classical one on {_listed(by['beats'])}, loses to it on "
        f"{_listed(by['loses'])}, and is not told from it on {_listed(by['open'])}."
    ]
    if any(told["halved"] for told in contests.values()):
        parts.append(PICKED)
    order = sorted(overall.items(), key=lambda pair: pair[1]["value"])
    shown = ", ".join(f"{name} {ranged(v, '{:.3g}'.format)}" for name, v in order)
    parts.append(
        f"J as a share of {against}'s, interquartile mean over tasks and training "
        f"seeds: {shown}."
    )
    return " ".join(parts)


def _listed(titles: list[str]) -> str:
    return f"{len(titles)} ({', '.join(titles)})" if titles else "none"
