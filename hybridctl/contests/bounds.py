"""What no controller can beat: bounds of the tasks that they were found for."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import equinox as eqx
import numpy as np

from hybridctl import tasks
from hybridctl.tasks import Box, Task


@dataclass(frozen=True)
class Bound:
    """The best that is possible on a task, as far as it was found.

    Found by direct transcription (`benchmarks/questions/bounds.py`): locally optimal
    force sequences that know the future, so they may be beaten only by a better
    optimum.

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
    37.0808, 63.5772, 69.3505, 51.0383, 47.8307, 45.2314, 47.9691, 85.2609,
    46.7331, 51.2676, 50.6754, 78.5034, 49.0537, 50.4018, 53.0776, 50.8781,
    1.4661, 9.5678, 49.5598, 56.1164, 51.1272, 52.5972, 50.8614, 56.6846,
    0.8874, 31.5866, 84.1928, 65.2283, 81.1501, 2.8646, 78.2139, 55.3169,
)  # fmt: skip
_WEAK = (
    54.721, 195.3248, 154.1795, 51.0383, 92.8327, 45.8902, 195.3248,
    195.3248, 46.7331, 51.2676, 50.6805, 195.3248, 195.3248, 195.3248,
    53.0923, 50.9278, 195.3248, 195.3248, 49.5598, 195.3248, 97.0887,
    137.3057, 50.8614, 195.3248, 195.3248, 195.3248, 169.1156, 195.3248,
    169.1764, 2.8646, 195.3248, 100.474,
)  # fmt: skip
_NOT_SCORED = ("name", "hints", "train_start", "reward", "failure_reward", "goal")
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
            J=50.1672,
            note="mean of the first 32 evaluation episodes of seed 0",
            settle=1.511,
            episodes=_GLOBAL,
        ),
        "weak": Bound(
            J=130.0736,
            note="mean of the first 32 evaluation episodes of seed 0",
            episodes=_WEAK,
        ),
        "weak hanging": Bound(
            J=195.3248,
            note="from hanging at rest with 3 N",
            settle=5.385,
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


def bound_of(task: Task) -> Bound | None:
    """What no controller can beat on a task, where that was found.

    Only on the very plant, loop, start, cost and horizon that it was found for. What a
    task is called does not count, nor what only a training sees.

    Args:
        task: any.

    Returns:
        The bound; None where nobody looked for one.

    Example:
        >>> bound_of(tasks.swingup(name="mine")).J
        80.5099
        >>> bound_of(tasks.swingup(seconds=10.0)) is None
        True
    """
    same = (n for n, known in _measured().items() if eqx.tree_equal(known, _what(task)))
    name = next(same, None)
    return None if name is None else BOUNDS[name]


@functools.cache
def _measured() -> dict[str, dict[str, Any]]:
    """What each bound was found for, by its name in `BOUNDS`."""
    known = {name: tasks.get(name) for name in BOUNDS if name in tasks.names()}
    weak = known["weak"]
    x: Any = weak.plant.hanging().x  # type: ignore[attr-defined]
    known["weak hanging"] = replace(weak, start=Box.around(x, np.zeros_like(x)))
    return {name: _what(task) for name, task in known.items()}


def _what(task: Task) -> dict[str, Any]:
    """The parts of a task on which the cost of an episode depends."""
    names = (field.name for field in fields(task) if field.name not in _NOT_SCORED)
    return {name: getattr(task, name) for name in names}
