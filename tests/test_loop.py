import functools
import io
import json
import math
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from scipy.integrate import solve_ivp

import hybridctl as hc
from hybridctl.loop.parts import SENSOR, noise_key

pytestmark = pytest.mark.numeric

DT, SECONDS = 0.02, 10.0
START = [0.0, np.pi / 4, 0.0, 0.0]
STEPS = 500

# ------------------------------------------- float64, in one process of its own
# `python tests/test_loop.py` integrates in float64 with everything there is and
# prints the largest differences; the tests below it read them.


def forces():
    """Random forces [500, 1], each held for 0.02 s."""
    return np.random.default_rng(5).uniform(-5.0, 5.0, (STEPS, 1))


def rates(t, x, u, b_p=0.0):
    """The tutorial's equations in plain Python, m_c = L = 1, m_p = 0.1."""
    _, theta, dx, dtheta = x
    s, c = math.sin(theta), math.cos(theta)
    turn = b_p * dtheta / 0.1
    ddx = (u + 0.1 * s * (dtheta**2 + 9.81 * c) + 0.1 * turn * c) / (1 + 0.1 * s * s)
    return [dx, dtheta, ddx, -(c * ddx + 9.81 * s + turn)]


def scipy_states(u, dt=DT):
    """States [T+1, 4] by DOP853, started anew in every period."""
    states = [np.array(START)]
    for force in u[:, 0]:
        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13, "args": (force,)}
        solution = solve_ivp(rates, (0, dt), states[-1], **options)
        states.append(solution.y[:, -1])
    return np.array(states)


def stiff_states(friction):
    """States [9, 4] at every 0.5 s with much friction in the hinge, by Radau."""
    grid = np.arange(9) * 0.5
    options = {"method": "Radau", "rtol": 1e-10, "atol": 1e-12, "t_eval": grid}
    return solve_ivp(rates, (0, 4.0), START, args=(0.0, friction), **options).y.T


def mujoco_states(u):
    """States [501, 4] by MuJoCo."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(hc.plants.mjcf(hc.CartPole()))
    model.opt.timestep = 0.001
    data = mujoco.MjData(model)
    data.qpos[:] = START[:2]
    states = [START]
    for force in u[:, 0]:
        data.ctrl[:] = force
        mujoco.mj_step(model, data, nstep=20)
        states.append([*data.qpos, *data.qvel])
    return np.array(states)


def worst(a, b):
    return float(np.max(np.abs(a - b)))


def states(u, dt=DT, substeps=2, plant=None, **options):
    """States [T+1, 4] by hybridctl, inputs u replayed."""
    controller, loop = hc.Sequence(u), hc.Loop(dt, substeps)
    plant, seconds = plant or hc.CartPole(), len(u) * dt
    trace = hc.simulate(plant, controller, START, seconds, loop=loop, **options)
    assert trace.x.dtype == jnp.float64
    return np.asarray(trace.x)


def fixed_step_differences(u):
    truth, short = scipy_states(u), np.repeat(u, 5, axis=0)
    fine = states(u, substeps=5)
    errors = [worst(states(u, substeps=n), truth) for n in (1, 2, 4)]
    dopri5 = states(u, solver="dopri5", rtol=1e-10, atol=1e-12)
    return {
        "substeps": worst(fine, truth),
        "short": worst(states(short, dt=0.004, substeps=1)[::5], truth),
        "orders": [math.log2(errors[i] / errors[i + 1]) for i in range(2)],
        "dopri5": worst(dopri5, truth),
        "mujoco": worst(dopri5, mujoco_states(u)),
    }


def adaptive_differences():
    """Over periods of 0.5 s, which the solver must divide by itself."""
    u, out, friction = forces()[:8], {}, 100.0
    truth, stiff = scipy_states(u, dt=0.5), hc.CartPole(pole_friction=friction)
    options = {}
    for solver, rtol in (("tsit5", 1e-6), ("kvaerno5", 1e-8)):
        options = {"solver": solver, "rtol": rtol, "atol": rtol / 100}
        out[solver] = worst(states(u, dt=0.5, **options), truth)
    x = states(0 * u, dt=0.5, plant=stiff, **options)
    out["stiff"] = worst(x, stiff_states(friction))
    explicit = states(0 * u, dt=0.5, substeps=50, plant=stiff)
    out["stiff by rk4"] = bool(np.isfinite(explicit).all())
    return out


def print_differences():
    assert jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    out = {"adaptive": adaptive_differences()}
    out["passive"] = fixed_step_differences(np.zeros((STEPS, 1)))
    out["held"] = fixed_step_differences(forces())
    print(json.dumps(out))


@pytest.fixture(scope="module")
def differences():
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, __file__],
        env=environment, capture_output=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("input_", ["passive", "held"])
@pytest.mark.parametrize("how", ["substeps", "short"])
def test_rk4_at_4_ms_follows_scipy_within_1e_7(differences, input_, how):
    assert differences[input_][how] < 1e-7


@pytest.mark.parametrize("input_", ["passive", "held"])
def test_rk4_has_order_4(differences, input_):
    for order in differences[input_]["orders"]:
        assert 3.85 <= order <= 4.15


@pytest.mark.parametrize("input_", ["passive", "held"])
def test_dopri5_follows_scipy_at_its_tolerance(differences, input_):
    assert differences[input_]["dopri5"] < 1e-8


@pytest.mark.parametrize("input_", ["passive", "held"])
def test_mujoco_agrees(differences, input_):
    assert differences[input_]["mujoco"] < 1e-8


def test_adaptive_solvers_keep_their_tolerances_over_long_periods(differences):
    found = differences["adaptive"]
    assert found["kvaerno5"] < 1e-7
    assert 1e-8 < found["tsit5"] < 1e-4  # not better either: the tolerance is obeyed


def test_kvaerno5_solves_the_stiff_plant_that_rk4_cannot(differences):
    assert differences["adaptive"]["stiff"] < 1e-7
    assert differences["adaptive"]["stiff by rk4"] is False


# ---------------------------------------------------------------- sensor

KEY = jax.random.PRNGKey(3)
PERIODS = jnp.arange(4000)


def measure(sensor, key=KEY):
    """Measurements of 0 in many periods [4000, 4]."""
    return np.asarray(_measure(sensor, key))


@jax.jit
def _measure(sensor, key):
    return jax.vmap(lambda k: sensor(jnp.zeros(4), key, k))(PERIODS)


def test_sensor_noise_is_white_with_its_deviations():
    noise = np.array([0.1, 1.0, 2.0, 0.5])
    y = measure(hc.Sensor(noise=noise)) / noise
    assert np.max(np.abs(y.mean(axis=0))) < 4 / math.sqrt(4000)
    assert np.max(np.abs(y.std(axis=0) - 1)) < 4 / math.sqrt(2 * 4000)
    across = np.corrcoef(np.c_[y[1:], y[:-1]].T) - np.eye(8)  # columns and their past
    assert np.max(np.abs(across)) < 5 / math.sqrt(4000)
    assert abs(np.mean(y**4) - 3) < 0.3  # normal: uniform draws would give 1.8


def test_sensor_noise_is_a_function_of_key_and_period_alone():
    sensor = hc.Sensor(noise=0.1)
    y = measure(sensor)
    np.testing.assert_allclose(sensor(jnp.zeros(4), KEY, 11), y[11], rtol=1e-6)
    unit = jax.random.normal(noise_key(KEY, 11, SENSOR), (4,))
    np.testing.assert_allclose(y[11], 0.1 * unit, rtol=1e-6)
    assert not np.any(y == measure(sensor, jax.random.PRNGKey(4)))


def test_sensor_bias_is_added():
    bias = np.array([0.0, 0.1, 0.0, -2.0])
    x = jnp.array([1.0, 2.0, 3.0, 4.0])
    sensor = hc.Sensor(bias=bias)
    assert not sensor.random
    np.testing.assert_allclose(sensor(x, None, jnp.int32(0)), x + bias, rtol=1e-6)
    noisy = hc.Sensor(noise=0.1, bias=bias)
    np.testing.assert_allclose(
        measure(noisy) - bias, measure(hc.Sensor(0.1)), atol=1e-6
    )


def test_the_controller_sees_what_the_sensor_measures():
    lean = hc.StateFeedback([[0.0, -1.0, 0, 0]], np.zeros(4), [0.0])  # u = y[1]
    loop = hc.Loop(DT, sensor=hc.Sensor(noise=0.05, bias=[0, 0.3, 0, 0]))
    two = [
        hc.simulate(hc.CartPole(), gain * lean, START, 1.0, loop=loop, key=KEY)
        for gain in (1.0, -2.0)
    ]
    noise = measure(hc.Sensor(0.05))[:50, 1]
    for trace, gain in zip(two, (1.0, -2.0), strict=True):
        expected = gain * (np.asarray(trace["theta"])[:-1] + 0.3 + noise)
        np.testing.assert_allclose(trace["force"], expected, atol=1e-5)


# ---------------------------------------------------------------- actuator


def drive(actuator, u, dt=DT):
    """Inputs applied [T] for inputs asked [T]."""
    asked = jnp.asarray(u, float)[:, None]
    body = lambda state, u: actuator(state, u, dt)  # noqa: E731
    return np.asarray(jax.lax.scan(body, actuator.init(1), asked)[1])[:, 0]


RAMP = np.linspace(-3.0, 3.0, 61)


def test_actuator_as_it_comes_changes_nothing():
    np.testing.assert_array_equal(drive(hc.Actuator(), RAMP), RAMP.astype(np.float32))


def test_actuator_limit():
    np.testing.assert_allclose(
        drive(hc.Actuator(limit=2.0), RAMP), np.clip(RAMP, -2, 2)
    )


@pytest.mark.parametrize("delay", [1, 5])
def test_actuator_delay_is_an_exact_shift(delay):
    applied = drive(hc.Actuator(delay=delay), RAMP)
    expected = np.r_[np.zeros(delay), RAMP[:-delay]].astype(np.float32)
    np.testing.assert_array_equal(applied, expected)


@pytest.mark.parametrize("lag", [0.005, 0.1])
def test_actuator_lag_is_the_first_order_step_response(lag):
    applied = drive(hc.Actuator(lag=lag), np.full(50, 2.0))
    ends = np.arange(1, 51) * DT
    np.testing.assert_allclose(applied, 2 * (1 - np.exp(-ends / lag)), rtol=2e-5)


def test_actuator_spread_keeps_the_impulse_of_a_shifted_input():
    """The mean, over each period, of the input held and shifted by 1.3 periods."""
    asked = np.random.default_rng(4).uniform(-3, 3, 40)
    applied = drive(hc.Actuator(delay=1, spread=[0.7, 0.3]), asked)
    fine = np.r_[np.zeros(13), np.repeat(asked, 10)][:400]
    np.testing.assert_allclose(applied, fine.reshape(40, 10).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("response", [0.3, 1.0, 1.7])
def test_actuator_response_goes_a_share_of_the_way_or_beyond(response):
    actuator, asked = hc.Actuator(limit=2.5, response=response), RAMP[::7]
    last, expected = 0.0, []
    for wanted in np.clip(asked, -2.5, 2.5):
        last = np.clip(last + response * (wanted - last), -2.5, 2.5)
        expected.append(last)
    np.testing.assert_allclose(drive(actuator, asked), expected, atol=1e-6)
    assert (np.abs(expected).max() == 2.5) == (response >= 1)


def test_an_actuator_that_forgets_nothing_is_not_slow():
    assert not hc.Actuator(limit=1.0, step=0.1, spread=[1.0]).slow
    late = {"delay": 1}, {"lag": 0.1}, {"spread": [0.5, 0.5]}, {"response": 1.0}
    assert all(hc.Actuator(**part).slow for part in late)


def test_actuator_quantizes_to_the_nearest_step():
    applied = drive(hc.Actuator(step=0.25), RAMP)
    np.testing.assert_array_equal(applied % 0.25, 0)
    assert np.max(np.abs(applied - RAMP)) <= 0.125 + 1e-6
    assert len(set(applied.tolist())) == 25


def test_actuator_parts_work_in_a_row_in_the_loop():
    asked = np.random.default_rng(2).uniform(-5, 5, 50)
    actuator = hc.Actuator(limit=3.0, delay=2, lag=0.05, step=0.5)
    loop = hc.Loop(DT, actuator=actuator)
    u = hc.Sequence(asked[:, None])
    trace = hc.simulate(hc.CartPole(), u, START, 1.0, loop=loop)
    lagged, applied = 0.0, []
    for wanted in [0.0, 0.0, *(0.5 * np.round(np.clip(asked[:-2], -3, 3) / 0.5))]:
        lagged += (wanted - lagged) * (1 - math.exp(-DT / 0.05))
        applied.append(lagged)
    np.testing.assert_allclose(trace.u[:, 0], applied, atol=1e-5)
    np.testing.assert_allclose(trace.asked[:, 0], asked, rtol=1e-6)
    # the plant feels what was applied: its momentum changes by u dt
    np.testing.assert_allclose(felt(trace), applied, atol=2e-3)


def felt(trace):
    """Horizontal force on the plant in every period, from its momentum [T]."""
    x = np.asarray(trace.x, np.float64)
    momentum = 1.1 * x[:, 2] + 0.1 * x[:, 3] * np.cos(x[:, 1])
    return np.diff(momentum) / DT


# ---------------------------------------------------------------- disturbance


def push(disturbance, periods=200, key=None, dt=DT):
    """Added input in every period [T]."""
    return np.asarray(_push(disturbance, key, jnp.arange(periods), dt))


@functools.partial(jax.jit, static_argnames="dt")
def _push(disturbance, key, ks, dt):
    return jax.vmap(lambda k: disturbance(key, k, dt))(ks)


def test_a_push_covers_exactly_its_periods():
    d = push(hc.Disturbance(force=5.0, at=1.0, duration=0.1))
    expected = np.zeros(200)
    expected[50:55] = 5.0
    np.testing.assert_array_equal(d, expected)


def test_pushes_at_several_times_add_up():
    d = push(hc.Disturbance(force=[5.0, -2.0, 1.0], at=[0.2, 0.24, 2.0], duration=0.08))
    expected = np.zeros(200)
    expected[10:14] += 5.0
    expected[12:16] -= 2.0
    expected[100:104] += 1.0
    np.testing.assert_array_equal(d, expected)


@pytest.mark.parametrize("dt", [0.02, 0.01, 0.004])
def test_impulse_is_the_sum_of_the_push(dt):
    d = push(hc.Disturbance.impulse(1.5, at=0.4, duration=0.2), 500, dt=dt)
    assert d.sum() * dt == pytest.approx(1.5, rel=1e-6)
    assert np.flatnonzero(d)[[0, -1]].tolist() == [round(0.4 / dt), round(0.6 / dt) - 1]


def test_pushes_repeat_with_their_period():
    d = push(hc.Disturbance(force=3.0, at=0.3, duration=0.04, every=1.0))
    assert np.flatnonzero(d).tolist() == [15, 16, 65, 66, 115, 116, 165, 166]
    assert set(d.tolist()) == {0.0, 3.0}
    late = push(hc.Disturbance(force=3.0, at=1.3, duration=0.04, every=1.0))
    assert np.flatnonzero(late).tolist() == [65, 66, 115, 116, 165, 166]


def test_a_push_that_is_longer_than_its_period_is_refused():
    with pytest.raises(ValueError, match=r"duration=0\.2 s is not over when the next"):
        hc.Disturbance(force=1.0, duration=0.2, every=0.1)


def test_random_pushes_keep_their_size_for_one_push_and_differ_after():
    disturbance = hc.Disturbance(
        force=4.0, at=0.1, duration=0.06, every=0.1, random_size=True
    )
    assert disturbance.random
    d = push(disturbance, 1505, KEY)[5:].reshape(-1, 5)
    assert np.all(d[:, 3:] == 0)
    assert np.all(d[:, :3] == d[:, :1])
    sizes = d[:, 0] / 4.0
    assert len(set(sizes.tolist())) == 300
    assert np.max(np.abs(sizes)) <= 1
    assert abs(sizes.mean()) < 4 / math.sqrt(3 * 300)  # U(-1, 1) has variance 1/3
    assert abs(np.mean(sizes**2) - 1 / 3) < 0.06
    other = push(disturbance, 1505, jax.random.PRNGKey(9))[5:].reshape(-1, 5)
    assert not np.any(other[:, 0] == d[:, 0])


def test_random_pushes_at_different_times_are_different_draws():
    disturbance = hc.Disturbance([1.0, 1.0], [0.2, 0.4], random_size=True)
    d = push(disturbance, 30, KEY)
    assert d[10] != d[20] and d[10] == d[14] and d[20] == d[24]


def test_noise_on_the_input_is_white_with_its_deviation():
    d = push(hc.Disturbance(noise=0.5), 4000, KEY)
    assert abs(d.mean()) < 4 * 0.5 / math.sqrt(4000)
    assert abs(d.std() / 0.5 - 1) < 4 / math.sqrt(2 * 4000)
    assert abs(np.corrcoef(d[1:], d[:-1])[0, 1]) < 4 / math.sqrt(4000)


def test_noise_of_each_input_is_its_own():
    """And that of a single one is as if it had been told as a number."""
    one, alone = (push(hc.Disturbance(noise=v), 40, KEY) for v in ([0.5], 0.5))
    assert one.shape == (40, 1) and one.tobytes() == alone.tobytes()
    both = push(hc.Disturbance(noise=[0.5, 0.5]), 2000, KEY)
    assert abs(np.corrcoef(both.T)[0, 1]) < 4 / math.sqrt(2000)


def test_no_push_is_no_disturbance():
    nothing = hc.Disturbance()
    assert not nothing.random
    assert not np.any(push(nothing))


def test_two_controllers_with_one_key_meet_the_same_pushes():
    disturbance = hc.Disturbance(
        force=5.0, at=0.1, duration=0.1, every=0.2, random_size=True
    )
    loop = hc.Loop(DT, disturbance=disturbance)
    expected = push(disturbance, 50, KEY)
    for u in (0.0, 1.0):
        controller = hc.Constant([u])
        trace = hc.simulate(hc.CartPole(), controller, START, 1.0, loop=loop, key=KEY)
        np.testing.assert_allclose(felt(trace) - u, expected, atol=2e-3)
        np.testing.assert_array_equal(trace["force"], np.full(50, u, np.float32))
    assert np.max(np.abs(expected)) > 1.0


# ---------------------------------------------------------------- refusals of parts


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: hc.Loop(dt=0.0), "dt=0.0 must be above 0"),
        (lambda: hc.Loop(dt=-0.02), "dt=-0.02 must be above 0"),
        (lambda: hc.Loop(dt=math.nan), "dt=nan is not finite"),
        (lambda: hc.Loop(substeps=0), "substeps=0 must be a whole number above 0"),
        (
            lambda: hc.Loop(substeps=2.5),
            "substeps of Loop is a float, 2.5; expected",
        ),
        (lambda: hc.Sensor(noise=-0.1), "noise=-0.1 must not be negative"),
        (lambda: hc.Sensor(noise=[0.1, math.nan]), "noise=.* is not finite"),
        (lambda: hc.Sensor(bias=math.inf), "bias=inf is not finite"),
        (lambda: hc.Actuator(limit=0.0), "limit=0.0 must be above 0"),
        (lambda: hc.Actuator(limit=-1.0), "limit=-1.0 must be above 0"),
        (lambda: hc.Actuator(lag=0.0), "lag=0.0 must be above 0"),
        (lambda: hc.Actuator(step=-0.5), "step=-0.5 must be above 0"),
        (lambda: hc.Actuator(response=0.0), "response=0.0 must be above 0"),
        (lambda: hc.Actuator(lag=0.1, response=0.5), "lag=0.1 is a response of"),
        (lambda: hc.Actuator(spread=[0.5, 0.4]), "spread=.* must add up to 1"),
        (lambda: hc.Actuator(spread=1.0), "spread=1.0 must be a list of shares"),
        (lambda: hc.Actuator(delay=-1), "delay=-1 must be a whole number of periods"),
        (lambda: hc.Actuator(delay=0.02), "delay=0.02 must be a whole number"),
        (lambda: hc.Actuator(delay=True), "delay=True must be a whole number of per"),
        (lambda: hc.Sensor(delay=np.ones(2, int)), "delay=.* must be a whole number"),
        (lambda: hc.Disturbance.impulse(1.0, duration=0), "duration=0 must be above 0"),
        (lambda: hc.Disturbance.impulse(1.0, duration="1"), "duration='1' is not a nu"),
        (lambda: hc.Disturbance.impulse("1"), "size='1' is not a number"),
        (lambda: hc.Constant([math.nan]), "u=.* is not finite"),
        (lambda: hc.CartPole().equilibrium([0, math.nan, 0, 0]), "x=.* is not finite"),
        (lambda: hc.Disturbance(1.0, duration=0.0), "duration=0.0 must be above 0"),
        (lambda: hc.Disturbance(1.0, at=-1.0), "at=.*-1.* must not be negative"),
        (lambda: hc.Disturbance(1.0, every=0.0), "every=0.0 must be above 0"),
        (lambda: hc.Disturbance(noise=-1.0), "noise=-1.0 must be above 0"),
        (
            lambda: hc.Disturbance(1.0, random_size="no"),
            "random_size='no' must be True or False",
        ),
        (lambda: hc.Disturbance(force=math.nan), "force=nan is not finite"),
    ],
)
def test_bad_parts_are_refused_with_a_cure(make, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        make()


# ---------------------------------------------------------------- refusals of simulate


@pytest.fixture(scope="module")
def plant():
    return hc.CartPole()


@pytest.fixture(scope="module")
def lqr(plant):
    return hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=[0.1], dt=0.02)


def refused(*arguments, **options):
    with pytest.raises(ValueError) as caught:
        hc.simulate(*arguments, **options)
    return str(caught.value)


def test_dt_of_the_design_is_held(plant, lqr):
    expected = (
        "dt=0.01 but this StateFeedback was designed for dt=0.02; redesign with dt=0.01"
    )
    assert refused(plant, lqr, START, 1.0, dt=0.01) == expected
    assert refused(plant, lqr, START, 1.0, loop=hc.Loop(0.01)) == expected
    inside = hc.machine({"a": hc.Constant([0.0]), "b": 2.0 * lqr}, [])
    assert refused(plant, inside, START, 1.0, dt=0.01) == expected
    held = refused(plant, hc.Hold(lqr, every=2), START, 1.0, dt=0.02)
    assert "dt=0.04 but" in held and "redesign with dt=0.04" in held
    hc.simulate(plant, hc.Hold(lqr, every=2), START, 0.1, dt=0.01)


@pytest.mark.parametrize(
    "x0", [[0.0, 0.0, 0.0], np.zeros((2, 5)), np.zeros((2, 2, 4)), 0.0]
)
def test_a_start_of_another_shape_is_refused(plant, lqr, x0):
    sentence = refused(plant, lqr, x0, 1.0)
    assert f"x0 has shape {np.shape(x0)}, expected (4,) or (N, 4)" in sentence
    assert "x, theta, dx, dtheta" in sentence


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_start_that_is_not_finite_is_refused(plant, lqr, bad):
    assert "x0=" in (sentence := refused(plant, lqr, [0.0, bad, 0.0, 0.0], 1.0))
    assert "is not finite" in sentence


def test_an_input_of_another_size_is_refused(plant):
    sentence = refused(plant, hc.Constant([1.0, 2.0]), START, 1.0)
    assert "gives an input of shape (2,), CartPole takes (1,): force" in sentence


@pytest.mark.parametrize("seconds", [-1.0, 0.0, math.nan, math.inf, 0.001])
def test_a_time_without_a_period_is_refused(plant, lqr, seconds):
    assert f"seconds={seconds}" in refused(plant, lqr, START, seconds)


def test_an_unknown_solver_is_refused_with_the_list(plant, lqr):
    sentence = refused(plant, lqr, START, 1.0, solver="euler")
    assert sentence == (
        "unknown solver 'euler'; choose one of: dopri5, kvaerno5, mujoco, rk4, tsit5"
    )


def test_a_random_loop_needs_a_key(plant, lqr):
    random = {
        "sensor": hc.Sensor(noise=0.1),
        "disturbance": hc.Disturbance(1.0, random_size=True),
    }
    for name, part in random.items():
        loop = hc.Loop(DT, **{name: part})
        assert loop.random
        assert "give key=jax.random.PRNGKey(0)" in refused(
            plant, lqr, START, 1.0, loop=loop
        )
    assert not hc.Loop(DT, sensor=hc.Sensor(bias=0.1)).random


def test_what_is_no_plant_or_controller_is_refused(plant, lqr):
    assert refused(lqr, lqr, START, 1.0).startswith(
        "expected a Plant, got StateFeedback"
    )
    assert refused(plant, lambda x: x, START, 1.0) == (
        "expected a Controller, got function"
    )


def test_dt_and_loop_must_agree(plant, lqr):
    sentence = refused(plant, lqr, START, 1.0, dt=0.01, loop=hc.Loop(0.02))
    assert sentence == "dt=0.01 but the loop has dt=0.02; give one of the two"
    same = hc.simulate(plant, lqr, START, 0.1, dt=0.02, loop=hc.Loop(0.02))
    assert len(same.u) == 5


# ---------------------------------------------------------------- simulate

STARTS = np.array([[0, 3.0, 0, 0], [0.5, 3.3, 0, 0], [-0.5, np.pi, 0.2, 0.1]])


@pytest.fixture(scope="module")
def batch(plant, lqr):
    return hc.simulate(plant, lqr, STARTS, seconds=8.0)


def test_lqr_balances(plant, batch):
    for lane in batch:
        time = lane.settling_time(plant.upright(), x=0.1, theta=0.05, dtheta=0.1)
        assert 0 < time < 6


def test_a_batch_is_its_single_runs(plant, lqr, batch):
    assert batch.x.shape == (3, 401, 4) and batch.u.shape == (3, 400, 1)
    assert batch["theta"].shape == (3, 401)
    single = hc.simulate(plant, lqr, STARTS[1], seconds=8.0)
    for name in ("x", "u", "asked"):
        given, expected = getattr(batch[1], name), getattr(single, name)
        zoo.same_bits(given, expected)
    np.testing.assert_array_equal(batch[-1].x, batch.x[2])
    np.testing.assert_array_equal(batch[np.int64(0)].x, batch.x[0])


def test_a_batch_has_as_many_traces_as_starts(batch):
    assert len(list(batch)) == 3
    for i in (3, -4):
        with pytest.raises(IndexError, match=f"no trace {i} in a batch of 3"):
            batch[i]


def test_a_batch_is_asked_to_be_one_trace_first(plant, batch):
    for ask in (
        batch.switches,
        batch.plot,
        lambda: batch.settling_time(plant.upright(), x=1.0),
    ):
        with pytest.raises(ValueError, match=r"this trace is a batch.*trace\[0\]"):
            ask()
    with pytest.raises(ValueError, match="not a batch; index it by a name"):
        batch[0][0]


def test_whole_numbers_are_fine_as_a_start(plant, lqr, batch):
    whole = hc.simulate(plant, lqr, jnp.array([0, 3, 0, 0]), seconds=8.0)
    zoo.same_bits(whole.x, batch.x[0])


def test_the_trace_starts_at_x0_and_holds_u_over_its_period(plant, lqr, batch):
    lane = batch[1]
    np.testing.assert_array_equal(lane.x[0], STARTS[1].astype(np.float32))
    np.testing.assert_allclose(lane.t, np.arange(401) * 0.02, atol=1e-12)
    error = np.asarray(lane.x[:-1], np.float64) - plant.upright().x
    np.testing.assert_allclose(lane.u, -error @ lqr.K.T, atol=2e-4)


class Reference(hc.Controller):
    """Ask for the reference."""

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, jnp.zeros(1) if tick.r is None else tick.r


def test_the_controller_sees_the_reference(plant):
    trace = hc.simulate(plant, Reference(), START, 0.1, r=[2])
    np.testing.assert_array_equal(trace.u, np.full((5, 1), 2.0))


class Clock(hc.Controller):
    """Ask for 1000 k + t, and for the input applied before where k is odd."""

    def init(self, tick):
        return None

    def step(self, state, tick):
        now = 1000.0 * tick.k + tick.t
        return state, jnp.where(tick.k % 2, tick.u_applied, now)


def test_ticks_carry_number_time_and_applied_input(plant):
    trace = hc.simulate(plant, Clock(), START, 0.12)
    expected = [0.0, 0.0, 2000.04, 2000.04, 4000.08, 4000.08]
    np.testing.assert_allclose(trace["force"], expected, rtol=1e-6)


# ---------------------------------------------------------------- trace


def by_hand(theta, mode=None, t=None):
    """A trace whose pole does what is given, all else at rest."""
    t = np.arange(len(theta)) * 0.01 if t is None else t
    x = np.zeros((len(t), 4))
    x[:, 1] = theta
    u = np.full((len(t) - 1, 1), 0.5)
    plant = hc.CartPole()
    names = plant.states, plant.inputs, () if mode is None else ("swing", "balance")
    return hc.Trace(t, x, u, u, mode, *names, tuple(plant.units.items()), plant.angles)


T1 = np.arange(1001) * 0.01
UP = hc.CartPole().upright()


def test_settling_time_of_a_decaying_swing():
    trace = by_hand(np.pi + np.exp(-T1))
    expected = math.log(1 / 0.05)  # e⁻ᵗ = 0.05
    assert trace.settling_time(UP, theta=0.05) == pytest.approx(expected, abs=0.01)
    assert trace.settling_time(UP, theta=0.05) >= expected
    turned = by_hand(-np.pi - 4 * np.pi + np.exp(-T1))  # the same pole, turns away
    assert turned.settling_time(UP, theta=0.05) == trace.settling_time(UP, theta=0.05)


def test_settling_counts_the_last_entry_of_an_oscillation():
    decay = np.exp(-T1) * np.cos(20 * T1)
    last = T1[np.flatnonzero(np.abs(decay) > 0.05)[-1]]
    settled = by_hand(np.pi + decay).settling_time(UP, theta=0.05)
    assert settled == pytest.approx(last + 0.01)


def test_settling_at_once_never_and_with_nan():
    assert by_hand(np.full(9, np.pi)).settling_time(UP, theta=0.1, x=0.1) == 0.0
    assert by_hand(np.full(9, 0.0)).settling_time(UP, theta=0.1) == math.inf
    assert by_hand([np.pi, np.pi, 0.0]).settling_time(UP, theta=0.1) == math.inf
    assert by_hand([np.pi, np.pi, np.nan]).settling_time(UP, theta=0.1) == math.inf


def test_settling_needs_every_named_state():
    trace = by_hand(np.pi + np.exp(-T1))
    assert trace.settling_time(UP, theta=2.0, dx=0.1) == 0.0
    assert trace.settling_time(UP, theta=2.0, x=0.1) == 0.0
    slower = trace.settling_time(UP, theta=0.01, x=0.1)
    assert slower == pytest.approx(math.log(100), abs=0.011)
    with pytest.raises(ValueError, match="name at least one state: x, theta"):
        trace.settling_time(UP)
    with pytest.raises(ValueError, match="no state 'phi'"):
        trace.settling_time(UP, phi=0.1)


def test_a_signal_or_a_tolerance_that_is_none_is_a_sentence():
    trace, short = by_hand(T1), hc.Pendulum().upright()
    for name in (slice(0, 2), ("x", "theta"), True, None):
        with pytest.raises(ValueError, match=r"give the name of one signal, as in tr"):
            trace[name]
    for target, bound, sentence in (
        ([0.0], 1.0, "target is a list; expected an Equilibrium; give plant.upright"),
        (short, 1.0, r"target is a state of shape \(2,\), the trace has 4 states"),
        (UP, "a", "theta='a' is not a number"),
        (UP, -1.0, "theta=-1.0 must not be negative"),
        (UP, math.nan, "theta=nan is not finite"),
    ):
        with pytest.raises(ValueError, match=sentence):
            trace.settling_time(target, theta=bound)


def test_whole_numbers_of_numpy_are_whole_numbers():
    one = np.int64(1)
    for part in (hc.Sensor(delay=one), hc.Actuator(delay=one)):
        assert type(part.delay) is int and part.delay == 1
    assert type(hc.PID(1.0, dt=DT, column=one).column) is int


@pytest.mark.parametrize("loop", [0.02, {"dt": 0.02}])
def test_what_is_no_loop_is_refused(plant, lqr, loop):
    with pytest.raises(ValueError, match=r"loop is a \w+.* expected a Loop or None"):
        hc.simulate(plant, lqr, START, 1.0, loop=loop)


def test_signals_by_name():
    trace = by_hand(T1, np.zeros(1000, int))
    np.testing.assert_array_equal(trace["theta"], T1)
    np.testing.assert_array_equal(trace["force"], np.full(1000, 0.5))
    assert trace["t"] is trace.t and trace["mode"] is trace.mode
    with pytest.raises(KeyError, match="no signal 'phi'; the signals are x, theta, dx"):
        trace["phi"]


def test_switches_are_times_and_names():
    mode = np.array([0, 0, 1, 1, 1, 0])
    assert by_hand(np.zeros(7), mode).switches() == [
        (0.02, "swing", "balance"),
        (0.05, "balance", "swing"),
    ]
    assert by_hand(np.zeros(7), np.zeros(6, int)).switches() == []
    assert by_hand(np.zeros(7)).switches() == []


@pytest.fixture(scope="module")
def machine_trace():
    task = hc.tasks.get("global")
    machine = hc.reference("machine", task)
    hanging = task.plant.hanging().x
    return hc.simulate(task.plant, machine, hanging, 8.0, loop=task.loop)


def test_a_machine_s_modes_are_in_its_trace(machine_trace):
    assert machine_trace.modes == ("swing", "balance")
    mode = np.asarray(machine_trace.mode)
    assert mode.shape == (400,) and mode[0] == 0 and mode[-1] == 1
    switches = machine_trace.switches()
    assert switches[0][1:] == ("swing", "balance") and switches[0][0] > 0.5
    assert np.max(np.abs(machine_trace.u)) <= 10.0
    assert machine_trace.settling_time(UP, x=0.1, theta=0.05, dtheta=0.1) < 6.0


def test_to_dict_goes_through_json(machine_trace, batch):
    for trace in (machine_trace, batch, batch[0]):
        told = json.loads(json.dumps(trace.to_dict(), allow_nan=False))
        np.testing.assert_array_equal(told["theta"], trace["theta"])
        np.testing.assert_array_equal(told["force"], trace["force"])
        assert told["units"]["dtheta"] == "rad/s"
        assert len(told["t"]) == len(trace.t)
    assert machine_trace.to_dict()["mode"] == machine_trace.mode.tolist()
    assert machine_trace.to_dict()["modes"] == ["swing", "balance"]
    assert batch.to_dict()["mode"] is None


def test_plot_names_every_signal_with_its_unit(machine_trace, batch):
    figure = machine_trace.plot(label="machine")
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == [
        "x [m]",
        "theta [rad]",
        "dx [m/s]",
        "dtheta [rad/s]",
        "force [N]",
    ]
    assert figure.axes[-1].get_xlabel() == "time [s]"
    drawn = figure.axes[1].lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, machine_trace["theta"])
    bands = len(figure.axes[0].patches)
    assert bands == len(machine_trace.switches()) + 1
    assert {text.get_text() for text in figure.axes[0].texts} == {"swing", "balance"}
    again = batch[0].plot(label="lqr", figure=figure)
    assert again is figure
    assert [len(axis.lines) for axis in figure.axes] == [2] * 5
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "machine",
        "lqr",
    ]
    figure.savefig(picture := io.BytesIO(), format="svg")
    assert picture.getvalue().count(b"<path") > 20


if __name__ == "__main__":
    print_differences()
