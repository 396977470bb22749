"""The files of benchmarks/results: where they are, and how they are written."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def path(name: str) -> Path:
    """Of a result."""
    return RESULTS / f"{name}.json"


def load(name: str) -> dict[str, Any]:
    """What a question wrote."""
    return json.loads(path(name).read_text(encoding="utf-8"))


def known(where: Path) -> dict[str, Any]:
    """What was found before; nothing the first time."""
    return json.loads(where.read_text(encoding="utf-8")) if where.exists() else {}


def write(where: Path, result: dict[str, Any]) -> None:
    """All of a file or nothing."""
    new = where.with_suffix(".new")
    new.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    new.replace(where)
