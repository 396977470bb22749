"""Sensors as they are: counted, late, and at times without an answer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.controllers.trial import blank_tick, output_of
from hybridctl.loop.loop import begin, step
from hybridctl.strategies.model import late

PLANT = hc.CartPole()
PUSH = hc.Sequence(5.0 * np.sin(0.7 * np.arange(60))[:, None])
START = jnp.array([0.1, 3.0, 0.2, -0.3])
COUNT = 2 * np.pi / 2048


def seen(sensor, periods=60, key=0):
    """What a controller is shown, [periods + 1, n_y], and the states."""
    loop = hc.Loop(0.02, sensor=sensor)

    def run(x0, key):
        first = begin(loop, PUSH, PLANT, x0, key)

        def period(state, _):
            after = step(loop, PUSH, state)[0]
            return after, (after.y, after.x)

        rows = jax.lax.scan(period, first, None, periods)[1]
        return [jnp.concatenate([a[None], b]) for a, b in zip((first.y, x0), rows)]  # noqa: B905

    return map(np.asarray, jax.jit(run)(START, jax.random.PRNGKey(key)))


def test_a_count_is_the_nearest_and_a_late_one_is_the_same_later():
    y, x = seen(hc.Sensor(outputs=["theta"], resolution=COUNT, delay=3))
    counts = np.round(x[:, 1:2] / COUNT) * COUNT
    np.testing.assert_allclose(y[3:], counts[:-3], atol=1e-6)
    np.testing.assert_allclose(y[:3], np.broadcast_to(counts[0], (3, 1)), atol=1e-6)


def test_what_is_lost_leaves_the_one_before():
    y, x = seen(hc.Sensor(drop=0.3))
    fresh = (y == x).all(1)
    assert 0.5 < fresh.mean() < 0.9 and fresh[0]
    last = np.maximum.accumulate(np.where(fresh, np.arange(len(y)), 0))
    np.testing.assert_array_equal(y, x[last])
    again, _ = seen(hc.Sensor(drop=0.3), key=1)
    assert (again != y).any()


def test_each_signal_may_be_lost_by_itself():
    y, x = seen(hc.Sensor(drop=[0.0, 0.5, 0.0, 0.5]))
    kept = (y == x).mean(0)
    assert (kept[[0, 2]] == 1.0).all() and (kept[[1, 3]] < 0.8).all()


def test_a_sensor_without_memory_leaves_none():
    loop = hc.Loop(0.02, sensor=hc.Sensor(noise=0.1, resolution=0.01))
    state = begin(loop, PUSH, PLANT, START, jax.random.PRNGKey(0))
    assert state.sensor is None and hc.Sensor(delay=1).remembers


def test_periods_that_begin_late_do_not_drift():
    """A cart at constant speed is where the clock is, and late by less than a share."""
    loop = hc.Loop(0.02, jitter=0.5)
    still = hc.simulate(
        PLANT, hc.Constant([0.0]), [0, 0, 1.0, 0], 2.0, loop=loop, key=0
    )
    late = (np.asarray(still["x"], float) - still.t) / 0.02
    late = late - late.min()
    assert 0.35 < late.max() <= 0.5 + 1e-4 and late.std() > 0.1
    assert abs(np.polyfit(still.t, late, 1)[0]) < 0.1
    with pytest.raises(ValueError, match="give key="):
        hc.simulate(PLANT, hc.Constant([0.0]), np.zeros(4), 1.0, loop=loop)
    with pytest.raises(ValueError, match="keeps every period at dt"):
        hc.simulate(PLANT, hc.Constant([0.0]), np.zeros(4), 1.0, loop=loop, key=0,
                    solver="dopri5")  # fmt: skip
    with pytest.raises(ValueError, match="jitter"):
        hc.Loop(0.02, jitter=1.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"resolution": 0.0}, "resolution"),
        ({"delay": 1.5}, "delay=1.5 must be a whole number of periods"),
        ({"delay": -1}, "delay=-1 must be a whole number of periods"),
        ({"units": ["m"]}, r"units=\['m'\] are no units by name; give a dict"),
        ({"drop": 1.5}, "drop=1.5 must not exceed 1"),
        ({"drop": -0.1}, "drop"),
    ],
)
def test_a_sensor_that_cannot_be_gets_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        hc.Sensor(**wrong)


def test_a_number_for_each_fits_the_outputs():
    loop = hc.Loop(0.02, sensor=hc.Sensor(outputs=["x"], resolution=[0.1, 0.2]))
    with pytest.raises(ValueError, match=r"Sensor\(resolution=...\) has shape \(2,\)"):
        hc.simulate(PLANT, hc.Constant([0.0]), np.zeros(4), 1.0, loop=loop)


def test_a_late_observer_takes_an_observer():
    with pytest.raises(ValueError, match="expected a Controller"):
        hc.Late(PLANT, 1)
    with pytest.raises(ValueError, match="delay"):
        hc.Late(PUSH, 0)
    for wrong in ({"dt": 0.0, "cutoff": 1.0}, {"dt": 0.02, "cutoff": -1.0}):
        with pytest.raises(ValueError, match="must be above 0"):
            hc.Differentiate(**wrong)
    turning = hc.Differentiate(0.02, cutoff=1.0, angles=(2,))
    with pytest.raises(ValueError, match="looks at measurement 2, counted from 0, and"):
        output_of(turning, blank_tick(2))


class Clock(hc.Controller):
    """It tells what it is told: the time, and the input."""

    ports = hc.ports.Ports(dt=0.1)

    def init(self, tick):
        return ()

    def step(self, state, tick):
        return state, jnp.append(tick.u_applied, tick.t)


def test_a_late_observer_lives_in_the_time_of_what_it_sees():
    late, told = hc.Late(Clock(), 2), []
    memory = late.init(blank_tick(1))
    for k in range(4):
        now = blank_tick(1).but(t=jnp.float32(0.1 * k), u_applied=jnp.ones(1) * k)
        memory, seen = late.step(memory, now)
        told.append(seen)
    np.testing.assert_allclose(told[2:], [[0, 0], [1, 0.1]], atol=1e-6)


def encoders(task, **options):
    """A task with counted positions."""
    sensor = hc.Sensor(outputs=["x", "theta"], resolution=[1e-4, COUNT], **options)
    return dataclasses.replace(task, loop=dataclasses.replace(task.loop, sensor=sensor))


def test_a_late_estimate_is_that_of_the_state_then():
    """Behind its predictor it is the state now, as far as counts tell."""
    task = encoders(hc.tasks.get("global", seconds=2.0), delay=2)
    assert late(task) == 2
    ekf = hc.EKF(task.plant, 0.02, [1e-4, 1e-3], outputs=["x", "theta"])
    told = hc.Late(ekf >> hc.Predictor(task.plant, 0.02, 2), 2)
    to_rest = hc.reference("lqr", task)
    trace = hc.simulate(
        task.plant, told >> to_rest, [0, 3.1, 0, 0], 2.0, loop=task.loop
    )
    then = trace["estimate"] if "estimate" in trace.shown else None
    assert then is not None
    np.testing.assert_allclose(then[40:, 1], trace["theta"][38:-3], atol=3e-3)
    np.testing.assert_allclose(trace["theta"][-20:], np.pi, atol=0.02)


@pytest.mark.slow
def test_positions_late_and_lost_are_enough_to_swing_up():
    task = encoders(hc.tasks.get("global"), delay=1, drop=0.02)
    scores = hc.evaluate(task, hc.reference("ekf_machine", task), n=1024, seed=0)
    assert scores.success.all() and scores.cost.mean() < 68.0
