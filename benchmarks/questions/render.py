"""How quickly do traces become videos, by each renderer that works here?

Draws the first seconds of the reference machine's swing-up; encoding is timed apart.
Frames per second of one core do not depend on what else the machine does. OSMesa and
EGL cannot be in one process, so each renderer has its own, as in
`python -m benchmarks.questions.render --renderers egl`; what was found before is kept.
Writes benchmarks/results/render.json.
"""

import functools
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.loop import Trace
from hybridctl.show.film import encode
from hybridctl.show.film.film import Film
from hybridctl.show.film.painter import IN_3D, trouble
from hybridctl.tasks.evaluate import replay

RESULT = results.path("render")
SIZE, SMALL = (640, 480), (320, 240)
FPS = 25.0


def swing(task: hc.Task) -> Trace:
    """The machine from hanging at rest."""
    return replay(task, hc.reference("machine", task), 0, 0)


def drawing(task: hc.Task, trace: Trace, renderer: str, frames: int) -> dict:
    """Speed of the picture alone, and with its words."""
    times = np.arange(frames) / FPS
    with Film({"machine": trace}, task, SIZE, renderer) as film:
        (player,) = film.players
        moments = [player.at(t) for t in times]

        def anew() -> None:
            film.drawn.clear()
            list(film.frames(times))

        return {
            "picture": speed(lambda: [film.painter.paint(m) for m in moments], frames),
            "frame": speed(anew, frames),
        }


def speed(work: Callable[[], Any], frames: int, repeats: int = 3) -> dict[str, float]:
    """Frames per second, and per second of one core: the best of some runs."""
    wall, core = [], []
    for _ in range(repeats):
        began, busy = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        core.append(time.process_time() - busy)
    return {"per_s": frames / min(wall), "per_core_s": frames / min(core)}


def encoding(task: hc.Task, trace: Trace, renderer: str, frames: int) -> dict:
    """Frames per second and bytes of each format, of frames that are drawn already."""
    times, found = np.arange(frames) / FPS, {}
    for size in (SIZE, SMALL):
        with Film({"machine": trace}, task, size, renderer) as film:
            pictures = list(film.frames(times))
        some = pictures[:: max(frames // 12, 1)]
        for name, write in (
            ("mp4", functools.partial(encode.mp4, pictures, FPS, size)),
            ("gif", functools.partial(encode.gif, pictures, FPS, some)),
        ):
            timing = speed(write, frames, repeats=1)
            key = f"{name} {size[0]}x{size[1]}"
            found[key] = {**timing, "bytes": len(write())}
    return found


def main(
    renderers: tuple[str, ...] = (*IN_3D, "matplotlib"), frames: int = 100
) -> None:
    """Measure renderers; others keep what was found for them before.

    Args:
        renderers: that are measured, one after the other.
        frames: of each video.
    """
    task = hc.tasks.get("swingup")
    trace, found = swing(task), results.known(RESULT).get("renderers", {})
    for renderer in renderers:
        reason = trouble(renderer) if renderer in IN_3D else ""
        if reason:
            found[renderer] = {"does not work": reason}
            continue
        found[renderer] = {
            "drawing": drawing(task, trace, renderer, frames),
            "encoding": encoding(task, trace, renderer, frames),
            "load": os.getloadavg()[0],  # of the machine: others may have worked, too
        }
        print(renderer, json.dumps(found[renderer], indent=1), flush=True)
    record = {"about": about(), "frames": frames, "size": SIZE, "fps": FPS}
    results.write(RESULT, record | {"renderers": found})


if __name__ == "__main__":
    tyro.cli(main)
