"""PPO of our own, against what is known about it."""

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from test_trainers import BALANCE, TINY, still_task

import hybridctl as hc
from hybridctl.learn import Config
from hybridctl.learn.checkpoint import unflatten
from hybridctl.learn.chunks import trainer_of
from hybridctl.learn.lane import Lane
from hybridctl.learn.ppo.engine import Trainer
from hybridctl.learn.ppo.networks import Spread
from hybridctl.learn.ppo.normalizer import Normalizer
from hybridctl.learn.ppo.update import Seen, adapted, advantages, spread_of

SLOT = 1.0 * hc.Slot(1)


def test_advantages_are_the_sums_that_define_them():
    draw = np.random.default_rng(0)
    reward, value, later = draw.normal(size=(3, 12, 5))
    terminated, truncated = draw.random((2, 12, 5)) < 0.2
    truncated &= ~terminated
    gamma, mix = 0.9, 0.8
    found = advantages(reward, value, later, terminated, truncated, gamma, mix)
    error = reward + gamma * np.where(terminated, 0.0, later) - value
    for lane in range(5):
        for t in range(12):
            over = np.flatnonzero((terminated | truncated)[t:, lane])
            last = t + over[0] if len(over) else 11
            powers = (gamma * mix) ** np.arange(last - t + 1)
            expected = np.sum(powers * error[t : last + 1, lane])
            assert found[t, lane] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_spread_is_a_normal_distribution_before_tanh():
    from scipy import stats

    now = Spread(jnp.array([[0.3, -1.0]]), jnp.array([[0.5, 2.0]]))
    old = Spread(jnp.array([[0.1, 0.4]]), jnp.array([[0.7, 1.5]]))
    known, x = stats.norm(now.mean, now.scale), np.array([[0.2, 0.9]])
    gap = now.log_density(x) - known.logpdf(x).sum(-1)
    assert float(gap[0]) == pytest.approx(np.log(2 * np.pi), rel=1e-5)
    noise = np.random.default_rng(0).normal(size=(200_000, 2)).astype("f4")
    drawn = now.drawn(noise)
    apart = (old.log_density(drawn) - now.log_density(drawn)).mean()
    backward = now.divergence(old)[0]  # of the old one from this
    assert float(backward) > 0 and float(apart) < 0
    drawn = old.drawn(noise)
    apart = (old.log_density(drawn) - now.log_density(drawn)).mean()
    assert float(backward) == pytest.approx(float(apart), rel=0.02)
    one = Spread(jnp.array([[0.4]]), jnp.array([[0.6]]))
    action = np.tanh(np.asarray(one.drawn(noise[:, :1])))
    density = stats.norm.pdf(np.arctanh(action), 0.4, 0.6) / (1 - action**2)
    entropy = one.entropy(noise[:, :1]).mean()
    assert float(entropy) == pytest.approx(-np.log(density).mean(), rel=0.01)


@pytest.mark.parametrize("mode", ["welford", "ema"])
def test_a_normalizer_has_mean_and_deviation_of_all_it_saw(mode):
    config = Config(normalize_observations_mode=mode)
    seen = np.random.default_rng(0).normal(3.0, [1.0, 5.0, 0.01], (4, 500, 3))
    found = Normalizer.of(3)
    for part in seen.astype("f4"):
        found = found.after(jnp.asarray(part), config)
    flat = seen.reshape(-1, 3)
    np.testing.assert_allclose(found.mean, flat.mean(0), rtol=1e-4)
    np.testing.assert_allclose(found.std, flat.std(0), rtol=1e-3)
    z = found(jnp.asarray(flat, "f4"), config)
    np.testing.assert_allclose(np.mean(z, 0), 0.0, atol=5e-3)
    assert found(flat, config.replace(normalize_observations=False)) is flat


def test_a_normalizer_may_stand_still():
    config = Config(normalize_observations_mode="ema", normalize_until_count=10)
    first = Normalizer.of(1).after(jnp.arange(8.0)[:, None], config)
    again = first.after(jnp.full((8, 1), 99.0), config)
    assert float(again.mean[0]) == float(first.mean[0]) == pytest.approx(3.5)
    assert float(again.count) == 16


def test_a_rate_adapts_to_the_divergence_of_an_update():
    config = Config(learning_rate_schedule="ADAPTIVE_KL", desired_kl=0.01)
    rates = [adapted(config, jnp.float32(1e-3), kl) for kl in (0.1, 0.01, 0.001, 0.0)]
    np.testing.assert_allclose(rates, [1e-3 / 1.5, 1e-3, 1.5e-3, 1e-3], rtol=1e-5)
    assert float(adapted(config, jnp.float32(9e-3), 1e-3)) == pytest.approx(1e-2)


def test_lanes_are_the_episodes_of_an_environment():
    """Every decision of a rollout again, one by one; truncated after 6 decisions."""
    config = Config(num_envs=4, unroll_length=8, batch_size=4, num_minibatches=2)
    lane = Lane(BALANCE, SLOT)
    trainer = Trainer(lane, config.replace(episode_length=6))
    assert trainer.shape == (4, 4, 4, 1)
    trainer = Trainer(lane, config.replace(episode_length=12))
    assert trainer.shape == (2, 8, 4, 1)
    noise = np.random.default_rng(0).normal(size=trainer.shape).astype("f4")
    lanes, batch, obs, _ = jax.jit(trainer._rollout)(trainer.begin(3), noise)
    decide, begin = jax.jit(lane.decide), jax.jit(lane.begin)
    truncated = np.asarray(batch.truncated)
    for i in range(4):
        key, number = trainer.begin(3).lanes.episode.key[i], 0
        for t in range(16):
            if t in (0, 12):
                key = key + np.array([0, 1], np.uint32)
                episode, seen = begin(key, number)[:2]
                number += 1
            np.testing.assert_allclose(batch.obs[t, i], seen, rtol=1e-5, atol=1e-6)
            after = decide(episode, jnp.tanh(batch.drawn[t, i]))
            episode, seen = after.episode, after.obs
            assert truncated[t, i] == (t == 11) and not batch.terminated[t, i]
            if t == 11:
                cut = obs[64 + 4 + i]  # the second unroll's
                np.testing.assert_allclose(cut, seen, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(obs[-4 + i], seen, rtol=1e-5, atol=1e-6)
    assert np.asarray(lanes.age).tolist() == [4] * 4
    starts = np.asarray(batch.obs)[[0, 12]].reshape(8, -1)
    assert len(np.unique(starts, axis=0)) == 8


def test_an_action_is_judged_by_the_spread_that_it_was_drawn_from():
    """Also while the normalizer moves most; its move is no reason to learn."""
    config = Config(num_envs=4, unroll_length=8, batch_size=4, num_minibatches=2)
    trainer = Trainer(Lane(BALANCE, SLOT), config.replace(episode_length=12))
    learner = trainer.begin(3)
    learner = learner._replace(adam=learner.adam._replace(at=learner.adam.at + 0.1))
    noise = np.random.default_rng(0).normal(size=trainer.shape).astype("f4")
    _, batch, obs, kept = jax.jit(trainer._rollout)(learner, noise)
    z = 0.5 * learner.normalizer(obs, config) + 1.0
    found = trainer._samples(learner.adam.at, z, batch, noise, kept)
    again = (found.drawn - found.old.mean) / found.old.scale
    np.testing.assert_allclose(again, noise.reshape(-1, 1), atol=1e-4)


@pytest.mark.slow
def test_the_value_at_truncation_is_bootstrapped():
    """Ten decisions an episode; V(1) = -0.1 / (1 - γ) is a sum over forty."""
    gamma, scale = 0.95, 0.1
    config = Config(
        steps=400_000, discounting=gamma, reward_scaling=scale, num_evals=2,
        learning_rate=3e-3, final_learning_rate=0.01, entropy_cost=0.0,
        num_eval_envs=16,
    )  # fmt: skip
    task = still_task()
    run = hc.train(task, hc.Slot(1), config=config, progress=False)
    trainer, arrays = Trainer(Lane(task, hc.Slot(1)), config), run.checkpoint.arrays
    mean, std = arrays[".normalizer.mean"], arrays[".normalizer.std"]
    z = (np.array([[1.0], [0.0]]) - mean) / std
    found = np.asarray(trainer.networks.value(arrays[".adam.at"], z))
    worst = -0.1 / (1 - gamma) * scale
    assert found[0] == pytest.approx(worst, rel=0.02)
    assert abs(found[1]) < 0.02 * abs(worst)


def test_a_training_goes_on_bit_for_bit():
    few = TINY | {"steps": 16_384, "num_evals": 5, "progress": False}
    whole = hc.train(BALANCE, SLOT, seed=3, **few)
    half = hc.train(BALANCE, SLOT, seed=3, **few | {"steps": 8192, "num_evals": 3})
    again = hc.train(BALANCE, SLOT, seed=3, resume=half, **few)
    assert again.steps == whole.steps == 2 * half.steps
    for name, array in whole.checkpoint.arrays.items():
        np.testing.assert_array_equal(array, again.checkpoint.arrays[name], name)
    for a, b in zip(whole.curve, again.curve, strict=True):
        assert a | {"seconds": 0.0} == b | {"seconds": 0.0}


@pytest.mark.slow
def test_what_is_no_whole_number_of_updates_is_gone_on_from_without_a_row_twice():
    few = TINY | {"num_evals": 2, "progress": False, "target": np.inf}
    half = hc.train(BALANCE, SLOT, seed=5, **few | {"steps": 5000})
    again = hc.train(BALANCE, SLOT, resume=half, **few | {"steps": 12_000})
    assert [row["steps"] for row in again.curve] == [0, 5000, 12_000]
    assert again.seed == 5 and 0.5 < again.curve[2]["train_reward"] < 1.5


def test_seeds_side_by_side_share_a_trainer():
    config = Config(num_envs=4, batch_size=4, num_minibatches=2, tau=0.3)
    make = lambda _: trainer_of(Trainer, Lane(BALANCE, SLOT), config)  # noqa: E731
    with ThreadPoolExecutor(3) as pool:
        assert len(set(map(id, pool.map(make, range(3))))) == 1


def test_trainings_that_differ_in_their_seed_compile_once():
    config = Config(num_envs=4, batch_size=4, num_minibatches=2)
    trainer = trainer_of(Trainer, Lane(BALANCE, SLOT), config)
    again = hc.tasks.get("balance"), 1.0 * hc.Slot(1)
    assert trainer_of(Trainer, Lane(*again), config) is trainer
    heavier = hc.tasks.get("balance", plant=hc.CartPole(m_p=0.2))
    assert trainer_of(Trainer, Lane(heavier, SLOT), config) is not trainer
    assert trainer_of(Trainer, Lane(*again), config.replace(tau=0.1)) is not trainer
    with jax.enable_x64(True):
        assert trainer_of(Trainer, Lane(*again), config) is not trainer


def test_a_broken_lane_is_contained_and_counted():
    task = dataclasses.replace(BALANCE, train_start=zoo.Poisoned(BALANCE.start, 16))
    run = hc.train(task, SLOT, seed=1, progress=False, **TINY)
    assert run.curve[-1]["not_finite"] > 0
    assert all(np.isfinite(a).all() for a in adam(run))


def adam(run):
    return [a for name, a in run.checkpoint.arrays.items() if name.startswith(".adam")]


PAIRS = (
    "balance ppo", "swingup residual", "global modes", "weak gate", "push residual_lqr",
    "noisy swing", "short_track early_catch", "unknown_plant residual",
)  # fmt: skip


@pytest.mark.parametrize("pair", zoo.sample(PAIRS, (), PAIRS[2:6:3]))
def test_it_takes_every_task_and_template(pair):
    task, template = pair.split()
    known = hc.tasks.get(task)
    few = TINY | {"target": np.inf, "progress": False}
    run = hc.train(known, hc.template(template, known), engine="jax", **few)
    assert run.steps >= TINY["steps"] and run.stopped == "finished"
    assert all(np.isfinite(a).all() for a in adam(run))


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate_schedule": "ADAPTIVE_KL", "normalize_advantage": False},
        {"clipping_epsilon_value": 0.2, "value_hidden": (16,), "max_grad_norm": None},
        {"final_entropy_cost": 0.1, "final_learning_rate": 0.1, "activation": "swish"},
        {"normalize_observations": False, "action_repeat": 3, "episode_length": 9},
    ],
)
def test_it_takes_every_setting(settings):
    run = hc.train(BALANCE, SLOT, progress=False, target=np.inf, **TINY | settings)
    assert run.stopped == "finished" and all(np.isfinite(a).all() for a in adam(run))
    assert float(run.checkpoint.arrays[".adam.steps"]) > 0


@pytest.mark.slow
def test_a_critic_may_see_what_the_policy_does_not():
    task = hc.tasks.get("unknown_plant")
    lane = Lane(task, 10.0 * hc.Slot(1))
    begun = lane.begin(0)
    truth = lane.truth(begun.episode)
    assert truth.shape == (5 + 1 + len(task.vary.names),)
    plant = begun.episode.loop.plant
    expected = [getattr(plant, name) for name in task.vary.names]
    np.testing.assert_array_equal(truth[6:], expected)
    few = TINY | {"critic_features": "state", "progress": False}
    run = hc.train(task, 10.0 * hc.Slot(1), **few)
    assert run.policy.features.size == len(begun.obs) == 5
    assert run.checkpoint.arrays[".normalizer.mean"].shape == (5 + len(truth),)


GRU = TINY | {"recurrent": 8, "num_evals": 2, "progress": False, "target": np.inf}


@pytest.fixture(scope="module")
def remembering():
    """A policy that observes positions alone, and remembers."""
    return hc.train(BALANCE, SLOT, features=hc.Features(4, (0, 1)), seed=5, **GRU)


@pytest.mark.slow
def test_a_policy_with_a_memory_is_the_one_that_was_trained(remembering):
    """What it decides in the loop is what training saw it decide."""
    run = remembering
    trainer = Trainer(Lane(BALANCE, SLOT, run.policy.features), run.config)
    assert run.policy.memory.size == 8 and trainer.sizes == (2, 2 + 5 + 1)
    learner = unflatten(trainer.begin(5), run.checkpoint.arrays)
    z = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6, 8)).astype("f4"))
    began = jnp.zeros((3, 6), bool).at[0, 2].set(True)
    seen = Seen(z, began, jnp.zeros((3, 8)))
    found = spread_of(trainer.networks, learner.adam.at, seen).mean
    policy = trainer.policy(learner)
    obs = np.asarray(z[..., :2]) * np.asarray(policy.std) + np.asarray(policy.mean)
    for lane in range(3):
        state = policy.init(hc.Tick(0.0, jnp.int32(0), jnp.zeros(4)))
        for t in range(6):
            if began[lane, t]:
                state = policy.init(None)
            y = jnp.zeros(4).at[:2].set(obs[lane, t])
            state, u = policy.step(state, hc.Tick(0.0, jnp.int32(t), y))
            expected = np.tanh(np.asarray(found[lane, t]))
            np.testing.assert_allclose(u, expected, rtol=1e-3, atol=1e-5)


def test_a_gru_is_what_flax_has():
    from flax import linen

    draw = np.random.default_rng(0)
    cell = linen.GRUCell(3)
    h, x = draw.normal(size=(2, 3)).astype("f4"), draw.normal(size=(2, 5)).astype("f4")
    named = cell.init(jax.random.PRNGKey(1), h, x)["params"]
    join = lambda kind, part: np.concatenate(  # noqa: E731
        [np.asarray(named[f"{kind}{gate}"][part]) for gate in "rzn"], -1
    )
    gru = hc.GRU(join("i", "kernel"), join("h", "kernel"), join("i", "bias"),
                 named["hn"]["bias"])  # fmt: skip
    theirs = cell.apply({"params": named}, h, x)[0]
    np.testing.assert_allclose(gru(h, x), theirs, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"needs bias of shape \(9,\), got \(8,\)"):
        hc.GRU(gru.seen, gru.kept, gru.bias[:8], gru.inner)


@pytest.mark.slow
def test_a_memory_saves_embeds_and_exports(remembering, tmp_path):
    controller, dt = remembering.controller, BALANCE.loop.dt
    again = hc.load(hc.save(tmp_path / "gru.safetensors", controller))
    pilots = [hc.embed(again, dt=dt)]
    hc.export(controller, tmp_path / "gru.py", dt=dt)
    x0 = [0.02, 3.1, 0.0, 0.1]
    trace = hc.simulate(BALANCE.plant, controller, x0, 1.0, loop=BALANCE.loop)
    asked = np.asarray(trace.asked)[:, 0]
    assert len(np.unique(asked)) > 20
    for pilot in pilots:
        for k, x in enumerate(np.asarray(trace.x)[:-1]):
            u = np.atleast_1d(pilot(x))
            np.testing.assert_allclose(u[0], asked[k], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_memory_goes_on_bit_for_bit(remembering):
    more = GRU | {"steps": 8192, "num_evals": 3}
    features = hc.Features(4, (0, 1))
    whole = hc.train(BALANCE, SLOT, features=features, seed=5, **more)
    again = hc.train(BALANCE, SLOT, features=features, resume=remembering, **more)
    for name, array in whole.checkpoint.arrays.items():
        np.testing.assert_array_equal(array, again.checkpoint.arrays[name], name)


def test_what_a_memory_cannot_do_is_a_sentence():
    with pytest.raises(ValueError, match="recurrent=8 is for PPO by our own engine"):
        hc.train(BALANCE, SLOT, engine="brax", **GRU)
    with pytest.raises(ValueError, match="recurrent=8 is for a training from the"):
        hc.train(BALANCE, SLOT, teacher=hc.reference("lqr", BALANCE), **GRU)


DOUBLE = """
import jax; jax.config.update("jax_enable_x64", True)
import hybridctl as hc
task, slot = hc.tasks.get("balance", seconds=2.0), 1.0 * hc.Slot(1)
few = dict(num_envs=64, batch_size=64, num_minibatches=2, num_eval_envs=8, num_evals=2)
for more in ({}, {"recurrent": 4}, {"teacher": hc.reference("lqr", task), "taught": 1}):
    run = hc.train(task, slot, steps=2048, target=1e9, progress=False, **few, **more)
    print(run.stopped, run.policy.weights[0].dtype)
"""


@pytest.mark.slow
def test_it_trains_in_double_precision():
    done = subprocess.run(
        [sys.executable, "-c", DOUBLE], capture_output=True, encoding="utf-8"
    )
    assert done.stdout.split() == ["finished", "float64"] * 3, done.stderr
