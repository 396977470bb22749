"""A rig at the other end of a wire: text, a line a message."""

import os
import select
import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from hybridctl.checks import fail, positive

MOST = 4096  # bytes that are taken at once


class Wire(Protocol):
    """What carries the lines."""

    def send(self, data: bytes) -> None:
        """Give all of it, at once."""
        ...

    def receive(self, seconds: float) -> bytes:
        """What has come; b"" where nothing does in that time."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Line:
    """A rig that is spoken to over UDP or a serial line; what `drive` wants of one.

    All is text, a line a message, numbers parted by spaces:

    - `u 1.25`: to the rig: the input, which it holds until the next.
    - `y 17`: to the rig: a measurement, please; this is request 17.
    - `y 17 0.1 3.14 0 0`: from the rig: the measurement for request 17.

    What comes late, or is no such line, is left out. Made by `Line.udp` or
    `Line.serial`.

    Attributes:
        wait: how long an answer may take [s]; then the measurement is missing.
    """

    def __init__(self, wire: Wire, wait: float):
        self.wait, self._wire = wait, wire
        self._asked, self._rest = 0, b""

    @staticmethod
    def udp(address: str, wait: float = 0.005) -> "Line":
        r"""A rig in the network.

        Args:
            address: host and port, such as "192.168.4.1:5005".
            wait: how long an answer may take [s].

        Raises:
            ValueError: that is no address.
            OSError: there is no way to it.

        Example:
            >>> rig = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            >>> rig.bind(("127.0.0.1", 0))
            >>> with Line.udp(f"127.0.0.1:{rig.getsockname()[1]}") as line:
            ...     line.write([1.5])
            >>> rig.recv(100)
            b'u 1.5\n'
            >>> rig.close()
        """
        positive("wait", wait)
        return Line(_Udp(address), wait)

    @staticmethod
    def serial(device: str, baud: int = 115200, wait: float = 0.005) -> "Line":
        """A rig at a serial line, USB or pty.

        Args:
            device: such as "/dev/ttyACM0".
            baud: bits a second; a line of 40 letters takes 3.5 ms at 115200.
            wait: how long an answer may take [s].

        Raises:
            ValueError: the system knows no such speed, or no serial lines as files.
            OSError: it cannot be opened.
        """
        positive("wait", wait)
        return Line(_Serial(device, baud), wait)

    def read(self) -> list[float] | None:
        """Ask for a measurement; None where none comes in time."""
        self._asked += 1
        self._wire.send(b"y %d\n" % self._asked)
        end = time.perf_counter() + self.wait
        while (left := end - time.perf_counter()) > 0:
            self._rest += self._wire.receive(left)
            found = self._answer()
            if found is not None:
                return found
        return None

    def write(self, u: Iterable[float]) -> None:
        """Put an input in."""
        numbers = (np.format_float_positional(value, trim="-") for value in u)
        self._wire.send(f"u {' '.join(numbers)}\n".encode())  # boards read no 1e-05

    def close(self) -> None:
        """Let go of the wire."""
        self._wire.close()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self) -> list[float] | None:
        """The one that was asked for, if it is among the lines that are whole."""
        *lines, self._rest = self._rest[-MOST:].split(b"\n")
        for line in lines:
            head, *words = line.split() or [b""]
            if head == b"y" and words and words[0] == b"%d" % self._asked:
                return _numbers(words[1:])
        return None


def _numbers(words: list[bytes]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:  # something has disturbed the line
        return None


class _Udp:
    """Datagrams, one a line."""

    def __init__(self, address: str):
        host, colon, port = str(address).rpartition(":")
        if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
            fail(f"udp={address!r} is no address; give HOST:PORT, as 127.0.0.1:5005")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect((host, int(port)))
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> None:
        self._socket.send(data)

    def receive(self, seconds: float) -> bytes:
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(MOST)
        except TimeoutError:
            return b""

    def close(self) -> None:
        self._socket.close()


class _Serial:
    """A device file, as raw as it goes."""

    def __init__(self, device: str, baud: int):
        try:
            import termios
            import tty
        except ImportError:
            fail(
                "this system has no serial lines as files; give drive the read and "
                "write of pyserial"
            )
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            fail(f"baud={baud} is no speed of this system; try 115200")
        self._file = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(self._file)
            mode: list[Any] = termios.tcgetattr(self._file)
            mode[2] = (mode[2] | termios.CLOCAL | termios.CREAD) & ~termios.HUPCL
            mode[4] = mode[5] = speed
            termios.tcsetattr(self._file, termios.TCSANOW, mode)
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except termios.error as error:
            os.close(self._file)
            fail(f"{device} is no serial line: {error}")

    def send(self, data: bytes) -> None:
        if os.write(self._file, data) < len(data):
            raise OSError("the serial line takes no more: nobody reads it")

    def receive(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._file], [], [], seconds)
        return os.read(self._file, MOST) if ready else b""

    def close(self) -> None:
        os.close(self._file)
