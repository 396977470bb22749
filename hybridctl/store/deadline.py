"""A limit on the time that code may take which a file of a stranger asks for."""

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator

PERIOD = 0.05  # [s] between two looks at the clock


class TooLong(Exception):
    """Raised within the code that takes too long."""

    def __str__(self) -> str:
        return "it takes too long to build, so it is not loaded"


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in the code of this block once it has run for so long.

    Both the wall clock and the computing time of this process count, so that a busy
    machine is no fault of the file. Python code alone is interrupted, as building
    and tracing a controller are, not what runs compiled.

    Args:
        seconds: that the block may take.

    Example:
        >>> with at_most(0.01):
        ...     while True:
        ...         pass
        Traceback (most recent call last):
        hybridctl.store.deadline.TooLong: ...
    """
    done, thread = threading.Event(), threading.get_ident()
    began = time.monotonic(), time.process_time()

    def watch() -> None:
        while not done.wait(PERIOD):
            spent = time.monotonic() - began[0], time.process_time() - began[1]
            if min(spent) > seconds:
                _raise_in(thread, TooLong)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        with contextlib.suppress(TooLong):  # the last one may come just now
            done.set()
            watcher.join()
            _raise_in(thread, None)


def _raise_in(thread: int, error: type[Exception] | None) -> None:
    """Raise in a thread at its next step; None: take that back."""
    what = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
