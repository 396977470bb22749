"""Which renderer draws: EGL, OSMesa, or matplotlib where neither works."""

import functools
import os
import subprocess
import sys
from typing import Protocol

import numpy as np

from hybridctl.checks import fail, one_of
from hybridctl.plants import MuJoCoPlant
from hybridctl.show.film import gl
from hybridctl.show.film.deep import Deep
from hybridctl.show.film.flat import Flat
from hybridctl.show.film.play import Moment, World
from hybridctl.show.film.rig import Rig

IN_3D = ("egl", "osmesa")
RENDERERS = ("auto", *IN_3D, "matplotlib")
OFF = ("disable", "disabled", "off", "false", "0")  # MUJOCO_GL that wants no renderer
PATIENCE = 60  # seconds that a renderer may take to show that it works
BETTER = (
    "drawn flat by matplotlib: neither EGL nor OSMesa works here; for 3D install one, "
    "as in: apt-get install libegl1 libgl1-mesa-dri, or libosmesa6"
)


class Painter(Protocol):
    """Draws moments in one size."""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of points [..., 2] of the plane."""
        ...

    def paint(self, moment: Moment) -> np.ndarray:
        """The picture [height, width, 3]."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def painter_of(
    world: World, size: tuple[int, int], renderer: str = "auto"
) -> tuple[str, Painter]:
    """The renderer's name, and it.

    Args:
        world: what is drawn.
        size: width and height [pixels].
        renderer: "auto" is the first that works of egl, osmesa and matplotlib.

    Raises:
        ValueError: an unknown renderer, or one that does not work here.
    """
    one_of("renderer", renderer, RENDERERS)
    artist = Rig if isinstance(world.plant, MuJoCoPlant) else Deep
    for name in _candidates(renderer):
        reason = trouble(name)
        if not reason:
            try:
                return name, artist(world, size, name)
            except (ImportError, RuntimeError, AttributeError, OSError) as error:
                reason = str(error)  # what this process imported before is in its way
        if renderer != "auto":
            fail(
                f"renderer={renderer!r} does not work here ({reason}); install its "
                'library, or choose "auto" or "matplotlib"'
            )
    if renderer == "auto":
        _say(BETTER)
    return "matplotlib", Flat(world, size)


def which(renderer: str = "auto") -> str:
    """Name of the renderer that draws where this one is asked for."""
    working = (name for name in _candidates(renderer) if not trouble(name))
    return next(working, "matplotlib")


def _candidates(renderer: str) -> tuple[str, ...]:
    if renderer != "auto":
        return (renderer,) if renderer in IN_3D else ()
    asked = os.environ.get("MUJOCO_GL", "").lower().strip()
    if asked in OFF:
        return ()
    return tuple(sorted(IN_3D, key=lambda name: name != asked))


@functools.cache
def trouble(backend: str) -> str:
    """Why a backend of MuJoCo does not work, "" where it does.

    It is tried in a process of its own: a driver that is half there ends the process.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", gl.__file__, backend], capture_output=True,
            encoding="utf-8", errors="replace", timeout=PATIENCE,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"it ended with {done.returncode}"


@functools.cache
def _say(line: str) -> None:
    """Once a process."""
    print(line, file=sys.stderr)
