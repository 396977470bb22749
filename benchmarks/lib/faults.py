"""Faults put into a drive of the simulated rig, and what the rig saw last.

Each is one run of half a second at 100 Hz. What has to hold: the safe input is the last
that the rig saw, and the log has every input that it saw, to the last one.
"""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib.rig import Fault, Rig, Seen

DT, SECONDS, SAFE, WATCHDOG, PATIENCE = 0.01, 0.5, 0.125, 0.25, 1.0
START = (0.0, np.pi - 0.05, 0.0, 0.0)


class Boom(Exception):
    """What is raised in a fault."""


class Case(NamedTuple):
    """One fault.

    Attributes:
        kind: its name.
        ends: what the drive ends by: "" for its time, or a name of an exception.
        run: drives a rig at an address, and gives the log.
        rig: what goes wrong in the rig itself.
        own: whether the rig has to take the safe input by itself.
    """

    kind: str
    ends: str
    run: Callable[[Rig, Path], Any]
    rig: Fault = Fault()
    own: bool = False


@functools.cache
def controller() -> hc.Controller:
    """Holds the pole."""
    plant = hc.CartPole()
    return hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=DT)


@functools.cache
def template(on_missing: str) -> hc.Pilot:
    """A pilot of it."""
    return hc.embed(controller(), DT, on_missing=on_missing)


def at(k: int, call: Callable, instead: Callable, last: int | None = None) -> Callable:
    """A function that does something else at its k-th call, or from then on."""
    count = [0]

    def run(*given: Any) -> Any:
        count[0] += 1
        wrong = k <= count[0] <= (k if last is None else last)
        return instead(*given) if wrong else call(*given)

    return run


def boom(*given: Any) -> Any:
    raise Boom("as it was told")


def drives(
    pilot: Callable[[Any], Any] = lambda pilot: pilot,
    read: Callable[[Any], Any] = lambda read: read,
    write: Callable[[Any], Any] = lambda write: write,
    on_missing: str = "hold",
    **options: Any,
) -> Callable[[Rig, Path], Any]:
    """A drive in which something is wrapped into a fault."""

    def run(rig: Rig, path: Path) -> Any:
        own = template(on_missing).copy()
        with rig.line() as line:
            return hc.drive(
                pilot(own), read(line.read), write(line.write), DT, SECONDS,
                safe=[SAFE], path=path, timeout=PATIENCE, **options,
            )  # fmt: skip

    return run


def hang(*given: Any) -> Any:
    threading.Event().wait(2.0 * PATIENCE)


def nan(*given: Any) -> Any:
    return np.array([np.nan])


def told(k: int, number: int) -> Callable[[Rig, Path], Any]:
    """A signal for the process that drives, which is another one."""
    return lambda rig, path: elsewhere(rig, path, number, k * DT)


DRIVER = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background
import hybridctl as hc
address, path = sys.argv[1:3]
safe, dt = map(float, sys.argv[3:])
K = [-2.83, 51.36, -5.605, 16.087]
X0 = [0.0, 3.14159, 0.0, 0.0]
pilot = lambda y: [-sum(k * (a - b) for k, a, b in zip(K, y, X0))]
with hc.deploy.Line.udp(address) as line:
    hc.drive(pilot, line.read, line.write, dt, 60.0, safe=[safe], path=path,
             timeout=5.0, most_missing=1000)
"""


def elsewhere(rig: Rig, path: Path, number: int, seconds: float) -> Any:
    """A drive in a process of its own, which gets a signal; its log is the file's."""
    words = [rig.address, str(path), str(SAFE), str(DT)]
    process: Any = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *words], stderr=subprocess.DEVNULL
    )
    while not path.exists() or path.stat().st_size < 100:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(number)
    code = process.wait(20)
    ended = signal.Signals(number).name if code in (128 + number, -number) else code
    return hc.Log.from_csv(path), str(ended)


READER = """
import sys
from hybridctl.deploy.line import Line
with Line.udp(sys.argv[1]) as line:
    while True:
        sys.stdin.readline()
        print(*(line.read() or []), flush=True)
"""


def through_a_reader(k: int) -> Callable[[Rig, Path], Any]:
    """Measurements come from another process, which is killed."""

    def run(rig: Rig, path: Path) -> Any:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-c", READER, rig.address]
        process: Any = subprocess.Popen(command, **pipes)

        def read() -> list[float] | None:
            os.write(process.stdin.fileno(), b"\n")
            words = process.stdout.readline().split()
            return list(map(float, words)) or None

        def kill() -> None:
            process.send_signal(signal.SIGKILL)
            process.wait()

        try:
            read()  # it is there
            faulty = at(k, read, lambda: (kill(), read())[1], 10**6)
            with rig.line() as line:
                pilot = template("hold").copy()
                return hc.drive(
                    pilot, faulty, line.write, DT, SECONDS, safe=[SAFE], path=path,
                    timeout=PATIENCE,
                )  # fmt: skip
        finally:
            process.kill()
            process.communicate()

    return run


def cases() -> list[Case]:
    """Fifty of them."""
    slow = lambda read: lambda: (time.sleep(2.5 * DT), read())[1]  # noqa: E731
    found: list[Case] = []
    for k in (3, 12, 21, 30):
        found += [
            Case("answer late", "", drives(), Fault("late", k, 1)),
            Case("answers lost", "", drives(), Fault("lost", k, 3)),
            Case("answers NaN", "", drives(), Fault("nan", k, 3)),
            Case("reader killed", "BrokenPipeError", through_a_reader(k)),
        ]
    for k in (3, 17, 31):
        raises = lambda call, k=k: at(k, call, boom)  # noqa: E731
        breaks = lambda call, k=k: at(k, call, nan)  # noqa: E731
        found += [
            Case("rig silent", "TimeoutError", drives(), Fault("lost", k, 10**6)),
            Case("NaN for good", "TimeoutError", drives(), Fault("nan", k, 10**6)),
            Case("exception in read", "Boom", drives(read=raises)),
            Case("exception in pilot", "Boom", drives(raises)),
            Case("pilot gives NaN", "ValueError", drives(breaks)),
            Case("SIGTERM", "SIGTERM", told(k, signal.SIGTERM)),
            Case("SIGKILL of the drive", "SIGKILL", told(k, signal.SIGKILL), own=True),
        ]
    for k in (8, 25):
        slows = lambda read, k=k: at(k, read, slow(read))  # noqa: E731
        raises = lambda call, k=k: at(k, call, boom)  # noqa: E731
        hangs = lambda read, k=k: at(k, read, hang)  # noqa: E731
        strict = drives(read=slows, on_late="error")
        found += [
            Case("noise on the line", "", drives(), Fault("noise", k, 2)),
            Case("period late", "", drives(read=slows)),
            Case("late is an error", "TimeoutError", strict),
            Case("exception in write", "Boom", drives(write=raises)),
            Case("read hangs", "TimeoutError", drives(read=hangs)),
        ]
    refusing = drives(on_missing="error")
    found += [
        Case("NaN is an error", "ValueError", refusing, Fault("nan", 9, 1)),
        Case("limit left", "", drives(limits={"force": (-0.5, 0.5)})),
        Case("SIGINT", "SIGINT", told(12, signal.SIGINT)),
    ]
    return found


class Found(NamedTuple):
    """What came of a fault.

    Attributes:
        kind: of the fault.
        ended: by what.
        as_told: whether that is what it had to end by.
        safe_last: whether the rig saw the safe input last.
        complete: whether the log has every input that the rig saw.
    """

    kind: str
    ended: str
    as_told: bool
    safe_last: bool
    complete: bool


def inject(case: Case) -> Found:
    """Drive a rig in which something goes wrong."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Rig(START, watchdog=WATCHDOG * case.own, safe=SAFE, fault=case.rig) as rig,
    ):
        log, ended = _run(case, rig, Path(folder) / "log.csv")
        time.sleep(2 * WATCHDOG if case.own else 0.01)
        seen = rig.end()
    return Found(
        case.kind, ended, ended == case.ends, _safe_last(seen, case.own),
        log is not None and complete(log, seen),
    )  # fmt: skip


def _run(case: Case, rig: Rig, path: Path) -> tuple[Any, str]:
    try:
        found = case.run(rig, path)
    except Exception as error:
        return getattr(error, "log", None), type(error).__name__
    return found if isinstance(found, tuple) else (found, "")


def _safe_last(seen: Seen, own: bool) -> bool:
    return bool((seen.u[-1] == SAFE).all() and seen.own[-1] == own)


def complete(log: hc.Log, seen: Seen) -> bool:
    """Whether a log has all inputs of a rig.

    A period that was skipped has a row, and no input of its own; of what was written
    when a process was killed the row may be missing.
    """
    written = inputs(log)
    given = seen.u[~seen.own, 0]
    same = written[: len(given)].tolist() == given.tolist()
    killed = bool(seen.own.any()) and given[:-1].tolist() == written.tolist()
    return bool(same and len(written) == len(given)) or killed


def inputs(log: hc.Log) -> NDArray:
    """The inputs of a log that were written."""
    name = next(n for n in log.names if n in ("force", "u0"))
    row = log[name][np.isfinite(log["response"])]
    return row[np.isfinite(row)]
