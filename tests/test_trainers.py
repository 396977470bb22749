"""What trainers do with an environment: counted, bootstrapped, resumed, repeated."""

import dataclasses
import functools
import importlib
import math
import signal
import time
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.controllers import Slot
from hybridctl.controllers.fill import decision_every, held, is_held
from hybridctl.learn import Config, presets, wrap
from hybridctl.learn.brax.compat import ppo_networks, trainable
from hybridctl.learn.brax.tally import KEY, STATE, Tallied
from hybridctl.learn.checkpoint import flatten, unflatten
from hybridctl.learn.session import ELECTION, ROUNDS, values_of
from hybridctl.learn.train import _with_goal
from hybridctl.loop import Sensor
from hybridctl.runs import checkpoint_file

BALANCE = hc.tasks.get("balance")
TINY = {
    "steps": 4096,
    "num_evals": 3,
    "num_envs": 64,
    "batch_size": 64,
    "num_minibatches": 2,
    "num_eval_envs": 16,
}


@pytest.mark.slow
def test_broken_episodes_are_counted_and_training_reaches_the_target():
    task = dataclasses.replace(BALANCE, train_start=zoo.Poisoned(BALANCE.start, 64))
    run = hc.train(task, 1.0 * hc.Slot(1), seed=1, progress=False)
    counts = [point["not_finite"] for point in run.curve]
    assert run.stopped == "target" and counts[0] == 0 and counts[-1] >= 10
    assert counts == sorted(counts)
    assert all(np.isfinite(a).all() for a in run.checkpoint.arrays.values())
    assert run.better_than_base and run.better_than_base.low > 900


def test_a_measurement_that_is_not_finite_ends_the_episode():
    loop = dataclasses.replace(BALANCE.loop, sensor=Sensor(bias=[0.0, 0.0, 0.0, 0.0]))
    task = dataclasses.replace(BALANCE, loop=loop)
    env = hc.Env(task, 1.0 * hc.Slot(1))
    state = env.reset(jax.random.PRNGKey(0))
    where = lambda t: t.loop.sensor.bias  # noqa: E731
    env.task = eqx.tree_at(where, env.task, jnp.full(4, jnp.nan))
    after = env.step(state, jnp.zeros(1))
    assert after.done == 1 and after.reward == 0 and after.metrics["not_finite"] == 1
    assert np.isfinite(after.obs).all()


def test_the_tally_is_what_happened():
    env = Tallied(wrap(hc.Env(BALANCE, 1.0 * hc.Slot(1)), episode_length=4))
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 3))
    step, rows = jax.jit(env.step), []
    for i in range(4):
        action = np.zeros((3, 1), np.float32)
        action[0] = np.nan if i == 2 else 0.0
        state = step(state, action)
        rows.append(np.asarray(state.obs[KEY]))
    assert state.obs[STATE].shape == (3, 5)
    reward, ended, failed, broken = np.sum(rows, (0, 1))
    assert (reward, ended, failed, broken) == (11, 3, 1, 1)


class Still(hc.Plant):
    """A plant whose state never moves."""

    states = ("s",)
    inputs = ("u",)
    units = {"s": "1", "u": "1"}  # noqa: RUF012
    angles = ()
    limits = {"u": 1.0}  # noqa: RUF012

    def ode(self, t, x, u):
        del t, u
        return jnp.zeros_like(x)


def still_task():
    """Two states: one costs nothing, the other 1 a second, for ever; truncated."""
    from hybridctl.tasks import Box, Cost, Either, Task

    rest = hc.Equilibrium([0.0], [0.0], ("s",), ())
    return Task(
        "still",
        Still(),
        hc.Loop(0.1),
        rest,
        Either(Box([0.0], [0.0]), Box([1.0], [1.0])),
        Cost([0.0], [1.0], [0.0]),
        hc.beyond(rest, s=5.0),
        hc.near(rest, s=0.1),
        seconds=1.0,
    )


@pytest.mark.slow
def test_brax_bootstraps_the_value_at_truncation():
    """Ten decisions an episode; V(1) = -0.1 / (1 - γ) is a sum over forty."""
    gamma, scale = 0.95, 0.1
    config = Config(
        steps=400_000, discounting=gamma, reward_scaling=scale, num_evals=2,
        learning_rate=3e-3, final_learning_rate=0.01, entropy_cost=0.0,
    )  # fmt: skip
    run = hc.train(
        still_task(), hc.Slot(1), config=config, engine="brax", progress=False
    )
    network = ppo_networks.make_ppo_networks(
        {STATE: (1,)}, 1, value_hidden_layer_sizes=config.hidden, activation=jnp.tanh
    ).value_network
    like = network.init(jax.random.PRNGKey(0))
    value = {
        name.removeprefix("[2]"): array
        for name, array in run.checkpoint.arrays.items()
        if name.startswith("[2]")
    }
    weights = unflatten(like, value)
    arrays = run.checkpoint.arrays
    mean, std = (arrays[f"[0].{name}['{STATE}']"] for name in ("mean", "std"))
    apply = lambda s: network.apply(  # noqa: E731
        None, weights, (jnp.array([s]) - mean) / std
    )
    worst = -0.1 / (1 - gamma) * scale
    assert float(apply(1.0)) == pytest.approx(worst, rel=0.02)
    assert abs(float(apply(0.0))) < 0.02 * abs(worst)


def test_a_terminated_value_is_not_bootstrapped():
    """The same two states, where the costly one ends the episode at once."""
    task = dataclasses.replace(
        still_task(),
        failure=hc.beyond(still_task().target, s=0.5),
        failure_reward=-0.1,
    )
    env = wrap(hc.Env(task, hc.Slot(1)), episode_length=10)
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), 32))
    costly = np.asarray(state.pipeline_state.x[:, 0]) == 1.0
    state = jax.jit(env.step)(state, jnp.zeros((32, 1)))
    assert (np.asarray(state.done) == costly).all() and costly.any()
    assert (np.asarray(state.info["truncation"]) == 0).all()


@pytest.fixture(scope="module")
def told():
    """Two seeds of a training that is hardly one, and what listeners were told."""
    slot, seen = 1.0 * hc.Slot(1), []
    listen = {"on_validation": seen.append, "progress": False}
    return hc.train(BALANCE, slot, seeds=2, **listen, **TINY), seen


def votes(task, run, row, controller):
    """What an election counts: the validation's episodes and as many others thrice."""
    n = run.config.num_eval_envs
    seeds = range(ELECTION, ELECTION + ROUNDS)
    others = [
        values_of(task, hc.evaluate(task, controller, n, s)).mean() for s in seeds
    ]
    return run.curve[row]["score"] + sum(others)


def check_beginning(run, seen, task, template):
    base = hc.evaluate(task, template, TINY["num_eval_envs"], 1_000_001)
    assert run.curve[0]["cost"] == base.cost.mean() and run.curve[0]["steps"] == 0
    if run.stopped != "target":
        best = votes(task, run, run.best, run.controller)
        assert best >= votes(task, run, 0, template)
    assert [r.stopped for r in seen] == ["running"] * len(run.curve) + ["finished"]
    assert run.better_than_base.low >= 0 or run.best > 0


def test_training_starts_at_the_base_exactly(told):
    pair, seen = told
    for run in pair:
        own = [told for told in seen if told.seed == run.seed]
        check_beginning(run, own, BALANCE, 1.0 * hc.Slot(1))


@pytest.mark.slow
def test_a_residual_starts_at_the_machine_exactly():
    task, seen = hc.tasks.get("swingup", seconds=4.0), []
    template = hc.template("residual", task)
    run = hc.train(
        task, template, seed=2, progress=False, on_validation=seen.append, **TINY
    )
    check_beginning(run, seen, task, template)


def test_a_run_goes_on_from_its_checkpoint(told):
    first = told[0][0]
    more = TINY | {"steps": 12_288}
    again = hc.train(BALANCE, 1.0 * hc.Slot(1), resume=first, progress=False, **more)
    assert again.curve[: len(first.curve)] == first.curve
    assert again.steps >= 12_288 and len(again.curve) > len(first.curve)
    counts = [float(run.checkpoint.arrays[".updates"]) for run in (first, again)]
    assert counts[1] > counts[0] > 0
    with pytest.raises(ValueError, match="already done"):
        hc.train(BALANCE, 1.0 * hc.Slot(1), resume=again, progress=False, **TINY)
    far = more | {"steps": 20_000, "progress": False, "resume": again}
    for name, other in (
        ("hidden", (16, 16)), ("activation", "relu"), ("normalize_observations", False),
        ("unroll_length", 32), ("batch_size", 128), ("engine", "brax"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}=.* was trained with {name}="):
            hc.train(BALANCE, 1.0 * hc.Slot(1), **far | {name: other})
    with pytest.raises(ValueError, match="was trained on 'balance', whose scores"):
        hc.train(hc.tasks.get("swingup"), 1.0 * hc.Slot(1), **far)


def test_the_lock_of_a_training_is_in_the_unit_of_the_task_s_cost():
    task, config = hc.tasks.get("swingup"), presets.quick
    (Q, R), target = task.cost.quadratic, task.target
    own, heavy = (
        _with_goal(
            task, hc.lqr(task.plant, target, k * Q, k * R, 0.02) + Slot(1), config
        )
        for k in (1.0, 1000.0)
    )
    assert own.goal.rho == heavy.goal.rho == pytest.approx(1.017, 1e-3)
    np.testing.assert_array_equal(own.goal.V.P, heavy.goal.V.P)
    alive = hc.reference("lqr", BALANCE) + Slot(1)
    assert _with_goal(BALANCE, alive, config) is BALANCE
    assert _with_goal(task, 1.0 * Slot(1), config) is task
    own_cost = hc.tasks.get("swingup", cost=lambda x, u: jnp.sum(x**2))
    with pytest.raises(ValueError, match="which tells no weights of an LQR"):
        hc.reference("lqr", own_cost)
    assert _with_goal(own_cost, alive, config) is own_cost


@pytest.mark.slow
def test_brax_goes_on_with_networks_and_normalizer():
    slot, few = 1.0 * hc.Slot(1), TINY | {"progress": False}
    first = hc.train(BALANCE, slot, engine="brax", **few)
    config = first.config.replace(engine=None)  # as the first files say it
    known = dataclasses.replace(first, config=config)
    again = hc.train(BALANCE, slot, resume=known, **few | {"steps": 12_288})
    assert again.config.engine == "brax"
    counts = [float(run.checkpoint.arrays["[0].count.lo"]) for run in (first, again)]
    assert counts[1] > counts[0]
    with pytest.raises(ValueError, match="was trained with algorithm='ppo'"):
        sac = {"algorithm": "sac", "steps": 20_000, "progress": False}
        hc.train(BALANCE, slot, resume=again, **sac)


@pytest.mark.slow
def test_a_repeated_decision_is_held_by_the_trained_controller(tmp_path):
    slot, repeat = 1.0 * hc.Slot(1), TINY | {"action_repeat": 4, "target": np.inf}
    folder = hc.RunFolder(tmp_path)
    run = hc.train(BALANCE, slot, on_validation=folder, progress=False, **repeat)
    assert run.policy.dt == pytest.approx(0.08) and run.config.action_repeat == 4
    x0 = [0.1, 3.1, 0.2, 0.3]
    trace = hc.simulate(BALANCE.plant, run.controller, x0, 0.8, loop=BALANCE.loop)
    asked = np.asarray(trace.asked)[:, 0].reshape(-1, 4)
    assert (asked == asked[:, :1]).all() and len(np.unique(asked)) > 5
    again = folder.load(BALANCE, slot)
    assert eqx.tree_equal(again.controller, run.controller)
    with pytest.raises(ValueError, match="was trained with action_repeat=4; leave it"):
        hc.train(BALANCE, slot, resume=again, steps=10_000, action_repeat=2)
    short = dataclasses.replace(run, controller=hc.fill(slot, run.policy), last=None)
    with pytest.raises(ValueError, match="which its controller does not hold"):
        checkpoint_file.from_bytes(checkpoint_file.to_bytes(short))
    with pytest.raises(ValueError, match=r"Hold\(Slot\(1\), every=4\)"):
        wrap(hc.Env(BALANCE, slot), 50, action_repeat=4)


def test_a_repeat_multiplies_the_holds_of_a_template():
    machine = hc.template("residual", hc.tasks.get("swingup"))
    for template in (machine, hc.Slot(1) + hc.Hold(hc.Slot(2), 6), hc.Slot(1)):
        every = decision_every(template)
        assert decision_every(held(template, 3)) == 3 * every
        assert held(template, 1) is template
    mixed = held(hc.Slot(1) + hc.Hold(hc.Slot(2), 6), 2)
    assert is_held(mixed, 2) and not is_held(mixed, 4) and is_held(machine, 1)


def test_checkpoints_flatten_and_come_back():
    tree = {"a": np.arange(3.0), "b": (np.ones((2, 2)), np.zeros(1))}
    flat = flatten(tree)
    again = unflatten(jax.tree.map(np.zeros_like, tree), flat)
    for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="has no"):
        unflatten({"c": np.zeros(3)}, flat)


def test_several_seeds_give_an_interval_and_each_its_own_run(told):
    pair, _ = told
    alone = hc.train(BALANCE, 1.0 * hc.Slot(1), seed=1, progress=False, **TINY)
    assert [run.seed for run in pair] == [0, 1] and len(pair) == 2
    for name, array in alone.checkpoint.arrays.items():
        np.testing.assert_array_equal(array, pair[1].checkpoint.arrays[name])
    assert pair.score.low <= pair.score.value <= pair.score.high
    assert pair.best.score == max(run.score for run in pair)
    assert "2 seeds" in str(pair)


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_so_far_of_several_seeds():
    pressed = []

    def interrupt(run):
        if run.stopped == "running" and run.steps > 0 and not pressed:
            pressed.append(run.steps)
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.5)  # let the main thread take it

    runs = hc.train(
        BALANCE, 1.0 * hc.Slot(1), seeds=2, progress=False, on_validation=interrupt,
        **TINY | {"steps": 200_000, "num_evals": 40, "target": np.inf},
    )  # fmt: skip
    assert len(runs) >= 1 and {run.stopped for run in runs} == {"interrupted"}
    assert all(run.steps < 200_000 for run in runs)


@pytest.mark.slow
def test_sac_trains_and_gives_a_controller():
    few = {"steps": 1024, "num_envs": 32, "min_replay_size": 256, "batch_size": 64}
    run = hc.train(
        BALANCE, 1.0 * hc.Slot(1), algorithm="sac", progress=False,
        num_evals=3, num_eval_envs=16, grad_updates_per_step=2, **few,
    )  # fmt: skip
    assert run.config.algorithm == "sac" and run.steps >= 1024
    assert len(run.curve) == 3 and math.isnan(run.curve[-1]["not_finite"])
    assert hc.evaluate(BALANCE, run.controller, 8).finite.all()


@pytest.mark.slow
def test_the_tutorials_short_run_works_with_its_own_numbers():
    features = hc.Features.of(BALANCE.plant, trig=False)
    run = hc.train(
        BALANCE, 1.0 * hc.Slot(1), config=presets.seed, features=features,
        seed=1, progress=False,
    )  # fmt: skip
    assert run.stopped == "finished" and run.steps >= 100 and len(run.curve) == 20
    assert "time to jit: 0:0" in str(run) and "time to train: 0:0" in str(run)
    assert presets.seed_long.steps == 20_000_000


COMMON = {"episode_length": 5, "num_evals": 1, "num_eval_envs": 2, "seed": 0}
OTHERS = {  # brax's other trainers, at their smallest
    "ars": {"num_timesteps": 20, "number_of_directions": 2, "top_directions": 1},
    "es": {"num_timesteps": 20, "population_size": 2},
    "apg": {"policy_updates": 1, "num_envs": 2, "horizon_length": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_trainer_of_brax_runs_on_the_environment(name):
    trainer = importlib.import_module(f"brax.training.agents.{name}.train")
    with trainable(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # brax's, of optax
        _, params, _ = trainer.train(
            short_env(), wrap_env_fn=wrap, **COMMON, **OTHERS[name]
        )
    check_finite(params)


@pytest.mark.slow
def test_brax_clones_the_behaviour_of_a_teacher():
    from brax.training.agents.bc import networks
    from brax.training.agents.bc import train as bc

    def teacher(obs, key):
        action = -0.1 * obs[STATE][..., :1]
        return action, {"loc": jnp.arctanh(action)}

    _, params, _ = bc.train(
        2, teacher, epochs=1,
        env=Tallied(wrap(short_env(), 5)), num_envs=4, batch_size=4,
        network_factory=functools.partial(
            networks.make_bc_networks, policy_obs_key=STATE
        ),
    )  # fmt: skip
    check_finite(params)


def short_env():
    task = hc.tasks.get("balance", seconds=0.1, loop=hc.Loop(0.02, substeps=1))
    return hc.Env(task, 1.0 * hc.Slot(1))


def check_finite(params):
    leaves = jax.tree.leaves(params)
    assert leaves and all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves)
