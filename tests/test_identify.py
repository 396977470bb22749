"""Logs, and the models that are fitted to them."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

import hybridctl as hc
from hybridctl import cli
from hybridctl.design.identification.identify import _history
from hybridctl.design.identification.recorded import Recorded
from hybridctl.design.identification.solution import ljung_box
from hybridctl.design.identification.unknowns import Unknowns
from hybridctl.loop.units import FACTORS

DT, LIMIT = 0.02, 10.0
LOOP = hc.Loop(DT, actuator=hc.Actuator(limit=LIMIT))
COUNT = 2 * np.pi / 2048
NAMES = ("m_c", "m_p", "L", "cart_friction", "pole_friction", "actuator.delay")


@functools.cache
def recorded(seed, seconds=10.0):
    """A rig that swings about below a cart, and what was recorded of it."""
    rng = np.random.default_rng(seed)
    plant = hc.tasks.get("unknown_plant").vary(jax.random.PRNGKey(seed), hc.CartPole())
    t = np.arange(round(seconds / DT)) * DT
    tones = zip((0.25, 0.5, 0.8, 1.1, 1.6, 2.3), rng.uniform(0, 6.28, 6), strict=True)
    push = sum(2.2 * np.sin(2 * np.pi * f * t + p) for f, p in tones)[:, None]
    back = hc.StateFeedback([[3.0, 0.0, 2.0, 0.0]], np.zeros(4), np.zeros(1))
    late = hc.Actuator(limit=LIMIT, spread=[0.4, 0.6])
    loop = hc.Loop(DT, actuator=late)
    trace = hc.simulate(
        plant, hc.Sequence(push) + back, [0, 0.5, 0, 0], seconds, loop=loop
    )
    steps = {"x": 1e-4, "theta": COUNT}
    rows = {n: trace[n] + rng.normal(0.0, 1e-3, len(trace.t)) for n in steps}
    rows = {n: np.round(row / steps[n]) * steps[n] for n, row in rows.items()}
    asked = np.asarray(trace.asked)[:, 0]
    return plant, hc.Log({"t": trace.t, **rows, "force": np.append(asked, asked[-1])})


# ------------------------------------------------------------------------ logs


def test_a_log_goes_to_a_file_and_back(tmp_path):
    _, log = recorded(0)
    known = hc.Log(log.to_dict(), {"theta": "rad", "force": "N"})
    again = hc.Log.from_csv(known.to_csv(tmp_path / "log.csv"))
    assert again == known and again.units["theta"] == "rad"
    assert log != hc.Log({**log.to_dict(), "x": log["x"] + 1e-9})


def test_a_trace_is_a_log():
    plant = hc.CartPole()
    trace = hc.simulate(plant, hc.Constant([1.0]), np.zeros(4), 1.0, dt=DT)
    log = hc.Log.from_trace(trace)
    assert log.names == (*plant.states, *plant.inputs) and len(log) == 51
    assert log.units["dtheta"] == "rad/s" and log["force"].tolist() == [1.0] * 51


def test_headings_tell_units_and_other_names(tmp_path):
    path = tmp_path / "log.csv"
    text = "# a rig\ntime (ms); angle [deg]; u\n0;180;1\n20;90;\n40;0;nan\n"
    path.write_text(text, encoding="utf-8")
    log = hc.Log.from_csv(path, names={"time": "t", "angle": "theta"})
    np.testing.assert_allclose(log.t, [0.0, 0.02, 0.04])
    np.testing.assert_allclose(log["theta"], [np.pi, np.pi / 2, 0.0])
    assert np.isnan(log["u"]).tolist() == [False, True, True]


def test_units_become_those_of_the_toolkit():
    rows = {"t": [0.0, 1.0], **{f"y{i}": [0.0, 2.0] for i in range(len(FACTORS))}}
    log = hc.Log(rows, {f"y{i}": unit for i, unit in enumerate(FACTORS)})
    for i, (factor, unit) in enumerate(FACTORS.values()):
        assert log[f"y{i}"][1] == 2.0 * factor and log.units[f"y{i}"] == unit


def test_uneven_times_are_made_even():
    t = np.delete(np.arange(0.0, 1.0, 0.1), [4, 5])
    log = hc.Log({"t": t, "x": 3.0 * t, "u": np.arange(8.0)})
    with pytest.warns(UserWarning, match="differ by up to 200%"):
        even = log.even(held=("u",))
    np.testing.assert_allclose(np.diff(even.t), 0.1)
    np.testing.assert_allclose(even["x"][[3, 6]], [0.9, 1.8])
    assert np.isnan(even["x"][4:6]).all() and even["u"][4:6].tolist() == [3.0, 3.0]
    assert log.between(0.0, 0.3).even() == log.between(0.0, 0.3)


def test_angles_are_interpolated_the_short_way_round():
    t, true = np.array([0.0, 0.1, 0.21, 0.3]), np.array([3.0, 3.1, 3.21, 3.3])
    log = hc.Log({"t": t, "theta": np.angle(np.exp(1j * true))})
    even = log.resampled(0.01, angles=["theta", "phi"])
    jumps = np.diff(even["theta"])
    np.testing.assert_allclose(jumps[jumps < -1], -2 * np.pi + 0.01)
    np.testing.assert_allclose(even.unwound(["theta"])["theta"], 3.0 + even.t)
    np.testing.assert_array_equal(log.resampled(0.3, angles=["theta"]).t, [0.0, 0.3])
    steady = hc.Log({"t": t, "theta": true})
    assert steady.resampled(0.01) == steady.resampled(0.01, angles=["theta"])


def test_a_fit_sees_no_jump_where_the_clock_is_uneven():
    t = np.array([0.0, 0.1, 0.21, 0.3, 0.4])
    theta = np.angle(np.exp(1j * (3.0 + t)))
    log = hc.Log({"t": t, "theta": theta, "torque": 0 * t})
    with pytest.warns(UserWarning, match="resampled"):
        seen = Recorded.by(hc.Pendulum(), [log], None).logs[0]
    np.testing.assert_allclose(seen["theta"], 3.0 + seen.t)


def test_a_late_sensor_is_reckoned_with():
    """What arrived late stands where it was true, beside the input of then."""
    t = 0.1 * np.arange(8)
    log = hc.Log({"t": t, "theta": np.r_[0.0, 0.0, t[:-2]], "torque": t})
    loop = hc.Loop(0.1, sensor=hc.Sensor(outputs=["theta"], delay=2))
    (seen,) = Recorded.by(hc.Pendulum(), [log], loop).logs
    np.testing.assert_allclose(seen["theta"], seen.t)
    np.testing.assert_allclose(seen["torque"], seen.t)
    assert len(seen) == 6


def test_a_drive_is_looked_for_without_its_plant():
    unknowns = Unknowns(("actuator.gain",), ("theta",))
    assert unknowns.guess(hc.Pendulum(), hc.Loop(0.1)).tolist() == [1.0]
    with pytest.raises(ValueError, match=r"actuator.gain=array.* is not a number"):
        unknowns.guess(hc.Pendulum(), hc.Loop(0.1, actuator=hc.Actuator(gain=[1, 2])))


def test_inputs_matter_as_long_as_a_known_drive_remembers():
    none = np.zeros(0)
    drive = hc.Actuator(delay=1, response=0.5)
    found = _history(Unknowns((), ("theta",)), none, hc.Loop(0.1, actuator=drive))
    assert 0.5 ** (found - 1) < 0.01
    plain = hc.Loop(0.1, actuator=hc.Actuator(lag=[0.1, 0.2]))
    assert _history(Unknowns((), ("theta",)), none, plain) == 11


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("s", 1), ("sec", 1), ("msec", 1e-3), ("milliseconds", 1e-3), ("h", 3600)],
)
def test_times_are_told_in_seconds(unit, factor):
    log = hc.Log({"t": [0.0, 2.0], "x": [0.0, 1.0]}, {"t": unit})
    assert log.t[1] == 2.0 * factor


@pytest.mark.parametrize(
    ("columns", "units", "message"),
    [
        ([1.0, 2.0], {}, "columns by name, not of a list"),
        ({"x": [1.0, 2.0]}, {}, 'needs its times: a column "t"'),
        ({"t": [0.0, 1.0]}, {}, "signals beside its times"),
        ({"t": [0.0], "x": [1.0]}, {}, "a log of 1 rows is no motion"),
        ({"t": [0.0, 1.0, 0.5], "x": [1.0] * 3}, {}, "backwards after row 1: 1 s"),
        ({"t": [0.0, np.nan], "x": [1.0] * 2}, {}, "1 of the times are not finite"),
        ({"t": [0.0, 1.0], "x": [1.0]}, {}, "x has 1 numbers, but there are 2 times"),
        ({"t": [0.0, 1.0], "x": ["a", "b"]}, {}, "is no row of numbers"),
        ({"t": [0.0, 1.0], "x": [1.0, 2.0]}, {"x": "counts"}, "give .size of a count"),
        (
            {"t": [0.0, 1.0], "x": [1.0, 2.0]},
            {"y": "m"},
            r"units are given for \['y'\]",
        ),
        ({"t": [0.0, 1.0], "x": [1.0, 2.0]}, {"t": "fortnight"}, "no known unit of t"),
        ({"t": [0.0, 1.0], "x": [1.0, 2.0]}, {"t": "mm"}, "no known unit of time"),
        ({"t": [0.0, 1.0], "x": [1.0, 2.0]}, {"x": 2.0}, r"as \(0.1, \"m\"\)"),
    ],
)
def test_a_log_that_is_none_gets_a_sentence(columns, units, message):
    with pytest.raises(ValueError, match=message):
        hc.Log(columns, units)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,x\n", "no heading and rows"),
        ("t,x\n0,1\n1\n", "row 3 has 1 columns, the heading has 2"),
        ("t,x\n0,1\n1,one\n", "row 3 has 'one' where a number should be"),
        ("t,t\n0,1\n1,2\n", "two columns have the same name"),
    ],
)
def test_a_file_that_is_no_log_gets_a_sentence(text, message, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        hc.Log.from_csv(path)


# -------------------------------------------------------------------- the drive


def test_a_drive_has_a_dead_zone_and_a_gain():
    drive = hc.Actuator(limit=4.0, dead_zone=0.5, gain=2.0)
    u = [
        float(drive(drive.init(1), np.array([v]), DT)[1][0]) for v in (-9, -0.3, 0.5, 1)
    ]
    assert u == [-7.0, 0.0, 0.0, 1.0]
    for wrong in ({"dead_zone": -0.1}, {"gain": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hc.Actuator(**wrong)


# ------------------------------------------------------------------------- fits


def changed(log, **columns):
    """A log with other columns; what is None is left out."""
    rows = log.to_dict() | columns
    return hc.Log({n: row for n, row in rows.items() if row is not None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda log: changed(log, force=None), "the log has no force; it has x, theta"),
        (lambda log: changed(log, x=None, theta=None), "none of the states x, theta"),
        (lambda log: changed(log, theta=60 * log["theta"]), "if it is in degrees, say"),
        (lambda log: changed(log, force=np.nan * log.t), "the input must be known"),
        (lambda log: changed(log, x=np.nan * log.t), "x is missing in 100.0%"),
        (lambda log: hc.Log(log.to_dict(), {"theta": "m"}), "theta is in m in the log"),
        (lambda log: log.between(0.0, 0.03), "a log of 2 rows is too short"),
        (lambda log: log.resampled(0.05), r"resampled\(0.02, angles=.'theta'"),
    ],
)
def test_a_log_that_cannot_be_fitted_gets_a_sentence(change, message):
    _, log = recorded(0)
    with pytest.raises(ValueError, match=message):
        hc.identify(hc.CartPole(), change(log), ["L"], loop=LOOP)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["m_z"], {}, r"CartPole has no parameters \['m_z'\]"),
        (["actuator.mass"], {}, "of the actuator gain, delay, lag, dead_zone"),
        (["sensor.bias[dx]"], {}, r"there are sensor.bias\[x\], sensor.bias\[theta\]"),
        (["L", "L"], {}, r"named twice: \['L'\]"),
        ([], {}, "at least one parameter"),
        (["L"], {"holdout": 1.0}, "holdout=1.0 must be a share"),
        (
            ["L"],
            {"bounds": {"L": (2.0, 3.0)}},
            "L is 1 in the plant or loop, not within",
        ),
        (["L"], {"bounds": {"g": (2.0, 3.0)}}, r"bounds of \['g'\]"),
    ],
)
def test_what_cannot_be_looked_for_gets_a_sentence(names, options, message):
    _, log = recorded(0)
    with pytest.raises(ValueError, match=message):
        hc.identify(hc.CartPole(), log, names, loop=LOOP, **options)


def test_white_noise_is_white_and_a_wave_is_not():
    rng = np.random.default_rng(0)
    p = [ljung_box(rng.normal(size=400)) for _ in range(50)]
    assert 0.3 < np.mean(p) < 0.7
    assert ljung_box(np.sin(0.1 * np.arange(400)) + rng.normal(size=400)) < 1e-3


@pytest.mark.slow
def test_intervals_cover_the_truth_and_are_narrow():
    """Positions with noise, counted; delay, friction and masses unknown."""
    covered, off = [], []
    for seed in range(20):
        plant, log = recorded(seed)
        fit = hc.identify(
            hc.CartPole(m_p=0.15, cart_friction=0.3), log, NAMES, loop=LOOP
        )
        true = {**{n: float(getattr(plant, n)) for n in NAMES[:-1]}, NAMES[-1]: 0.6}
        covered += [fit.interval(n)[0] <= true[n] <= fit.interval(n)[1] for n in NAMES]
        off.append([abs(fit.values[n] / true[n] - 1.0) for n in NAMES])
        assert min(fit.held.score.values()) > 0.9
    assert 0.9 <= np.mean(covered) <= 0.99
    assert (np.median(off, axis=0) < 0.01).all()


@pytest.mark.slow
def test_a_machine_at_work_tells_of_its_drive():
    """Through an unstable equilibrium, with a start that is far off."""
    task = hc.tasks.get("swingup")
    true = {"actuator.gain": 1.1, "actuator.delay": 2.6, "actuator.lag": 0.03,
            "actuator.dead_zone": 0.3, "L": 0.9}  # fmt: skip
    drive = hc.Actuator(LIMIT, 2, 0.03, None, [0.4, 0.6], None, 0.3, 1.1)
    plant, machine = hc.CartPole(L=0.9), hc.reference("machine", task)
    trace = hc.simulate(
        plant, machine, [0, 0.1, 0, 0], 10.0, loop=hc.Loop(DT, actuator=drive)
    )
    rng = np.random.default_rng(0)
    seen = {n: trace[n] + rng.normal(0.0, 1e-3, len(trace.t)) for n in ("x", "theta")}
    asked = np.append(np.asarray(trace.asked)[:, 0], 0.0)
    log = hc.Log({"t": trace.t, **seen, "force": asked})
    fit = hc.identify(hc.CartPole(L=1.3), log, list(true), loop=LOOP)
    for name, value in true.items():
        low, high = fit.interval(name)
        assert abs(fit.values[name] - value) < 3 * (high - low)
        assert fit.values[name] == pytest.approx(value, rel=0.1)
    assert fit.loop.actuator.delay == 2 and "predicts" in str(fit)
    np.testing.assert_allclose(fit.loop.sensor.noise, 1e-3, rtol=0.2)


@pytest.mark.slow
def test_what_logs_do_not_tell_apart_is_named():
    _, log = recorded(0)
    names = ["m_c", "m_p", "L", "cart_friction", "pole_friction", "actuator.gain"]
    with pytest.raises(ValueError, match=r"m_c, m_p.* cannot be told apart"):
        hc.identify(hc.CartPole(), log, names, loop=LOOP)
    still = changed(log, x=0 * log.t, theta=0 * log.t, force=0 * log.t)
    with pytest.raises(ValueError, match="nothing in these logs depends on m_c, L"):
        hc.identify(hc.CartPole(), still, ["m_c", "L"], loop=LOOP)


@pytest.mark.slow
def test_lost_samples_a_bias_and_two_logs():
    plant, log = recorded(0)
    theta = log["theta"] + 0.05
    theta[np.random.default_rng(0).random(len(theta)) < 0.3] = np.nan
    half = changed(log, theta=theta)
    names = [*NAMES, "sensor.bias[theta]"]
    logs = [half.between(0.0, 5.0), half.between(5.0, 10.0)]
    fit = hc.identify(hc.CartPole(), logs, names, loop=LOOP)
    assert fit.values["sensor.bias[theta]"] == pytest.approx(0.05, abs=1e-3)
    assert fit.values["L"] == pytest.approx(float(plant.L), rel=2e-3)
    vary, figure = fit.vary(), fit.plot()
    assert "L" in vary.names and (vary.low < vary.high).all()
    assert len(figure.axes) == 2 * 5
    task = hc.tasks.get("global", plant=fit.plant, vary=vary)
    assert dataclasses.replace(task, seconds=1.0).vary is vary


@pytest.mark.slow
def test_the_command_line_fits_a_file(tmp_path, capsys):
    _, log = recorded(1)
    path = log.to_csv(tmp_path / "log.csv")
    words = ["identify", str(path), "--limit", "10", "--out", str(tmp_path / "fit")]
    cli.main([*words, "--parameters", "L", "m_c", "--guess", "L=1.2"])
    assert "with 95 % intervals" in capsys.readouterr().out
    assert (tmp_path / "fit" / "fit.json").exists()
    with pytest.raises(SystemExit):
        cli.main([*words, "--guess", "L"])
    assert "--guess takes name=value" in capsys.readouterr().err


# ---------------------------------------------------------------------- replays


def wrapped(log):
    """As an encoder of one turn tells it."""
    theta = np.mod(log["theta"] + np.pi, 2 * np.pi) - np.pi
    return changed(log, t=log.t + 3.0, theta=theta)


@pytest.mark.slow
def test_a_model_beside_a_log():
    """Rates were not recorded, and the rig's own start is found."""
    plant, log = recorded(0)
    late = hc.Loop(DT, actuator=hc.Actuator(limit=LIMIT, spread=[0.4, 0.6]))
    seen = wrapped(log.between(0.0, 4.0))
    trace = hc.replay(plant, seen, loop=late)
    assert np.abs(trace["theta"] - log.between(0.0, 4.0)["theta"]).max() < 0.02
    assert trace.t[0] == 3.0 and len(trace.u) == len(seen) - 1
    still = hc.replay(hc.CartPole(L=2.0), seen, loop=late, x0=trace.x[0])
    assert np.abs(still["theta"] - trace["theta"]).max() > 0.5
    figure = seen.plot(trace)
    lines = [axis.lines for axis in figure.axes]
    assert [len(row) for row in lines] == [2, 2, 2]
    gaps = [np.abs(np.subtract(*(line.get_ydata() for line in row))) for row in lines]
    assert max(gap[:-1].max() for gap in gaps[:2]) < 0.02


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda log: hc.replay(hc.CartPole()), "beside a plant, replay needs a Log"),
        (lambda log: hc.replay("episode.json", x0=[0.0]), "its own loop and start"),
        (lambda log: hc.replay(hc.CartPole(), changed(log, force=None)), "no force"),
        (lambda log: hc.replay(hc.CartPole(), log, x0=[0.0]), "x0 has shape"),
    ],
)
def test_what_cannot_be_replayed_gets_a_sentence(give, message):
    _, log = recorded(0)
    with pytest.raises(ValueError, match=message):
        give(log)
