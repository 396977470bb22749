"""Periods on an even grid of the monotonic clock."""

import contextlib
import ctypes
import gc
import sys
import threading
import time
from collections.abc import Iterator

clock = time.perf_counter  # monotonic, and the finest that there is
SPIN = 2e-4  # [s] before a period in which the clock is watched instead of slept
SLICE = 0.1  # [s] at most of one sleep, so that a stop is heard in long periods
TURN = 1e-4  # [s] after which another thread of Python has to hand over
TIMER_SLACK = 29  # PR_SET_TIMERSLACK of Linux


class Grid:
    """The times k dt since a beginning; what comes late never moves those that follow.

    Args:
        dt: period [s].
    """

    def __init__(self, dt: float):
        self.dt, self.start = dt, clock()
        self._spin = min(SPIN, dt / 4)

    def begin(self) -> None:
        """Period 0 is now."""
        self.start = clock()

    def now(self) -> float:
        """Time since the beginning [s]."""
        return clock() - self.start

    def sleep_until(self, k: int, stopped: threading.Event) -> None:
        """Until period k begins: asleep, and awake for the last moment.

        Args:
            k: number of the period.
            stopped: ends a sleep of a long period early.
        """
        at = self.start + k * self.dt
        while (left := at - self._spin - clock()) > 0:
            if left > SLICE and stopped.wait(SLICE):
                return
            time.sleep(min(left, SLICE))
        while clock() < at:
            pass


def wake_on_time() -> None:
    """Ask Linux not to gather the timers of this thread (by 50 µs, usually)."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(TIMER_SLACK, 1, 0, 0, 0)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection, and other threads hand over soon; then as it was."""
    collecting, turn = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        if collecting:
            gc.enable()
