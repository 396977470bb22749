"""Lines that are small and do not jump: thinned signals and wrapped angles."""

import numpy as np

POINTS = 400
TURN = 2 * np.pi


def thin(
    t: np.ndarray, y: np.ndarray, points: int = POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` samples of y(t), with both ends and the peaks.

    Args:
        t: shape [n].
        y: shape [n].
        points: how many may stay.

    Returns:
        t and y at the samples that stay.

    Example:
        >>> t, y = thin(np.arange(9000), np.arange(9000) == 4567)
        >>> len(t) <= 400, bool(y.any())
        (True, True)
    """
    if len(y) <= points:
        return t, y
    keep = [0, len(y) - 1]
    for some in np.array_split(np.arange(1, len(y) - 1), points // 2 - 1):
        keep += [some[np.argmin(y[some])], some[np.argmax(y[some])]]
    keep = np.unique(keep)
    return t[keep], y[keep]


def along(a: np.ndarray, b: np.ndarray, points: int = 2 * POINTS) -> np.ndarray:
    """At most `points` indices, evenly spread along the curve (a, b)."""
    if len(a) <= points:
        return np.arange(len(a))
    scale = [np.ptp(v) or 1.0 for v in (a, b)]
    steps = np.hypot(np.diff(a) / scale[0], np.diff(b) / scale[1])
    length = np.append(0.0, np.cumsum(steps))
    marks = np.linspace(0.0, length[-1], points)
    return np.unique(np.minimum(np.searchsorted(length, marks), len(a) - 1))


def unwind(angle: np.ndarray, centre: float) -> np.ndarray:
    """A continuous angle [rad], shifted by whole turns to start next to `centre`."""
    angle = np.unwrap(angle)
    return angle - TURN * np.round((angle[0] - centre) / TURN)


def fold(
    angle: np.ndarray, other: np.ndarray, centre: float
) -> tuple[np.ndarray, np.ndarray]:
    """A curve (angle, other) that stays within three half turns of `centre`.

    One that does is left alone. Any other is wrapped to centre ± π, and cut (by NaN)
    where it leaves at one side and comes back at the other.

    Args:
        angle: continuous [rad], shape [n].
        other: the other coordinate, shape [n].
        centre: middle of the picture [rad].

    Returns:
        Both coordinates, longer by three samples a cut.

    Example:
        >>> fold(np.array([7.0, 10.0]), np.array([7.0, 10.0]), centre=0.0)[1].round(2)
        array([ 7.  ,  9.42,  9.42,  9.42, 10.  ])
    """
    if np.all(np.abs(angle - centre) <= 1.5 * TURN):
        return angle, other
    low = centre - np.pi
    turn = np.floor((angle - low) / TURN)
    at = np.flatnonzero(np.diff(turn))
    edge = low + TURN * np.maximum(turn[at], turn[at + 1])
    share = (edge - angle[at]) / (angle[at + 1] - angle[at])
    crossing = other[at] + share * (other[at + 1] - other[at])
    leave = np.where(turn[at + 1] > turn[at], low + TURN, low)
    cut = np.stack([leave, np.full(len(at), np.nan), 2 * low + TURN - leave], axis=1)
    where = np.repeat(at + 1, 3)
    wrapped = np.insert(angle - TURN * turn, where, cut.ravel())
    return wrapped, np.insert(other, where, np.repeat(crossing, 3))


def copies(centre: float, low: float, high: float) -> list[float]:
    """All of centre + 2πn in [low, high].

    Example:
        >>> [f"{c:.2f}" for c in copies(0.0, -1.0, 7.0)]
        ['0.00', '6.28']
    """
    first, last = np.ceil((low - centre) / TURN), np.floor((high - centre) / TURN)
    return [centre + TURN * n for n in np.arange(first, last + 1)]
