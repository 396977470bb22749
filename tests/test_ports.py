"""What is measured need not be the state: y = h(x), by name."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc

PLANT, DT = hc.CartPole(), 0.02
UP = PLANT.upright()
PAIR = hc.Sensor(noise=[0.02, 0.01], outputs=["theta", "x"])
LQR = hc.lqr(PLANT, UP, [1, 10, 1, 1], 0.1, DT, limit=10.0)
X0, BACKWARDS = [0.1, 3.2, 0.0, 0.0], [3, 2, 1, 0]


def mixed(x):
    """The pole's tip [m], and all states backwards."""
    return jnp.stack([x[0] + jnp.sin(x[1]), x[3], x[2], x[1], x[0]])


def with_(sensor, **parts):
    return hc.Loop(DT, sensor=sensor, **parts)


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
    K = np.asarray(LQR.K)[:, BACKWARDS]
    gain = hc.StateFeedback(np.hstack([[[0.0]], K]), np.r_[0, UP.x[BACKWARDS]], UP.u)
    loop = with_(hc.Sensor(outputs=mixed))
    here = hc.simulate(PLANT, gain, X0, 1.0, loop=loop)
    there = hc.simulate(PLANT, dataclasses.replace(LQR, limit=None), X0, 1.0, DT)
    np.testing.assert_allclose(here.x, there.x, atol=1e-5)
    margins = [hc.margins(PLANT, c, at) for c, at in ((gain, loop), (LQR, None))]
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
        start.world, filled, start.x, 0.2, loop=TASK.loop, key=start.key
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


def test_who_expects_more_than_is_measured_is_told_what_is():
    with pytest.raises(ValueError, match=r"takes 'dx', 'dtheta', but .* theta, x; add"):
        hc.simulate(PLANT, LQR, X0, 1.0, loop=with_(PAIR), key=0)
    with pytest.raises(ValueError, match=r"of 4 measurements, the agent sees 2: theta"):
        hc.Env(TASK, TEMPLATE, hc.Features.of(PLANT))
