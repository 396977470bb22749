"""Is a rig driven on time, and is it safe whatever happens?

A simulated cart-pole in a process of its own, over UDP and over a serial line (a pty),
is held upright by an LQR at 50, 200 and 1000 Hz: how late periods begin (jitter), how
long it takes until an input is written (response), how many periods are late, and by
how much punctual periods of the last tenth are later than those of the first (drift).
Once with the priority that processes have, once with a real-time one (SCHED_FIFO) where
that is allowed. Beside it: what a file of the log costs, what a busy thread of Python
costs with and without the sooner hand-over, and loops that one writes by hand. Then
fifty faults are put in, one after another (`benchmarks/lib/faults.py`). Writes
benchmarks/results/drive.json.
"""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib import faults, results
from benchmarks.lib.about import about
from benchmarks.lib.rig import Rig
from hybridctl.deploy.realtime import grid
from hybridctl.deploy.realtime.rows import Quantiles

RESULT = results.path("drive")
RATES, WIRES = (50, 200, 1000), ("udp", "serial")
START = (0.0, np.pi - 0.02, 0.0, 0.0)
PRIORITY = 50
SHORT = 10.0  # [s] of a comparison on the side


@contextlib.contextmanager
def real_time() -> Iterator[None]:
    """This process, and those that it starts, before all that have no such priority.

    Raises:
        PermissionError: that is not allowed.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def pilot_at(rate: int) -> hc.Pilot:
    """An LQR for the rate."""
    plant = hc.CartPole()
    lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=1 / rate)
    return hc.embed(lqr, dt=1 / rate)


def held(wire: str, rate: int, seconds: float, path: Path | None = None) -> Any:
    """How time was kept while a rig was held upright."""
    with Rig(START, wire) as rig, rig.line(wait=0.8 / rate) as line:
        log = hc.drive(
            pilot_at(rate), line.read, line.write, 1 / rate, seconds, safe=[0.0],
            timeout=5.0, most_missing=10**9, path=path,
        )  # fmt: skip
    angle = np.abs(log["theta"] - np.pi)
    found = kept(log)
    found["largest angle [rad]"] = round(float(np.nanmax(angle)), 4)
    return found


def kept(log: hc.deploy.DriveLog) -> dict[str, Any]:
    """The figures of a drive."""
    periods = len(log) - 1
    return {
        "periods": periods,
        "jitter": micro(log["jitter"]),
        "response": micro(log["response"]),
        "late": log.late,
        "missed": log.missed,
        "drift": drift(log["jitter"]),
    }


def micro(row: NDArray) -> dict[str, float]:
    """Quantiles in microseconds."""
    found = Quantiles.of(row)._asdict()
    return {name: round(1e6 * value, 1) for name, value in found.items()}


def drift(jitter: NDArray) -> float:
    """By how much the last tenth is later than the first [µs]: its punctual periods."""
    n = max(len(jitter) // 10, 1)
    first, last = (np.nanpercentile(row, 10) for row in (jitter[:n], jitter[-n:]))
    return round(1e6 * float(last - first), 1)


# ---------------------------------------------------------------- on the side


def alone(rate: int, seconds: float, **options: Any) -> dict[str, Any]:
    """A drive of nothing."""
    return kept(
        hc.drive(
            lambda y: -y, lambda: [1.0], lambda u: None, 1 / rate, seconds, safe=[0.0],
            timeout=5.0, **options,
        )
    )  # fmt: skip


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A thread of Python that never rests."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def hand_over(seconds: float) -> Iterator[None]:
    """Threads hand over after another time than `drive` asks for."""
    was, grid.TURN = grid.TURN, seconds
    try:
        yield
    finally:
        grid.TURN = was


def by_hand(rate: int, seconds: float, absolute: bool) -> dict[str, Any]:
    """What one writes first: sleep a period; and what one writes next: until a time."""
    dt, late = 1 / rate, []
    start = time.perf_counter()
    for k in range(round(seconds * rate)):
        late.append(time.perf_counter() - start - k * dt)
        wait = start + (k + 1) * dt - time.perf_counter() if absolute else dt
        time.sleep(max(wait, 0.0))
    row = np.array(late)
    return {"jitter": micro(row), "drift": drift(row)}


def on_the_side(seconds: float) -> dict[str, Any]:
    """Comparisons, each right after the other."""
    found: dict[str, Any] = {"drive": alone(200, seconds)}
    found["sleep(dt)"] = by_hand(200, seconds, absolute=False)
    found["sleep until"] = by_hand(200, seconds, absolute=True)
    found["1000 Hz"] = alone(1000, seconds)
    with tempfile.TemporaryDirectory() as folder:
        found["1000 Hz, file"] = alone(1000, seconds, path=Path(folder) / "log.csv")
    return found


def beside_a_thread(seconds: float) -> dict[str, Any]:
    """What a busy thread costs, where it hands over soon, and where as Python does."""
    with busy():
        found = {"soon": alone(200, seconds)}
        with hand_over(0.005):
            found["5 ms"] = alone(200, seconds)
    return found


def put_in() -> dict[str, Any]:
    """The faults."""
    kinds: dict[str, dict[str, int]] = {}
    for case in faults.cases():
        found = faults.inject(case)
        row = kinds.setdefault(
            case.kind, {"n": 0, "as told": 0, "safe last": 0, "complete": 0}
        )
        row["n"] += 1
        row["as told"] += found.as_told
        row["safe last"] += found.safe_last
        row["complete"] += found.complete
        print(found, flush=True)
    total = {name: sum(row[name] for row in kinds.values()) for name in kinds["SIGINT"]}
    return {"total": total, "kinds": kinds}


def timed(seconds: float) -> dict[str, Any]:
    """All wires and rates."""
    found: dict[str, Any] = {}
    for wire in WIRES:
        for rate in RATES:
            found[f"{wire} {rate} Hz"] = row = held(wire, rate, seconds)
            print(wire, rate, row, flush=True)
    return found


def section(record: dict[str, Any], name: str, ask: Callable[[], Any]) -> None:
    """Ask, and keep what was found, with what was found before."""
    record[name] = ask()
    load = record.setdefault("load", {})
    load[name] = round(os.getloadavg()[1], 1)  # of the last five minutes
    print(name, record[name], flush=True)
    results.write(RESULT, record)


def main(seconds: float = 60.0, only: tuple[str, ...] = ()) -> None:
    """Drive, and put faults in.

    Args:
        seconds: of every run with a rig.
        only: parts: "real-time", "side", "busy", "faults", "usual"; all by default.
    """
    record = results.known(RESULT) | {"about": about(), "unit": "µs"}
    parts: dict[str, Callable[[], Any]] = {
        "real-time": lambda: prior(lambda: timed(seconds)),
        "side": lambda: prior(lambda: on_the_side(SHORT)),
        "busy": lambda: beside_a_thread(SHORT),
        "faults": put_in,
        "usual": lambda: timed(seconds),
    }
    record["seconds"] = seconds
    for name in only or tuple(parts):
        section(record, name, parts[name])


def prior(ask: Callable[[], Any]) -> Any:
    """What is found with a real-time priority; None where that is not allowed."""
    try:
        with real_time():
            return ask()
    except PermissionError:
        return None


if __name__ == "__main__":
    tyro.cli(main)
