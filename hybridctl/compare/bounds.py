"""What no controller can beat: bounds of the registered tasks, by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class Bound:
    """The best that is possible on a task, as far as it was found.

    Found by direct transcription (`benchmarks/bounds.py`): locally optimal force
    sequences that know the future, so they may be beaten only by a better optimum.

    Attributes:
        J: least cost, a mean where starts differ; None: not known.
        settle: least time to settle [s], a median where starts differ.
        note: what the figures hold for.
        episodes: least J of the first evaluation episodes of seed 0.

    Example:
        >>> print(BOUNDS["swingup"].ratio([100.0]).__round__(2))
        1.24
    """

    J: float | None
    note: str
    settle: float | None = None
    episodes: tuple[float, ...] = ()

    def ratio(self, cost: Sequence[float] | np.ndarray) -> float | None:
        """How many times the bound a controller costs; None where there is no bound.

        Args:
            cost: J of its evaluation episodes, in their order; of seed 0 where the
                bound knows episodes, so that they are taken in pairs.
        """
        paired = np.asarray(cost, float)[: len(self.episodes) or None]
        if self.J is None:
            return None
        least = np.mean(self.episodes[: len(paired)]) if self.episodes else self.J
        return float(np.mean(paired) / least)


BOUNDS: Mapping[str, Bound] = MappingProxyType(
    {
        "balance": Bound(
            J=None,
            note="no swing-down: 0.543 rad from rest, 2.526 N s at once",
        ),
        "swingup": Bound(
            J=80.5099,
            note="from hanging at rest",
            settle=1.905,
        ),
        "global": Bound(
            J=51.5936,
            note="mean of 32 random starts, not those of the evaluation",
        ),
        "weak": Bound(
            J=None,
            note="none for its mixture; hanging: J 195.3, settled after 5.39 s",
        ),
        "short_track": Bound(
            J=106.2109,
            note="from hanging at rest; 0.4 m: J 139.2, 3.25 s",
            settle=2.503,
        ),
        "push": Bound(
            J=None,
            note="at rest 1.73 s after 3 N s at once, 1.76 s after 4",
        ),
        "unknown_plant": Bound(
            J=None,
            note="a controller that knows the plant is a reference, no bound",
        ),
        "noisy": Bound(
            J=None,
            note="none with pushes; noise alone: LQG 0.440",
        ),
    }
)
