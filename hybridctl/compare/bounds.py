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


_GLOBAL = (
    74.7479, 48.1253, 45.1415, 61.407, 44.3704, 49.8119, 74.251, 75.0875,
    74.9733, 67.5673, 51.4145, 5.8236, 49.2853, 58.2183, 61.2042, 63.6674,
    53.7643, 66.0034, 77.1823, 13.4887, 68.9241, 5.1641, 47.9672, 48.8734,
    7.5077, 60.5901, 57.4087, 45.1924, 51.8693, 52.9547, 48.8413, 40.1686,
)  # fmt: skip
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
            note="mean and median of 32 starts; in pairs with those episodes",
            episodes=_GLOBAL,
        ),
        "weak": Bound(
            J=None,
            note="32 starts; hanging: J 195.3, settled after 5.39 s",
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
