"""Ctrl-C and SIGTERM: stop where nothing is lost."""

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridctl.learn import Run

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTE = b"\nstopping at the next validation; a second time stops at once\n"


class Stopper:
    """While it lasts, Ctrl-C and SIGTERM end a training at its next validation.

    An exception out of nowhere could be lost within JAX, or leave a computation that
    runs on while the process ends. So the first signal is only noted, and the listener
    that this is raises `KeyboardInterrupt` where the training is known to take it. A
    second signal, or one before there is anything to keep, raises at once.
    """

    def __init__(self):
        self.asked = self.begun = False
        self._before: dict[int, Any] = {}

    def __call__(self, run: "Run") -> None:
        """Stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        self.begun = True
        if self.asked and run.stopped == "running":
            raise KeyboardInterrupt

    def __enter__(self) -> "Stopper":
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.signal(n, self._note) for n in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.begun:
            raise KeyboardInterrupt
        self.asked = True
        os.write(2, NOTE)  # print may be in the middle of a line
