"""What do our controllers score on RealAIGym, and how long does that take?

The scores and the robustness suite of the toolkit's own controllers. Writes
benchmarks/results/realaigym.json. The planner runs the two parts of the suite that have
few episodes.
"""

import time

import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.contests.realaigym.robustness import PARTS

RESULT = results.path("realaigym")
SLOW = {"mpc": ("response", "delay")}  # all others run the whole suite


def measure(name: str, repeats: int) -> dict:
    """Scores of a reference, and seconds: the first run compiles."""
    controller = hc.reference(name, hc.tasks.get("swingup"))
    scores = hc.contests.realaigym(controller)
    times = []
    for _ in range(1 if name in SLOW else 1 + repeats):
        began = time.perf_counter()
        robustness = hc.contests.robustness(controller, only=SLOW.get(name, PARTS))
        times.append(time.perf_counter() - began)
    print(f"{name}: {scores}\n{robustness}", flush=True)
    seconds = {"first": times[0], "again": min(times[1:], default=None)}
    return {
        "scores": scores.to_dict(),
        "robustness": robustness.to_dict(),
        "seconds": seconds,
    }


def main(names: tuple[str, ...] = ("lqr", "machine", "mpc"), repeats: int = 3) -> None:
    """Score and time references on the swing-up.

    Args:
        names: of references.
        repeats: of the suite, after the run that compiles; the quickest counts.
    """
    found = {name: measure(name, repeats) for name in names}
    record = {"about": about(), "controllers": found}
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
