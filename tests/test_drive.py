"""A rig is driven on time, and the safe input is the last that it gets."""

import gc
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_cli import refused, run

import hybridctl as hc
from hybridctl.deploy.c_library import compiler
from hybridctl.deploy.realtime.rows import Heading, Quantiles, Recorder, Row

SAFE, DT = 0.25, 0.005
LEAD = hc.PID(2.0, 1.0, 0.0, dt=DT)
needs_cc = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


def usual(k):
    return [1.0]


class Bench:
    """A rig in this process: what it measures, and every input that it was given."""

    def __init__(self, read=usual, write=lambda k, u: None):
        self.asked = self.puts = 0
        self.given = []
        self._read, self._write = read, write

    def read(self):
        self.asked += 1
        return self._read(self.asked)

    def write(self, u):
        self.puts += 1
        told = self._write(self.puts, u)
        self.given.append(float(u[0]))
        return told


def drive(bench, pilot=lambda y: -y, seconds=0.1, **options):
    """The log, and what was raised."""
    options = {"dt": DT, "safe": [SAFE], "timeout": 20.0} | options
    try:
        return hc.drive(
            pilot, bench.read, bench.write, seconds=seconds, **options
        ), None
    except BaseException as error:
        return error.log, error


def written(log):
    """The inputs of a log that were written: those of skipped periods were held."""
    row = log["u0"][np.isfinite(log["response"])]
    return row[np.isfinite(row)].tolist()


def boom(*given):
    raise OSError("unplugged")


def hang(*given):
    """For longer than any machine may stall in a test."""
    threading.Event().wait(60.0)


def at(k, action, otherwise):
    """At its k-th call something else."""
    return lambda now, *rest: (action if now == k else otherwise)(now, *rest)


def send(number):
    return lambda k: os.kill(os.getpid(), number) or [1.0]


PILOT = hc.embed(LEAD, DT)
NANS = {mode: hc.embed(LEAD, DT, on_missing=mode) for mode in ("nan", "error")}
ENDS = {  # what goes wrong, what it ends by, and words of that
    "time": ({}, None, "after 0.1 s"),
    "limit": (
        {"read": lambda k: [k / 10], "pilot": PILOT, "limits": {"y0": (0, 0.55)}},
        None, "y0=0.6 left 0 to 0.55",
    ),
    "limit of u": (
        {"pilot": PILOT, "limits": {"u0": 1.5}}, None, "u0=-2.* left -1.5 to 1.5"
    ),
    "read raises": ({"read": at(5, boom, usual)}, OSError, "unplugged"),
    "first read raises": ({"read": boom}, OSError, "unplugged"),
    "write raises": (
        {"put": at(5, boom, lambda k, u: None)}, OSError, "unplugged"
    ),
    "pilot raises": ({"pilot": boom}, OSError, "unplugged"),
    "pilot gives nan": ({"pilot": lambda y: y * np.nan}, ValueError, "u=.nan"),
    "pilot gives two": ({"pilot": lambda y: [1, 2]}, ValueError, "2 inputs"),
    "pilot gives nothing": ({"pilot": lambda y: None}, ValueError, "u=.nan"),
    "nan goes through": (
        {"read": lambda k: [np.nan], "pilot": NANS["nan"]}, ValueError, "u=.nan"
    ),
    "nan is an error": (
        {"read": lambda k: [np.nan], "pilot": NANS["error"]}, ValueError, "not finite"
    ),
    "nothing for long": (
        {"read": lambda k: [1.0] if k < 3 else None, "most_missing": 4},
        TimeoutError, "5 measurements in a row",
    ),
    "too few numbers": (
        {"read": lambda k: [], "pilot": PILOT}, ValueError, "0 numbers, expected y0"
    ),
    "no numbers": ({"read": lambda k: "hello"}, ValueError, "no row of numbers"),
    "write tells two": ({"put": lambda k, u: [1.0, 2.0]}, ValueError, "2 inputs"),
    "read hangs": (
        {"read": at(3, hang, usual), "timeout": 1.0},
        TimeoutError, "read did not come back within 1 s",
    ),
    "late": (
        {"read": at(3, lambda k: time.sleep(2.2 * DT) or [1.0], usual),
         "on_late": "error"}, TimeoutError, "was late",
    ),
    "Ctrl-C": ({"read": at(4, send(signal.SIGINT), usual)}, KeyboardInterrupt, ""),
    "SIGTERM": ({"read": at(4, send(signal.SIGTERM), usual)}, SystemExit, "143"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_the_safe_input_is_the_last_and_the_log_is_complete(name, tmp_path):
    options, kind, words = ENDS[name]
    wrong = dict(options)
    bench = Bench(wrong.pop("read", usual), wrong.pop("put", lambda k, u: None))
    collecting, turn = gc.isenabled(), sys.getswitchinterval()
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    path = tmp_path / "log.csv"
    seconds = 0.1 if name == "time" else 5.0
    log, error = drive(bench, seconds=seconds, path=path, **wrong)
    assert kind is None if error is None else type(error) is kind
    assert pytest.approx(SAFE) == bench.given[-1] == log["u0"][-1]
    assert bench.given.count(SAFE) == 1
    assert written(log) == bench.given or name == "write tells two"
    assert re.search(words, log.ended if error is None else str(error))
    again = hc.Log.from_csv(path)
    n = len(again)
    assert n in (len(log), len(log) - 1)  # one of a single row has got a second
    for column in ("t", *log.names):
        np.testing.assert_array_equal(again[column], log[column][:n])
    assert (gc.isenabled(), sys.getswitchinterval()) == (collecting, turn)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_the_grid_stays_where_it_is_when_a_period_takes_long():
    pilot = hc.embed(LEAD, DT)
    slow = at(4, lambda k: time.sleep(3.5 * DT) or [1.0], usual)
    bench = Bench(slow, lambda k, u: [0.5 * u[0]])  # a motor that does the half of it
    log, error = drive(bench, pilot, 0.2)
    k = np.arange(41)
    assert error is None and len(log) == 41 and log.late >= 3
    begun = np.isfinite(log["jitter"])
    over = np.flatnonzero(~begun)
    assert len(over) >= 2 and np.isnan(log["y0"][over]).all()
    assert (log["u0"][over] == log["u0"][over - 1]).all()
    assert (log.t[begun] >= k[begun] * DT).all() and (log.t[:-1] < DT * k[1:]).all()
    assert pilot.state_dict()["tick"] == 40  # its time is the rig's
    assert np.allclose(written(log)[:-1], 0.5 * np.array(bench.given[:-1]))
    assert str(log.late) in str(log) and "jitter" in str(log) and "after" in repr(log)


def test_quantiles_leave_out_what_never_was():
    found = Quantiles.of(np.array([1.0, np.nan, 3.0, 2.0]))
    assert found[0] == 2.0 and found.max == 3.0 and found.p99 == pytest.approx(2.98)
    assert math.isnan(Quantiles.of(np.array([np.nan])).max)
    assert str(Quantiles(2e-6, 3e-3, 4.0)) == "p50 2 µs, p99 3 ms, at most 4 s"


@pytest.mark.parametrize("wrong", [boom, hang])
def test_a_safe_input_that_cannot_be_written_is_said_first(wrong):
    log, error = drive(Bench(write=wrong), timeout=1.0)
    assert type(error) is RuntimeError and "COULD NOT BE WRITTEN" in str(error)
    assert error.__cause__ is not None and np.isnan(log["u0"]).all()


def test_a_write_that_comes_back_late_is_not_the_last():
    held = threading.Event()
    bench = Bench(write=at(3, lambda k, u: held.wait(60) and None, lambda k, u: None))
    log, error = drive(bench, timeout=1.0)
    assert type(error) is TimeoutError and log["u0"][-1] == bench.given[-1] == SAFE
    held.set()  # now the input of then arrives, and the safe one again
    end = time.monotonic() + 60
    while bench.given[-2:] != [-1.0, SAFE] and time.monotonic() < end:
        time.sleep(0.001)
    assert bench.given[-2:] == [-1.0, SAFE]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk")
def test_a_full_disk_lets_no_rig_fall():
    bench = Bench()
    with pytest.warns(UserWarning, match="/dev/full is not whole: .*No space left"):
        log, error = drive(bench, path="/dev/full")
    assert error is None and log["u0"][-1] == bench.given[-1] == SAFE


def test_a_disk_that_takes_a_part_of_a_row_is_told(tmp_path):
    record = Recorder(tmp_path / "log.csv", Heading([], [], 1))
    assert record._file is not None
    record._file.close()
    short = lambda data: len(data) - 1  # noqa: E731
    almost: Any = SimpleNamespace(name="log.csv", write=short, close=lambda: None)
    record._file = almost
    record(Row(0.0, 0.0, np.zeros(1), np.zeros(1)))
    with pytest.warns(UserWarning, match=r"log.csv is not whole: only a part of a row"):
        record.close()


def test_what_a_controller_of_one_s_own_calls_as_it_likes_is_left_alone():
    class Own:
        dt, y, u, on_missing = "fast", np.zeros(3), np.zeros(1), 7

        def __call__(self, y):
            return 2 * y

    log, error = drive(Bench(), Own())
    assert error is None and log.names[:2] == ("y0", "u0") and log["u0"][0] == 2.0


def test_it_runs_beside_the_main_thread():
    found = []
    bench = Bench()
    thread = threading.Thread(target=lambda: found.append(drive(bench)))
    thread.start()
    thread.join()
    (log, error), *_ = found
    assert error is None and bench.given[-1] == SAFE and len(log) == 21


def test_a_handler_of_one_s_own_is_called_when_the_rig_is_safe():
    bench, heard = Bench(at(3, send(signal.SIGTERM), usual)), []
    before = signal.signal(signal.SIGTERM, lambda n, f: heard.append(bench.given[-1]))
    try:
        log, error = drive(bench)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert error is None and heard == [SAFE] and log.ended == "SIGTERM"


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="there is no Ctrl-Z")
def test_ctrl_z_sleeps_when_the_rig_is_safe(monkeypatch):
    sleeps = []
    monkeypatch.setattr(os, "kill", lambda *given: sleeps.append(given))
    bench = Bench(at(3, lambda k: signal.raise_signal(signal.SIGTSTP) or [1.0], usual))
    log, error = drive(bench, seconds=0.3)
    assert error is None and log.ended == "SIGTSTP" and bench.given[-1] == SAFE
    assert sleeps == [(os.getpid(), signal.SIGTSTP)]


def test_a_long_period_is_left_when_it_is_stopped():
    bench = Bench(lambda k: threading.Timer(0.05, send(signal.SIGTERM), [0]).start())
    began = time.monotonic()
    _, error = drive(bench, dt=5.0, seconds=10.0)
    assert type(error) is SystemExit and time.monotonic() - began < 3
    assert bench.given[-1] == SAFE


GOOD = {"pilot": lambda y: -y, "dt": DT, "seconds": 0.1, "safe": [0.0]}
BAD = {
    "a controller": ({"pilot": LEAD}, "pilot is a PID, .*give hc.embed"),
    "no function": ({"pilot": 3}, "pilot is 3; give hc.embed"),
    "another period": ({"pilot": PILOT, "dt": 0.01}, "dt=0.01 but .* for dt=0.005"),
    "no reader": ({"read": None}, "read is None; give a function"),
    "no writer": ({"write": [1]}, r"write is \[1\]; give a function"),
    "no period": ({"dt": 0.0}, "dt=0.0 must be above 0"),
    "too short": ({"seconds": 0.001}, "less than one period"),
    "no safe": ({"safe": None}, "safe is not given"),
    "safe of two": ({"pilot": PILOT, "safe": [0, 0]}, "safe has 2 numbers, expected 1"),
    "safe of nothing": ({"safe": [np.nan]}, "safe is not finite"),
    "a word": ({"on_late": "wait"}, "unknown on_late 'wait'"),
    "none missing": ({"most_missing": 0}, "must be a whole number above 0"),
    "no time": ({"timeout": -1.0}, "must be above 0"),
    "no such limit": (
        {"pilot": PILOT, "limits": {"x": 1}},
        "x, but this pilot has y0, u0",
    ),
    "no names": ({"limits": {"x": 1}}, "a function has no names"),
    "limits that fall": ({"pilot": PILOT, "limits": {"y0": (1, 0)}}, "1 to 0; give"),
    "three limits": ({"pilot": PILOT, "limits": {"y0": (1, 2, 3)}}, "one number or"),
    "a reference": ({"r": "up"}, "r is 'up', no row of numbers"),
    "no folder": ({"path": "no/such/log.csv"}, "there is no folder no/such"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_before_anything_moves(name):
    wrong, words = BAD[name]
    bench = Bench()
    options = {"read": bench.read, "write": bench.write} | GOOD | wrong
    with pytest.raises(ValueError, match=words):
        hc.drive(**options)
    assert bench.asked == bench.puts == 0


def test_a_reference_moves_with_time():
    pendulum = hc.Pendulum()
    lqr = hc.lqr(pendulum, pendulum.hanging(), Q=1, R=1, dt=DT)
    pilot, bench = hc.embed(hc.follow(pendulum, "theta") >> lqr, DT), Bench()
    bench.read = lambda: [0.0, 0.0]
    with pytest.raises(ValueError, match="follows a reference; give r="):
        hc.drive(pilot, bench.read, bench.write, DT, 0.1)
    log, _ = drive(bench, pilot, r=lambda t: [0.1 * t])
    ran = np.flatnonzero(np.isfinite(log["response"]))[:-1]
    asked = np.polyfit(ran, log["torque"][ran], 1)
    still, _ = drive(bench, pilot, r=[0.1 * DT])
    assert asked[0] == pytest.approx(still["torque"][0]) and still["torque"][0] > 0


# ------------------------------------------------------------------------- swap


def test_a_swap_has_no_bump_and_both_know_what_was_applied():
    slow, fast = (hc.PID(k, 2.0, 0.0, dt=DT, limit=3.0) for k in (1.0, 2.0))
    pilot = hc.Swap(hc.embed(slow, DT))
    old, new = pilot.pilot, hc.embed(fast, DT)
    before = pilot([1.0])[0]
    pilot.swap(new, over=10 * DT)
    rows = []
    for _ in range(10):
        rows.append(pilot([1.0])[0])
        pilot.applied([-1.2])
    assert old.state_dict()["applied0"] == -1.2 == new.state_dict()["applied0"]
    rows += [pilot([1.0])[0] for _ in range(2)]
    assert max(np.abs(np.diff([before, *rows]))) < 0.12 < 1.0 < before - rows[-1]
    alone = new.copy()
    assert pilot([1.0]) == alone([1.0])
    assert (old.state_dict()["tick"], new.state_dict()["tick"]) == (12, 13)


def test_a_swap_goes_on_while_the_rig_runs_and_before_another_is_over():
    made = [hc.embed(hc.PID(k, 0.0, 0.0, dt=DT), DT) for k in (1.0, 2.0, 4.0)]
    pilot = hc.Swap(made[0])
    begin = {5: made[1], 8: made[2]}
    swap = lambda k: k in begin and pilot.swap(begin[k], 8 * DT)  # noqa: E731
    bench = Bench(lambda k: swap(k) or [1.0])
    log, error = drive(bench, pilot, 0.8)  # more than it takes, should time be lost
    assert error is None and written(log)[:4] == [-1.0] * 4
    assert (np.diff(written(log)[:-1]) <= 0).all() and written(log)[-2] == -4.0


def test_what_does_not_fit_is_no_successor():
    pilot = hc.Swap(hc.embed(LEAD, DT))
    assert (pilot.dt, pilot.u, pilot.mode) == (DT, [("u0", "")], None)
    assert repr(pilot) == f"Swap({pilot.pilot!r})"
    with pytest.raises(ValueError, match=r"the new pilot has dt=0.01, this one has"):
        pilot.swap(hc.embed(hc.PID(1.0, 0.0, 0.0, dt=0.01), 0.01))
    leaving, coming = pilot.pilot, pilot.pilot.copy()
    with pytest.raises(ValueError, match="runs already"):
        pilot.swap(leaving)
    pilot.swap(coming)
    for running in (leaving, coming):  # a second call in a period would move it twice
        with pytest.raises(ValueError, match="runs already"):
            pilot.swap(running)
    with pytest.raises(ValueError, match="is of pilots, not of"):
        hc.Swap(lambda y: y)
    with pytest.raises(AttributeError, match="nothing"):
        pilot.nothing  # noqa: B018


# ------------------------------------------------------------------------- line


class Answers(threading.Thread):
    """A rig at the other end of a wire; `wrong` are its first answers."""

    def __init__(self, receive, send, wrong=()):
        super().__init__(daemon=True)
        self.heard, self._receive, self._send = [], receive, send
        self._wrong, self.usual = list(wrong), b"y %s 1 -2.5e-3\n"

    def run(self):
        while data := self._receive():
            for line in data.splitlines():
                self.heard.append(line)
                kind, *words = line.split()
                if kind == b"y":
                    lines = self._wrong.pop(0) if self._wrong else self.usual
                    self._send(lines.replace(b"%s", words[0]))


@pytest.fixture(params=["udp", "serial"])
def wire(request):
    """Gives a line and the rig at its other end."""
    wrong = [b"", b"y 1 9 9\n#~\xff\ny %s 3 4\n", b"y %s 3 x4\n", b"\n\ny %s nan 2\n"]
    if request.param == "udp":
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(("127.0.0.1", 0))
        line = hc.deploy.Line.udp(f"127.0.0.1:{end.getsockname()[1]}", wait=0.2)
        rig = Answers(*datagrams(end), wrong)
        last = lambda: end.sendto(b"", end.getsockname())  # noqa: E731
        close = end.close
    else:
        pty = pytest.importorskip("pty")
        here, there = pty.openpty()
        line = hc.deploy.Line.serial(os.ttyname(there), wait=0.2)
        rig = Answers(lambda: end_of(here), lambda s: os.write(here, s), wrong)
        last, close = lambda: os.close(there), lambda: os.close(here)
    rig.start()
    with line:
        yield line, rig
    last()
    rig.join(2)
    close()


def datagrams(end):
    """Takes what anybody sends, and answers to whoever was the last."""
    asker = []

    def receive():
        data, who = end.recvfrom(999)
        asker[:] = [who]
        return data

    return receive, lambda data: end.sendto(data, asker[0])


def end_of(file):
    try:
        return os.read(file, 999)
    except OSError:  # its other end is closed
        return b""


def test_a_line_asks_answers_and_leaves_out_what_is_none(wire):
    line, rig = wire
    line.wait = 0.02
    assert line.read() is None
    line.wait = 2.0
    assert line.read() == [3.0, 4.0]
    line.wait = 0.02
    assert line.read() is None
    line.wait = 2.0
    np.testing.assert_array_equal(line.read(), [np.nan, 2.0])
    assert line.read() == [1.0, -0.0025]
    line.write(np.array([1e-6, -2.0]))
    line.read()
    assert rig.heard[-3:] == [b"y 5", b"u 0.000001 -2", b"y 6"]


def test_a_rig_over_a_line_is_driven(wire):
    line, rig = wire
    rig._wrong.clear()
    log = hc.drive(
        lambda y: y[:1], line.read, line.write, 0.02, 0.2, safe=[SAFE], timeout=20.0
    )
    line.read()  # all that was written before has come
    given = [float(row.split()[1]) for row in rig.heard if row[:1] == b"u"]
    assert given[-1] == SAFE and len(log) == 11 and log["y1"][-1] == -0.0025


def test_what_is_no_line_is_refused():
    for bad in ("5005", "127.0.0.1", "127.0.0.1:x", ":5", "a:70000"):
        with pytest.raises(ValueError, match="is no address; give HOST:PORT"):
            hc.deploy.Line.udp(bad)
    with pytest.raises(ValueError, match="must be above 0"):
        hc.deploy.Line.udp("127.0.0.1:5005", wait=0.0)
    pytest.importorskip("termios")
    with pytest.raises(ValueError, match="baud=3 is no speed of this system"):
        hc.deploy.Line.serial("/dev/null", baud=3)
    with pytest.raises(OSError, match="no/such"):
        hc.deploy.Line.serial("no/such")
    with pytest.raises(ValueError, match="/dev/null is no serial line"):
        hc.deploy.Line.serial("/dev/null")


@pytest.mark.slow
def test_the_command_drives_a_rig_and_says_how(wire, tmp_path, capsys):
    line, rig = wire
    if hasattr(line._wire, "_socket"):
        to = ["--udp", "{}:{}".format(*line._wire._socket.getpeername())]
    else:
        to = ["--serial", os.ttyname(line._wire._file)]
    out = tmp_path / "deep" / "log.csv"
    to += ["--seconds", 0.4, "--out", out, "--wait", 1, "--safe", 0.25]
    rig.usual = b"y %s 0 3 0 0\n"
    rig._wrong.clear()
    run("drive", "lqr", *to, "--limit", "theta=2,4")
    told = capsys.readouterr().out
    assert "theta [rad]" in told and "wrote" in told and "jitter" in told
    assert len(hc.Log.from_csv(out)) == 21
    rig.usual = b"y %s 0 3\n"
    assert "read gave 2 numbers, expected x, theta, dx" in refused(
        capsys, "drive", "lqr", *to
    )


def test_a_command_that_is_wrong_drives_nothing(capsys):
    assert "--udp HOST:PORT or --serial DEVICE" in refused(capsys, "drive", "lqr")
    for bad in ("theta", "theta=a", "=3", "theta=1,2,3"):
        text = refused(capsys, "drive", "lqr", "--udp", "a:1", "--limit", bad)
        assert "give NAME=LARGEST or NAME=LOW,HIGH" in text


# ----------------------------------------------------------- a rig of its own, in C


def one_of_each_kind():
    from benchmarks.lib import faults

    return {case.kind: case for case in reversed(faults.cases())}


@needs_cc
@pytest.mark.slow
def test_whatever_goes_wrong_the_rig_sees_the_safe_input_last():
    from benchmarks.lib import faults

    kinds = one_of_each_kind()
    assert len(faults.cases()) == 50 and len(kinds) == 19
    wrong = []
    for case in kinds.values():
        found = faults.inject(case)
        wrong += [found] * (not (found.as_told and found.safe_last and found.complete))
    assert not wrong


@needs_cc
@pytest.mark.slow
@pytest.mark.parametrize("wire", ["udp", "serial"])
def test_a_rig_of_its_own_is_held_upright_without_drift(wire):
    from benchmarks.questions.drive import held

    for _ in range(3):  # a machine that stalls lets any pole fall
        found = held(wire, 200, 2.0)
        if found["jitter"]["max"] < 50_000.0:  # µs
            break
    assert found["periods"] == 400 and found["missed"] < 200
    assert found["drift"] < 1000.0  # µs
    assert found["largest angle [rad]"] < 0.5


AT_EXIT = """
import threading, time
import hybridctl as hc
given = []
def drive():
    hc.drive(lambda y: y, lambda: [1.0], given.append, 0.01, 60.0, safe=[0.25])
threading.Thread(target=drive, daemon=True).start()
while len(given) < 3:
    time.sleep(0.01)
import atexit
atexit._run_exitfuncs()
print(given[-1])
"""


@pytest.mark.slow
def test_the_end_of_the_process_is_safe():
    command = [sys.executable, "-c", AT_EXIT]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout.strip() == "[0.25]"
