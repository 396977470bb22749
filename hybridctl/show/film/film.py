"""Traces beside each other as pictures, one a moment."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hybridctl.checks import fail, one_of, require
from hybridctl.loop import Trace
from hybridctl.plants import Plant
from hybridctl.show.film.chain import Chain, links_of
from hybridctl.show.film.chart import Chart
from hybridctl.show.film.overlay import Overlay
from hybridctl.show.film.painter import IN_3D, RENDERERS, painter_of, which
from hybridctl.show.film.play import (
    Moment,
    Player,
    World,
    check_signals,
    default_of,
    players_of,
    world_of,
)
from hybridctl.show.film.rig import is_seen
from hybridctl.show.film.window import Window
from hybridctl.show.style import check_traces
from hybridctl.tasks import Task

ALONE, BESIDE, STILL = (640, 480), (480, 360), (400, 260)  # sizes of a panel [pixels]
LARGEST = 8192  # pixels of a side
FINEST = 0.1  # pixels that a motion may be without being drawn
LINE = 0xD5  # grey between panels


class Film:
    """Traces beside each other; to be closed, or used in a `with`.

    Args:
        traces: single traces of one plant by name.
        plant: that they are of, or the task.
        panels: how many pictures are beside each other.
        size: of all of it [pixels]; None: 640 x 480, or 480 x 360 a panel.
        renderer: see `painter_of`.
    """

    def __init__(
        self,
        traces: Mapping[str, Trace],
        plant: Plant | Task | None = None,
        size: tuple[int, int] | None = None,
        renderer: str = "auto",
        panels: tuple[int, int] | None = None,
    ):
        first = check_traces(traces)
        self.world: World = world_of(plant, first)
        self.players: list[Player] = players_of(traces, self.world)
        self.end = max(float(np.asarray(trace.t)[-1]) for trace in traces.values())
        rows, columns = panels or grid_of(len(traces), self.world.chain, size)
        self.size = size or _size_of(rows, columns, panels is not None)
        self.shape = rows, columns
        panel = self.size[0] // columns, self.size[1] // rows
        require(
            min(panel) >= 64,
            f"size={self.size} leaves {panel[0]} x {panel[1]} pixels for each "
            f"of {rows * columns} pictures in it; give at least 64 x 64 for each",
        )
        self.renderer, self.painter = painter_of(self.world, panel, renderer)
        self.drawn: dict[str, tuple] = {}
        name, units = first.inputs[0], dict(first.units)
        signal, place = (name, units.get(name, "")), self.painter.place
        self.overlay = Overlay(panel, self.world.chain, place, signal)

    def at(self, t: float) -> np.ndarray:
        """All traces at a time [s]: a picture [height, width, 3]."""
        return self.arrange([self._panel(player, t) for player in self.players])

    def sheet(self, times: list[float]) -> np.ndarray:
        """Pictures at times [s], row by row; a row a trace where there are several."""
        cells = [self._panel(player, t) for player in self.players for t in times]
        return self.arrange(cells)

    def frames(self, times: np.ndarray) -> Iterator[np.ndarray]:
        """A picture at each time [s]."""
        for t in times.tolist():
            yield self.at(t)

    def telling(self, count: int, end: float) -> list[float]:
        """Times between which the tips go equally far: where most is seen to happen.

        Every trace counts alike, however far its tip goes in all.
        """
        times = np.linspace(0.0, end, 2001)
        ways = [player.way(times) for player in self.players]
        way = 1e-3 * times  # where nothing moves
        way += sum(way / max(way[-1], 1e-9) for way in ways)
        marks = np.linspace(0.0, way[-1], count)
        return np.interp(marks, way, times).tolist()

    def arrange(self, cells: list[np.ndarray]) -> np.ndarray:
        """Panels row by row, with a fine line between them."""
        (rows, columns), (width, height) = self.shape, self.size
        wide, tall = width // columns, height // rows
        picture = np.full((height, width, 3), 0xF3, np.uint8)
        for i, cell in enumerate(cells):
            top, left = i // columns * tall, i % columns * wide
            picture[top : top + tall, left : left + wide] = cell
            if left:
                picture[top : top + tall, left] = LINE
            if top:
                picture[top, left : left + wide] = LINE
        return picture

    def _panel(self, player: Player, t: float) -> np.ndarray:
        moment = player.at(t)
        return np.asarray(self.overlay.write(self._painted(moment), moment))

    def _painted(self, moment: Moment) -> np.ndarray:
        """Drawn anew only where that would be seen: much of a film stands still."""
        fine = np.concatenate([self.world.chain.joints(moment.q), moment.tail])
        fine = np.round(self.painter.place(fine) / FINEST)
        key = (fine.tobytes(), round(100 * moment.share), moment.colour)
        known, picture = self.drawn.get(moment.name, (None, None))
        if picture is None or known != key:
            picture = self.painter.paint(moment)
            self.drawn[moment.name] = key, picture
        return picture

    def close(self) -> None:
        """Free the renderer."""
        self.painter.close()

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def film_of(
    traces: Mapping[str, Trace],
    plant: Plant | Task | None = None,
    size: tuple[int, int] | None = None,
    renderer: str = "auto",
    panels: tuple[int, int] | None = None,
) -> "Film | Chart":
    """Traces as pictures of their plant, or of their signals where it has none.

    Raises:
        ValueError: no traces, signals that are not the plant's, or a renderer that is
            unknown or does not work.
    """
    first = check_traces(traces)
    one_of("renderer", renderer, RENDERERS)
    given = default_of(first) if plant is None else plant
    moved = given.plant if isinstance(given, Task) else given
    if given is not None:
        check_signals(moved, first)
    if links_of(moved) is not None or (_has_screen(renderer) and is_seen(moved)):
        return Film(traces, given, size, renderer, panels)
    return Chart(traces, size)


def _has_screen(renderer: str) -> bool:
    return which(renderer) in IN_3D


def grid_of(count: int, chain: Chain, size: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns in which pictures become largest.

    Example:
        >>> chain = Chain((1.0,), track=(-2.4, 2.4))
        >>> grid_of(2, chain, None), grid_of(2, chain, (640, 480))
        ((1, 2), (2, 1))
    """
    if size is None:
        columns = count if count <= 3 else int(np.ceil(np.sqrt(count)))
        return -(-count // columns), columns
    shapes = [(-(-count // columns), columns) for columns in range(1, count + 1)]
    width, height = size
    cells = {(r, c): (max(width // c, 1), max(height // r, 1)) for r, c in shapes}
    return max(shapes, key=lambda shape: Window.of(chain, cells[shape]).scale)


def _size_of(rows: int, columns: int, still: bool) -> tuple[int, int]:
    several = BESIDE if rows * columns > 1 else ALONE
    width, height = STILL if still and rows * columns > 1 else several
    return columns * width, rows * height


def check_size(size: Any) -> tuple[int, int] | None:
    """Whole numbers of pixels, or None.

    Raises:
        ValueError: anything else.
    """
    if size is None:
        return None
    try:
        width, height = size
        fits = all(int(n) == n and 64 <= n <= LARGEST for n in (width, height))
    except (TypeError, ValueError):
        fits = False
        width = height = 0
    if not fits:
        fail(f"size={size!r} must be width and height, 64 to {LARGEST} pixels each")
    return int(width), int(height)
