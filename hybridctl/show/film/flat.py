"""A moment drawn flat, by matplotlib: where no renderer for 3D works."""

from typing import Any

import numpy as np

from hybridctl.show.film.chain import ARROW, CART, HEAD
from hybridctl.show.film.play import Moment, World
from hybridctl.show.film.window import FLOOR, Window

BACK, SHADE, RAIL, POST, BODY, POLE, PIN = (
    "#f3f4f6", "#cfd3d8", "#9aa1aa", "#545b66", "#3f4753", "#8f97a1", "#e3e6ea",
)  # fmt: skip


DPI = 64  # a power of two: the size in inches is exact


class Flat:
    """Draws moments of a world in a size; what does not move is drawn once."""

    def __init__(self, world: World, size: tuple[int, int]):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.chain = world.chain
        self.window = Window.of(world.chain, size)
        inches = size[0] / DPI, size[1] / DPI
        figure = Figure(inches, dpi=DPI, facecolor=BACK)
        self.canvas = FigureCanvasAgg(figure)
        self.points = self.window.scale * 72 / DPI  # a metre
        self.axis: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axis.axis("off")
        self.axis.set(xlim=(0, size[0]), ylim=(size[1], 0))
        self._stage()
        self.movers = self._movers()
        self.canvas.draw()
        self.empty = self.canvas.copy_from_bbox(figure.bbox)  # type: ignore[attr-defined]

    def place(self, points: np.ndarray) -> np.ndarray:
        """Pixels of points of the plane."""
        return self.window.flat(points)

    def paint(self, moment: Moment) -> np.ndarray:
        """The picture [height, width, 3]."""
        self._move(moment)
        self.canvas.restore_region(self.empty)  # type: ignore[attr-defined]
        for artist in self.movers.values():
            self.axis.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    def close(self) -> None:
        """Nothing to free."""

    def _line(self, points: Any, colour: str, width: float, **options: Any) -> Any:
        """A line in metres, as wide as given in metres."""
        x, y = self.place(np.asarray(points, float)).T
        width = max(width * self.points, 1.0)
        options = {"solid_capstyle": "round", "solid_joinstyle": "round"} | options
        return self.axis.plot(x, y, color=colour, lw=width, **options)[0]

    def _stage(self) -> None:
        """Floor, rail, marks and posts, or the stand."""
        floor = -self.chain.reach - FLOOR
        far = self.window.room[0]
        self._line([(-far, floor), (far, floor)], SHADE, 0.0)
        if self.chain.track is None:
            self._line([(0, 0), (0, floor)], RAIL, 0.06)
            self._line([(0, 0), (0, 0)], BODY, 0.2)
            return
        rail, (low, high) = -0.155, self.chain.span
        self._line([(low, rail), (high, rail)], RAIL, 0.045)
        for x in self.chain.marks(0.5):
            tall = 0.1 if x == round(x) else 0.06
            self._line([(x, rail), (x, rail - tall)], RAIL, 0.016)
        for x in (low - 0.03, high + 0.03):
            flat = {"solid_capstyle": "butt"}
            self._line([(x, floor), (x, 0.1)], POST, 0.06, **flat)

    def _disc(self, radius: float, colour: str, edge: float = 0.0) -> Any:
        """A disc; markers would jump from pixel to pixel."""
        from matplotlib.patches import Circle

        disc = Circle((0, 0), radius * self.window.scale, fc=colour, ec=POLE, lw=edge)
        return self.axis.add_patch(disc)

    def _movers(self) -> dict[str, Any]:
        """What moves, in the order in which it is drawn."""
        from matplotlib.collections import LineCollection
        from matplotlib.patches import Polygon

        movers, nowhere = {}, [(0, 0), (0, 0)]
        movers["shadow"] = self._line(nowhere, SHADE, 0.05)
        if self.chain.track is not None:
            movers["arrow"] = self.axis.add_patch(Polygon([(0, 0)] * 7, lw=0))
            movers["wheel0"], movers["wheel1"] = (
                self._disc(0.055, POST) for _ in range(2)
            )
            movers["cart"] = self.axis.add_patch(Polygon(nowhere, fc=BODY, lw=0))
        thread = LineCollection([], lw=max(0.03 * self.points, 1.0))
        movers["thread"] = self.axis.add_collection(thread)
        movers["links"] = self._line(nowhere, POLE, 0.066)
        for i in range(len(self.chain.lengths)):
            movers[f"joint{i}"] = self._disc(0.045, PIN, edge=0.5)
        movers["tip"] = self._disc(0.0875, POLE)
        for artist in movers.values():
            artist.set_animated(True)
            artist.set_snap(False)
        return movers

    def _move(self, moment: Moment) -> None:
        joints, movers = self.chain.joints(moment.q), self.movers
        pixels = self.place(joints)
        ends = [joints[:, 0].min() - 0.05, joints[:, 0].max() + 0.05]
        floor = -self.chain.reach - FLOOR
        if self.chain.track is not None:
            x = moment.q[0]
            ends = [min(ends[0], x - CART), max(ends[1], x + CART)]
            box = [(x - CART, -0.08), (x + CART, -0.08), (x + CART, 0.08)]
            box = np.array([*box, (x - CART, 0.08)])
            movers["cart"].set_xy(self.place(box))
            for name, side in (("wheel0", -0.12), ("wheel1", 0.12)):
                movers[name].center = self.place(np.array([x + side, -0.09]))
            movers["arrow"].set_xy(self.place(_arrow(x, moment.share)))
            movers["arrow"].set_facecolor(moment.colour)
        movers["shadow"].set_data(*self.place(np.array([(e, floor) for e in ends])).T)
        self._draw_thread(moment)
        movers["links"].set_data(*pixels.T)
        for i, pixel in enumerate(pixels[:-1]):
            movers[f"joint{i}"].center = pixel
        movers["tip"].center = pixels[-1]
        movers["tip"].set_facecolor(moment.colour)

    def _draw_thread(self, moment: Moment) -> None:
        """The tip's way, fading."""
        points = self.place(moment.tail)
        fade = 0.5 * np.linspace(0, 1, len(points))[1:] ** 2
        thread = self.movers["thread"]
        thread.set_segments(np.stack([points[:-1], points[1:]], axis=1))
        thread.set_color([(moment.colour, alpha) for alpha in fade])


def _arrow(x: float, share: float) -> np.ndarray:
    """Outline of the force's arrow, from the side of the cart that it acts on."""
    side, long = np.sign(share), abs(share) * ARROW
    head = min(long, HEAD)
    across = np.array([0.03, 0.03, 0.075, 0.0, -0.075, -0.03, -0.03])
    along = np.array([0.0, long - head, long - head, long, long - head, long - head, 0])
    return np.stack([x + side * (CART + along), across * bool(share)], axis=-1)
