"""Pilots that change places while a rig runs."""

from collections import deque
from typing import Any

from numpy.typing import NDArray

from hybridctl.checks import fail, not_negative, plain, require
from hybridctl.deploy.embed import Pilot

SAME = ("dt", "y", "u", "follows", "on_missing")


class Swap:
    """A pilot that another one may follow while the rig runs, without a bump.

    It is called as a `Pilot` is. From `swap` on both run, on the same measurements, and
    both are told what was applied; the input goes over from the old one's to the new
    one's, u = (1 - w) u_old + w u_new with w from 0 to 1. Then the old one is let go.

    Args:
        pilot: the first one.

    Attributes:
        pilot: who decides, or will when the swap is over.

    Raises:
        ValueError: it is no `Pilot`.

    Example:
        >>> import hybridctl as hc
        >>> weak, strong = (hc.PID(k, 0.0, 0.0, dt=0.1) for k in (1.0, 2.0))
        >>> pilot = Swap(hc.embed(weak, dt=0.1))
        >>> pilot([1.0]).tolist()
        [-1.0]
        >>> pilot.swap(hc.embed(strong, dt=0.1), over=0.4)
        >>> [pilot([1.0]).round(2).item() for _ in range(6)]
        [-1.0, -1.25, -1.5, -1.75, -2.0, -2.0]
    """

    def __init__(self, pilot: Pilot):
        self.pilot: Pilot = _checked(pilot)
        self._runs: Pilot | _Blend = pilot
        self._coming: deque[tuple[Pilot, int]] = deque()

    def __repr__(self) -> str:
        return f"Swap({self.pilot!r})"

    def swap(self, new: Pilot, over: float = 0.2) -> None:
        """Let another pilot take over; may be called from any thread.

        Args:
            new: of the same period and signals, with a memory of its own.
            over: how long that takes [s]; 0: at once, with whatever bump there is.

        Raises:
            ValueError: it is of another period or other signals, or runs already.
        """
        not_negative("over", over)
        _checked(new)
        running = [*_pilots(self._runs), *(pilot for pilot, _ in self._coming)]
        require(new not in running, "this pilot runs already; give another one")
        for what in SAME:
            ours, theirs = getattr(self.pilot, what), getattr(new, what)
            if ours != theirs:
                fail(f"the new pilot has {what}={theirs}, this one has {what}={ours}")
        self.pilot = new
        self._coming.append((new, round(over / new.dt)))  # for the next period

    def __call__(self, y: Any, r: Any = None) -> NDArray:
        """The input of this period; see `Pilot`."""
        while self._coming:
            self._runs = _Blend(self._runs, *self._coming.popleft())
        u = self._runs(y, r)
        if isinstance(self._runs, _Blend) and self._runs.over:
            self._runs = self._runs.new
        return u

    def applied(self, u: Any) -> None:
        """Tell all that run what was applied; see `Pilot.applied`."""
        self._runs.applied(u)

    def __getattr__(self, name: str) -> Any:
        """What the pilot tells of itself: dt, y, u, mode, modes, missed, ..."""
        if name.startswith("_") or name == "pilot":  # not there yet
            raise AttributeError(name)
        return getattr(self.pilot, name)


class _Blend:
    """One that leaves, which may be a blend itself, and one that comes."""

    def __init__(self, old: "Pilot | _Blend", new: Pilot, periods: int):
        self.old, self.new, self._periods, self._k = old, new, periods, 0

    @property
    def over(self) -> bool:
        """Whether the new one decides alone."""
        return self._k > self._periods

    def __call__(self, y: Any, r: Any) -> NDArray:
        w = self._k / self._periods if self._periods else 1.0
        self._k += 1
        u = (1.0 - w) * self.old(y, r) + w * self.new(y, r)
        self.applied(u)  # neither asked for it
        return u

    def applied(self, u: NDArray) -> None:
        """Tell both."""
        self.old.applied(u)
        self.new.applied(u)


def _pilots(runs: "Pilot | _Blend") -> list[Pilot]:
    """All that run."""
    return [*_pilots(runs.old), runs.new] if isinstance(runs, _Blend) else [runs]


def _checked(pilot: Any) -> Pilot:
    if not isinstance(pilot, Pilot):
        fail(
            f"a Swap is of pilots, not of {plain(repr(pilot), 80)}; give "
            "hc.embed(controller, dt=...)"
        )
    return pilot
