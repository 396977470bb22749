"""Observers: against python-control, against each other, and for what they are for."""

import control
import jax
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.controllers.fill import blank_tick
from hybridctl.design.kalman import filter_gain

pytestmark = pytest.mark.numeric

PLANT, DT = hc.CartPole(), 0.02
UP = PLANT.upright()
NOISE = np.array([0.01, 0.02, 0.1, 0.1])
LQR = hc.lqr(PLANT, UP, [1, 10, 1, 1], 0.1, DT, limit=10.0)
KEY = jax.random.PRNGKey(3)


def noisy(controller, x0=(0.1, 3.2, 0, 0), seconds=6.0, **parts):
    loop = hc.Loop(DT, actuator=hc.Actuator(limit=10.0), **parts)
    return hc.simulate(PLANT, controller, x0, seconds, loop=loop, key=KEY)


def test_the_steady_gain_is_python_controls():
    A, B = hc.discretize(*hc.linearize(PLANT, UP), DT)
    found = hc.kalman(PLANT, UP, DT, [0.01, 0.02], 0.5, 1e-3, outputs=("x", "theta"))
    C = np.eye(4)[:2]
    W = B @ B.T * 0.25 + 1e-6 * np.eye(4)
    L, _, _ = control.dlqe(A, np.eye(4), C, W, np.diag([1e-4, 4e-4]))
    np.testing.assert_allclose(A @ np.asarray(found.L), L, rtol=1e-7)
    assert found.columns == (0, 1) and found.n_u == 1


def test_the_ekf_settles_on_the_steady_gain():
    """At the equilibrium the plant is its linearization."""
    kalman = hc.kalman(PLANT, UP, DT, NOISE, 0.5, 1e-3)
    ekf = hc.EKF(PLANT, DT, NOISE, 0.5, 1e-3, substeps=4)
    tick = blank_tick(4).seeing(np.asarray(UP.x, np.float32))
    step = jax.jit(lambda s: ekf.step(s, tick)[0])
    state = ekf.init(tick)
    for _ in range(150):
        state = step(state)
    P = np.asarray(state.P, np.float64)
    gain = P @ np.diag(NOISE**-2.0)  # P after, so L = P Cᵀ V⁻¹
    np.testing.assert_allclose(gain, kalman.L, atol=2e-3)


@pytest.mark.slow
def test_filters_beat_the_raw_measurement():
    """Of the same noise less reaches the input."""
    sensor = hc.Sensor(NOISE)
    filters = [hc.kalman(PLANT, UP, DT, NOISE, 0.2), hc.EKF(PLANT, DT, NOISE, 0.2)]
    raw = noisy(LQR, sensor=sensor)
    for observer in filters:
        seen = noisy(observer >> LQR, sensor=sensor)
        late = slice(100, None)
        assert np.std(seen.u[late]) < 0.3 * np.std(raw.u[late])
        assert abs(seen["x"][-1]) < 0.3


def test_positions_alone_are_enough():
    blind = hc.Sensor(bias=[0.0, 0.0, 5.0, -5.0])  # velocities are not to be used
    kalman = hc.kalman(PLANT, UP, DT, [0.01, 0.02], 0.5, outputs=("x", "theta"))
    for observer in (kalman, hc.EKF(PLANT, DT, NOISE, 0.5, columns=(0, 1))):
        trace = noisy(observer >> LQR, x0=(0.1, 3.2, 0, 0), sensor=blind)
        assert np.abs(trace.error("theta", UP)[-50:]).max() < 0.01


def test_observers_keep_their_turn():
    """An angle that was counted one turn on is estimated one turn on."""
    kalman, ekf = hc.kalman(PLANT, UP, DT, NOISE, 0.5), hc.EKF(PLANT, DT, NOISE, 0.5)
    for observer in (kalman, ekf):
        here = noisy(observer >> LQR, x0=(0.1, 3.2, 0, 0))
        there = noisy(observer >> LQR, x0=(0.1, 3.2 + 2 * np.pi, 0, 0))
        np.testing.assert_allclose(here.u[:100], there.u[:100], atol=1e-3)


def test_the_applied_input_is_what_counts():
    """Saturated and pushed into its limit, an observer must not believe its wish."""
    weak = hc.Loop(DT, actuator=hc.Actuator(limit=1.0), sensor=hc.Sensor(NOISE))
    wish = hc.lqr(PLANT, PLANT.hanging(), [100, 1, 1, 1], 0.001, DT)
    observer = hc.EKF(PLANT, DT, NOISE, 0.1)
    trace = hc.simulate(
        PLANT, observer >> wish, [1.0, 0, 0, 0], 6.0, loop=weak, key=KEY
    )
    assert np.abs(trace.asked).max() > 10 and np.abs(trace.u).max() <= 1
    assert abs(trace["x"][-1]) < 0.1


@pytest.mark.parametrize(
    "slow", [{}, {"lag": 0.05}, {"spread": [0.6, 0.4], "response": 1.3}]
)
def test_a_predictor_undoes_a_delay(slow):
    """From the moment at which inputs arrive, the loop is the one without delay."""
    d = 4
    late = hc.Loop(DT, actuator=hc.Actuator(limit=10.0, delay=d, **slow))
    prompt = hc.Loop(DT, actuator=hc.Actuator(limit=10.0, **slow))
    predictor = hc.Predictor(PLANT, DT, d, 10.0, substeps=2, **slow)
    x0 = [0.1, 3.25, 0, 0]
    trace = hc.simulate(PLANT, predictor >> LQR, x0, 4.0, loop=late)
    same = hc.simulate(PLANT, LQR, trace.x[d], 4.0, loop=prompt)
    np.testing.assert_allclose(trace.x[d:], same.x[:-d], atol=2e-4)


@pytest.mark.slow
def test_a_machine_behind_everything_swings_up_through_noise_and_delay():
    task = hc.tasks.get("noisy", seconds=12.0)
    scores = hc.evaluate(task, hc.reference("ekf_machine", task), 64)
    assert scores.success.mean() > 0.95
    raw = hc.evaluate(task, hc.reference("machine", task), 64)
    assert scores.cost[scores.success].mean() < 0.8 * raw.cost[raw.success].mean()


def test_what_cannot_be_observed_is_refused():
    with pytest.raises(ValueError, match="no steady filter exists: the outputs do not"):
        hc.kalman(PLANT, UP, DT, 0.1, outputs=("theta",))
    with pytest.raises(ValueError, match="names 'phi', but the states of CartPole"):
        hc.kalman(PLANT, UP, DT, 0.1, outputs=("phi",))
    with pytest.raises(ValueError, match=r"noise has shape \(2,\), expected \(4,\)"):
        hc.kalman(PLANT, UP, DT, [0.1, 0.1])
    with pytest.raises(ValueError, match=r"noise=-0.1 must not be negative"):
        hc.kalman(PLANT, UP, DT, -0.1)
    with pytest.raises(ValueError, match=r"noise has shape \(3,\), expected \(4,\)"):
        hc.EKF(PLANT, DT, [0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="among the 4 measurements"):
        hc.EKF(PLANT, DT, NOISE, columns=(7,))
    with pytest.raises(ValueError, match="delay=0 must be a whole number of periods"):
        hc.Predictor(PLANT, DT, 0)
    with pytest.raises(ValueError, match=r"spread=.* must add up to 1"):
        hc.Predictor(PLANT, DT, 1, spread=[0.5, 0.4])
    with pytest.raises(ValueError, match=r"lag=0\.1 and response=0\.5 tell the same"):
        hc.Predictor(PLANT, DT, 1, lag=0.1, response=0.5)
    with pytest.raises(ValueError, match=r"L has shape \(4, 2\), expected \(4, 1\)"):
        hc.KalmanFilter(
            np.eye(4), np.ones((4, 1)), np.ones((4, 2)), UP.x, [0.0], columns=(0,)
        )


def test_filter_gain_of_a_scalar_by_hand():
    """x⁺ = x + w, y = x + v, W = V = 1: P = (1 + √5) / 2, L = P / (P + 1)."""
    P = (1 + np.sqrt(5)) / 2
    np.testing.assert_allclose(filter_gain([[1]], [[1]], [[1]], [[1]]), P / (P + 1))


def test_a_measurement_without_noise_is_believed():
    L = hc.kalman(PLANT, UP, DT, 0.0, outputs=("x", "theta")).L
    np.testing.assert_allclose(L[:2], np.eye(2), atol=1e-9)
    np.testing.assert_allclose(filter_gain([[2.0]], [[1.0]], [[0.0]], [[1.0]]), 0.75)
