"""What is printed: never the reason for which a run is lost."""

import contextlib
import io
import os
import sys
from typing import Any


class Lenient(io.RawIOBase):
    """Bytes for a stream; once it takes no more, for nobody.

    Args:
        raw: to write to: a pipe whose reader may go, a file on a disk that may be full.
        owner: that would close it, if nobody kept that.
    """

    def __init__(self, raw: Any, owner: Any):
        self.raw, self.owner = raw, owner

    def write(self, data: Any) -> int:
        """Write, or go on without."""
        try:
            return self.raw.write(data)
        except OSError:
            self._give_up()
            return memoryview(data).nbytes

    def _give_up(self) -> None:
        """Let everybody in the process who has the file write to nowhere."""
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.raw.fileno())
            os.close(nowhere)

    def writable(self) -> bool:
        """As a stream to write to."""
        return True

    def fileno(self) -> int:
        """Of the file below."""
        return self.raw.fileno()

    def isatty(self) -> bool:
        """Whether somebody sits there."""
        return self.raw.isatty()


def make_lenient() -> None:
    """Let nothing that is printed in this process raise.

    A sign that the encoding does not have becomes a question mark (redirected on
    Windows, it is often cp1252); a pipe that is closed, as by `head`, a full disk, or
    no output at all, as under pythonw, take nothing and cost nothing.
    """
    for name in ("stdout", "stderr"):
        setattr(sys, name, _lenient(getattr(sys, name)))


def _lenient(stream: Any) -> Any:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    buffer = getattr(stream, "buffer", None)
    if not isinstance(stream, io.TextIOWrapper) or buffer is None:
        return stream
    stream.flush()
    raw = Lenient(getattr(buffer, "raw", buffer), stream)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, "replace",
        line_buffering=stream.line_buffering or raw.isatty(),
        write_through=stream.write_through,
    )  # fmt: skip
