"""Episodes cut into shards of one shape, which who works does not change."""

from typing import NamedTuple

BLOCK = 2048  # lanes of one program: as many as a core's cache holds


class Span(NamedTuple):
    """Neighbouring episodes.

    Attributes:
        first: number of the first.
        count: how many.
        lanes: of the program that plays them, at least as many.
    """

    first: int
    count: int
    lanes: int


def spans(n: int, size: int = BLOCK, first: int = 0) -> list[Span]:
    """N episodes in as few spans as hold `size` each, all of one shape.

    Args:
        n: number of episodes.
        size: of a span, at most.
        first: number of the first episode.

    Example:
        >>> spans(5, 2)
        [Span(first=0, count=2, lanes=2), ..., Span(first=4, count=1, lanes=2)]
    """
    lanes = -(-n // -(-n // size))
    starts = range(0, n, lanes)
    return [Span(first + i, min(lanes, n - i), lanes) for i in starts]
