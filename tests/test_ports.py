"""What is measured need not be the state: y = h(x), by name."""

import dataclasses

import control
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.controllers.bind import bind
from hybridctl.controllers.trial import blank_tick

PLANT, DT = hc.CartPole(), 0.02
UP = PLANT.upright()
PAIR = hc.Sensor(noise=[0.02, 0.01], outputs=["theta", "x"])
LQR = hc.lqr(PLANT, UP, [1, 10, 1, 1], 0.1, DT, limit=10.0)
X0, BACKWARDS = [0.1, 3.2, 0.0, 0.0], [3, 2, 1, 0]


def mixed(x):
    """The pole's tip [m], and all states backwards."""
    return jnp.stack([x[0] + jnp.sin(x[1]), x[3], x[2], x[1], x[0]])


ALL = hc.Sensor(outputs=mixed)
GAIN = hc.StateFeedback(
    np.c_[0.0, np.asarray(LQR.K)[:, BACKWARDS]], np.r_[0, UP.x[BACKWARDS]], UP.u
)


def with_(sensor, **parts):
    return hc.Loop(DT, sensor=sensor, **parts)


def run(controller, sensor=None, seconds=1.0):
    return hc.simulate(PLANT, controller, X0, seconds, loop=with_(sensor)).x


def names(signals):
    return [signal.name for signal in signals]


def test_a_loop_measures_what_its_sensor_names():
    assert hc.Loop(DT).measured(PLANT) == PLANT.ports.y
    assert with_(hc.Sensor(0.1)).measured(PLANT) == PLANT.ports.y
    assert names(with_(PAIR).measured(PLANT)) == ["theta", "x"]
    assert with_(PAIR).measured(PLANT)[0] == ("theta", "rad", True)
    tip = hc.Sensor(
        outputs=mixed, names="tip w v a p".split(), units={"tip": "m"}, angles=["a"]
    )
    assert tip.signals(PLANT)[0] == ("tip", "m", False)
    assert tip.signals(PLANT)[3].angle
    assert names(hc.Sensor(outputs=mixed).signals(PLANT)) == [""] * 5


def test_y_is_the_function_of_the_state():
    """A gain on backwards states is the gain on the states."""
    there = dataclasses.replace(LQR, limit=None)
    np.testing.assert_allclose(run(GAIN, ALL), run(there), atol=1e-5)


@pytest.mark.slow
def test_margins_are_those_of_what_is_measured():
    loop = with_(ALL)
    margins = [hc.margins(PLANT, c, at) for c, at in ((GAIN, loop), (LQR, None))]
    np.testing.assert_allclose(margins[0].phase, margins[1].phase, rtol=1e-9)


TASK = hc.tasks.get("balance", seconds=0.2)
TASK = dataclasses.replace(TASK, loop=with_(PAIR, actuator=hc.Actuator(limit=10.0)))
TEMPLATE = hc.PID(-60.0, 0.0, -15.0, dt=DT, setpoint=np.pi, angle=True) + hc.Slot(1)


def test_an_environment_observes_what_is_measured():
    env = hc.Env(TASK, TEMPLATE, training=False)
    assert env.features.names(names(env.sees)) == ("sin theta", "cos theta", "x")
    u = np.linspace(-1, 1, 10)[:, None]
    state, step = jax.jit(env.reset)(jax.random.PRNGKey(5)), jax.jit(env.step)
    start, xs = state.pipeline_state.loop, [state.pipeline_state.x]
    for action in u:
        state = step(state, action)
        xs.append(state.pipeline_state.x)
    y = state.pipeline_state.loop.y
    seen = [np.sin(y[0]), np.cos(y[0]), y[1]]
    np.testing.assert_allclose(state.obs, seen, rtol=1e-5)
    filled = hc.fill(TEMPLATE, hc.Sequence(u))
    trace = hc.simulate(
        start.plant, filled, start.x, 0.2, loop=TASK.loop, key=start.key
    )
    np.testing.assert_array_equal(trace.x, np.stack(xs))
    low = hc.gym.make(TASK, TEMPLATE).observation_space.low
    np.testing.assert_allclose(low, [-1, -1, -4.8])


BAD = {
    "state": ({"outputs": ["phi"]}, "names 'phi', but the states of CartPole are x, "),
    "twice": ({"outputs": ["x", "x"]}, "has a name twice"),
    "text": ({"outputs": "x"}, r"give a list of names: \['x'\]"),
    "noise": (
        {"noise": [1, 2, 3], "outputs": ["x", "theta"]},
        r"noise=.* has shape \(3,\), expected one number or \(2,\): x, theta",
    ),
    "scalar": ({"outputs": lambda x: x[0]}, r"shape \(\), expected \[n_y\]"),
    "names": ({"outputs": mixed, "names": ["a"]}, "mixed gives 5 .* are 1; give one"),
    "angle": ({"outputs": mixed, "angles": ["d"]}, "angles has 'd'"),
    "whose": ({"names": ["a"]}, "names, units and angles are of a function"),
    "shape": ({"outputs": lambda x: x[:3] @ x}, "does not give y = h"),
}


@pytest.mark.parametrize(("options", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_measured_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        loop = with_(hc.Sensor(**options))
        hc.simulate(PLANT, hc.Constant([0.0]), X0, 1.0, loop=loop, key=0)


PHI = {"dt": DT, "setpoint": np.pi, "angle": True}
PAIR_ONLY, POLE = hc.Sensor(outputs=["theta", "x"]), hc.Sensor(outputs=["theta"])


def test_names_find_their_places():
    """A gain on all states, in whatever order these are measured."""
    turned = hc.Sensor(outputs=[PLANT.states[i] for i in (3, 0, 1, 2)])
    assert bind(LQR, PLANT.ports.y) is LQR
    assert bind(LQR, turned.signals(PLANT)).places == (1, 2, 3, 0)
    np.testing.assert_array_equal(run(LQR, turned), run(LQR))
    behind = bind(bind(LQR, turned.signals(PLANT)), PLANT.ports.y)
    assert behind is LQR


def test_a_guard_finds_its_states():
    """By their names, wherever a sensor gives them; a model's own names stay so."""
    guard, y = hc.near(UP, theta=0.2), with_(PAIR).measured(PLANT)
    pids = {n: hc.PID(n, 1.0, dt=DT, angle=n == "theta") for n in ("x", "theta")}
    machine = hc.machine(pids, {("x", "theta"): guard})
    assert bind(machine, y).supervisor.guards[0].columns == (0,)
    assert bind(guard, PLANT.ports.y) is guard
    blend = hc.schedule(PLANT, list(pids.values()), theta=[3.0, 3.3])
    assert bind(blend, y).weights.column == 0
    assert bind(guard, tuple(s._replace(name=s.name.upper()) for s in y)) is guard
    with pytest.raises(ValueError, match="a guard takes 'theta', but what is measured"):
        bind(guard, with_(hc.Sensor(outputs=["x", "dtheta"])).measured(PLANT))


def test_a_machine_knows_the_controllers_in_its_guards():
    slow = hc.chosen(hc.PID("theta", 1.0, dt=0.05, angle=True))
    modes = {"a": hc.Slot(1), "b": hc.Slot(1)}
    machine = hc.machine(modes, {("a", "b"): slow & hc.after(3)})
    assert names(hc.ports.of(machine).y) == ["theta"]
    with pytest.raises(ValueError, match=r"dt=0\.02 but this PID was designed for"):
        hc.simulate(PLANT, machine, X0, 1.0, loop=with_(PAIR))


def test_a_pid_by_name_is_the_one_by_number():
    named = hc.PID("theta", kp=-60.0, kd=-15.0, **PHI)
    assert named.ports.y == (("theta", "", True),) and named.ports.by_name
    assert hc.PID(-60.0, 0.0, -15.0, column="theta", **PHI).measures == "theta"
    numbered = hc.PID(-60.0, 0.0, -15.0, column=1, **PHI)
    np.testing.assert_array_equal(run(named, PAIR_ONLY), run(numbered))
    both = named + hc.PID("x", 2.0, dt=DT)
    assert names(both.ports.y) == ["theta", "x"]
    there = bind(both, PLANT.ports.y)
    assert (there.a.places, there.b.places) == ((1,), (0,)) and there.a.inner.angle
    plain = hc.PID("theta", -60.0, dt=DT)  # what a file and a pilot would believe
    with pytest.raises(ValueError, match="'theta', which is an angle; give angle=True"):
        run(plain)


def test_a_lead_of_python_control_reads_one_of_four_states():
    lead = control.ss(-10.0, 1.0, -90.0, 10.0)
    one = hc.design.from_control(60 * lead, DT, UP, measures=["theta"])
    np.testing.assert_array_equal(run(one), run(one, POLE))
    assert names(one.ports.y) == ["theta"] and one.angles == (0,)


NOISE = [0.01, 0.02]
EKF = hc.EKF(PLANT, DT, NOISE, 0.5, outputs=["x", "theta"])
KALMAN = hc.kalman(PLANT, UP, DT, NOISE, 0.5, outputs=["x", "theta"])


@pytest.mark.parametrize("observer", [KALMAN, EKF], ids=["kalman", "ekf"])
def test_an_observer_reads_what_is_measured_whatever_the_order(observer):
    assert names(observer.ports.y) == ["x", "theta"]
    assert observer.ports.u == PLANT.ports.y and names(observer.ports.applied)
    whole = run(observer >> LQR)
    np.testing.assert_array_equal(whole, run(observer >> LQR, PAIR_ONLY))
    assert np.abs(whole[-1, 1] - np.pi) < 0.1


def tip(x):
    """Where the pole's tip is [m], and its angle."""
    return jnp.stack([x[0] + jnp.sin(x[1]), x[1]])


def test_an_ekf_of_named_states_is_that_of_columns():
    both = hc.EKF(PLANT, DT, [*NOISE, 1.0, 1.0], 0.5, columns=(0, 1))
    np.testing.assert_array_equal(run(EKF >> LQR), run(both >> LQR))


def test_observers_read_a_function_of_the_state():
    told = {"names": ["tip", "pole"], "units": {"tip": "m"}, "angles": ["pole"]}
    sensor = hc.Sensor([0.005, 0.005], outputs=tip, **told)
    start = {"x0": UP.x, "unseen": 0.3}
    ekf = hc.EKF(PLANT, DT, 0.005, 0.1, outputs=tip, **told, **start)
    kalman = hc.kalman(PLANT, UP, DT, 0.005, 0.1, outputs=tip, **told)
    for observer in (ekf, kalman):
        assert names(observer.ports.y) == ["tip", "pole"]
        loop = with_(sensor, actuator=hc.Actuator(limit=10.0))
        x = hc.simulate(PLANT, observer >> LQR, X0, 4.0, loop=loop, key=1).x
        assert np.abs(x[-50:, 1] - np.pi).max() < 0.05, type(observer)
        assert np.abs(x[-50:, 0]).max() < 0.3, type(observer)


def test_one_measurement_after_the_other_is_all_at_once():
    """x + P Hᵀ (H P Hᵀ + R)⁻¹ (y - h(x)), by its textbook form."""
    ekf = hc.EKF(PLANT, DT, [0.1, 0.2], outputs=tip)
    x, P = np.array([0.1, 0.5, 0.2, 0.3]), np.diag([1.0, 2.0, 3.0, 4.0]) + 0.1
    y = np.asarray(tip(x)) + np.array([0.3, -0.2])
    H = np.asarray(jax.jacfwd(tip)(jnp.asarray(x)))
    gain = P @ H.T @ np.linalg.inv(H @ P @ H.T + np.diag([0.01, 0.04]))
    seen, after = ekf._correct(jnp.asarray(x), jnp.asarray(P), jnp.asarray(y))
    np.testing.assert_allclose(seen, x + gain @ [0.3, -0.2], rtol=1e-4)
    np.testing.assert_allclose(after, P - gain @ H @ P, rtol=1e-3, atol=1e-4)


def test_what_is_not_measured_starts_at_x0():
    """One rule for both observers."""
    tick = blank_tick(2).seeing(jnp.asarray([0.3, 3.0]))
    rest = [0.0, 0.0, 0.7, -0.2]
    ekf = hc.EKF(PLANT, DT, NOISE, outputs=["x", "theta"], x0=rest)
    kalman = dataclasses.replace(KALMAN, x0=rest)
    for observer in (ekf, kalman):
        start = observer.init(tick).x
        np.testing.assert_allclose(start, [0.3, 3.0, 0.7, -0.2], rtol=1e-6)


@pytest.mark.slow
def test_a_machine_behind_an_ekf_of_a_function():
    task = hc.tasks.get("swingup", seconds=0.2)
    told = {"names": ["tip", "pole"], "angles": ["pole"]}
    observer = hc.EKF(PLANT, DT, 0.005, 0.1, outputs=tip, **told)
    seen = observer >> hc.reference("machine", task)
    loop = with_(hc.Sensor([0.005, 0.005], outputs=tip, **told))
    task = dataclasses.replace(task, loop=loop)
    assert np.isfinite(hc.evaluate(task, seen, 2).cost).all()
    assert hc.Env(task, seen + hc.Slot(1)).features.n_y == 2
    assert hc.Env(task, observer >> hc.Slot(1)).features.n_y == 4


@pytest.mark.parametrize("part", [hc.PID("dx", 1.0, dt=DT), KALMAN], ids=["pid", "x"])
def test_a_name_that_is_not_measured_is_refused(part):
    controller = part >> LQR if part is KALMAN else part
    told = r"takes '(x|dx)', but what is measured is theta; add '(x|dx)' to Sensor\("
    with pytest.raises(ValueError, match=told):
        run(controller, POLE)
    with pytest.raises(ValueError, match="what is measured is number 0"):
        run(controller, hc.Sensor(outputs=lambda x: x[:1]))


def test_who_expects_more_than_is_measured_is_told_what_is():
    with pytest.raises(ValueError, match=r"takes 'dx', 'dtheta', but .* theta, x; add"):
        hc.simulate(PLANT, LQR, X0, 1.0, loop=with_(PAIR), key=0)
    with pytest.raises(ValueError, match="Features takes 'dx', 'dtheta', but what"):
        hc.Env(TASK, TEMPLATE, hc.Features.of(PLANT))
    with pytest.raises(ValueError, match="of 4 measurements, the agent sees 2: theta"):
        hc.Env(TASK, TEMPLATE, hc.Features(4, (0, 1)))


def test_features_find_their_measurements():
    turned = hc.Sensor(outputs=[PLANT.states[i] for i in (3, 0, 1, 2)])
    y = turned.signals(PLANT)
    features = hc.Features.of(PLANT)
    assert features.on(PLANT.ports.y) is features
    there = features.on(y)
    assert there.columns == (1, 2, 3, 0) and there.angles == (2,)
    assert there.names(names(y)) == features.names(PLANT.states)
    foreign = hc.Foreign(lambda seen: seen[:1], features)
    assert bind(foreign, y).features == there
