"""What part of the plane a picture shows, and where a point of it is."""

from typing import NamedTuple

import numpy as np

from hybridctl.show.film.chain import Chain

FLOOR = 0.28  # from the lowest tip down to the floor [m]
SIDE, ABOVE = 0.3, 0.15  # free beside and above what moves [m]
HEAD, FOOT = 0.06, 0.17  # shares of the height that are for words
DISTANCE, TILT = 16.0, 0.2  # of the camera [m], and how much it looks down [rad]


class Window(NamedTuple):
    """All of a chain's room in a picture of some size.

    Attributes:
        size: width and height [pixels].
        centre: horizontal and vertical, of the plane [m].
        scale: pixels per metre in the middle.
    """

    size: tuple[int, int]
    centre: tuple[float, float]
    scale: float

    @classmethod
    def of(cls, chain: Chain, size: tuple[int, int]) -> "Window":
        """The largest that fits."""
        low, high = chain.span
        bottom, top = -chain.reach - FLOOR, chain.reach + ABOVE
        free = size[1] * (1 - HEAD - FOOT)
        scale = min(size[0] / (high - low + 2 * SIDE), free / (top - bottom))
        lift = (FOOT - HEAD) / 2 * size[1] / scale
        return cls(size, ((low + high) / 2, (bottom + top) / 2 - lift), scale)

    @property
    def room(self) -> tuple[float, float]:
        """Width and height that are seen [m]."""
        return self.size[0] / self.scale, self.size[1] / self.scale

    @property
    def opening(self) -> float:
        """Vertical angle of the camera [rad]."""
        return 2 * np.arctan(self.room[1] / 2 / DISTANCE)

    @property
    def camera(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Its place [m], and its directions to the right and up."""
        s, c = np.sin(TILT), np.cos(TILT)
        place = np.array([self.centre[0], 0.0, self.centre[1]])
        place += DISTANCE * np.array([0.0, -c, s])
        return place, np.array([1.0, 0.0, 0.0]), np.array([0.0, s, c])

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2], from the top left, of points [..., 2] of a flat drawing."""
        middle = np.asarray(self.size) / 2
        return middle + (points - self.centre) * (self.scale, -self.scale)

    def deep(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of points [..., 2] of the plane as the camera sees them."""
        place, right, up = self.camera
        space = np.stack(
            [points[..., 0], np.zeros(points.shape[:-1]), points[..., 1]], axis=-1
        )
        away = space - place
        depth = away @ np.cross(up, right)
        across = np.stack([away @ right, -(away @ up)], axis=-1) / depth[..., None]
        return np.asarray(self.size) / 2 + across * DISTANCE * self.scale
