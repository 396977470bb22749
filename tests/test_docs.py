"""Numbers in the docs come from the benchmarks."""

import dataclasses
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_page_and_readme_quote_the_benchmarks():
    from benchmarks import measured
    from benchmarks.lib import index, words_cluster

    assert measured.SCALE.read_text(encoding="utf-8") == words_cluster.page()
    assert measured.PAGE.read_text(encoding="utf-8") == measured.page()
    assert index.PAGE.read_text(encoding="utf-8") == index.page()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert measured.measured() in readme
    assert len(readme.splitlines()) <= 200


def test_the_reference_machine_has_the_tuned_gains():
    from hybridctl.strategies.model import UNKNOWN
    from hybridctl.tasks.gains import BY_PLANT, TUNED

    found = json.loads(
        (ROOT / "benchmarks" / "results" / "tune.json").read_text(encoding="utf-8")
    )
    gains = {name: dict(row["gains"]) for name, row in found["tasks"].items()}
    assert gains["ekf noisy"].pop("disturbance") == pytest.approx(10 * UNKNOWN)
    known = TUNED | {rig.__name__.lower(): row for rig, row in BY_PLANT.items()}
    assert gains == {name: dataclasses.asdict(row) for name, row in known.items()}
