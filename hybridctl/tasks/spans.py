"""Episodes cut into shards of one shape, which who works does not change."""

from typing import NamedTuple

BLOCK = 2048  # lanes of one program: as many as a core's cache holds


class Span(NamedTuple):
    """Neighbouring episodes.

    Attributes:
        first: number of the first.
        count: how many.
        lanes: of the program that plays them, at least as many.
        devices: that share the lanes.
    """

    first: int
    count: int
    lanes: int
    devices: int = 1


def spans(n: int, size: int = BLOCK, first: int = 0, devices: int = 1) -> list[Span]:
    """N episodes in as few spans as hold `size` each, all of one shape.

    A device has as many lanes as it would have alone, as the rounding of a product of
    matrices may depend on that; so of few episodes, some devices have none.

    Args:
        n: number of episodes.
        size: of a span, at most, for each device.
        first: number of the first episode.
        devices: that share the lanes of a span, at most.

    Example:
        >>> spans(5, 2)
        [Span(first=0, count=2, ...), ..., Span(first=4, count=1, lanes=2, devices=1)]
        >>> spans(5, 2, devices=8)
        [Span(first=0, count=5, lanes=6, devices=3)]
    """
    blocks = _up(n, size)
    each, devices = _up(n, blocks), min(devices, blocks)
    lanes = devices * each
    starts = range(0, n, lanes)
    return [Span(first + i, min(lanes, n - i), lanes, devices) for i in starts]


def _up(a: int, b: int) -> int:
    """The ratio, rounded up."""
    return -(-a // b)
