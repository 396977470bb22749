"""A start that is not random: a policy that begins as the clone of a teacher."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.controllers import Foreign
from hybridctl.controllers.guards import Quadratic
from hybridctl.controllers.value import Value
from hybridctl.learn.config import Config
from hybridctl.learn.run import Taught
from hybridctl.learn.session import Session
from hybridctl.learn.teach.answers import Answers, HostedAnswers
from hybridctl.learn.teach.visits import nowhere, visit

BALANCE = hc.tasks.get("balance")
LIMIT = BALANCE.input_limit
LQR = hc.reference("lqr", BALANCE)
SMALL = {"steps": 0, "taught": 16_384, "num_eval_envs": 32, "progress": False}


class CostToGo(Value):
    """That of the LQR, which is the optimal one while no input meets its limit."""

    V: Quadratic

    def __call__(self, x):
        return self.V(x)


def test_the_clone_of_a_controller_is_kept_and_gone_on_from(tmp_path):
    folder = hc.RunFolder(tmp_path / "run")
    template = LIMIT * hc.Slot(1)
    run = hc.train(BALANCE, template, teacher=LQR, on_validation=folder, **SMALL)
    assert [row["steps"] for row in run.curve] == [0] and run.stopped == "target"
    assert isinstance(run.policy, hc.Policy) and run.taught.error < 0.2
    assert run.score >= 0.98 * run.taught.score
    assert "its teacher has" in str(run) and run.to_dict()["taught"]["error"] < 0.2
    known = folder.load(BALANCE, template)
    assert known.taught == run.taught and known.config.steps == 0
    assert known.checkpoint.steps == 0 and known.checkpoint.algorithm == "ppo"


@pytest.mark.slow
def test_what_the_limit_cuts_is_no_mistake():
    """The base asks for more than the actuator gives: the clone has nothing to add."""
    swingup = hc.tasks.get("swingup")
    up, cost = swingup.plant.upright(), swingup.cost
    Q, R = cost.quadratic
    limited = hc.lqr(swingup.plant, up, Q, R, swingup.loop.dt, limit=LIMIT)
    base = hc.lqr(swingup.plant, up, Q, R, swingup.loop.dt)
    template = base + 0.5 * LIMIT * hc.Slot(1)
    run = hc.train(swingup, template, teacher=limited, **SMALL)
    assert run.taught.error < 0.02


def test_a_student_and_an_environment_meet_the_starts_a_curriculum_leads_to():
    boxes = [hc.tasks.Box([-w, 3.0, 0, 0], [w, 3.2, 0, 0]) for w in (0.0, 1.0)]
    hard = hc.tasks.Curriculum(*boxes, episodes=100)
    lane = hc.Env(hc.tasks.get("global", train_start=hard), LIMIT * hc.Slot(1))
    assert lane.begin(0, 0).episode.x[0] == 0.0 != lane.begin(0).episode.x[0]
    assert lane.reset(0).pipeline_state.x[0] == 0.0


@pytest.mark.slow
def test_a_value_teaches_the_input_that_costs_least():
    """By the LQR's cost-to-go that is the LQR's own."""
    template = LIMIT * hc.Slot(1)
    run = hc.train(BALANCE, template, teacher=CostToGo(LQR.V), **SMALL)
    assert run.curve[0]["length"] == BALANCE.steps and run.taught.error < 0.3


def test_an_input_follows_an_action_as_the_visits_say():
    task = hc.tasks.get("global")
    template = hc.reference("lqr", task) + 5.0 * hc.Hold(hc.Slot(1), every=2)
    env = hc.Env(task, template)
    act = lambda obs: jnp.tanh(obs[:, :1])  # noqa: E731
    run = jax.jit(lambda key: visit(env, act, nowhere(env, 3), key, 4))
    _, seen = run(jax.random.PRNGKey(0))
    assert seen.began[0].all() and seen.obs.shape[:2] == (4, 3)
    assert seen.ticks.k.shape == (4, 2, 3)
    assert seen.ticks.k[..., 0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    np.testing.assert_allclose(seen.gain, 5.0)
    np.testing.assert_allclose(seen.ticks.y[:, 0], seen.x)


def test_python_answers_along_the_way_as_jax_does():
    features = hc.Features.of(BALANCE.plant, trig=False)
    gain = np.asarray(LQR.K, np.float32)
    foreign = Foreign(lambda obs: -gain @ obs, features)
    ticks = hc.Tick(
        t=jnp.zeros((2, 2, 3)),
        k=jnp.zeros((2, 2, 3), jnp.int32),
        y=jax.random.normal(jax.random.PRNGKey(0), (2, 2, 3, 4)),
    )
    began = jnp.array([[True] * 3, [False] * 3])
    plain = hc.StateFeedback(gain, np.zeros(4), np.zeros(1))
    theirs, ours = (
        answers(hold)(None, ticks, began)[1]
        for answers, c in ((HostedAnswers, foreign), (Answers, plain))
        for hold in (hc.Hold(c, every=2),)
    )
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"teacher": "lqr"}, "teacher is a str, expected a Value or a Controller"),
        ({"teacher": 1.0 * hc.Slot(1)}, "this teacher has an empty Slot"),
        (
            {"teacher": hc.StateFeedback(np.ones((1, 2)), [0.0, 0.0], [0.0])},
            "this teacher does not fit 'balance': the controller expects 2",
        ),
        (
            {"teacher": LQR, "algorithm": "sac", "steps": 9000},
            "student learns on by PPO",
        ),
        ({"teacher": LQR, "taught": 0}, "taught=0 must be a finite number above 0"),
    ],
)
def test_a_teacher_that_does_not_fit_gets_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        hc.train(BALANCE, LIMIT * hc.Slot(1), **{**SMALL, **options})


def test_slots_that_only_choose_are_not_taught():
    template = hc.template("modes", hc.tasks.get("swingup"))
    with pytest.raises(ValueError, match="choose among modes"):
        hc.train(hc.tasks.get("swingup"), template, teacher=LQR, **SMALL)


@pytest.mark.parametrize(("spread", "kept"), [(0.1, 1), (30.0, 0)])
def test_a_clone_stays_unless_what_came_after_is_surely_better(spread, kept):
    session: Any = Session(BALANCE, LIMIT * hc.Slot(1), Config(), 0, None)  # type: ignore[arg-type]
    session.taught = Taught(0.0, 0.0, 0.0)
    session.curve = [{"score": score, "cost": 1.0} for score in (900.0, 901.0)]
    session.policies = {0: np.zeros(64), 1: np.ones(64)}
    noise = np.random.default_rng(0).normal(0.0, spread, 64)
    met = lambda gain, seed: SimpleNamespace(reward=900.0 + gain * (1.0 + noise))  # noqa: E731
    session.validate = met
    session.elect()
    assert session.best == kept


@pytest.mark.slow
def test_a_clone_learns_on_and_is_resumed():
    tiny = {"num_envs": 64, "batch_size": 64, "num_minibatches": 2, "num_evals": 3}
    template = LIMIT * hc.Slot(1)
    options = {**SMALL, **tiny, "target": np.inf}
    run = hc.train(BALANCE, template, teacher=LQR, **{**options, "steps": 4096})
    assert [row["steps"] for row in run.curve] == [0, 2048, 4096]
    assert run.score >= run.curve[0]["score"] and run.taught.score == 1000
    with pytest.raises(ValueError, match="leave out teacher"):
        hc.train(BALANCE, template, teacher=LQR, resume=run, steps=9000)
    clone = hc.train(BALANCE, template, teacher=LQR, **options)
    after = hc.train(BALANCE, template, resume=clone, steps=4096, progress=False)
    assert after.curve[0] == clone.curve[0] and after.taught == clone.taught


@pytest.mark.long
def test_a_small_network_knows_what_a_value_knows():
    task = hc.tasks.get("global")
    template = hc.template("hybrid", task)
    best = hc.train(task, template, steps=1_000_000, seed=7, progress=False)
    value, small = best.policy.inner.value, {"hidden": (32, 32), "progress": False}
    run = hc.train(task, template, teacher=value, steps=0, seed=1, **small)
    scores = hc.evaluate(task, run.controller, 1024, 77)
    assert scores.settled.all() and scores.cost.mean() < 55.0
