"""Coordinates without a drawing of their own: what a film asks of them."""

from typing import NamedTuple

import numpy as np


class Joints(NamedTuple):
    """Coordinates that are no chain of links: every one is a point on a line.

    Attributes:
        n_q: number of coordinates.
    """

    n_q: int
    lengths = ()
    track = None
    reach = 1.0
    span = (-1.4, 1.4)

    def marks(self, step: float) -> list[float]:
        """None."""
        del step
        return []

    def joints(self, q: np.ndarray) -> np.ndarray:
        """Where the coordinates are, their mean last [..., n_q + 1, 2]."""
        points = np.concatenate([q, q.mean(axis=-1, keepdims=True)], axis=-1)
        return np.stack([points, np.zeros_like(points)], axis=-1)
