"""Who watches a ride: for what hangs, for signals, and for the end of the process."""

import atexit
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from hybridctl.deploy.realtime.ride import Ride

TURN = 0.05  # [s] between two looks
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP")
# Ctrl-C, kill, a terminal that is closed, Ctrl-\, Ctrl-Z


class Signals:
    """While it lasts, signals end the ride; then they do what they would have done.

    Only Python's main thread may listen; elsewhere the main thread's handlers stay.

    Args:
        stop: is told why.
    """

    def __init__(self, stop: Callable[[str], None]):
        self._stop, self._heard = stop, 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, n) for n in NAMES if hasattr(signal, n)):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._heard = number
        self._stop(signal.Signals(number).name)

    def pass_on(self) -> None:
        """What the signal does where nobody drives, if there was one.

        Raises:
            KeyboardInterrupt: of Ctrl-C, usually.
            SystemExit: where the process would have died.
        """
        handler = self._before.get(self._heard)
        if callable(handler):
            handler(self._heard, None)
        elif handler is not None and self._heard == getattr(signal, "SIGTSTP", 0):
            os.kill(os.getpid(), self._heard)  # it sleeps, and the rig is safe
        elif handler is not None:
            raise SystemExit(128 + self._heard)


def supervise(ride: Ride) -> None:
    """Until the safe input was written: by the ride, or here where the ride hangs."""
    end = _Exit(ride)
    atexit.register(end)
    threading.Thread(target=ride.run, name="hybridctl.drive", daemon=True).start()
    try:
        _wait(ride)
    except BaseException as error:  # out of nowhere, in this thread
        ride.stop(type(error).__name__)
        _wait(ride)
        ride.error = ride.error or error
    finally:
        atexit.unregister(end)


def _wait(ride: Ride) -> None:
    while not ride.done.wait(TURN):
        if ride.hangs():
            return ride.abandon()


class _Exit:
    """What the end of the process asks of a ride in another thread."""

    def __init__(self, ride: Ride):
        self._ride = ride

    def __call__(self) -> None:
        self._ride.stop("the process ends")
        _wait(self._ride)
