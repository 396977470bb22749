"""One moment of a cart-pole as a picture, quick enough for videos."""

import functools
from typing import Any, NamedTuple

import numpy as np

from hybridctl.checks import fail, require, shape
from hybridctl.describe.style import COLOURS
from hybridctl.plants import CartPole, Plant
from hybridctl.show.style import MUTED, STYLE
from hybridctl.tasks import Task

WIDTH = 4.8  # [in]: lines and letters keep their share of a larger picture
INK, POLE, FORCE = "#444444", COLOURS[0], COLOURS[1]
CART = (0.1, 0.05)  # width and height, as shares of the picture's width
ARROW = 0.15  # length of the largest force, likewise
HEAD = np.array([(0, 1), (1, 1), (1, 2.6), (2, 0), (1, -2.6), (1, -1), (0, -1)])


def frame(
    plant_or_task: Plant | Task,
    x: Any,
    u: Any = None,
    size: tuple[int, int] = (480, 320),
) -> np.ndarray:
    """Draw a cart-pole: track and its ends, cart, pole, tip, force, and the target.

    Args:
        plant_or_task: a `CartPole`, or a task on one, whose limits are drawn.
        x: state [4]; where it is not finite the track stays empty.
        u: force [1], drawn as an arrow; None: no arrow.
        size: width and height [pixels].

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: another plant, or a state or force of another shape.

    Example:
        >>> plant = CartPole()
        >>> frame(plant, plant.upright().x, [2.0]).shape
        (320, 480, 3)
    """
    x = np.asarray(x, np.float64)
    shape("x", x, (4,))
    if u is not None:
        u = np.asarray(u, np.float64)
        shape("u", u, (1,))
    scene = _scene(_measures(plant_or_task), (int(size[0]), int(size[1])))
    return scene.picture(x, 0.0 if u is None else float(u[0]))


class _Measures(NamedTuple):
    """What a scene is made of, in SI units."""

    length: float
    ends: tuple[float, float]
    force: float
    target: tuple[float, float]


def _measures(known: Any) -> _Measures:
    plant = known.plant if isinstance(known, Task) else known
    if not isinstance(plant, CartPole):
        fail(f"frame draws a CartPole, got {type(plant).__name__}")
    track, force, target = plant.limits["x"], plant.limits["force"], plant.upright()
    if isinstance(known, Task):
        track, force = known.limits.get("x", track), known.input_limit
        target = known.target
    x, theta = (float(value) for value in target.x[:2])
    return _Measures(float(plant.L), (x - track, x + track), force, (x, theta))


@functools.lru_cache(maxsize=8)
def _scene(measures: _Measures, size: tuple[int, int]) -> "_Scene":
    return _Scene(measures, size)


class _Scene:
    """What stands still drawn once, what moves ready to be drawn upon it."""

    def __init__(self, measures: _Measures, size: tuple[int, int]):
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        require(min(size) >= 40, f"size={size} is too small; give at least 40 pixels")
        self.about = measures
        with rc_context(STYLE):
            dpi = size[0] / WIDTH
            inches = ((size[0] + 0.1) / dpi, (size[1] + 0.1) / dpi)  # rounded down
            figure = Figure(figsize=inches, dpi=dpi)
            self.canvas = FigureCanvasAgg(figure)
            self.axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
            self.wide = self._view(size)
            self._draw_still()
            self._make_moving()
            self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(figure.bbox)

    def _view(self, size: tuple[int, int]) -> float:
        """Fit track and pole in one scale; gives the width of the picture [m]."""
        left, right = self.about.ends
        width = (right - left) / (0.94 - CART[0])
        wide = max(width, 2.5 * self.about.length * size[0] / size[1])
        tall, self.middle = wide * size[1] / size[0], (left + right) / 2
        self.axes.set_xlim(self.middle - wide / 2, self.middle + wide / 2)
        self.axes.set_ylim(-tall / 2, tall / 2)
        self.axes.axis("off")
        return wide

    def _tip(self, x: float, theta: float) -> tuple[float, float]:
        return x + self.about.length * np.sin(theta), -self.about.length * np.cos(theta)

    def _draw_still(self) -> None:
        """Rail, stops that the cart meets at the end of the track, and the target."""
        line: dict[str, Any] = {"color": MUTED, "lw": 1.2}
        stop = 0.6 * CART[1] * self.wide
        half = CART[0] * self.wide / 2
        outer = self.about.ends[0] - half, self.about.ends[1] + half
        self.axes.plot(outer, [0.0, 0.0], **line)
        for end, wall in zip(self.about.ends, outer, strict=True):
            self.axes.plot([wall, wall], [-stop, stop], **dict(line, lw=2.5))
            text, at = f"{end:.4g} m".replace("-", "−"), (end, -1.6 * stop)
            self.axes.text(*at, text, color=MUTED, size=8, ha="center", va="top")
        x, theta = self.about.target
        tip = self._tip(x, theta)
        self.axes.plot([x, tip[0]], [0.0, tip[1]], **line, ls=(0, (4, 3)))
        self.axes.plot([tip[0]], [tip[1]], "o", color=MUTED, mfc="white", ms=8)
        self._draw_scale()

    def _draw_scale(self) -> None:
        """The largest force as an arrow with its size, in the upper left corner."""
        from matplotlib.patches import Polygon

        top, gap = self.axes.get_ylim()[1], 0.015 * self.wide
        at = (self.middle - 0.47 * self.wide, top - 0.05 * self.wide)
        corners = self._arrow(*at, self.about.force)
        self.axes.add_patch(Polygon(corners, color=FORCE, lw=0, alpha=0.5))
        text = f"{self.about.force:g} N"
        where = {"ha": "left", "va": "center_baseline", "color": MUTED, "size": 8}
        self.axes.text(corners[:, 0].max() + gap, at[1], text, **where)

    def _make_moving(self) -> None:
        from matplotlib.patches import Polygon, Rectangle

        width, height = CART[0] * self.wide, CART[1] * self.wide
        self.cart = Rectangle((0.0, -height / 2), width, height, color=INK, snap=False)
        self.arrow = Polygon(HEAD, color=FORCE, lw=0)
        for patch in (self.cart, self.arrow):
            self.axes.add_patch(patch)
        (self.pole,) = self.axes.plot([], [], color=POLE, lw=4)
        (self.tip,) = self.axes.plot([], [], "o", color=POLE, ms=11)
        (self.hinge,) = self.axes.plot([], [], "o", color="white", ms=3)
        self.body = [self.arrow, self.cart, self.pole, self.tip, self.hinge]
        for artist in self.body:
            artist.set_animated(True)

    def picture(self, x: np.ndarray, force: float) -> np.ndarray:
        """The moment as uint8 [height, width, 3]."""
        self.canvas.restore_region(self.background)
        if np.isfinite(x).all() and np.isfinite(force):
            self._place(x, force)
            for artist in self.body:
                self.axes.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())[..., :3].copy()

    def _place(self, x: np.ndarray, force: float) -> None:
        beyond = 2.0 * self.wide  # out of the picture is far enough
        at = float(np.clip(x[0], self.middle - beyond, self.middle + beyond))
        tip, half = self._tip(at, x[1]), self.cart.get_width() / 2
        self.cart.set_x(at - half)
        self.pole.set_data([at, tip[0]], [0.0, tip[1]])
        self.tip.set_data([tip[0]], [tip[1]])
        self.hinge.set_data([at], [0.0])
        self.arrow.set_xy(self._arrow(at + np.sign(force) * half, 0.0, force))

    def _arrow(self, x: float, y: float, force: float) -> np.ndarray:
        """Corners of an arrow from (x, y), as long as the force is strong."""
        share = float(np.clip(force / self.about.force, -1.0, 1.0))
        long, thick = ARROW * self.wide * abs(share), 0.006 * self.wide
        head = min(long, 5.0 * thick)
        along = np.interp(HEAD[:, 0], [0, 1, 2], [0.0, long - head, long])
        across = HEAD[:, 1] * head / 5.0
        return np.stack([x + np.sign(share) * along, y + across], axis=1)
