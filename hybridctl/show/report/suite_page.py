"""`suite_report`: what a suite found, as one HTML file for people."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridctl import files
from hybridctl.contests.columns import legend, rates
from hybridctl.contests.ranking import eligible, ranked
from hybridctl.describe.numbers import Form, brackets, percent, seconds, spoken
from hybridctl.show.figures.forest import forest
from hybridctl.show.figures.training import training_curve
from hybridctl.show.report import provenance
from hybridctl.show.report.findings import Findings
from hybridctl.show.report.grid import facts
from hybridctl.show.report.page import framed, place_of, template
from hybridctl.show.report.parts import overview, worst
from hybridctl.show.style import Look, looks_of
from hybridctl.show.svg import to_svg
from hybridctl.suites import Result

HEADINGS = (
    ("settling", "settle"), ("J", "J"), ("ΔJ", "difference"),
    ("J / bound", "to_bound"), ("∫u² dt", "effort"),
)  # fmt: skip


def suite_report(
    result: Result,
    path: str | Path,
    *,
    films: Mapping[str, Mapping[str, str]] | None = None,
    title: str | None = None,
    command: str | None = None,
    timestamp: str | None = None,
    live: str | Path | None = None,
) -> Path:
    """Write a suite's result as one HTML file: verdict, tables, figures, films.

    The file needs nothing but itself: no network, and no script but that of a page
    that is given as `live`. Where a learned strategy
    loses to a classical one, its first lines say so.

    Args:
        result: of `hc.suites.run`.
        path: of the file; in a folder it becomes report.html.
        films: by title, the `html` of a picture that moves and a `text` below it.
        title: of the page.
        command: that makes the page again; shown at its end.
        timestamp: shown at its end; none by default.
        live: a page that `hc.live` wrote, with which it opens.

    Returns:
        Where the file is.

    Raises:
        ValueError: a file that cannot be written.
    """
    target = place_of(path)
    looks = looks_of(result.suite.columns)
    entries = list(result.suite.entries)
    sections = [_section(result, t, looks, f"s{i}") for i, t in enumerate(entries, 1)]
    html = template("suite.html.jinja").render(
        title=title or f"The {result.suite.name} suite",
        verdict=result.verdict,
        against=result.suite.against,
        matrix=_matrix(result, looks),
        forest=to_svg(forest(result, looks), "forest", "J of all columns on all tasks"),
        bounds=any(
            r["to_bound"] for rows in result.rows.values() for r in rows.values()
        ),
        films=[{"title": t, **film} for t, film in (films or {}).items()],
        sections=sections,
        made=_made(result, command, timestamp),
        live=framed(live),
    )
    return files.write_text(target, html)


def _section(result: Result, title: str, looks: Mapping, key: str) -> dict[str, Any]:
    table, entry = result.table(title), result.suite.entries[title]
    found = Findings(table, title)
    return {
        "key": key,
        "title": f"{entry.number} {title}",
        "facts": f"{facts(found)} {_trained(result, title)}",
        "sentence": result.sentence(title),
        "grid": _grid(result, title, looks),
        "overview": overview(found, looks, key),
        "worst": worst(found, looks, key),
        "training": _training(result, title, looks, key),
    }


def _trained(result: Result, title: str) -> str:
    suite, like = result.suite, result.suite.entries[title].like
    learned = [n for n in result.columns(title) if suite.columns[n].learned]
    if not learned:
        return ""
    where = f"on {like}" if like else "on this task"
    return (
        f"{', '.join(learned)}: trained {where} with {suite.seeds} "
        f"seed{'s' if suite.seeds > 1 else ''}; figures show the median one."
    )


def _training(result: Result, title: str, looks: Mapping, key: str) -> str:
    """Learning curves, where the policies train on this task."""
    if result.suite.entries[title].like is not None:
        return ""
    learned = [n for n in result.columns(title) if result.suite.columns[n].learned]
    if not learned:
        return ""
    from hybridctl.learn import Runs

    runs = {name: Runs(tuple(result.runs(title, name)), 0.0) for name in learned}
    return to_svg(training_curve(runs, looks), f"{key}c", f"Training on {title}")


def _matrix(result: Result, looks: Mapping[str, Look]) -> dict[str, Any]:
    """J beside the reference's: a row a column of the suite, a column a task."""
    entries = result.suite.entries
    best = {t: ranked(result.rows[t], list(result.rows[t]))[0] for t in entries}
    return {
        "first": "strategy",
        "headings": [f"{entry.number} {title}" for title, entry in entries.items()],
        "rows": [
            (n, looks[n]["color"], [_share(result, t, n, best[t]) for t in entries])
            for n in result.suite.columns
        ],
        "legend": [],
        "notes": [
            f"J as a share of {result.suite.against}'s on the same episodes; below: "
            "the share of the episodes that do what the task asks for: survive on "
            "balance, settle on the others. Bold: the lowest of those whose share is "
            "not told from the highest. –: does not apply."
        ],
    }


def _share(result: Result, title: str, name: str, best: str) -> dict[str, Any]:
    if name not in result.rows[title]:
        return {"value": "–", "interval": "", "best": False}
    row = result.rows[title][name]
    return {
        "value": f"{row['share']['value']:.2f}",
        "interval": percent(row["success"]["value"]),
        "best": name == best,
    }


def _grid(result: Result, title: str, looks: Mapping[str, Look]) -> dict[str, Any]:
    """The table of one task, the best first."""
    rows, task = result.rows[title], result.suite.entries[title].task
    order, fair, shares = ranked(rows, list(rows)), eligible(rows), rates(task)
    pairs = [*((rate, rate) for rate in shares), *HEADINGS]
    notes = [
        "Brackets: 95 % intervals, of learned columns over seeds and episodes; below "
        "settling, its 95th percentile. *: sure (p < 0.05 by Holm).",
        f"Bold: the best of those whose share {task.criterion} is not told from the "
        "highest.",
    ]
    notes += [f"{n} failed in {rows[n]['failed']}." for n in order if rows[n]["failed"]]
    return {
        "first": "strategy",
        "headings": [*(heading for heading, _ in pairs), "episodes"],
        "rows": [
            (n, looks[n]["color"], _cells(rows[n], shares, n == order[0] and n in fair))
            for n in order
        ],
        "legend": legend(pairs, task, result.suite.against),
        "notes": notes,
    }


def _cells(
    row: dict[str, Any], shares: tuple[str, str], best: bool
) -> list[dict[str, Any]]:
    gap, bound = row["difference"], row["to_bound"]
    sure = "*" if gap and gap["verdict"] != "open" else ""
    median, p95 = (seconds(row[key], "s") for key in ("settle_median", "settle_p95"))
    change = functools.partial(spoken, sign=True)
    return [
        *(_cell(row[share], percent) for share in shares),
        _plain(median) | {"interval": p95},
        _cell(row["J"], spoken) | {"best": best},
        _plain("reference") if gap is None else _cell(gap, change, sure),
        _plain("–") if bound is None else _plain(f"{bound:.2f}"),
        _plain(spoken(row["effort"])),
        _plain(f"{row['n']}"),
    ]


def _plain(shown: str) -> dict[str, Any]:
    return {"value": shown, "interval": "", "best": False}


def _cell(value: dict[str, Any], form: Form, mark: str = "") -> dict[str, Any]:
    told = f"{form(value['value'])}{mark}"
    return {"value": told, "interval": brackets(value, form), "best": False}


def _made(result: Result, command: str | None, timestamp: str | None) -> list:
    suite = result.suite
    lines = [("versions", provenance.versions()), ("machine", provenance.machine())]
    lines += [("episodes", f"n = {suite.n}, seed = {suite.seed}")]
    for name, column in suite.columns.items():
        usual = ", ".join(
            f"{k} = {v}" for k, v in column.on("").items() if k != "progress"
        )
        lines.append((name, f"{column.about}{f'; {usual}' if usual else ''}"))
    lines += [("training seeds", f"0 … {suite.seeds - 1}")]
    lines += [("made", timestamp)] if timestamp else []
    return lines + ([("command", command)] if command else [])
