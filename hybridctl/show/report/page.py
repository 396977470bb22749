"""`report`: a comparison as one HTML file for people."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hybridctl import files
from hybridctl.checks import fail, require
from hybridctl.contests import Table
from hybridctl.controllers.learned import is_learned
from hybridctl.describe.numbers import listed
from hybridctl.show.figures.training import check_runs, training_curve
from hybridctl.show.report import provenance
from hybridctl.show.report.findings import Findings
from hybridctl.show.report.grid import facts, grid
from hybridctl.show.report.parts import overview, worst
from hybridctl.show.report.verdict import tell
from hybridctl.show.style import Look, looks_of
from hybridctl.show.svg import to_svg


def report(
    tables: Iterable[Table] | Mapping[str, Table],
    path: str | Path,
    *,
    runs: Mapping[str, Any] | None = None,
    title: str | None = None,
    command: str | None = None,
    timestamp: str | None = None,
    live: str | Path | None = None,
) -> Path:
    """Write comparisons as one HTML file: verdict, tables, figures, how it was made.

    The file needs nothing but itself: no network, and no script but that of a page
    that is given as `live`. The same input gives the same bytes on the same machine.

    Args:
        tables: of `hc.compare`, one a task; or by title.
        path: of the file; in a folder it becomes report.html.
        runs: what `hc.train` gave, by name: their learning curves are shown.
        title: of the page.
        command: that makes the page again; shown at its end.
        timestamp: shown at its end; none by default.
        live: a page that `hc.live` wrote, with which it opens.

    Returns:
        Where the file is.

    Raises:
        FileNotFoundError: there is no such page.
        ValueError: no tables, two of the same title, a run without a curve, or a
            file that cannot be written.

    Example:
        >>> import hybridctl as hc
        >>> report([], "report.html")
        Traceback (most recent call last):
        ValueError: no tables to report; give what hc.compare returned
    """
    found, runs = _findings(tables), {} if runs is None else runs
    check_runs(runs)
    target = place_of(path)
    looks = _looks(found, runs)
    html = template("report.html.jinja").render(
        title=title or f"Comparison on {listed([f.title for f in found])}",
        verdicts=[(f.title, tell(f)) for f in found],
        sections=[_section(f, looks, f"f{i}") for i, f in enumerate(found, 1)],
        runs=[_run(n, r, looks, f"r{i}") for i, (n, r) in enumerate(runs.items())],
        made=provenance.rows(found, runs, command, timestamp),
        live=framed(live),
    )
    return files.write_text(target, html)


def _findings(tables: Any) -> list[Findings]:
    if isinstance(tables, Table):
        tables = [tables]
    if not isinstance(tables, Mapping):
        rows = list(tables)
        for table in rows:
            _check_table(table)
        titles = [table.task.name for table in rows]
        twice = sorted({t for t in titles if titles.count(t) > 1})
        require(
            not twice,
            f"two tables of {', '.join(twice)}; give tables by title: "
            '{"global, noisy": table}',
        )
        tables = dict(zip(titles, rows, strict=True))
    require(len(tables) > 0, "no tables to report; give what hc.compare returned")
    for table in tables.values():
        _check_table(table)
    return [Findings(table, str(title)) for title, table in tables.items()]


def _check_table(table: Any) -> None:
    if not isinstance(table, Table):
        fail(f"expected a Table, got {type(table).__name__}; see hc.compare")


def _looks(found: list[Findings], runs: Mapping[str, Any]) -> dict[str, Look]:
    """One look a name in all of the page; runs share that of their controllers."""
    names = [name for f in found for name in f.table.controllers]
    return looks_of([*names, *runs]) | looks_of(names)


def _section(found: Findings, looks: Mapping[str, Look], key: str) -> dict[str, Any]:
    learned = [n for n, c in found.table.controllers.items() if is_learned(c)]
    return {
        "key": key,
        "title": found.title,
        "facts": facts(found),
        "learned": ", ".join(learned),
        "grid": grid(found, looks),
        "overview": overview(found, looks, key),
        "worst": worst(found, looks, key),
    }


def _run(name: str, run: Any, looks: Mapping[str, Look], key: str) -> dict[str, str]:
    svg = to_svg(training_curve({name: run}, looks), key, f"Training of {name}")
    return {"name": name, "svg": svg, "text": provenance.story(run)}


def framed(live: str | Path | None) -> str:
    """The text of the page that a report opens with; none by default."""
    return "" if live is None else Path(live).read_text(encoding="utf-8")


def template(name: str) -> Any:
    """A template of a page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("hybridctl.show.report")
    room = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return room.get_template(name)


def place_of(path: str | Path) -> Path:
    """The file to write, its folder made; before anything is simulated."""
    target = Path(path)
    target = target / "report.html" if target.is_dir() else target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        fail(f"cannot write {target}: {error.strerror}; choose another place")
