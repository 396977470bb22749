"""A training for people and other programs: its curve as CSV, its facts as JSON."""

import csv
import io
import json
import math
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from hybridctl.version import __version__

if TYPE_CHECKING:
    from hybridctl.learn import Run

PACKAGES = ("jax", "brax", "numpy")


def columns(run: "Run") -> tuple[str, ...]:
    """Names in its curve: another hybridctl may have begun with others."""
    return tuple(dict.fromkeys(name for row in run.curve for name in row))


def curve_csv(run: "Run") -> bytes:
    """A row a validation."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns(run), math.nan, lineterminator="\n")
    writer.writeheader()
    writer.writerows(run.curve)
    return text.getvalue().encode()


def run_json(run: "Run", template: str | None = None) -> bytes:
    """What was trained, how, and what came out; NaN is null, infinity is "inf"."""
    base = run.better_than_base
    facts = {
        "task": run.task,
        "template": template,
        "seed": run.seed,
        "stopped": run.stopped,
        "steps": run.steps,
        "score": run.score,
        "best": run.curve[run.best],
        "confirmed": run.confirmed,
        "better_than_base": None if base is None else vars(base),
        "taught": None if run.taught is None else vars(run.taught),
        "timing": run.timing,
        "config": vars(run.config),
        "versions": versions(),
    }
    return (json.dumps(_plain(facts), indent=1, allow_nan=False) + "\n").encode()


def versions() -> dict[str, str]:
    """Of Python, of hybridctl and of what computes."""
    own = {"hybridctl": __version__, "python": platform.python_version()}
    return own | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _plain(value: Any) -> Any:
    """JSON has no number that is not finite."""
    if isinstance(value, dict):
        return {key: _plain(inside) for key, inside in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inside) for inside in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else repr(value)
