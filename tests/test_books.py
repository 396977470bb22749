"""Notebooks and pages: in step with their sources, and with what there is."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
import yaml

import hybridctl as hc

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "notebooks").glob("[0-9]_*.py"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))
LARGEST = 300 * 1024  # bytes of a picture


def notebook(source: Path):
    return nbformat.read(source.with_suffix(".ipynb"), 4)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_is_its_source(source):
    from notebooks import run

    fresh, kept = run.blank(source), notebook(source)
    assert kept.metadata == fresh.metadata
    pairs = zip(kept.cells, fresh.cells, strict=True)
    for a, b in pairs:
        assert (a.cell_type, a.source, a.id) == (b.cell_type, b.source, b.id)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_shows_results_and_no_complaints(source):
    cells = notebook(source).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    shown = [output.data for output in outputs if "data" in output]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert pictures
    assert max(len(base64.b64decode(p)) for p in pictures) < LARGEST
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]


def test_the_runner_knows_every_notebook():
    from notebooks import run

    assert run.sources() == SOURCES
    assert [source.stem[:2] for source in SOURCES] == [
        f"{i}_" for i in range(1, len(SOURCES) + 1)
    ]


@pytest.mark.slow
def test_a_failing_notebook_fails(tmp_path):
    from notebooks import run

    (tmp_path / "1_bad.py").write_text(
        "# %%\nprint(1)\n\n# %%\n1 / 0\n", encoding="utf-8"
    )
    line, wrong = run.timed(tmp_path / "1_bad.py", write=True)
    assert line.endswith("failed")
    assert "ZeroDivisionError" in wrong and "1 / 0" in wrong
    assert not (tmp_path / "1_bad.ipynb").exists()


def test_the_site_leads_to_every_page():
    from docs import hooks

    class Loader(yaml.SafeLoader): ...

    given = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]
    linked = set(re.findall(r"[\w/]+\.md", str(given)))
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES}
    pages |= {f"tutorials/{source.stem}.md" for source in SOURCES}
    assert linked == pages | {f"reference/{room}.md" for room in hooks.ROOMS}


def test_the_reference_has_every_public_name():
    from docs import hooks

    pages = "\n".join(hooks.reference(room, "") for room in hooks.ROOMS)
    shown = set(re.findall(r"heading: hc\.([\w.]+)", pages))
    assert {
        n for n, at in hc._homes.items() if at != "hybridctl" and n[0] != "_"
    } <= shown
    rooms = {name for name, home in hc._homes.items() if home == "hybridctl"}
    assert {*hc._homes} - rooms - {"__version__"} <= shown
    assert rooms == set(hooks.ROOMS)
    assert {"compare", "tasks.reach", "design.lqrd", "gym.make"} <= shown
    assert "show.report" not in shown  # but `hc.report`, once


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_numbers_of_a_page_are_measured_ones(page):
    from benchmarks.lib import quote

    text = page.read_text(encoding="utf-8")
    assert "{{" not in quote.quoted(text)
    if page.stem == "which":
        typed = re.findall(r"\d+\.\d{2,}|\d+ ?%|\d+ ?µs", text)
        assert not typed


def test_a_mark_that_nothing_answers_is_refused():
    from benchmarks.lib import quote

    with pytest.raises(KeyError):
        quote.quoted("{{ global/magic/J }}")


def test_links_of_the_sources_lead_somewhere():
    for page in [ROOT / f"{n}.md" for n in ("README", "CHANGELOG", "CONTRIBUTING")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_a_page_that_asks_for_something_elsewhere_is_noticed():
    from docs import hooks

    for asks in (
        '<script src="https://unpkg.com/a.js">',
        "<link rel=stylesheet href=//fonts.com/a.css>",
        '<img alt="" src="http://a.org/b.png">',
    ):
        assert hooks.ELSEWHERE.search(asks)
    for stays in (
        '<a href="https://a.org">',
        '<img src="a.png">',
        '<script src="a.js">',
    ):
        assert not hooks.ELSEWHERE.search(stays)
