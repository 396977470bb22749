"""Tasks: starts, cost, failure and names."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.contests.bounds import BOUNDS, bound_of
from hybridctl.learn.presets import meant_for
from hybridctl.loop.loop import Sample
from hybridctl.names import TASKS
from hybridctl.strategies.reference import tuned
from hybridctl.tasks import Box, Cost, Either, Vary, holds, judge, registry

FAR = hc.beyond(hc.DoubleCartPole().upright(), dtheta2=1.0)
FLAT = hc.controllers.Quadratic(np.eye(2), np.zeros(2))


def cost(n_x, n_u):
    return Cost(np.zeros(n_x), np.ones(n_x), np.ones(n_u))


def draws(start, n=4000):
    keys = jax.random.split(jax.random.PRNGKey(0), n)
    return np.asarray(jax.vmap(start)(keys))


def test_names_and_unknown_names():
    assert hc.tasks.names() == TASKS
    with pytest.raises(ValueError, match="unknown task 'balanse'; choose one of"):
        hc.tasks.get("balanse")
    with pytest.raises(ValueError, match=r"a Task has no \['lenght'\]; it has"):
        hc.tasks.get("balance", lenght=3)


def made(task):
    """All that the toolkit makes for a task."""
    references = {n: hc.reference(n, task) for n in hc.strategies.references()}
    return references | {n: hc.template(n, task) for n in hc.strategies.templates(task)}


@pytest.mark.parametrize("name", hc.tasks.names())
def test_nothing_hangs_on_what_a_task_is_called(name):
    task = hc.tasks.get(name)
    mine = dataclasses.replace(task, name="mine")
    for observed in (False, True):
        assert tuned(mine, observed) == tuned(task, observed)
    assert meant_for(mine, "ppo") == meant_for(task, "ppo")
    assert bound_of(mine) is BOUNDS[name]
    twin = hc.template("ppo", task), hc.template("ppo", mine)
    assert eqx.tree_equal(*twin, typematch=True)


@pytest.mark.parametrize("name", zoo.sample(hc.tasks.names(), (), ("unknown_plant",)))
def test_a_renamed_task_gets_the_same_controllers(name, monkeypatch):
    zoo.coarse_grids(monkeypatch)
    task = hc.tasks.get(name)
    mine = dataclasses.replace(task, name="mine")
    assert eqx.tree_equal(made(task), made(mine), typematch=True)


def test_a_bound_holds_for_what_it_was_found_for():
    task = hc.tasks.get("swingup")
    train = dataclasses.replace(task, train_start=None, hints=hc.tasks.Hints())
    assert bound_of(train).settle == 1.905
    start = Box.around(task.plant.hanging().x, 0.1 * np.ones(4))
    for change in (
        {"plant": hc.CartPole(m_p=0.2)}, {"start": start}, {"seconds": 10.0},
        {"loop": hc.Loop(0.01)}, {"cost": Cost(task.target.x, [1.0, 1, 1, 1], [0.1])},
    ):  # fmt: skip
        assert bound_of(dataclasses.replace(task, **change)) is None


def test_a_user_registers_a_task_once(monkeypatch):
    monkeypatch.setattr(registry, "_FACTORIES", dict(registry._FACTORIES))

    @hc.tasks.register("rig")
    def rig(**changes):
        """My rig."""
        return hc.tasks.reach(hc.Pendulum(), **changes)

    assert hc.tasks.get("rig", seconds=5.0).steps == 250
    assert hc.tasks.about()["rig"] == "My rig."
    hc.tasks.register("rig")(rig)
    with pytest.raises(ValueError, match="there is a task 'weak' already; choose an"):
        hc.tasks.register("weak")(rig)


def test_starts_are_what_the_benchmark_says():
    balance = draws(hc.tasks.get("balance").start) - [0, np.pi, 0, 0]
    assert np.abs(balance).max() <= 0.05001 and np.abs(balance).max(0).min() > 0.049
    anywhere = draws(hc.tasks.get("global").start)
    bound = np.array([1, np.pi, 1, np.pi])
    assert (np.abs(anywhere) <= bound + 1e-6).all()
    np.testing.assert_allclose(anywhere.std(0), bound / np.sqrt(3), rtol=0.03)
    assert (draws(hc.tasks.get("swingup").start, 3) == 0).all()


def test_training_starts_are_half_hanging():
    starts = draws(hc.tasks.get("swingup").train_start)
    share = (np.abs(starts).max(1) <= 0.05).mean()
    assert share == pytest.approx(0.5, abs=0.03)
    corner = Either(Box([0.0], [0.0]), Box([1.0], [1.0]), 0.2)
    assert draws(corner).mean() == pytest.approx(0.8, abs=0.03)


def test_the_weak_motor_and_the_short_track():
    weak, short = hc.tasks.get("weak"), hc.tasks.get("short_track")
    assert (weak.input_limit, short.input_limit) == (3.0, 10.0)
    assert short.limits == {"x": 0.6} and weak.limits == {"x": 2.4}
    assert hc.tasks.get("short_track", track=0.4).limits == {"x": 0.4}
    with pytest.raises(ValueError, match=r"track=-1.0 must be above 0"):
        hc.tasks.get("short_track", track=-1.0)
    hanging = (np.abs(draws(weak.start)).max(1) == 0).mean()
    assert hanging == pytest.approx(0.5, abs=0.03)
    assert np.abs(draws(short.start)).max() <= 0.05001
    assert (np.abs(draws(short.train_start))[:, 0] <= 0.3001).all()


@pytest.mark.parametrize("name", ["swingup", "global", "weak", "short_track"])
def test_failing_never_pays(name):
    """A learner that looks ahead as presets do would rather hang still for ever."""
    task = hc.tasks.get(name)
    rate = float(task.cost(task.plant.hanging().x, np.zeros(1)))
    assert -float(task.failure_reward) > rate * meant_for(task, "ppo").horizon
    assert float(task.failure_cost) > rate * 10.0


def test_the_cost_is_the_benchmarks():
    cost = hc.tasks.get("global").cost
    x, u = np.array([0.5, 1.0, -2.0, 3.0]), np.array([4.0])
    J = 0.25 + 20 * (1 + np.cos(1.0)) + 4 + 9 + 0.1 * 16
    assert float(cost(x, u)) == pytest.approx(J, rel=1e-6)


@pytest.mark.parametrize(
    ("x", "fails"),
    [
        ([0, np.pi, 0, 0], False),
        ([2.39, np.pi + 0.2, 9, 9], False),
        ([2.41, np.pi, 0, 0], True),
        ([0, np.pi - 0.22, 0, 0], True),
        ([np.nan, np.pi, 0, 0], True),
        ([0, np.inf, 0, 0], True),
    ],
)
def test_failure_of_balance(x, fails):
    task = hc.tasks.get("balance")
    assert bool(holds(task.failure, jnp.array(x))) == fails


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_what_is_not_finite_is_a_failure_without_bonus(bad):
    task = hc.tasks.get("balance")
    up = jnp.asarray(task.target.x, jnp.float32)
    sample = Sample(jnp.zeros(1), jnp.zeros(1), None)
    outcome = judge(task, up, sample, up.at[2].set(bad))
    assert bool(outcome.failed) and not bool(outcome.finite)
    assert float(outcome.reward) == 0 and float(outcome.cost) == 0


def test_tasks_take_plant_loop_and_fields():
    plant = hc.CartPole(m_p=0.3)
    loop = hc.Loop(0.01, actuator=hc.Actuator(limit=5.0))
    task = hc.tasks.swingup(plant=plant, loop=loop, seconds=3.0)
    assert task.steps == 300 and float(task.plant.m_p) == 0.3
    assert hc.strategies.reference("lqr", task).limit == 5.0
    assert dataclasses.replace(task, reward="alive").reward == "alive"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Box([1.0], [0.0]), "low=.* exceeds high"),
        (lambda: Box([np.nan], [0.0]), "not finite"),
        (lambda: Cost([0.0], [-1.0], [1.0]), "q=.* must not be negative"),
        (lambda: Cost([0.0], [1.0, 2.0], [1.0]), "q has shape"),
        (lambda: Cost([np.nan], [1.0], [1.0]), "x0=.* is not finite"),
        (lambda: Cost(0.0, 1.0, 0.1), "x0 is one number; give a list"),
        (lambda: Cost([0.0], [1.0], [1.0], angles=1), "expected a list"),
        (lambda: Cost([0.0], [1.0], [1.0], (9,)), r"angles=\(9,\) must be places of"),
        (lambda: Cost([0.0], [1.0], [1.0], ("theta",)), "must be places of states"),
        (lambda: hc.tasks.get("balance", cost=cost(4, 2)), "r .* 2 weights, .* 1 inp"),
        (lambda: hc.tasks.get("balance", cost=cost(2, 1)), "q .* 2 weights, .* 4 sta"),
        (lambda: hc.tasks.get("balance", cost=cost(5, 1)), "q .* 5 weights, .* 4 sta"),
        (lambda: hc.tasks.get("balance", failure=FAR), "failure looks at 6 states"),
        (lambda: hc.tasks.get("balance", settled=~FAR), "settled looks at 6 states"),
        (
            lambda: hc.tasks.get("balance", goal=hc.tasks.Goal(FLAT, 1.0)),
            "the V of goal is of 2 states, the plant has 4: x, theta, dx, dtheta",
        ),
        (lambda: hc.tasks.get("balance", start=Box([0], [1])), "start gives 1 states"),
        (
            lambda: Either(Box([0], [1]), Box([0], [1]), 1.5),
            "share=1.5 must not exceed",
        ),
        (
            lambda: Either(Box([0], [1]), Box([0], [1]), np.nan),
            "share=nan is not finite",
        ),
        (lambda: Either(Box([0], [1]), Box([0, 1], [1, 1])), "give 1 and 2 states"),
        (lambda: hc.tasks.get("balance", seconds=-1), "seconds=-1.0 must be above 0"),
        (lambda: hc.tasks.get("balance", reward="fun"), "unknown reward 'fun'"),
        (lambda: Vary(("m_c",), [1.0], [2.0], ("cubic",)), "unknown warp 'cubic'"),
        (lambda: Vary(("m_c",), [0.0], [2.0], ("log",)), "m_c varies by log from 0"),
        (lambda: Vary(("m_c", "L"), [1, 1], [2, 2], ("log",)), "1 warps for 2"),
        (lambda: Vary(("m_c",), [1.0, 2.0], [2.0]), "needs 1 values"),
        (lambda: Vary(("L",), [0.3], [0.1]), "L varies from low=0.3 to high=0.1"),
        (
            lambda: hc.tasks.get("balance", vary=Vary(("m_p",), [-0.3], [0.3])),
            "m_p=-0.3 must be above 0",
        ),
        (lambda: hc.reference("pid", hc.tasks.get("balance")), "unknown reference"),
        (lambda: hc.template("magic", hc.tasks.get("balance")), "unknown template"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_target_made_by_hand_has_to_know_the_angles():
    task = hc.tasks.get("swingup")
    bare = hc.Equilibrium(task.target.x, task.target.u)
    with pytest.raises(ValueError, match=r"give plant\.equilibrium\(target\.x"):
        dataclasses.replace(task, target=bare)
    plant, weights = task.plant, ([1, 10, 1, 1], [0.1])
    named, made = (hc.lqr(plant, at, *weights, 0.02) for at in (task.target, bare))
    assert made.angles == named.angles == (1,)
    assert hc.kalman(plant, bare, 0.02, 0.01, 0.1, outputs=("x", "theta")).angles == (
        1,
    )


def test_a_cost_that_is_no_number_ends_an_episode():
    root = lambda x, u: jnp.sqrt(x[0] + 0.04)  # noqa: E731
    task = hc.tasks.get("balance", cost=root, reward="cost", seconds=0.2)
    scores = hc.evaluate(task, hc.reference("lqr", hc.tasks.get("balance")), n=64)
    assert np.isfinite(scores.cost).all() and 0 < (~scores.finite).sum() < 64
    np.testing.assert_array_equal(scores.failed, ~scores.finite)
