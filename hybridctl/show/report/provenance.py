"""How a report was made: versions, machine, seeds and settings."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import jax

from hybridctl.describe.numbers import spoken
from hybridctl.show.figures.training import best_of
from hybridctl.show.report.findings import Findings

PACKAGES = ("hybridctl", "jax", "brax", "numpy", "mujoco")


def versions() -> str:
    """Versions of Python and of what computes."""
    known = [f"{name} {_version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *known])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def machine() -> str:
    """Platform, cores and where JAX computes."""
    bits = "float64" if jax.config.jax_enable_x64 else "float32"  # type: ignore[attr-defined]
    where = f"JAX on {jax.default_backend()} in {bits}"
    return f"{platform.platform()}, {os.cpu_count()} CPU cores, {where}"


def rows(
    found: list[Findings],
    runs: Mapping[str, Any],
    command: str | None,
    timestamp: str | None,
) -> list[tuple[str, str]]:
    """Name and text of everything that is needed to make the report again."""
    lines = [("versions", versions()), ("machine", machine())]
    lines += [(f"episodes of {f.title}", _episodes(f)) for f in found]
    lines += [(f"settings of {name}", settings(run)) for name, run in runs.items()]
    lines += [("made", timestamp)] if timestamp else []
    return lines + ([("command", command)] if command else [])


def _episodes(found: Findings) -> str:
    table = found.table
    return f"n = {table.n}, seed = {table.seed}, differences to {table.against}"


def settings(run: Any) -> str:
    """Seed and settings of a run."""
    config = getattr(run, "config", None)
    values = getattr(config, "__dict__", {})
    values = {"seed": getattr(run, "seed", None), **values}
    return ", ".join(f"{k} = {v}" for k, v in values.items() if v is not None)


def story(run: Any) -> str:
    """How a run went, in a sentence."""
    best = run.curve[best_of(run)]
    timing = getattr(run, "timing", None) or {}
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in timing.items())
    decisions = f"{run.curve[-1]['steps']:,.0f} decisions"
    end = f"Seed {getattr(run, 'seed', '–')}, {_stopped(run)} after {decisions}"
    parts = [f"{end}; {_kept(best)}.", _against_base(run)]
    return " ".join(filter(None, [*parts, f"Time: {spent}." if spent else ""]))


def _kept(best: Mapping[str, float]) -> str:
    score = f"score {spoken(best['score'], 4)}"
    if best["steps"] == 0:
        return f"kept what it began with, {score}, as no later policy scored higher"
    return f"kept the policy of {best['steps']:,.0f} with {score}"


def _against_base(run: Any) -> str:
    """Whether it is better than the template with its Slots empty."""
    gain = getattr(run, "better_than_base", None)
    if gain is None:
        return ""
    word = "Better" if gain else "Not shown to be better"
    return f"{word} than its template with empty Slots: score {gain}."


def _stopped(run: Any) -> str:
    why = getattr(run, "stopped", "finished")
    return "stopped at its target" if why == "target" else str(why)
