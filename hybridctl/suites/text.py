"""A suite's result for a terminal, and in sentences."""

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table as RichTable

from hybridctl.contests.columns import VERBS, legend, lines, rates
from hybridctl.contests.table import interval, percents
from hybridctl.suites.contest import eligible, ranked, wins

if TYPE_CHECKING:
    from hybridctl.suites.result import Result

HEADINGS = (
    ("settle s", "settle"), ("J", "J"), ("ΔJ", "difference"), ("/ bound", "to_bound"),
)  # fmt: skip
CAPTION = (
    "Below: 95 % intervals, of learned columns over {seeds} and episodes; of settle s "
    "the 95th percentile. * is sure (p < 0.05 by Holm)."
)


def table(result: "Result", title: str) -> RichTable:
    """One task of a suite for a terminal of 80 columns, the best column first."""
    suite, rows = result.suite, result.rows[title]
    seeds = f"{suite.seeds} seed{'s' if suite.seeds > 1 else ''}"
    task = suite.entries[title].task
    pairs = [*((f"{rate} %", rate) for rate in rates(task)), *HEADINGS]
    told = lines(legend(pairs, task, suite.against))
    told.append(CAPTION.format(seeds=seeds))
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
    median, p95 = (_seconds(row[key]) for key in ("settle_median", "settle_p95"))
    gap, bound = row["difference"], row["to_bound"]
    mark = "*" if gap and gap["verdict"] != "open" else ""
    return [
        f"{median}\n[dim]{p95}[/]",
        interval(row["J"], ".3g"),
        interval(gap, "+.3g").replace("\n", f"{mark}\n", 1),
        "–" if bound is None else f"{bound:.2f}",
    ]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"


def sentence(result: "Result", title: str) -> str:
    """How the best learned column does against the best classical one on a task.

    Empty where one kind is missing.
    """
    told = result.contests.get(title)
    if told is None:
        return ""
    rows, a, b = result.rows[title], told["learned"], told["classical"]
    word = {"beats": "beats", "loses": "loses to", "open": "is not told from"}
    lead = (
        f"{a}, the best learned strategy, {word[told['verdict']]} {b}, the best "
        "classical one"
    )
    mine, theirs = (f"{rows[n]['success']['value']:.1%}" for n in (a, b))
    if mine != theirs:
        task = result.suite.entries[title].task
        verb, _ = VERBS[task.criterion]
        lead += f"; it {verb} in {mine} of the episodes against {theirs}"
    value, low, high = (f"{told[k]:+.3g}" for k in ("value", "low", "high"))
    sure = "" if low == high else f" [{low}, {high}]"
    pairs = "pair" if told["episodes"] == 1 else "pairs"
    return (
        f"{lead}: ΔJ = {value}{sure} ({told['share']:+.1%}) in {told['episodes']} "
        f"{pairs} a seed."
    )


def verdict(result: "Result") -> str:
    """What the suite settles, in a paragraph made from its numbers."""
    by = wins(result)
    total = sum(map(len, by.values()))
    parts = [
        f"Of {total} tasks and variants, the best learned or hybrid strategy beats "
        f"the best classical one on {_listed(by['beats'])}, loses to it on "
        f"{_listed(by['loses'])}, and is not told from it on {_listed(by['open'])}."
    ]
    overall = sorted(result.overall().items(), key=lambda pair: pair[1]["value"])
    shown = ", ".join(f"{name} {_range(value)}" for name, value in overall)
    parts.append(
        f"J as a share of {result.suite.against}'s, interquartile mean over tasks and "
        f"training seeds: {shown}."
    )
    return " ".join(parts)


def _range(value: dict[str, float]) -> str:
    middle, low, high = (f"{value[key]:.3g}" for key in ("value", "low", "high"))
    return middle if low == high else f"{middle} [{low}, {high}]"


def _listed(titles: list[str]) -> str:
    return f"{len(titles)} ({', '.join(titles)})" if titles else "none"
