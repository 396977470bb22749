"""How fast we step beside others, in words."""

import re
from typing import Any

from benchmarks.lib import results
from benchmarks.lib.words import section, table

NAMES = {
    "gymnasium": "gymnasium, vectorized CartPole-v1",
    "gymnax": "gymnax, CartPole-v1",
    "brax": "brax, inverted_pendulum",
    "playground": "MuJoCo Playground, CartpoleBalance (MJX)",
    "jaxonomy": "jaxonomy, RLEnv",
    "jaxonomy machine": "jaxonomy, RLEnv with a state machine, by zero crossings",
    "jaxonomy sampled": "jaxonomy, RLEnv with a state machine, sampled",
}
WAYS = {
    "Env": "`Env`, {kind}, `{task}`",
    "simulate": "`simulate` with its trace, {kind}, `{task}`",
}


def peers() -> list[str]:
    """A table of everybody at every number of lanes; nothing where none was made."""
    found = results.known(results.path("peers"))
    if not found:
        return []
    lanes = found["lanes"]
    names = list(dict.fromkeys(name for rows in lanes.values() for name in rows))
    rows = [row(name, [lanes[n].get(name, {}) for n in lanes]) for name in names]
    return [
        section(
            "Beside others",
            "Steps per second on one core, each in a process of its own, in turns; "
            "medians of five rounds. A step is one control period of each one's own, "
            "by its own integrator:",
            table(("", "integrator", "step [s]", *(f"N = {n}" for n in lanes)), rows),
            "From `benchmarks/questions/peers.py`, which `make bench-peers` runs.",
        )
    ]


def row(name: str, found: list[dict[str, Any]]) -> tuple[str, ...]:
    """What was found of one, for all numbers of lanes."""
    about = next((told for told in found if "integrator" in told), {})
    step = f"{about['dt']:g}" if about else ""
    return called(name), about.get("integrator", ""), step, *map(cell, found)


def cell(told: dict[str, Any]) -> str:
    """Steps per second, or what went wrong."""
    if "failed" in told:
        return [*re.findall(r"\w+Error", told["failed"]), told["failed"]][-2:][0]
    return f"{told['steps per second']:.2g}" if told else ""


def called(name: str) -> str:
    """Its name for people."""
    if name in NAMES:
        return NAMES[name]
    way, task, kind = name.split()
    return WAYS[way].format(task=task, kind=kind)
