"""Numbers in the docs come from the benchmarks."""

import dataclasses
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))


def test_the_readme_quotes_the_benchmarks():
    import readme

    text = (ROOT / "README.md").read_text()
    assert readme.measured() in text


def test_the_reference_machine_has_the_tuned_gains():
    from hybridctl.strategies.reference import TUNED

    found = json.loads((ROOT / "benchmarks" / "results" / "tune.json").read_text())
    quoted = {name: dataclasses.asdict(gains) for name, gains in TUNED.items()}
    assert quoted == {name: row["gains"] for name, row in found["tasks"].items()}
