"""How good is the clone of a controller, and what does it cost?

`hc.train(task, hc.template("ppo", task), teacher=controller, steps=0, hidden=(64, 64))`
in a process of its own with an empty compilation cache, seconds from its start; then
the same and two million decisions of PPO on. Teacher, clone and what learned on meet
the same held-out episodes, in pairs. Writes benchmarks/results/teach.json.

On one core: `taskset -c 0 python -m benchmarks.questions.teach`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.progress import Progress

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.learn import process
from hybridctl.tasks.statistics import student_mean

RESULT = results.path("teach")
PART = results.path("teach.part")
LESSONS = {"global machine": 1024, "short_track mpc": 256}  # and episodes

PROCESS = """
import json, sys, time
import hybridctl as hc
began, seed, steps = float(sys.argv[1]), int(sys.argv[4]), int(sys.argv[5])
task = hc.tasks.get(sys.argv[2])
teacher = hc.reference(sys.argv[3], task)
template = hc.template("ppo", task)
given = {"teacher": teacher, "hidden": (64, 64), "seed": seed, "progress": False}
run = hc.train(task, template, steps=steps, **given)
print(json.dumps({"seconds": time.time() - began, "error": run.taught.error}))
hc.save(sys.argv[6], run.controller)
"""


def learned(lesson: str, seed: int, steps: int) -> tuple[Any, dict[str, Any]]:
    """A controller that was taught, and what the process said."""
    with tempfile.TemporaryDirectory() as name:
        cache, saved = Path(name) / "cache", Path(name) / "clone.safetensors"
        words = (time.time(), *lesson.split(), seed, steps, saved)
        said = process(sys.executable, "-c", PROCESS, *words, cache=cache)
        return hc.load(saved), said


def measured(lesson: str, n: int, seeds: int, steps: int, show: Any) -> dict[str, Any]:
    """Teacher, clones and those that learned on, on the same episodes."""
    name, reference = lesson.split()
    task = hc.tasks.get(name)
    teacher = hc.evaluate(task, hc.reference(reference, task), n=n, seed=0)
    runs = []
    for seed in range(seeds):
        show(f"{lesson}, seed {seed}")
        scores, said = {}, {}
        for kind, decisions in (("clone", 0), ("on", steps)):
            controller, said[kind] = learned(lesson, seed, decisions)
            scores[kind] = hc.evaluate(task, controller, n=n, seed=0)
        gaps = student_mean(scores["on"].cost - scores["clone"].cost)
        runs.append(
            {
                "seed": seed,
                **said["clone"],
                "success": float(scores["clone"].success.mean()),
                "J": float(scores["clone"].cost.mean()),
                "on_success": float(scores["on"].success.mean()),
                "on_J": float(scores["on"].cost.mean()),
                "on_minus_clone": [gaps.value, gaps.low, gaps.high],
            }
        )
    J = float(teacher.cost.mean())
    ratio = student_mean(np.array([run["J"] for run in runs]) / J)
    return {
        "n": n,
        "teacher": {"J": J, "success": float(teacher.success.mean())},
        "J_of_teacher": [ratio.value, ratio.low, ratio.high],
        "runs": runs,
    }


def main(
    seeds: int = 5, steps: int = 2_000_000, lessons: tuple[str, ...] = tuple(LESSONS)
) -> None:
    """Measure and write the result.

    Args:
        seeds: of each clone.
        steps: decisions of learning on.
        lessons: of a task and a teacher; others keep what was measured before.
    """
    found: dict[str, Any] = results.known(RESULT)
    with Progress() as bar:
        row = bar.add_task("", total=len(lessons))
        show = lambda text: bar.update(row, description=text)  # noqa: E731
        for lesson in lessons:
            n = LESSONS[lesson]
            new = measured(lesson, n, seeds, steps, show)
            found[lesson] = {"about": about(), **new}
            bar.advance(row)
            results.write(PART, {**found, "about": about(), "steps": steps})
    PART.replace(RESULT)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
