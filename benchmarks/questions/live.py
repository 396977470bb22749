"""Does a page of `hc.live` run what `simulate` runs, and how quickly?

Every plant of tests/zoo.py under its LQR (a constant input where it has none), and
every template on `global` with an untrained policy in its Slots, from starts near the
target: the page's loop in node beside `simulate` in float64. Then a page of four
controllers on `global`: its size, pictures per second in Chromium without a window or a
GPU, and microseconds a period and controller in V8 beside those of a pilot in Python.

Writes benchmarks/results/live.json.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.checks import require
from hybridctl.controllers.fill import action_size
from hybridctl.show.live.knobs import knobs_of
from tests import browser, zoo
from tests.pages import in_node

RESULT = results.path("live")
SECONDS, STARTS = 5.0, 4
NEAR = 0.005  # of the target: further off a fall is chaos, which grows any rounding
PICTURES = 5.0  # seconds that pictures are counted
CALLS = 20_000


def main(loops: bool = True, page: bool = True) -> None:
    """Compare and measure.

    Args:
        loops: compare the loops of every plant and template.
        page: measure the page of four controllers.

    What is known of a plant or template is kept; remove the file to ask anew.
    """
    found = results.known(RESULT) | {"about": about(), "seconds": SECONDS}
    if page:
        results.write(RESULT, found | {"page": four()})
    if loops:
        keep("plants", zoo.plants(), plant_beside)
        keep("templates", zoo.templates(zoo.task("global")), template_beside)


def keep(kind: str, parts: dict[str, Any], ask: Callable[[Any], dict]) -> None:
    """Ask about each that is not known yet, and write what is found at once."""
    for name, part in parts.items():
        found = results.known(RESULT)
        known = found.setdefault(kind, {})
        if name not in known:
            known[name] = ask(part)
            print(kind, name, known[name], flush=True)
            results.write(RESULT, found)


def plant_beside(plant: hc.Plant) -> dict[str, Any]:
    """The largest difference of a state on a plant, or why it cannot run."""
    rest = np.zeros(plant.n_x), np.zeros(plant.n_u), plant.states, plant.angles
    try:
        task = hc.tasks.reach(plant)
    except ValueError:  # no equilibrium of its own
        task = hc.tasks.reach(plant, hc.Equilibrium(*rest))
    try:
        controller = hc.reference("lqr", task)
    except ValueError:
        controller = hc.Constant(np.full(plant.n_u, 0.3))
    return beside(task, controller)


def template_beside(template: hc.Controller) -> dict[str, Any]:
    """A template with an untrained policy in its Slots."""
    task = zoo.task("global")
    try:
        template = hc.fill(template, zoo.policy(task, action_size(template)))
    except ValueError:  # a Slot for a value, which stays open
        pass
    return beside(task, template)


def beside(task: hc.Task, controller: hc.Controller) -> dict[str, Any]:
    """The page's loop beside `simulate` in float64."""
    try:
        module = in_node(task, {"it": controller})
    except ValueError as error:
        return {"refused": str(error)}
    rng, steps = np.random.default_rng(0), round(SECONDS / task.loop.dt)
    off, size = 0.0, 0.0
    for _ in range(STARTS):
        x0 = np.asarray(task.target.x) + NEAR * rng.normal(size=task.plant.n_x)
        p = knobs_of(task.plant, task.loop).values
        record, ((x, _, _),) = module("run", p, x0, 0, steps, 0)
        n = record["ends"]["it"]["periods"]  # a lane that fails stops in the page
        with jax.enable_x64(True):
            plant, loop = task.plant, task.loop
            trace = hc.simulate(plant, controller, x0, SECONDS, loop=loop)
            ends = np.asarray(trace.x)[n]
        if np.isfinite(ends).all():
            off = max(off, float(np.abs(ends - x).max()))
            size = max(size, float(np.abs(ends).max()))
    return {"largest": off, "state": size}


def known_four(task: hc.Task) -> dict[str, hc.Controller]:
    """Designed and learned: the learned ones are untrained, which costs the same."""
    residual = hc.template("residual", task)
    policy = zoo.policy(task, action_size(residual))
    return {
        "lqr": hc.reference("lqr", task),
        "machine": hc.reference("machine", task),
        "residual": hc.fill(residual, policy),
        "value network": zoo.learned(task),
    }


def four() -> dict[str, Any]:
    """The page of four controllers."""
    task = hc.tasks.get("global")
    known = known_four(task)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        began = time.perf_counter()
        page = hc.live(task, known, Path(folder) / "live.html")
        seconds = time.perf_counter() - began
        module = in_node(task, known)
        return {
            "bytes": page.stat().st_size,
            "seconds to write": round(seconds, 1),
            "pictures": pictures(page, Path(folder)),
            "microseconds": {
                name: {
                    "V8": statistics.median(
                        module("bench", i, CALLS) for _ in range(5)
                    ),
                    "pilot": pilot_time(c, task.loop.dt),
                }
                for i, (name, c) in enumerate(known.items())
            },
        }


def pictures(page: Path, folder: Path) -> dict[str, float]:
    """Pictures per second, all four in one scene, and side by side."""
    require(browser.CHROMIUM is not None, "there is no Chromium; install one")
    seen, found = browser.Page(page, folder / "chromium", (1280, 900)), {}
    try:
        for name in ("one scene", "side by side"):
            if name == "side by side":
                seen.key("b")
            time.sleep(1.0)
            ask = "[hybridctl.clock.frames, performance.now()]"
            (a, s), _, (b, t) = seen.run(ask), time.sleep(PICTURES), seen.run(ask)
            found[name] = round(1e3 * (b - a) / (t - s), 1)
    finally:
        seen.close()
    return found


def pilot_time(controller: hc.Controller, dt: float) -> float:
    """Microseconds of a call of the pilot in Python, median of batches."""
    pilot, y = hc.embed(controller, dt), np.array([0.1, 3.0, 0.2, -0.1])
    spent = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(200):
            pilot(y)
        spent.append(1e6 * (time.perf_counter() - began) / 200)
    return round(statistics.median(spent), 3)


if __name__ == "__main__":
    tyro.cli(main)
