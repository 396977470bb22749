"""How good is the clone of a controller, and what does it cost?

`hc.train(task, template, teacher=controller, steps=0, hidden=(64, 64))` in a process of
its own with an empty compilation cache, seconds from its start; then the same and two
million decisions of PPO on. Teacher, clone and what learned on meet the same held-out
episodes, in pairs. The teachers are the tuned machine, and an MPC that ends in the
hybrid's value. The reference MPC is none: what it does depends on the plan that it has,
and without that plan (here in `beside`) it is another controller, so that no network
without a memory can be its clone. Writes benchmarks/results/teach.json.

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
from jax import Array
from rich.progress import Progress

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from benchmarks.questions.learn import process
from benchmarks.questions.optimum import planner
from hybridctl.contests.compare import step_us
from hybridctl.tasks.statistics import student_mean

RESULT = results.path("teach")
PART = results.path("teach.part")
# Episodes, and periods of a decision: those of the template "ppo", or the planner's.
LESSONS = {"global machine": (1024, 4), "short_track planner": (256, 1)}
HORIZON = 25  # periods of the planner
FEW = 64  # episodes of the controllers beside it

PROCESS = """
import json, sys, time
import hybridctl as hc
began, seed, steps = float(sys.argv[1]), int(sys.argv[4]), int(sys.argv[5])
task, teacher = hc.tasks.get(sys.argv[2]), hc.load(sys.argv[3])
slot = hc.Hold(hc.Slot(task.plant.n_u), every=int(sys.argv[7]))
template = task.input_limit * slot
given = {"teacher": teacher, "hidden": (64, 64), "seed": seed, "progress": False}
run = hc.train(task, template, steps=steps, **given)
print(json.dumps({"seconds": time.time() - began, "error": run.taught.error}))
hc.save(sys.argv[6], run.controller)
"""


class Forgetful(hc.Controller):
    """Another controller, which is begun anew in every period.

    Args:
        inner: that controller.
    """

    inner: hc.Controller

    def init(self, tick: hc.Tick) -> None:
        """No memory."""
        del tick

    def step(self, state: None, tick: hc.Tick) -> tuple[None, Array]:
        """Its first input."""
        return state, self.inner.step(self.inner.init(tick), tick)[1]


def teacher_of(lesson: str) -> hc.Controller:
    """The controller that is cloned."""
    name, kind = lesson.split()
    task = hc.tasks.get(name)
    if kind != "planner":
        return hc.reference(kind, task)
    hybrid, endless = hc.template("hybrid", task), float("inf")
    run = hc.train(task, hybrid, progress=False, target=endless)
    return planner(task, run.policy.inner, HORIZON)  # type: ignore[union-attr]


def learned(
    task: hc.Task, teacher: hc.Controller, every: int, seed: int, steps: int
) -> tuple[hc.Controller, dict[str, Any]]:
    """A controller that was taught, and what the process said."""
    with tempfile.TemporaryDirectory() as name:
        known, saved = (Path(name) / f"{part}.safetensors" for part in ("it", "clone"))
        hc.save(known, teacher)
        head = (sys.executable, "-c", PROCESS, time.time(), task.name)
        words = (known, seed, steps, saved, every)
        said = process(*head, *words, cache=Path(name) / "cache")
        return hc.load(saved), said


def measured(lesson: str, seeds: int, steps: int, show: Any) -> dict[str, Any]:
    """Teacher, clones and those that learned on, on the same episodes."""
    n, every = LESSONS[lesson]
    task, teacher = hc.tasks.get(lesson.split()[0]), teacher_of(lesson)
    own = hc.evaluate(task, teacher, n=n, seed=0)
    runs = []
    for seed in range(seeds):
        show(f"{lesson}, seed {seed}")
        scores, said, clone = {}, {}, teacher
        for kind, decisions in (("on", steps), ("clone", 0)):
            clone, said[kind] = learned(task, teacher, every, seed, decisions)
            scores[kind] = hc.evaluate(task, clone, n=n, seed=0)
        gaps = student_mean(scores["on"].cost - scores["clone"].cost)
        runs.append(
            {
                "seed": seed,
                **said["clone"],
                "period_us": step_us(task, clone),
                "success": float(scores["clone"].success.mean()),
                "J": float(scores["clone"].cost.mean()),
                "on_success": float(scores["on"].success.mean()),
                "on_J": float(scores["on"].cost.mean()),
                "on_minus_clone": [gaps.value, gaps.low, gaps.high],
            }
        )
    J = float(own.cost.mean())
    ratio = student_mean(np.array([run["J"] for run in runs]) / J)
    told = {"J": J, "success": float(own.success.mean())}
    return {
        "n": n,
        "teacher": told | {"period_us": step_us(task, teacher)},
        "J_of_teacher": [ratio.value, ratio.low, ratio.high],
        "beside": beside(task) if lesson.endswith("planner") else {},
        "runs": runs,
    }


def beside(task: hc.Task) -> dict[str, Any]:
    """The reference MPC, and what it is without the plan that it has."""
    mpc, found = hc.reference("mpc", task), {}
    for name, controller in (("mpc", mpc), ("mpc without its plan", Forgetful(mpc))):
        cost = hc.evaluate(task, controller, n=FEW, seed=0).cost
        us = step_us(task, controller)
        found[name] = {"n": FEW, "J": float(cost.mean()), "period_us": us}
    return found


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
            new = measured(lesson, seeds, steps, show)
            found[lesson] = {"about": about(), **new}
            bar.advance(row)
            results.write(PART, {**found, "about": about(), "steps": steps})
    PART.replace(RESULT)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    tyro.cli(main)
