"""Does an export do what the jitted controller does, over 1e5 closed-loop periods?

Every controller of tests/zoo.py and three that a user might write (tests/pilots.py).
The jitted controller closes the loop in float64; the pilot sees the same measurements
and keeps its own memory. A difference counts as an edge only where the jitted
controller itself answers otherwise as soon as measurements and memory are changed by a
rounding error (1e-9 of their size, 1e-5 for float): then both go on from one memory.

Writes benchmarks/results/parity.json.
"""

import json
import time

import tyro
from rich.progress import track

from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.deploy import parity
from hybridctl.deploy.embed import Pilot
from tests import pilots

RESULT = results.path("parity")

KINDS = ("python", "double", "float", "javascript")
MEASURE = {"javascript": "double"}  # numbers in JavaScript are doubles
LOOPS, RANDOM, PERIODS = 128, 2, 800


def ride(name: str, kind: str) -> dict:
    """One export of one controller."""
    made, began = pilots.graphs(name), time.perf_counter()
    kept = pilots.recorded(name, LOOPS, RANDOM, PERIODS)
    pilot = Pilot(made, pilots.engine(name, kind))
    measure = MEASURE.get(kind, kind)
    allowed, failed = parity.TOLERANCE[measure], {}
    try:
        found = parity.check(made, pilot, measure, recording=kept, loops=LOOPS)
    except ValueError as error:
        failed = {"failed": str(error)}
        parity.TOLERANCE[measure] = float("inf")  # to see how far it goes
        found = parity.check(made, pilot, measure, recording=kept, loops=LOOPS)
        parity.TOLERANCE[measure] = allowed
    seconds = round(time.perf_counter() - began, 1)
    return {**failed, **found._asdict(), "modes": len(made.modes), "seconds": seconds}


def main(
    names: tuple[str, ...] = (), kinds: tuple[str, ...] = KINDS, keep: bool = False
) -> None:
    """Let exports ride along.

    Args:
        names: of controllers; all by default.
        kinds: python, double, float, javascript.
        keep: what is in the file about the others.
    """
    parity.PATIENCE = float("inf")
    kept = results.known(RESULT).get("controllers", {}) if keep else {}
    found = dict(kept)
    allowed = {kind: parity.TOLERANCE[MEASURE.get(kind, kind)] for kind in KINDS}
    record = {
        "about": about(),
        "allowed": allowed,
        "closed_loop_periods": LOOPS * PERIODS,
        "controllers": found,
    }
    for name in track(names or [*pilots.CONTROLLERS, *pilots.OWN]):
        found[name] = kept.get(name, {}) | {kind: ride(name, kind) for kind in kinds}
        print(name, json.dumps(found[name]), flush=True)
        pilots.recorded.cache_clear()  # it is large
        results.write(RESULT, record)  # hours may follow


if __name__ == "__main__":
    tyro.cli(main)
