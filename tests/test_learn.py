"""Environment, wrapper and training."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.checks import as_key
from hybridctl.controllers import Policy
from hybridctl.learn import Config, preset, session, wrap
from hybridctl.learn.brax.compat import trainable
from hybridctl.learn.devices import devices, shortfall

BALANCE = hc.tasks.get("balance")
TINY = {
    "steps": 8192,
    "num_evals": 3,
    "num_envs": 64,
    "batch_size": 64,
    "num_minibatches": 2,
}


@pytest.mark.slow
def test_ppo_solves_balance_with_a_poisoned_lane():
    """A real `ppo.train`, and what it returns holds on episodes it never saw."""
    task = dataclasses.replace(BALANCE, train_start=zoo.Poisoned(BALANCE.start))
    run = hc.train(task, 1.0 * hc.Slot(1), seed=0, progress=False)
    assert run.stopped == "target" and run.confirmed >= 0.995 * task.steps
    leaves = jax.tree.leaves(run.controller)
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves)
    scores = hc.evaluate(BALANCE, run.controller, n=2048, seed=11)
    assert scores.length.mean() >= 990 and scores.finite.all()
    assert run.score == max(point["score"] for point in run.curve)
    assert set(run.timing) == {"import", "compile", "train", "eval", "total"}
    parts = sum(run.timing[name] for name in ("compile", "train", "eval"))
    assert 0 < parts <= run.timing["total"]


def test_a_target_is_confirmed_on_episodes_that_nothing_else_meets():
    met = []

    def validate(policy, seed):
        met.append(np.asarray(as_key(seed)).tobytes())
        return SimpleNamespace(reward=np.zeros(4))

    made = Policy(hc.Features(4, (0,)), [np.zeros((1, 1))], [[0.0]], [0.0], [1.0])
    under_way: Any = SimpleNamespace(
        config=Config(target=1.0), task=BALANCE, curve=[], validate=validate,
        best=0, policies={0: made}, seed=0,
    )  # fmt: skip
    for _ in range(3):
        under_way.curve.append({"score": 2.0})
        session.Session.stop_at_target(under_way, made)
    assert under_way.confirmed == 0.0 and len(set(met)) == 3
    session.Session.against_base(under_way)
    rounds = range(session.ELECTION, session.ELECTION + session.ROUNDS)
    decided = [np.asarray(as_key(s)).tobytes() for s in (session.VALIDATION, *rounds)]
    assert met[3] == met[4] and len({*met, *decided}) == 4 + len(decided)


TWICE = """
import hashlib, json
import zoo, hybridctl as hc
from test_learn import TINY
task = hc.tasks.get("swingup", seconds=4.0)
run = hc.train(task, hc.template("residual", task), seed=3, progress=False, **TINY)
known = {"machine": hc.reference("machine", task), "residual": run.controller}
table = hc.compare(task, known, n=32, seed=5)
digest = hashlib.sha256(b"".join(zoo.bits(run.controller))).hexdigest()
print(json.dumps([digest, table.to_dict()], sort_keys=True))
"""


@pytest.mark.slow
def test_two_processes_with_one_seed_agree_bit_for_bit():
    command, here = [sys.executable, "-c", TWICE], Path(__file__).parent
    run = lambda: subprocess.run(command, cwd=here, capture_output=True, check=True)  # noqa: E731
    runs = [run() for _ in range(2)]
    first, second = (run.stdout.decode().splitlines()[-1] for run in runs)
    assert first == second
    assert json.loads(first)[1]["rows"]["residual"]["success"]["value"] >= 0


def test_successive_starts_of_a_lane_are_all_different():
    env = wrap(hc.Env(BALANCE, 10.0 * hc.Slot(1)), episode_length=3)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 2))
    step, starts = jax.jit(env.step), [np.asarray(state.pipeline_state.x)]
    for _ in range(10):
        for _ in range(3):
            state = step(state, jnp.zeros((2, 1)))
        assert (state.done == 1).all()
        starts.append(np.asarray(state.pipeline_state.x))
    assert len(np.unique(np.concatenate(starts), axis=0)) == 22
    assert np.abs(np.concatenate(starts) - [0, np.pi, 0, 0]).max() <= 0.0501


def test_a_curriculum_goes_from_easy_to_hard():
    easy, hard = (hc.tasks.Box.around([v, np.pi, 0, 0], np.zeros(4)) for v in (0, 1))
    start = hc.tasks.Curriculum(easy, hard, episodes=4)
    task = dataclasses.replace(BALANCE, train_start=start)
    env = wrap(hc.Env(task, 10.0 * hc.Slot(1)), episode_length=1)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 256))
    step, share = jax.jit(env.step), []
    for _ in range(6):
        share.append(float(np.mean(np.asarray(state.pipeline_state.x)[:, 0])))
        state = step(state, jnp.zeros((256, 1)))
    assert share[0] == 0 and share[4:] == [1, 1]
    assert share[1:4] == pytest.approx([0.25, 0.5, 0.75], abs=0.1)
    evaluated = dataclasses.replace(BALANCE, start=start)
    assert hc.Env(evaluated, hc.Slot(1), training=False).reset(
        jax.random.PRNGKey(0)
    ).pipeline_state.x[0] == pytest.approx(1.0)


@pytest.mark.parametrize("lanes", [16, 2048])
def test_only_lanes_that_are_done_begin_anew(lanes):
    """Few and many ended lanes, below and above the size where they are picked."""
    env = wrap(hc.Env(hc.tasks.get("global"), 10.0 * hc.Slot(1)), episode_length=50)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), lanes))
    step = jax.jit(env.step)
    for ended in (0, 1, lanes // 16, lanes):
        action = np.zeros((lanes, 1), np.float32)
        action[:ended] = np.nan
        before, state = state, step(state, action)
        assert (np.asarray(state.done) == (np.arange(lanes) < ended)).all()
        k = np.asarray(state.pipeline_state.loop.k)
        assert (k[:ended] == 0).all() and (k[ended:] > 0).all()
        old, new = (np.asarray(s.pipeline_state.x) for s in (before, state))
        assert (np.abs(old - new).max(1) > 0).all()
        assert np.isfinite(new).all() and np.isfinite(state.obs).all()


def test_truncation_is_apart_from_termination():
    env = wrap(hc.Env(BALANCE, 10.0 * hc.Slot(1)), episode_length=4)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 2))
    step = jax.jit(env.step)
    for i in range(4):
        action = jnp.array([[0.0], [np.nan if i == 3 else 0.0]])
        state = step(state, action)
    assert list(state.done) == [1, 1]
    assert list(state.info["truncation"]) == [1, 0]


def test_a_decision_sums_its_periods():
    task = zoo.task("swingup")
    fast, slow = 10.0 * hc.Slot(1), 10.0 * hc.Hold(hc.Slot(1), every=5)
    fine, coarse = (hc.Env(task, t, training=False) for t in (fast, slow))
    assert (fine.every, coarse.every) == (1, 5) and coarse.dt == pytest.approx(0.1)
    key, action = jax.random.PRNGKey(1), jnp.array([0.4])
    a, b = fine.reset(key), coarse.reset(key)
    total = 0.0
    step = jax.jit(fine.step)
    for _ in range(5):
        a = step(a, action)
        total += float(a.reward)
    b = jax.jit(coarse.step)(b, action)
    assert float(b.reward) == pytest.approx(total, rel=1e-5)
    np.testing.assert_array_equal(a.pipeline_state.x, b.pipeline_state.x)


def test_the_goal_ends_training_with_the_cost_to_go():
    task = zoo.task("swingup")
    lqr = hc.reference("lqr", task)
    near_top = hc.tasks.Box.around(task.target.x, [0.01, 0.01, 0.0, 0.0])
    goal = hc.tasks.Goal(lqr.V, 1.0)
    task = dataclasses.replace(task, goal=goal, train_start=near_top)
    env = hc.Env(task, lqr + hc.Slot(1))
    state = env.reset(jax.random.PRNGKey(0))
    after = jax.jit(env.step)(state, jnp.zeros(1))
    V = float(lqr.V(after.pipeline_state.x))
    assert after.done == 1 and after.metrics["failed"] == 0
    x = np.stack([s.pipeline_state.x for s in (state, after)])
    u = after.pipeline_state.loop.u
    cost = 0.5 * 0.02 * sum(float(task.cost(xi, u)) for xi in x)
    assert float(after.reward) == pytest.approx(-cost - V, rel=1e-4)


def test_vary_gives_every_episode_its_own_plant():
    vary = hc.tasks.Vary(("m_c", "m_p"), [0.7, 0.05], [1.3, 0.3], ("linear", "log"))
    task = hc.tasks.get("global", vary=vary)
    env = hc.Env(task, 10.0 * hc.Slot(1))
    state = jax.vmap(env.reset)(jax.random.split(jax.random.PRNGKey(0), 256))
    plant = state.pipeline_state.loop.plant
    for name, low, high in (("m_c", 0.7, 1.3), ("m_p", 0.05, 0.3)):
        values = np.asarray(getattr(plant, name))
        assert len(np.unique(values)) > 250
        assert low <= values.min() < values.max() <= high
    assert np.unique(plant.L).tolist() == [1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps=0 must be a finite number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"num_envs": 100}, "must be a multiple of num_envs = 100"),
        ({"discounting": 1.5}, "discounting=1.5"),
        ({"hidden": ()}, "at least one layer"),
        ({"hidden": 8}, "hidden=8 needs whole numbers above 0"),
        ({"discounting": "much"}, "discounting='much' must be in"),
        ({"target": "high"}, "target='high' is no score"),
        ({"normalize_observations": "yes"}, "'yes' must be True or False"),
        ({"num_envs": True}, "num_envs=True must be a finite number above 0"),
        ({"algorithm": "sac", "steps": 2000}, "so steps=2000 is too few"),
        (
            {"algorithm": "sac", "max_replay_size": 32, "min_replay_size": 0},
            "a memory of 32 decisions does not hold the 64",
        ),
        ({"config": 3}, "config takes a Config or the name of a preset, got int"),
        ({"activation": "sine"}, "unknown activation 'sine'"),
        (
            {"algorithm": "magic"},
            "unknown algorithm 'magic'; choose one of: hjb, ppo, sac",
        ),
        ({"lerning_rate": 1.0}, "unknown setting 'lerning_rate'"),
        ({"engine": "torch"}, "unknown engine 'torch'; choose one of: brax, jax"),
        ({"engine": "jax", "algorithm": "sac"}, "engine='jax' has no 'sac'"),
        ({"engine": "brax", "algorithm": "hjb"}, "engine='brax' has no 'hjb'"),
        (
            {"engine": "brax", "final_entropy_cost": 0.1},
            "final_entropy_cost=0.1 is for PPO by our own",
        ),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        hc.train(BALANCE, hc.Slot(1), progress=False, **settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hc.Env(BALANCE, hc.Constant([0.0])), "has no Slot"),
        (lambda: hc.Env(BALANCE, hc.Slot(2)), "input of shape"),
        (lambda: hc.Env("balance", hc.Slot(1)), "expected a Task, got str"),
        (lambda: hc.Env(BALANCE, 3.0), "expected a Controller, got float"),
        (lambda: hc.train(BALANCE, hc.Slot(1), config="fast"), "unknown preset 'fast'"),
        (lambda: hc.train(BALANCE, hc.Slot(1), seed=0.5), "seed=0.5"),
    ],
)
def test_bad_parts_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_presets_and_discount():
    assert preset("balance").replace(discounting=0.99).gamma(0.02) == 0.99
    assert preset("swing").gamma(0.08) == pytest.approx(np.exp(-0.02))
    assert Config().replace(steps=5).steps == 5
    config = Config(steps=np.int64(5), hidden=np.array([8, 8]), target=np.float32(2))
    assert config == Config(steps=5, hidden=(8, 8), target=2.0)
    assert type(config.steps) is type(config.hidden[0]) is int


BRAX = Config(engine="brax")


def test_as_many_devices_as_share_the_environments(monkeypatch):
    for there, used in ((1, 1), (2, 2), (3, 2), (5, 4), (6, 4), (7, 4), (8, 8)):
        monkeypatch.setattr(jax, "local_device_count", lambda there=there: there)
        assert devices(BRAX) == used and devices(Config()) == 1
        said = shortfall(BRAX)
        assert said is None if used == there else f"{used} of {there} dev" in said  # type: ignore[operator]
    assert devices(BRAX.replace(max_devices_per_host=3)) == 2
    even = {"num_envs": 60, "batch_size": 120, "num_minibatches": 1}
    assert devices(BRAX.replace(**even)) == 6
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(ValueError, match="must be multiples of the 3 processes"):
        devices(BRAX)


THREE = """
import hybridctl as hc
task = hc.tasks.get("balance", seconds=2.0)
few = dict(engine="brax", steps=5000, num_evals=2, num_eval_envs=8, seed=0)
print(hc.train(task, 1.0 * hc.Slot(1), **few).stopped)
"""


@pytest.mark.slow
def test_training_on_three_devices_uses_two():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    run = [sys.executable, "-c", THREE]
    done = subprocess.run(
        run, capture_output=True, encoding="utf-8", env=os.environ | flags
    )
    assert done.returncode == 0 and "uses 2 of 3 devices" in done.stderr + done.stdout


def test_brax_gets_the_function_that_jax_took_away_and_only_then():
    name = "device_put_replicated"
    had = hasattr(jax, name)
    with trainable():
        tree = jax.device_put_replicated({"a": jnp.arange(3)}, jax.local_devices()[:1])
        assert tree["a"].shape == (1, 3)
    assert hasattr(jax, name) == had
