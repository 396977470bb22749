"""Dynamic programming: the value on a grid, and the controller that looks ahead."""

import importlib
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.loop import Actuator
from hybridctl.strategies import dynamic
from hybridctl.strategies.optimal import optimal_control

pytestmark = pytest.mark.numeric

TASK = hc.tasks.reach(hc.Pendulum(), seconds=8.0)
VALUE = hc.value_iteration(TASK, progress=False)
OPTIMUM = 154.906  # from hanging: direct transcription by IPOPT, 300 periods


@pytest.mark.slow
def test_the_lookahead_is_near_the_optimum():
    start = hc.Pendulum().hanging()
    task = hc.tasks.reach(hc.Pendulum(), seconds=8.0, start=start)
    scores = hc.evaluate(task, hc.reference("dp", task), 1)
    assert scores.success.all()
    assert OPTIMUM * 0.999 <= scores.cost[0] <= 1.01 * OPTIMUM


def test_a_value_is_found_once(monkeypatch):
    found = []
    monkeypatch.setattr(dynamic, "_on_grid", lambda *_: found.append(1) or VALUE)
    dynamic._solved.cache_clear()
    pendulum = lambda **other: hc.tasks.reach(hc.Pendulum(), **other)  # noqa: E731
    for _ in range(2):
        hc.reference("dp", pendulum())
    assert len(found) == 1
    hc.reference("dp", pendulum(seconds=8.0))
    assert len(found) == 2
    dynamic._solved.cache_clear()


def test_the_value_is_that_of_the_lock_and_even():
    problem = optimal_control(TASK)
    np.testing.assert_allclose(VALUE(jnp.array([np.pi, 0.0])), 0.0, atol=0.05)
    x = np.random.default_rng(0).uniform(-3, 3, (64, 2)).astype(np.float32)
    there, mirrored = jax.vmap(VALUE)(x), jax.vmap(VALUE)(-x)
    np.testing.assert_allclose(there, mirrored, rtol=0.02, atol=0.1)
    near = np.array([np.pi + 0.02, -0.05], np.float32)
    assert problem.lock.V(near) < problem.lock.rho
    np.testing.assert_allclose(VALUE(near), problem.lock.V(near), atol=0.2)


def test_every_input_has_its_own_limit():
    plant = hc.Plant.from_function(
        lambda t, x, u: jnp.array([x[2], x[3], u[0], u[1]]),
        ["p", "q", "dp", "dq"], ["a", "b"],
    )  # fmt: skip
    rest = plant.equilibrium(np.zeros(4), np.zeros(2))
    loop = hc.Loop(dt=0.05, actuator=Actuator(limit=[10.0, 1.0]))
    cost = hc.tasks.Cost(np.zeros(4), np.ones(4), np.ones(2))
    start, near_by = hc.tasks.Box(-np.ones(4), np.ones(4)), hc.near(rest, p=0.1)
    far = hc.beyond(rest, p=3.0)
    task = hc.tasks.Task("two", plant, loop, rest, start, cost, far, near_by)
    problem = optimal_control(task)
    np.testing.assert_array_equal(problem.limit, [10.0, 1.0])
    lqr = hc.reference("lqr", task)
    assert float(problem.lock.rho) == pytest.approx(lqr.unsaturated([10.0, 1.0]))


def test_what_a_grid_cannot_do_gets_a_sentence():
    design = importlib.import_module("hybridctl.design.value_iteration")
    noisy = hc.tasks.get("noisy")
    with pytest.raises(ValueError, match="cannot know the sensor"):
        hc.value_iteration(noisy)
    for late in ({"response": 0.2}, {"spread": [0.3, 0.7]}, {"lag": 0.1}, {"delay": 1}):
        loop = hc.Loop(dt=0.02, actuator=Actuator(limit=3.0, **late))
        with pytest.raises(ValueError, match="cannot know the late actuator"):
            hc.value_iteration(hc.tasks.get("swingup", loop=loop))
    with pytest.raises(ValueError, match="give 2 odd numbers from 3"):
        hc.value_iteration(TASK, nodes=(10, 11), progress=False)
    with pytest.raises(ValueError, match="GB, and 2 is the limit"):
        hc.value_iteration(TASK, nodes=(10001, 10001), progress=False)
    with pytest.raises(ValueError, match="has 6 states and a grid serves 4"):
        design._needed(hc.DoubleCartPole(), (3,) * 6)


def test_ctrl_c_ends_an_iteration_that_then_begins_anew(monkeypatch):
    design = importlib.import_module("hybridctl.design.value_iteration")

    def pressed(*_):
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(design, "_swept", pressed)
        hc.value_iteration(TASK, nodes=(31, 31))  # a bar that is left would stand
    assert hc.value_iteration(TASK, nodes=(31, 31)).values.shape == (31, 31)


def test_a_finer_grid_keeps_what_it_had():
    design = importlib.import_module("hybridctl.design.value_iteration")
    coarse = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    fine = design._finer(coarse)
    assert fine.shape == (5, 7)
    np.testing.assert_array_equal(fine[::2, ::2], coarse)
    np.testing.assert_allclose(fine[1, 1], coarse[:2, :2].mean(), rtol=1e-6)


def test_the_machine_of_the_grid_tells_its_modes():
    swing = hc.Greedy(TASK.plant, TASK.cost, VALUE, 3.0, TASK.loop.dt)
    made = dynamic._machine(TASK, swing)
    trace = hc.simulate(TASK.plant, made, [0.0, 0.1], 4.0, loop=TASK.loop)
    assert trace.modes == ("swing", "balance") and trace.mode[-1] == 1


def test_a_value_draws_slices_and_where_its_input_turns():
    swing = hc.Greedy(TASK.plant, TASK.cost, VALUE, 3.0, TASK.loop.dt)
    figure = swing.plot(limits={"dtheta": 8.0}, spans={"dtheta": (-9.0, 9.0)})
    axis, bar = figure.axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("theta [rad]", "dtheta [rad/s]")
    assert bar.get_ylabel() == "cost-to-go [unit of J]"
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["the input changes sign", "beyond the limit"]
    np.testing.assert_allclose(VALUE.extent.target.x, [np.pi, 0.0], atol=1e-5)
    for words, options in {
        "unknown state 'x'": {"states": ("x", "theta")},
        "two times 'theta'": {"states": ("theta", "theta")},
        "is no range": {"spans": {"theta": (1.0, 1.0)}},
        "unknown state 'force'": {"limits": {"force": 1.0}},
    }.items():
        with pytest.raises(ValueError, match=words):
            VALUE.plot(**options)
