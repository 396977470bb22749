"""What can be drawn in the plane: links in a row, on a cart or a fixed hinge."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.plants import CartPole, EndStops, Network, Pendulum, Plant, Port
from hybridctl.plants.bodies.links import TwoLinks

CART = 0.2  # half the length of the cart [m]
TRACK = 2.4  # half the track of a plant without a limit [m]
ARROW, HEAD = 0.7, 0.16  # lengths of the arrow of the largest force, and its head [m]


class Chain(NamedTuple):
    """Links in a row, each hinged at the end of the one before.

    With φᵢ = θ₁ + … + θᵢ, joint i is at x + Σ lₖ sin φₖ, -Σ lₖ cos φₖ.

    Attributes:
        lengths: of the links [m].
        track: lowest and highest x of the cart [m]; None: the first hinge is fixed.
    """

    lengths: tuple[float, ...]
    track: tuple[float, float] | None

    @property
    def reach(self) -> float:
        """Of all links together [m]."""
        return sum(self.lengths)

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest x that is drawn [m]."""
        if self.track is None:
            return -self.reach, self.reach
        return self.track[0] - CART, self.track[1] + CART

    @property
    def n_q(self) -> int:
        """Number of coordinates."""
        return len(self.lengths) + (self.track is not None)

    def marks(self, step: float) -> list[float]:
        """Multiples of a step on the track [m]."""
        low, high = (0.0, 0.0) if self.track is None else self.track
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        return (step * np.arange(first, last + 1)).tolist()

    def joints(self, q: np.ndarray) -> np.ndarray:
        """Horizontal and vertical position of every joint, the tip last [m].

        Args:
            q: coordinates [..., n_q]: the cart's position if any, then the angles.

        Returns:
            Shape [..., n_links + 1, 2].

        Example:
            >>> Chain((1.0, 0.5), track=None).joints(np.array([0.0, 0.0]))[-1]
            array([ 0. , -1.5])
        """
        angles = np.cumsum(q[..., -len(self.lengths) :], axis=-1)
        steps = np.stack([np.sin(angles), -np.cos(angles)], axis=-1)
        steps = steps * np.asarray(self.lengths)[:, None]
        hinge = np.zeros((*q.shape[:-1], 1, 2))
        if self.track is not None:
            hinge[..., 0, 0] = q[..., 0]
        return np.concatenate([hinge, hinge + np.cumsum(steps, axis=-2)], axis=-2)


def chain_of(plant: Plant, limits: Mapping[str, float] | None = None) -> Chain:
    """How a plant is drawn.

    Args:
        plant: a cart-pole, pendulum, acrobot, pendubot or double cart-pole.
        limits: largest magnitude of a signal by name; the plant's by default.

    Raises:
        ValueError: a plant of another kind, or a batch of plants.
    """
    limits = {**plant.limits, **(limits or {})}
    track = limits.get("x", TRACK)
    ends, lengths = (-track, track), links_of(plant)
    if isinstance(plant, EndStops):
        low, high = np.asarray(plant.ends, np.float64).tolist()
        ends = low, high
    if lengths is None:
        fail(
            f"cannot draw a {type(plant).__name__}; what can be drawn is a CartPole, "
            "DoubleCartPole, Pendulum, Acrobot or Pendubot, also within EndStops"
        )
    sizes = [np.asarray(length, np.float64) for length in lengths]
    require(
        all(size.ndim == 0 for size in sizes),
        f"L of shape {sizes[0].shape}: give the lengths of one plant to draw it",
    )
    on_cart = plant.states[0] == "x"
    return Chain(tuple(size.item() for size in sizes), ends if on_cart else None)


def links_of(plant: Any) -> tuple[Any, ...] | None:
    """Lengths of the links of a plant that is a chain of them; None of any other."""
    plant = body_of(plant)
    if isinstance(plant, CartPole | Pendulum):
        return (plant.L,)
    return (plant.l1, plant.l2) if isinstance(plant, TwoLinks) else None


def body_of(plant: Any) -> Any:
    """What moves: the plant within stops, or in the one port of a network."""
    if isinstance(plant, EndStops):
        return plant.plant
    parts = plant.components if isinstance(plant, Network) else ()
    ports = [c for c in parts if isinstance(c, Port)]
    if len(ports) != 1:
        return plant
    inner = ports[0].plant
    n_q = inner.n_x // 2  # its coordinates must be the first of the network's
    return inner if plant.states[:n_q] == inner.states[:n_q] else plant
