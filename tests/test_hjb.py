"""Learning the value: its targets, its training, what it refuses, what it leaves."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from scipy.linalg import solve_continuous_are

import hybridctl as hc
from hybridctl.controllers.guards import Level, Quadratic
from hybridctl.controllers.value_network import Physical
from hybridctl.learn.hjb.engine import Trainer
from hybridctl.learn.hjb.rollout import Lanes, rollout, targets
from hybridctl.strategies.optimal import optimal_control

TASK = hc.tasks.get("global", seconds=2.0)
SMALL = {
    "num_envs": 32, "unroll_length": 4, "batch_size": 64, "hidden": (8, 8),
    "num_evals": 3, "num_eval_envs": 16, "progress": False,
}  # fmt: skip
STEPS = 32 * 4 * 4


def trained(task=TASK, steps=STEPS, **options):
    template = hc.template("hybrid", task)
    return hc.train(task, template, steps=steps, **(SMALL | options))


@pytest.fixture(scope="module")
def run():
    return trained()


def test_targets_of_the_true_value_are_the_true_value():
    """On a linear plant the LQR's cost-to-go solves the Bellman equation."""
    A, B = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0], [1.0]])
    P = solve_continuous_are(A, B, np.eye(2), np.eye(1))
    plant = hc.Plant.from_function(
        lambda t, x, u: jnp.stack([x[1], u[0]]), ["p", "v"], ["a"]
    )
    V = Quadratic(P, np.zeros(2))
    problem = optimal_control(TASK)
    problem = dataclasses.replace(
        problem, plant=plant, cost=hc.tasks.Cost([0.0, 0.0], [1.0, 1.0], [1.0]),
        lock=Level(V, 1e-9), failure=hc.near(TASK.target, x=1e-9), columns=(),
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    lanes = Lanes(jnp.asarray(x), jnp.zeros(8, jnp.int32))
    act = lambda x: -x @ (P @ B).astype(np.float32)  # noqa: E731
    estimate = jax.vmap(jax.value_and_grad(V))
    _, path = rollout(problem, act, 0.01, lanes, jnp.zeros((3, 8, 2)))
    G, costates = targets(problem, path, estimate, 0.01, 0.5)
    np.testing.assert_allclose(G[0], jax.vmap(V)(x), rtol=2e-4)
    np.testing.assert_allclose(costates[0], 2 * x @ P, rtol=0.05, atol=0.05)


def test_gradient_of_a_network_is_that_of_its_value(run):
    value = run.policy.inner.value
    for x in np.random.default_rng(1).normal(size=(5, 4)):
        expected = jax.grad(lambda x: value(x))(jnp.asarray(x))
        np.testing.assert_allclose(value.gradient(jnp.asarray(x)), expected, rtol=1e-4)


def test_inside_the_lock_the_value_is_that_of_the_lqr(run):
    value, lqr = run.policy.inner.value, hc.reference("lqr", TASK)
    x = jnp.asarray(TASK.target.x) + 0.01
    np.testing.assert_allclose(value(x), lqr.V(x), rtol=1e-5)


def test_a_learned_value_draws_every_position_with_its_rate(run):
    value = run.policy.inner.value
    figure = value.plot(limits=TASK.limits)
    told = [axis.get_xlabel() for axis in figure.axes]
    assert told == ["x [m]", "theta [rad]", ""]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["lock", "beyond the limit"]
    assert value.extent.high[0] > 1.5 and figure.axes[0].get_xlim()[1] > 2.4


def test_the_template_asks_for_its_algorithm(run):
    assert run.config.algorithm == "hjb"
    assert [row["steps"] for row in run.curve] == [0, STEPS / 2, STEPS]
    assert run.curve[-1]["not_finite"] == 0


@pytest.mark.slow
def test_settings_that_are_given_choose_their_own_algorithm():
    config = hc.learn.Config(target=-1e9, num_eval_envs=16)
    template = hc.template("hybrid", TASK)
    given = hc.train(TASK, template, config=config, progress=False)
    assert given.config.algorithm == "ppo" and given.stopped == "target"


@pytest.mark.slow
def test_a_stopped_training_goes_on_bit_for_bit(run):
    first = trained(on_validation=_stop_at(STEPS // 2))
    assert first.stopped == "interrupted" and first.steps == STEPS // 2
    again = trained(resume=first)
    for name, array in run.checkpoint.arrays.items():
        np.testing.assert_array_equal(again.checkpoint.arrays[name], array, name)


def _stop_at(steps):
    def listener(run):
        if run.steps == steps and run.stopped == "running":
            signal.raise_signal(signal.SIGINT)

    return listener


def test_it_saves_and_loads(run, tmp_path):
    hc.save(tmp_path / "hybrid.safetensors", run.controller)
    loaded = hc.load(tmp_path / "hybrid.safetensors")
    pilots = [hc.embed(c, dt=0.02) for c in (run.controller, loaded)]
    y = np.array([0.3, 0.5, -0.2, 1.0])
    np.testing.assert_array_equal(*(pilot(y) for pilot in pilots))
    value = run.policy.inner.value
    path = hc.save(tmp_path / "value", value)
    assert zoo.bits(hc.load(path, hc.NetworkValue)) == zoo.bits(value)
    wrong = hc.tasks.reach(hc.Acrobot())
    with pytest.raises(ValueError, match="this value is of x, theta, dx, dtheta, but"):
        hc.Greedy(wrong.plant, wrong.cost, value, dt=0.02)


def test_lanes_that_are_not_finite_are_left_out():
    def bad(t, x, u):
        rates = jnp.stack([x[2], x[3], u[0] - 5.0 * x[0] ** 3, 9.81 * jnp.sin(x[1])])
        return jnp.where(jnp.abs(x[3]) > 5.0, jnp.nan, rates)

    problem = optimal_control(TASK)
    plant = hc.Plant.from_function(bad, TASK.plant.states, ["force"], angles=["theta"])
    problem = dataclasses.replace(problem, plant=plant)
    x = jnp.tile(jnp.array([0.0, 1.0, 0.0, 6.0]), (4, 1)).at[0, 3].set(0.5)
    lanes = Lanes(x, jnp.zeros(4, jnp.int32))
    fresh = jnp.zeros((2, 4, 4))
    after, path = rollout(problem, lambda x: 0.0 * x[:, :1], 0.04, lanes, fresh)
    assert np.isfinite(after.x).all()
    np.testing.assert_array_equal(path.failed[0], [False, True, True, True])


@pytest.mark.slow
def test_a_lane_that_breaks_leaves_all_others_as_they_were(run):
    """Their paths, bit for bit; of the fit it is left out, and it is counted."""
    trainer = Trainer(optimal_control(TASK), run.config, TASK.loop.dt)
    learner = trainer.begin(3)
    broken = learner._replace(lanes=Lanes(
        learner.lanes.x.at[5].set(jnp.nan), learner.lanes.age))  # fmt: skip
    update = jax.jit(trainer.run, static_argnums=1)
    fine, after = update(learner, 1), update(broken, 1)
    others = np.arange(SMALL["num_envs"]) != 5
    np.testing.assert_array_equal(fine.lanes.x[others], after.lanes.x[others])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
    assert (fine.totals[3], after.totals[3]) == (0, 1)


@pytest.mark.slow
def test_starts_that_are_not_finite_are_counted_and_nothing_breaks():
    start = zoo.Poisoned(TASK.train_start or TASK.start, 4)
    run = trained(dataclasses.replace(TASK, train_start=start))
    counts = [row["not_finite"] for row in run.curve]
    assert counts == sorted(counts) and counts[-1] >= 5
    assert all(np.isfinite(a).all() for a in run.checkpoint.arrays.values())


KILLED = """
import os, signal, sys
import hybridctl as hc, test_hjb
folder = hc.RunFolder(sys.argv[1])
def killed(run):
    if run.steps == test_hjb.STEPS // 2:
        os.kill(os.getpid(), signal.SIGKILL)
test_hjb.trained(on_validation=(folder, killed))
"""


@pytest.mark.slow
def test_after_kill_9_it_goes_on_bit_for_bit(run, tmp_path):
    words = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == -signal.SIGKILL
    found = hc.RunFolder(tmp_path).load(TASK, hc.template("hybrid", TASK))
    assert found.stopped == "running" and found.steps == STEPS // 2
    again = trained(resume=found, on_validation=hc.RunFolder(tmp_path))
    assert zoo.bits(again.last) == zoo.bits(run.last)
    scores = [[row["score"] for row in known.curve] for known in (again, run)]
    assert scores[0] == scores[1]
    for name, array in run.checkpoint.arrays.items():
        np.testing.assert_array_equal(again.checkpoint.arrays[name], array, name)
    assert hc.RunFolder(tmp_path).load().stopped == "finished"


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (lambda: hc.tasks.get("unknown_plant"), "varied parameters"),
        (lambda: dataclasses.replace(TASK, cost=lambda x, u: 0.0), "closed form"),
        (lambda: dataclasses.replace(
            TASK, cost=dataclasses.replace(TASK.cost, r=[0.0])), "cost nothing"),
    ],
)  # fmt: skip
def test_what_a_value_cannot_serve_is_refused(task, says):
    with pytest.raises(ValueError, match=says):
        optimal_control(task())


def test_a_part_of_the_input_is_no_whole():
    with pytest.raises(ValueError, match="whole input"):
        hc.train(TASK, hc.template("residual", TASK), algorithm="hjb", progress=False)


def test_features_are_about_one_in_size():
    problem = optimal_control(TASK)
    keys = jax.random.split(jax.random.PRNGKey(1), 256)
    x = jax.vmap(problem.wide)(keys)
    features = Physical.told_on(TASK.plant, TASK.target.x, x)
    size = np.sqrt(np.mean(np.square(jax.vmap(features)(x)), axis=0))
    np.testing.assert_allclose(size, 1.0, rtol=1e-4)


def test_layers_that_do_not_fit_are_refused():
    features = Physical(TASK.plant, TASK.target.x, np.ones(13))
    weights = [np.ones((13, 4)), np.ones((3, 1))]
    with pytest.raises(ValueError, match="do not fit"):
        hc.NetworkValue(features, weights, [np.ones(4), [0.0]], 1.0)


@pytest.mark.long
def test_a_fifth_of_the_decisions_is_near_the_optimum():
    """From anywhere: all succeed, within a tenth of what the optimal input costs."""
    task = hc.tasks.get("global")
    template = hc.template("hybrid", task)
    run = hc.train(task, template, seed=7, steps=1_000_000, progress=False)
    scores = hc.evaluate(task, run.controller, n=512, seed=21)
    assert scores.success.all() and scores.cost.mean() < 54.0
    bound = hc.contests.bound_of(task)
    paired = hc.evaluate(task, run.controller, n=len(bound.episodes), seed=0)
    assert bound.ratio(paired.cost) < 1.12
