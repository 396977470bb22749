"""Processes of this machine: spawned, each with a pipe of its own."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from hybridctl.cache import cores
from hybridctl.checks import count

GUARD = (
    "a worker ended while it started; in a script, put what runs below "
    'if __name__ == "__main__": (each worker imports the script)'
)


class Lost(RuntimeError):
    """A worker ended before it answered."""


class NotStarted(ValueError):
    """A worker ended before it could be asked anything."""


class _Own(threading.local):
    """What a thread has to itself."""

    process: "_Process | None" = None


class Local(Executor):
    """So many processes of this machine, spawned when they are first needed.

    Each serves a thread of its own, so a process that is lost costs what it was doing
    and nothing else: the next call starts another one. They share the cores, leave
    Ctrl-C to this process, and end with it.

    Args:
        processes: how many.

    Example:
        >>> with Local(2) as two:  # doctest: +SKIP
        ...     hc.compare(task, controllers, n=100_000, on=two)
    """

    def __init__(self, processes: int):
        count("processes", processes)
        self._threads = ThreadPoolExecutor(int(processes))
        self._share = max(cores() // int(processes), 1)
        self._own = _Own()
        self._all: set[_Process] = set()
        self._over = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        """Call a function of a module in one of the processes."""
        return self._threads.submit(self._ask, fn, args, kwargs)

    def _ask(self, *call: Any) -> Any:
        process = self._own.process
        try:
            if process is None:
                process = self._own.process = _Process(self._share)
                self._all.add(process)
                if self._over:  # meanwhile
                    process.kill()
                process.await_start()
            return process.ask(call)
        except (Lost, NotStarted):
            self._own.process = None
            self._all.discard(process)  # type: ignore[arg-type]
            raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, after what they do, or at once where wait=False."""
        if not wait:
            self.kill()
        self._threads.shutdown(wait=True, cancel_futures=cancel_futures or not wait)
        self.kill()

    def kill(self) -> None:
        """End the processes at once."""
        self._over = True
        for process in list(self._all):
            process.kill()


class _Process:
    """One process, which answers one call at a time, with so many threads."""

    def __init__(self, threads: int):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, threads), daemon=True
        )
        self._process.start()
        theirs.close()

    def await_start(self) -> None:
        """Until it could be asked something."""
        try:
            self._pipe.recv()
        except (EOFError, OSError):
            raise NotStarted(GUARD) from None

    def ask(self, call: Any) -> Any:
        """Its answer, or what it raised."""
        try:
            self._pipe.send(call)
            value, error = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            raise Lost(f"its process ended with exit code {code}") from None
        if error is not None:
            raise error
        return value

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Any, threads: int) -> None:
    """Answer calls until nobody is left who could ask."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pipe.send("ready")
    while True:
        try:
            fn, args, kwargs = pipe.recv()
            answer = fn(*args, **kwargs), None
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            answer = None, error
        try:
            pipe.send(answer)
        except OSError:
            return
        except Exception as error:  # what cannot be sent
            pipe.send((None, TypeError(f"an answer that cannot be sent: {error}")))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
