"""What happens in the periods of `drive`, in a thread of its own."""

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail
from hybridctl.deploy.realtime.grid import Grid, clock, wake_on_time
from hybridctl.deploy.realtime.plan import Limit, Plan, as_row
from hybridctl.deploy.realtime.rows import Row

TRIES = 3  # to write the safe input, where it raises


class Over(Exception):
    """The ride ends, and nothing is wrong."""


class Ride:
    """Periods until one of many ends, and the safe input last.

    Args:
        plan: what was asked.
        record: is given every row when it is whole.

    Attributes:
        rows: one for every period so far.
        done: set when the safe input was written.
        ended: why, in words.
        error: what was raised; None.
        unsafe: why the safe input could not be written; None.
        late: periods whose input came after their end, or not at all.
        missed: measurements that were missing.
    """

    def __init__(self, plan: Plan, record: Callable[[Row], None]):
        self.plan, self._record = plan, record
        self.rows: list[Row] = []
        self.done, self._stopped = threading.Event(), threading.Event()
        self.ended = ""
        self.error: BaseException | None = None
        self.unsafe: BaseException | None = None
        self.late = self.missed = self._in_a_row = 0
        self._was_late = False
        self._hung, self._turn = "", threading.Lock()  # who holds it may write
        self._calling, self._since = "", math.inf
        self._grid, self._held = Grid(plan.dt), plan.safe
        self._nothing = np.full(max(len(plan.pilot.y), 1), np.nan)

    def run(self) -> None:
        """All of it; never raises."""
        wake_on_time()
        ended, failed = "", None
        try:
            self._periods()
        except Over as over:
            ended = str(over)
        except BaseException as error:
            failed = error
        if self._hung == "write":  # what hung may have come after the safe input
            self._settle()
        if not self._hung:
            with self._turn:
                self._settle()
            self.ended, self.error = ended, failed
            self.done.set()

    def stop(self, why: str) -> None:
        """End with the next period; called from anywhere."""
        self.ended = self.ended or why
        self._stopped.set()

    def hangs(self) -> bool:
        """Whether a period has taken too long."""
        return clock() - self._since > self.plan.timeout

    def abandon(self) -> None:
        """Write the safe input from another thread, as this one hangs."""
        self._hung = self._calling
        self.error = TimeoutError(
            f"{self._hung} did not come back within {self.plan.timeout:g} s"
        )
        free = self._turn.acquire(timeout=self.plan.timeout)
        helper = threading.Thread(target=self._settle, daemon=True)
        helper.start()
        helper.join(self.plan.timeout)
        if helper.is_alive():
            self.unsafe = TimeoutError("write hangs")
        if free:
            self._turn.release()

    # ------------------------------------------------------------------ a period

    def _periods(self) -> None:
        k = 0
        self._grid.begin()
        while True:
            k, row = self._wake(k)
            y = self._measure(row)
            if k == self.plan.periods:
                raise Over(f"after {k * self.plan.dt:g} s")
            self._apply(row, self._decide(k, y))
            self._close(k, row)
            k += 1

    def _wake(self, planned: int) -> tuple[int, Row]:
        """The period that it is by then: those that are over are skipped."""
        self._since = math.inf
        self._grid.sleep_until(planned, self._stopped)
        now, dt = self._grid.now(), self.plan.dt
        self._since = clock()
        jitter = now - planned * dt
        if self._stopped.is_set():
            self.rows.append(Row(now, jitter))
            raise Over(self.ended)
        k = min(max(planned, int(now / dt)), self.plan.periods)
        if jitter <= self.plan.timeout:
            self._skip(planned, k)
        row = Row(now, jitter)
        self.rows.append(row)
        if jitter > self.plan.timeout:
            raise TimeoutError(f"this process was kept from running for {jitter:.3g} s")
        if self._was_late or k > planned:
            self._refuse_late(now)
        if self.plan.pilot.on_missing == "hold":  # its time goes on
            self._calling = "pilot"
            for skipped in range(planned, k):
                self._ask(skipped, self._nothing)
        return k, row

    def _skip(self, first: int, k: int) -> None:
        """Rows of periods without a measurement, in which the last input was held."""
        for skipped in range(first, k):
            row = Row(skipped * self.plan.dt, math.nan, None, self._held)
            self.rows.append(row)
            self._record(row)
            self.late += 1

    def _measure(self, row: Row) -> NDArray:
        self._calling = "read"
        found = self.plan.read()
        self._go_on()
        if found is not None:
            row.y = as_row("what read gave", found)
            if len(row.y) < len(self.plan.pilot.y):
                names = ", ".join(name for name, _ in self.plan.pilot.y)
                fail(f"read gave {len(row.y)} numbers, expected {names}")
            self._keep(self.plan.limits[0], row.y)
            if np.isfinite(row.y).all():
                self._in_a_row = 0
                return row.y
        self.missed += 1
        self._in_a_row += 1
        if self._in_a_row > self.plan.most_missing:
            raise TimeoutError(
                f"{self._in_a_row} measurements in a row were missing; "
                f"most_missing={self.plan.most_missing}"
            )
        return self._nothing if row.y is None else row.y

    def _decide(self, k: int, y: NDArray) -> NDArray:
        self._calling = "pilot"
        u = as_row("what the pilot gave", self._ask(k, y))
        if u.shape != self.plan.safe.shape:
            fail(f"the pilot gave {len(u)} inputs, but safe has {len(self.plan.safe)}")
        if not np.isfinite(u).all():
            fail(f"the pilot gave u={u.tolist()} at {k * self.plan.dt:g} s")
        self._keep(self.plan.limits[1], u)
        return u

    def _ask(self, k: int, y: NDArray) -> Any:
        """The input of a period."""
        plan = self.plan
        if plan.reference is None:
            return plan.pilot(y)
        return plan.pilot(y, as_row("r", plan.reference(k * plan.dt)))

    def _keep(self, limits: tuple[Limit, ...], row: NDArray) -> None:
        for limit in limits:
            told = limit.check(row)
            if told:
                raise Over(f"{told} at {self.rows[-1].t:.6g} s")

    def _apply(self, row: Row, u: NDArray) -> None:
        with self._turn:
            self._go_on()
            self._calling = "write"
            told = self.plan.write(u.copy())
        if isinstance(told, (np.ndarray, list, tuple)):  # no count of bytes
            u = as_row("what write gave", told)
            if u.shape != self.plan.safe.shape:
                fail(f"write gave {len(u)} inputs, expected {len(self.plan.safe)}")
            self.plan.pilot.applied(u)
        row.u = self._held = u

    def _close(self, k: int, row: Row) -> None:
        """How long it took, and whether that was too long."""
        end = self._grid.now()
        row.response = end - row.t
        self._was_late = end > (k + 1) * self.plan.dt
        self.late += self._was_late
        self._record(row)

    def _refuse_late(self, t: float) -> None:
        if self.plan.on_late == "error":
            raise TimeoutError(
                f"a period before {t:.6g} s was late, and on_late is 'error'"
            )

    # ------------------------------------------------------------------- the end

    def _go_on(self) -> None:
        if self._hung:
            raise Over("too late")

    def _settle(self) -> None:
        """Write the safe input."""
        self._calling, self._since = "write", clock()
        for _ in range(TRIES):
            try:
                self.plan.write(self.plan.safe.copy())
                self.unsafe = None
                break
            except BaseException as error:
                self.unsafe = error
        row, self._since = self.rows[-1], math.inf
        row.u = self.plan.safe if self.unsafe is None else None
        row.response = self._grid.now() - row.t

    def finish(self) -> list[Row]:
        """All rows, at least two: the last has the safe input."""
        rows = list(self.rows)
        self._record(rows[-1])
        if len(rows) == 1:
            rows.append(Row(self._grid.now(), math.nan, None, rows[0].u))
            self._record(rows[-1])
        return rows
