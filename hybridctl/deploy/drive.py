"""`drive`: a pilot on a rig, in real time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hybridctl.deploy.realtime.grid import undisturbed
from hybridctl.deploy.realtime.plan import as_path, plan
from hybridctl.deploy.realtime.ride import Ride
from hybridctl.deploy.realtime.rows import DriveLog, Heading, Recorder, drive_log
from hybridctl.deploy.realtime.watch import Signals, supervise
from hybridctl.kinds import checked


@checked
def drive(
    pilot: Any,
    read: Callable[[], Any],
    write: Callable[[Any], Any],
    dt: float,
    seconds: float,
    *,
    safe: Any = None,
    r: Any = None,
    limits: Mapping[str, Any] | None = None,
    on_late: str = "skip",
    most_missing: int = 10,
    timeout: float | None = None,
    path: str | Path | None = None,
) -> DriveLog:
    """Run a rig: every dt a measurement, the pilot's input, and the safe one at last.

    Period k begins at k dt of the monotonic clock, whatever happened before: no error
    adds up. Reading, pilot and writing run in a thread of their own, while this one
    watches.

    **The safe input is the last that is written**, whatever ends the run: its time,
    a limit, an exception in any of the three, an input that is not finite, too many
    missing measurements, a call that hangs, Ctrl-C, Ctrl-Z, SIGTERM, SIGHUP, or the end
    of the process. Against SIGKILL, a crash of Python and a cable that breaks nothing
    in this process helps: the rig needs a watchdog of its own, too.

    Args:
        pilot: of `embed`, a `Swap`, or any function of y [n_y].
        read: gives the measurement y [n_y]; None, or NaN in it, where there is none:
            then `on_missing` of the pilot counts.
        write: puts an input u [n_u] in, which stays until the next. Where it gives a
            row back, that is what was applied, and the pilot is told.
        dt: control period [s].
        seconds: length of the run [s].
        safe: input [n_u] that is written at last; 0 by default.
        r: reference [n_r], or a function of the time [s], where the pilot follows one.
        limits: by name of a measurement or an input: the largest size, or (low, high).
            What is beyond ends the run in the same period.
        on_late: "skip": periods that are over are left out, and those that follow keep
            their times. "error": the first late one ends the run.
        most_missing: measurements in a row that may be missing.
        timeout: of one period [s], after which a call hangs; 10 dt by default, at
            least 0.2 s.
        path: of a text file that is given every row as it comes, so that it survives
            this process.

    Returns:
        The log with the pilot's names and how late each period began; it prints.

    Raises:
        ValueError: bad input, before anything moves; or what `read` or the pilot gave
            is no row of finite numbers of its size.
        TimeoutError: a call hangs, too many measurements are missing, or a period is
            late and that is an error.
        RuntimeError: the safe input could not be written.
        BaseException: what was raised by one of the three, or by a signal. Whatever is
            raised has the log as its attribute `log`.

    Example:
        >>> import hybridctl as hc
        >>> import numpy as np
        >>> x = np.array([0.1])
        >>> def write(u):
        ...     x[:] += 0.01 * u
        >>> pilot = hc.embed(hc.PID(5.0, 0.0, 0.0, dt=0.01), dt=0.01)
        >>> log = drive(pilot, lambda: x, write, dt=0.01, seconds=0.1, safe=[0.0])
        >>> len(log), log["u0"][[0, -1]]
        (11, array([-0.5,  0. ]))
    """
    asked = plan(
        pilot, read, write, dt, seconds, safe, r, limits, on_late, most_missing, timeout
    )
    heading = Heading(asked.pilot.y, asked.pilot.u, len(asked.safe))
    record = Recorder(as_path(path), heading)
    ride = Ride(asked, record)
    signals = Signals(ride.stop)
    with undisturbed(), signals:
        supervise(ride)
    log = drive_log(ride.finish(), heading)
    log.ended = ride.ended or repr(ride.error)
    log.late, log.missed = ride.late, ride.missed
    record.close()
    try:
        _refuse(ride)
        signals.pass_on()
    except BaseException as error:
        error.log = log  # pyright: ignore[reportAttributeAccessIssue]
        error.add_note(f"hybridctl: the log of {len(log) - 1} periods is its .log")
        raise
    return log


def _refuse(ride: Ride) -> None:
    """Raise what was raised in the ride; what is dangerous comes first."""
    if ride.unsafe is not None:
        raise RuntimeError(
            f"THE SAFE INPUT COULD NOT BE WRITTEN ({ride.unsafe!r}); stop the rig by "
            "hand"
        ) from (ride.error or ride.unsafe)
    if ride.error is not None:
        raise ride.error
