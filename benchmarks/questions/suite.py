"""How does every strategy do on every cart-pole task?

What the README's table and the report show. Trainings and scores are kept in a folder,
so a run that is stopped goes on. Writes benchmarks/results/suite.json, the same bytes
for the same versions and machine, and suite_time.json: seconds of the trainings, and
the time of a control period.
"""

import time
from pathlib import Path
from typing import Any

import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.contests.compare import step_us
from hybridctl.suites.work import scoring

RESULT, TIMES = results.path("suite"), results.path("suite_time")
TIMED = ("global", "noisy")  # tasks on which a period is timed


def trainings(result: hc.suites.Result) -> dict[str, Any]:
    """Seconds of each training, by title and column, in the order of its seeds."""
    found: dict[str, Any] = {}
    for title, name in result.suite.cells():
        learned = result.suite.columns[name].learned
        if learned and result.suite.entries[title].like is None:
            runs = result.runs(title, name)
            seconds = [round(run.timing["total"], 1) for run in runs]
            found.setdefault(title, {})[name] = seconds
    return found


def periods(result: hc.suites.Result) -> dict[str, dict[str, float]]:
    """Time [µs] of a control period of the closed loop, by title and column."""
    found: dict[str, dict[str, float]] = {}
    for title in TIMED:
        if title not in result.suite.entries:
            continue
        task = result.suite.entries[title].task
        for name in result.columns(title):
            controller = scoring(result.suite, title, name).controllers(result.shelf)[0]
            found.setdefault(title, {})[name] = round(step_us(task, controller), 2)
    return found


def main(
    keep: Path = Path("runs/suite"), quick: bool = False, jobs: int | None = None
) -> None:
    """Run the suite and write what it found.

    Args:
        keep: folder of trainings, scores and the report.
        quick: the form of some minutes; its results are not kept in benchmarks/.
        jobs: processes side by side; one a core by default.
    """
    began = time.perf_counter()
    result = hc.suites.run(hc.suites.get("cartpole", quick=quick), keep / "kept", jobs)
    wall = time.perf_counter() - began
    folder = keep if quick else RESULT.parent
    result.to_json(folder / RESULT.name)
    spent = trainings(result)
    every = [s for row in spent.values() for seconds in row.values() for s in seconds]
    times = {
        "about": about(),
        "wall_seconds": round(wall, 1),  # of this call: less where some was kept
        "training_seconds": round(sum(every), 1),
        "trainings": len(every),
        "training": spent,
        "period_us": periods(result),
    }
    results.write(folder / TIMES.name, times)
    films = hc.show.suite_films(result)
    hc.show.suite_report(result, keep / "report.html", films=films)
    print(f"{wall:.0f} s; wrote {folder / RESULT.name} and {keep / 'report.html'}")


if __name__ == "__main__":
    tyro.cli(main)
