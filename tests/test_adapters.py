"""What others wrote runs here: SB3, brax, python-control and any Python function."""

import copy
import dataclasses
import functools
import pickle
import shutil
from types import SimpleNamespace

import control
import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import checkpoint as ppo_checkpoint
from gymnasium import wrappers
from gymnasium.spaces import Box, Discrete

import hybridctl as hc
from hybridctl.controllers.learned import is_learned
from hybridctl.learn.brax.checkpoint import checkpoint_in
from hybridctl.learn.brax.compat import ppo_networks
from hybridctl.learn.brax.networks import on_host
from hybridctl.scale.keys import key_of
from hybridctl.store.container import pack, unpack
from hybridctl.store.save import from_bytes, to_bytes
from hybridctl.suites import Column

TASK = zoo.task("global")
PLANT, UP = TASK.plant, TASK.target
RNG = np.random.default_rng(0)
STARTS = RNG.uniform(-1, 1, (3, 4)) * [1, 3, 1, 3]
PLAIN = hc.Features(4, (0, 1, 2, 3))
SEEN = RNG.uniform(-1, 1, (64, 4)).astype(np.float32) * 3


def answers(policy: hc.Policy, seen: np.ndarray = SEEN) -> np.ndarray:
    """Of a policy that observes a measurement as it is."""
    return np.asarray(asked(policy, seen))


@jax.jit
def asked(policy, seen):
    zero = jnp.zeros(()), jnp.int32(0)
    return jax.vmap(lambda y: policy.step(None, hc.Tick(*zero, y))[1])(seen)


# ------------------------------------------------------------- a function of Python

NATIVE = zoo.policy(TASK, n_modes=2, history=1)


def network(seen: np.ndarray) -> np.ndarray:
    """What `NATIVE` does, in NumPy."""
    h = (seen - NATIVE.mean) / NATIVE.std
    *hidden, (W, b) = zip(NATIVE.weights, NATIVE.biases, strict=True)
    for weight, bias in hidden:
        h = np.tanh(h @ weight + bias)
    return np.tanh(h @ W + b)


FOREIGN = hc.Foreign(network, NATIVE.features, batched=True)
MACHINE = hc.reference("machine", TASK)
PLACES = {
    "alone": lambda c: 10.0 * c,
    "filled": lambda c: hc.fill(MACHINE + 5.0 * hc.Slot(1), c),
    "held": lambda c: hc.fill(zoo.observer() >> hc.Hold(9.0 * hc.Slot(1), 4), c),
}


def test_a_foreign_policy_counts_as_learned():
    assert is_learned(MACHINE + 10.0 * FOREIGN) and not is_learned(MACHINE)
    assert Column("given", "theirs", controller=FOREIGN).decides_by_policy
    law = dataclasses.replace(FOREIGN, learned=False)
    assert not is_learned(law) and not Column("reference", "").decides_by_policy


@pytest.mark.parametrize("place", PLACES)
def test_a_function_runs_as_the_policy_that_it_is(place):
    ours, theirs = PLACES[place](NATIVE), PLACES[place](FOREIGN)
    run = functools.partial(hc.simulate, PLANT, seconds=1.0, loop=TASK.loop)
    a, b = run(ours, STARTS), run(theirs, STARTS)
    np.testing.assert_allclose(b.x, a.x, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(b.u, a.u, rtol=1e-4, atol=1e-4)
    assert a.modes == b.modes
    if a.mode is not None:
        np.testing.assert_array_equal(a.mode, b.mode)
    np.testing.assert_array_equal(run(theirs, STARTS[1]).x, b.x[1])


@pytest.mark.slow
def test_scores_and_tables_are_those_of_the_policy():
    task = zoo.task("noisy")
    ours, theirs = (PLACES["filled"](c) for c in (NATIVE, FOREIGN))
    table = hc.compare(task, {"theirs": theirs, "ours": ours}, n=32, seed=3)
    a, b = table.scores["ours"], table.scores["theirs"]
    for name, one, other in zip(a._fields, a, b, strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3, err_msg=name)
    assert len(np.unique(b.cost)) > 20 and b.success.any()
    row = table.to_dict()["rows"]["theirs"]
    np.testing.assert_allclose(row["J_mean"], b.cost.mean(), rtol=1e-6)


def test_a_function_that_gives_a_number_is_a_constant_bit_for_bit():
    loop = dataclasses.replace(TASK.loop, sensor=hc.Sensor(noise=0.01))
    push = hc.Foreign(lambda obs: [0.5], hc.Features.of(PLANT))
    run = functools.partial(
        hc.simulate, PLANT, x0=STARTS, seconds=0.4, loop=loop, key=jax.random.PRNGKey(3)
    )
    a, b = run(controller=hc.Constant([0.5])), run(controller=push)
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.u, b.u)


def test_a_function_is_asked_once_a_decision_with_finite_numbers():
    asked = []

    def f(seen):
        asked.append(seen)
        return np.full((len(seen), 1), np.nan if len(asked) == 2 else 1.0)

    held = hc.Hold(hc.Foreign(f, PLAIN, batched=True), every=4)
    trace = hc.simulate(PLANT, held + hc.Slot(1), STARTS, 0.4)
    assert [len(seen) for seen in asked] == [3] * 5  # 20 periods
    assert all(seen.dtype == np.float32 for seen in asked)
    np.testing.assert_array_equal(asked[0], STARTS.astype(np.float32))
    assert np.isnan(trace.x[:, -1]).all() and np.isfinite(asked).all()


def test_a_function_stands_in_a_mode():
    lqr = dataclasses.replace(hc.reference("lqr", TASK), limit=None)
    error = lambda seen: seen - np.asarray(UP.x)  # noqa: E731
    theirs = hc.Foreign(lambda seen: -error(seen) @ lqr.K.T, PLAIN, batched=True)
    pump, _ = MACHINE.modes
    edges = {("swing", "balance"): hc.near(UP, theta=0.3, dtheta=3.0)}
    a, b = (
        hc.simulate(PLANT, hc.machine({"swing": pump, "balance": c}, edges), x0, 2.0)
        for c in (lqr, theirs)
        for x0 in [[[0.0, np.pi - 0.5, 0.0, 1.0], [0.0, np.pi - 0.1, 0.0, 0.0]]]
    )
    assert a.modes == b.modes and len(np.unique(a.mode)) == 2
    np.testing.assert_array_equal(a.mode, b.mode)
    np.testing.assert_allclose(a.x, b.x, atol=1e-4)


def test_a_function_is_a_step_by_hand():
    push = hc.Foreign(lambda seen: seen[:1] * 2, PLAIN)
    tick = hc.Tick(jnp.zeros(()), jnp.int32(0), jnp.arange(1.0, 5.0))
    assert push.step(push.init(tick), tick)[1].tolist() == [2.0]


def no_code(f):
    return hc.Foreign(f, PLAIN)


X = jnp.zeros(4)
SENTENCE = "this Foreign calls the Python function network, which jit, vmap, grad, "
DOORS = {
    "jit": lambda c: jax.jit(lambda x: hc.simulate(PLANT, c, x, 0.1).x)(X),
    "vmap": lambda c: jax.vmap(lambda x: hc.simulate(PLANT, c, x, 0.1).x)(X[None]),
    "grad": lambda c: jax.grad(lambda x: hc.simulate(PLANT, c, x, 0.1).x.sum())(X),
    "step": lambda c: jax.jit(lambda t: c.step(c.init(t), t))(
        hc.Tick(X[0], jnp.int32(0), X)
    ),
    "Env": lambda c: hc.Env(TASK, c + hc.Slot(1)),
    "train": lambda c: hc.train(TASK, c + hc.Slot(1), progress=False),
    "save": lambda c: hc.save("nowhere/at/all", c),
    "embed": lambda c: hc.embed(c, 0.02),
    "export": lambda c: hc.export(c, "nowhere.py", 0.02),
    "falsify": lambda c: hc.falsify(TASK, c),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_compiles_refuses_python_in_one_sentence(door):
    with pytest.raises(ValueError) as caught:
        DOORS[door](10.0 * hc.Foreign(network, PLAIN))
    assert SENTENCE in str(caught.value) and "hc.from_sb3" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hc.Foreign(3.0, PLAIN), "Foreign takes a function, got float"),
        (lambda: hc.Foreign(len, PLANT), "is a CartPole; expected a Features;"),
        (lambda: hc.Foreign(len, PLAIN, 0), "size=0 must be a whole number above 0"),
        (lambda: hc.simulate(PLANT, no_code(lambda y: (y, 0)), X, 0.1), "2 things"),
        (lambda: hc.simulate(PLANT, no_code(lambda y: y), X, 0.1), "gives shape (4,)"),
        (lambda: hc.simulate(PLANT, no_code(lambda y: "up"), X, 0.1), "not a number"),
        (lambda: hc.fill(hc.Slot(2), FOREIGN), "the agent gives shape (1,)"),
        (
            lambda: hc.simulate(
                PLANT, MACHINE + (zoo.observer() >> FOREIGN), X, 0.1
            ),
            "put the observer in front of all",
        ),
        (
            lambda: hc.simulate(PLANT, hc.Foreign(len, PLAIN, 4) >> MACHINE, X, 0.1),
            "an observer cannot be Foreign",
        ),
    ],
)  # fmt: skip
def test_functions_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


# -------------------------------------------------------------- stable-baselines3


class Tensor:
    """As much of torch as `from_sb3` uses."""

    def __init__(self, *shape: int):
        self.array = RNG.normal(size=shape).astype(np.float32)

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def named(name: str) -> type:
    return type(name, (), {})


def model(parts: dict[str, tuple[int, ...]], activation: str = "Tanh", **changes):
    """A model of SB3 with linear layers of those names and sizes (in, out)."""
    state = {}
    for name, (n_in, n_out) in parts.items():
        state |= {f"{name}.weight": Tensor(n_out, n_in), f"{name}.bias": Tensor(n_out)}
    policy = {
        "state_dict": lambda: state,
        "action_space": Box(-1.0, 1.0, (2,)),
        "activation_fn": named(activation),
        "features_extractor_class": named("FlattenExtractor"),
    }
    return SimpleNamespace(policy=SimpleNamespace(**(policy | changes)))


PPO = {
    "mlp_extractor.policy_net.0": (4, 8),
    "mlp_extractor.policy_net.2": (8, 6),
    "mlp_extractor.value_net.0": (4, 5),
    "action_net": (6, 2),
    "value_net": (5, 1),
}
SAC = {
    "actor.latent_pi.0": (4, 8),
    "actor.latent_pi.2": (8, 6),
    "actor.mu": (6, 2),
    "actor.log_std": (6, 2),
    "critic.qf0.0": (6, 1),
}
TD3 = {f"actor.mu.{2 * i}": pair for i, pair in enumerate([(4, 8), (8, 6), (6, 2)])}
LAYERS = {
    "PPO": [*list(PPO)[:2], "action_net"],
    "SAC": [*list(SAC)[:2], "actor.mu"],
    "TD3": list(TD3),
}
BY_HAND = {"Tanh": np.tanh, "ReLU": lambda h: h * (h > 0)}


def mean_of(model, layers, activation, seen):
    """The mean action before it is squashed."""
    state = model.policy.state_dict()
    for name in layers:
        seen = seen @ state[f"{name}.weight"].array.T + state[f"{name}.bias"].array
        seen = seen if name == layers[-1] else BY_HAND[activation](seen)
    return seen


@pytest.mark.parametrize(
    ("kind", "parts", "activation"),
    [("PPO", PPO, "Tanh"), ("SAC", SAC, "ReLU"), ("TD3", TD3, "ReLU")],
)
def test_a_policy_of_sb3_answers_as_it_does_there(kind, parts, activation):
    given = model(parts, activation)
    policy = hc.from_sb3(given, PLAIN)
    mean = mean_of(given, LAYERS[kind], activation, SEEN)
    expected = np.clip(mean, -1, 1) if kind == "PPO" else np.tanh(mean)
    np.testing.assert_allclose(answers(policy), expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected) > 1.0
    inside = np.abs(expected) < 1.0
    assert kind != "PPO" or (inside.any() and not inside.all())


def test_actions_are_in_units_of_their_box():
    low, high = np.array([-10.0, 1.0]), np.array([10.0, 4.0])
    given = model(PPO, action_space=Box(low, high, dtype=np.float64))
    u = answers(hc.from_sb3(given, PLAIN))
    mean = mean_of(given, LAYERS["PPO"], "Tanh", SEEN)
    predicted = np.clip(mean, low, high)
    scaled = low + (u + 1) / 2 * (high - low)
    np.testing.assert_allclose(scaled, predicted, rtol=1e-4, atol=1e-4)


def test_the_normalizer_of_sb3_comes_along_with_its_cut():
    statistics = SimpleNamespace(mean=np.full(4, 0.5), var=np.full(4, 0.01))
    normal = SimpleNamespace(
        norm_obs=True, obs_rms=statistics, epsilon=1e-8, clip_obs=10.0
    )
    given = model(PPO)
    seen = np.clip((SEEN - 0.5) / np.sqrt(0.01 + 1e-8), -10.0, 10.0)
    assert (np.abs(seen) == 10.0).any()
    expected = np.clip(mean_of(given, LAYERS["PPO"], "Tanh", seen), -1, 1)
    for policy in (
        hc.from_sb3(given, PLAIN, vecnormalize=normal),
        hc.from_sb3(
            SimpleNamespace(policy=given.policy, get_vec_normalize_env=lambda: normal),
            PLAIN,
        ),
    ):
        np.testing.assert_allclose(answers(policy), expected, rtol=1e-3, atol=1e-4)


def test_the_environment_tells_what_is_observed():
    env = hc.gym.make("balance", "residual")
    small = {"mlp_extractor.policy_net.0": (5, 8), "action_net": (8, 1)}
    given = model(small, action_space=env.action_space)
    given.get_env = lambda: SimpleNamespace(get_attr=lambda name: [getattr(env, name)])
    policy = hc.from_sb3(given)
    assert policy.features == env.inner.features and policy.dt == env.inner.dt
    same = hc.from_sb3(given, task="balance", template="residual")
    assert same.features == policy.features and same.dt == policy.dt
    with pytest.raises(ValueError, match="takes 5 numbers, these features give 4"):
        hc.from_sb3(given, PLAIN)


BALANCE = hc.tasks.get("balance", seconds=0.4)
SMALL = {"mlp_extractor.policy_net.0": (5, 8), "action_net": (8, 1)}


class Acting:
    """A model of SB3 in one environment, which is asked as SB3 asks it."""

    def __init__(self, env, parts=SMALL):
        self.env = env
        self.policy = model(parts, action_space=env.action_space).policy
        self.policy.state_dict()["action_net.weight"].array *= 0.1  # not cut off
        self.observation_space = env.observation_space

    def get_env(self):
        return self

    def get_attr(self, name):
        return [self.env.get_wrapper_attr(name)]

    def predict(self, obs, deterministic=True):
        size = int(np.prod(self.observation_space.shape))
        seen = np.reshape(obs, (-1, size))
        mean = mean_of(self, [SMALL_FIRST, "action_net"], "Tanh", seen)
        whole = np.clip(mean, self.env.action_space.low, self.env.action_space.high)
        batch = np.ndim(obs) > len(self.observation_space.shape)
        return (whole if batch else whole[0]).astype(np.float32), None


SMALL_FIRST = "mlp_extractor.policy_net.0"


def warmed(env):
    """With statistics of a few steps."""
    env.reset(seed=0)
    for _ in range(8):
        env.step(np.full(env.action_space.shape, 0.4, np.float32))
    freeze(env)
    return env


def freeze(env):
    """Let statistics be what they are."""
    while isinstance(env, gymnasium.Wrapper):
        if hasattr(type(env), "update_running_mean"):
            env.update_running_mean = False
        env = env.env


ONE, FIVE = np.ones(1, np.float32), np.full(5, 2.0, np.float32)
READ = {
    "none": lambda env: env,
    "normalized": lambda env: warmed(wrappers.NormalizeObservation(env, 1e-3)),
    "rescaled": lambda env: wrappers.RescaleObservation(env, -FIVE, FIVE),
    "both": lambda env: warmed(READ["normalized"](READ["rescaled"](env))),
    "frames": lambda env: wrappers.FrameStackObservation(READ["normalized"](env), 3),
    "actions": lambda env: wrappers.RescaleAction(env, -3 * ONE, 5 * ONE),
    "cut": wrappers.ClipAction,
    "reward": lambda env: wrappers.NormalizeReward(wrappers.FlattenObservation(env)),
}


@pytest.mark.parametrize("name", READ)
def test_wrappers_between_sb3_and_its_environment_come_along(name):
    env = READ[name](hc.gym.make(BALANCE))
    parts = SMALL | {SMALL_FIRST: (int(np.prod(env.observation_space.shape)), 8)}
    given = Acting(env, parts)
    seen, statistics = env.unwrapped._seen, copy.deepcopy(getattr(env, "obs_rms", None))
    policy = hc.from_sb3(given)
    assert policy.features.history == (2 if name == "frames" else 0)
    assert env.unwrapped._seen is seen  # theirs stays as it is
    if statistics is not None:
        np.testing.assert_array_equal(env.obs_rms.mean, statistics.mean)
    obs, tick = env.reset(seed=5)[0], env.unwrapped.tick()
    state, u = policy.step(policy.init(tick), tick)
    for _ in range(4):
        action = given.predict(obs)[0]
        low, high = env.action_space.low, env.action_space.high
        if name == "actions":
            action = (action - low) / (high - low) * 2 - 1
        np.testing.assert_allclose(u, np.clip(action, -1, 1), rtol=1e-3, atol=1e-5)
        obs = env.step(given.predict(obs)[0])[0]
        state, u = policy.step(state, env.unwrapped.tick())


class Shifted(gymnasium.ObservationWrapper):
    def observation(self, observation):
        return observation + np.float32(0.1)


class Doubled(gymnasium.Wrapper):
    def step(self, action):
        self.env.step(action)
        return self.env.step(action)


class Scaled(gymnasium.Wrapper):
    def step(self, action):
        obs, *others = self.env.step(action)
        return 2 * obs, *others


class Shaped(gymnasium.Wrapper):
    def step(self, action):
        obs, reward, *others = self.env.step(action)
        return obs, reward - float(action[0]) ** 2, *others


REFUSED = {
    "DelayObservation": lambda env: wrappers.DelayObservation(env, 1),
    "TransformObservation": lambda env: wrappers.TransformObservation(
        env, lambda obs: 2 * obs, env.observation_space
    ),
    "StickyAction": lambda env: wrappers.StickyAction(env, 0.5),
    "MaxAndSkipObservation": lambda env: wrappers.MaxAndSkipObservation(env, 2),
    "Shifted": Shifted,
    "Doubled": Doubled,
    "Scaled": Scaled,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrapper_that_is_not_read_is_refused_by_its_name(name):
    with pytest.raises(ValueError, match=name) as caught:
        hc.from_sb3(Acting(REFUSED[name](hc.gym.make(BALANCE))))
    assert "hc.Foreign(lambda obs: model.predict(obs" in str(caught.value)


def test_a_wrapper_of_somebody_may_shape_the_reward():
    env = Shaped(hc.gym.make(BALANCE))
    assert hc.from_sb3(Acting(env)).features == env.unwrapped.inner.features
    moving = wrappers.NormalizeObservation(hc.gym.make(BALANCE))
    with pytest.raises(ValueError, match="NormalizeObservation still moves with every"):
        hc.from_sb3(Acting(moving))
    given = Acting(moving)
    freeze(moving)
    others = [READ["normalized"](hc.gym.make(BALANCE)), moving]
    given.envs = others
    with pytest.raises(ValueError, match="each normalize by themselves"):
        hc.from_sb3(given)
    with pytest.raises(ValueError, match="begins with other frames"):
        still = wrappers.FrameStackObservation(env, 2, padding_type="zero")
        hc.from_sb3(Acting(still, SMALL | {SMALL_FIRST: (10, 8)}))
    lying = Acting(hc.gym.make(BALANCE))
    predict, lying.predict = lying.predict, lambda obs, **_: (predict(obs)[0] / 2, None)
    with pytest.raises(ValueError, match=r"the model decides .* where what was read"):
        hc.from_sb3(lying)


def test_a_policy_of_sb3_is_kept_embedded_and_exported(tmp_path, capsys):
    parts = PPO | {"action_net": (6, 1)}
    given = model(parts, action_space=Box(-1.0, 1.0, (1,)))
    statistics = SimpleNamespace(mean=np.ones(4), var=np.ones(4))
    normal = SimpleNamespace(norm_obs=1, obs_rms=statistics, epsilon=0.0, clip_obs=1.5)
    policy = hc.from_sb3(given, PLAIN, vecnormalize=normal, dt=0.02)
    controller = 10.0 * policy
    again = hc.load(hc.save(tmp_path / "ppo", controller))
    assert jax.tree.structure(again) == jax.tree.structure(controller)
    expected = 10.0 * answers(policy)
    pilot = hc.embed(again, 0.02)
    got = np.stack([pilot(y) for y in SEEN])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    hc.export(again, tmp_path / "ppo.py", 0.02)
    assert "largest difference" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"dt=0.01 but this Policy was designed for"):
        hc.simulate(PLANT, again, X, 0.1, dt=0.01)


def test_files_of_before_the_squashing_are_read():
    manifest, arrays = unpack(to_bytes(NATIVE))
    fields = manifest["controller"]["fields"]
    assert fields.pop("squash") is None and fields.pop("reach") is None
    again = from_bytes(pack(manifest, arrays))
    assert jax.tree.structure(again) == jax.tree.structure(NATIVE)
    for changes in ({"squash": "clip"}, {"reach": 3.0}):
        other = dataclasses.replace(NATIVE, **changes)
        assert key_of(other) != key_of(NATIVE) == key_of(again)
        assert from_bytes(to_bytes(other)).squash == other.squash
    for changes, message in (
        ({"squash": "tanh"}, 'give "clip", or None for tanh'),
        ({"reach": 0.0}, "reach=0.0 must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(NATIVE, **changes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ppo.zip", "holds pickled code"),
        (3.0, "expected a model of stable-baselines3, got float"),
        (model(PPO, action_space=Discrete(3)), "its actions are Discrete, expected"),
        (model(PPO, action_space=Box(-np.inf, 1, (2,))), "expected a bounded Box"),
        (model(PPO, activation="GELU"), "its activation is GELU, expected Tanh, ReLU"),
        (model(PPO, use_sde=True), "it explores with gSDE"),
        (model(PPO, features_extractor_class=named("NatureCNN")), "a NatureCNN"),
        (model(PPO | {"lstm_actor.x": (4, 4)}), "it has the weights lstm_actor.x"),
        (model({"q_net.q_net.0": (4, 8)}), "it has the weights q_net"),
        (model(PPO | {"mlp_extractor.policy_net.3": (6, 6)}), "are no plain MLP"),
    ],
)
def test_what_is_no_such_policy_is_refused(given, message):
    with pytest.raises(ValueError) as caught:
        hc.from_sb3(given, PLAIN)
    assert message in str(caught.value)
    if hasattr(given, "policy"):
        assert "hc.Foreign(lambda obs: model.predict(obs" in str(caught.value)


@pytest.mark.filterwarnings("default")  # torch's own
def test_a_policy_of_the_real_sb3():
    sb3 = pytest.importorskip("stable_baselines3")
    env = hc.gym.make("balance", seconds=0.4)
    given = sb3.PPO("MlpPolicy", env, n_steps=64, seed=0, device="cpu").learn(64)
    policy = hc.from_sb3(given)
    seen = RNG.uniform(-1, 1, (64, 5)).astype(np.float32)
    plain = dataclasses.replace(policy, features=hc.Features(5, (0, 1, 2, 3, 4)))
    expected = given.predict(seen, deterministic=True)[0]
    np.testing.assert_allclose(answers(plain, seen), expected, atol=1e-6)


# --------------------------------------------------------------------------- brax


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What brax's `ppo.train` returns and writes, without the training."""
    factory = functools.partial(
        ppo_networks.make_ppo_networks,
        policy_hidden_layer_sizes=(8, 6),
        value_hidden_layer_sizes=(5,),
        activation=nn.elu,
    )
    networks = factory(4, 2, preprocess_observations_fn=running_statistics.normalize)
    on_host({"policy": networks.policy_network, "value": networks.value_network}, 0)
    key = jax.random.PRNGKey(0)
    normalizer = running_statistics.init_state(specs.Array((4,), jnp.dtype("float32")))
    mean, std = RNG.uniform(0.5, 2.0, (2, 4)).astype(np.float32)
    normalizer = normalizer.replace(mean=mean, std=std)
    params = (
        normalizer,
        networks.policy_network.init(key),
        networks.value_network.init(key),
    )
    make_policy = ppo_networks.make_inference_fn(networks)
    folder = tmp_path_factory.mktemp("brax")
    for step in (10, 200):
        written = params if step == 200 else jax.tree.map(np.zeros_like, params)
        config = ppo_checkpoint.network_config(4, 2, True, factory)
        ppo_checkpoint.save(folder, step, written, config)
    expected = make_policy(params, deterministic=True)(SEEN, key)[0]
    return make_policy, params, folder, np.asarray(expected)


def forbidden(*_, **__):
    raise AssertionError("something was unpickled")


def test_a_policy_of_brax_answers_as_it_does_there(trained, monkeypatch):
    make_policy, params, folder, expected = trained
    for name in ("load", "loads", "Unpickler", "_Unpickler", "_load", "_loads"):
        monkeypatch.setattr(pickle, name, forbidden)
    last = folder / "000000000200"
    known = {"activation": "elu", "normalize": True}
    for given, options in (
        ((make_policy, params, {}), {}),
        (params, known),
        (params[:2], known),
        (folder, {}),
        (str(last), {}),
    ):
        policy = hc.from_brax(given, PLAIN, dt=0.02, **options)
        np.testing.assert_allclose(answers(policy), expected, rtol=1e-4, atol=1e-6)
        assert policy.activation == "elu" and policy.squash is None
    assert np.ptp(expected) > 0.1


def test_the_last_checkpoint_is_that_of_the_largest_number(trained, tmp_path):
    for number in (9, 10):
        shutil.copytree(trained[2] / "000000000200", tmp_path / str(number))
    (tmp_path / "11").touch()
    assert checkpoint_in(tmp_path).name == "10"


def test_the_policys_own_observation_is_found_among_several(trained):
    make_policy, (normalizer, *networks), _, expected = trained
    spread = {name: {"state": np.ones(7), "mine": getattr(normalizer, name)}
              for name in ("mean", "std")}  # fmt: skip

    def theirs(params, deterministic):
        policy = make_policy((normalizer, *networks), deterministic)
        return lambda obs, key: policy(obs["mine"], key)

    several = normalizer.replace(**spread)
    for given, options in (
        ((theirs, (several, *networks)), {}),
        ((several, *networks), {"activation": "elu", "normalize": True}),
    ):
        policy = hc.from_brax(given, PLAIN, **options)
        np.testing.assert_allclose(answers(policy), expected, rtol=1e-4, atol=1e-6)


def test_what_brax_does_not_tell_is_asked_for(trained, tmp_path):
    make_policy, params, folder, _ = trained
    norm = {"params": params[1]["params"] | {"LayerNorm_0": {}}}
    config = (folder / "000000000200" / "ppo_network_config.json").read_text(
        encoding="utf-8"
    )
    other = tmp_path / "normal"
    other.mkdir()
    (other / "ppo_network_config.json").write_text(
        config.replace("tanh_n", "n"), encoding="utf-8"
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "ppo_network_config.json").write_text(config, encoding="utf-8")
    both = {"activation": "elu", "normalize": True}
    for given, options, message in (
        (params, {"normalize": True}, "do not tell the activation; give activation="),
        (params, {"activation": "elu"}, "do not tell the normalize; give normalize="),
        (params, {"activation": "gelu"}, "unknown activation 'gelu'; choose one of"),
        ((params[0], norm), both, "expected an MLP of hidden_0"),
        ((make_policy, params), {"activation": "relu"}, "no MLP with relu and a tanh"),
        (tmp_path, {}, "is no checkpoint of brax"),
        (other, {}, "its actions are 'normal', expected 'tanh_normal'"),
        (broken, {}, "cannot read the checkpoint"),
        (3.0, {}, "expected brax's"),
    ):
        with pytest.raises(ValueError) as caught:
            hc.from_brax(given, PLAIN, **options)
        assert message in str(caught.value), str(caught.value)
    file, bare = folder / "notes", tmp_path / "9" / "bc_network_config.json"
    file.write_text("", encoding="utf-8")
    bare.parent.mkdir()
    bare.write_text("{}", encoding="utf-8")
    for given, options, message in (
        (file, {}, "it is a file; give the folder"),
        (tmp_path / "none", {}, "there is no such folder"),
        (tmp_path, {}, "it has bc_network_config.json"),
        ((3.0, {}), both, "these params are not (normalizer, policy, ...)"),
        ((lambda *_, **__: 1 / 0, params), {}, "does not answer to flat observations"),
    ):
        with pytest.raises(ValueError) as caught:
            hc.from_brax(given, PLAIN, **options)
        assert message in str(caught.value), str(caught.value)
    with pytest.raises(ValueError, match="nothing says what this policy observes"):
        hc.from_brax(params, **both)
    with pytest.raises(ValueError, match="takes 4 numbers, these features give 5"):
        hc.from_brax(params, task="balance", **both)


# ----------------------------------------------------------------- python-control

WEIGHTS = PLANT, UP, [1, 10, 1, 1], 0.1
LQR = hc.lqr(*WEIGHTS, dt=0.02)
LEAD = zoo.compensator(LQR)
LINEAR = {
    "feedback": LQR,
    "lqg": hc.kalman(PLANT, UP, 0.02, [0.01, 0.02, 0.1, 0.1], 0.5) >> LQR,
    "lqi": hc.lqi(*WEIGHTS, 0.02, outputs=("x",)),
    "pid": hc.PID(60.0, 5.0, 15.0, dt=0.02, column=1, setpoint=np.pi, angle=True),
    "sum": 0.5 * LQR + 0.5 * LEAD,
}
STATES = {"feedback": 0, "lqg": 5, "lqi": 1, "pid": 3, "sum": 2}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_controller_goes_to_control_and_back(name):
    """From rest, a push away: an observer believes its first measurement."""
    system = hc.to_control(LINEAR[name], 0.02, UP)
    assert system.nstates == STATES[name] and system.dt == 0.02
    back = hc.from_control(system, 0.02, UP)
    push = hc.Disturbance(at=[0.06], force=[5.0], duration=[0.02])
    loop = dataclasses.replace(TASK.loop, actuator=None, disturbance=push)
    a, b = (hc.simulate(PLANT, c, UP.x, 0.4, loop=loop) for c in (LINEAR[name], back))
    assert np.abs(a.u).max() > 0.5
    np.testing.assert_allclose(a.x, b.x, atol=2e-5)
    np.testing.assert_allclose(a.u, b.u, atol=2e-3)


def test_a_system_is_the_same_when_it_comes_back():
    system = hc.to_control(LEAD, 0.02)
    for name in "ABCD":
        np.testing.assert_allclose(
            getattr(system, name), getattr(LEAD, name), atol=1e-14
        )
    A, B = hc.discretize(*hc.linearize(PLANT, UP), 0.02)
    closed = control.feedback(
        control.ss(A, B, np.eye(4), 0, 0.02), -hc.to_control(LQR, 0.02)
    )
    np.testing.assert_allclose(
        np.sort(np.abs(closed.poles())),
        np.sort(np.abs(np.linalg.eigvals(A - B @ LQR.K))),
    )


@pytest.mark.parametrize(
    ("controller", "options", "message"),
    [
        (hc.reference("lqr", TASK), {}, "this StateFeedback has a limit, so it is not"),
        (hc.Hold(hc.lqr(*WEIGHTS, dt=0.04), 2), {}, "a Hold changes with time"),
        (LINEAR["pid"], {}, "nothing says where this PID rests; give equilibrium="),
        (
            hc.PID(1.0, dt=0.02),
            {"equilibrium": UP.x},
            "or plant.equilibrium(x, u)",
        ),
        (hc.PID(6.0, dt=0.02, column=1), {"equilibrium": UP}, "does not rest at"),
        (zoo.controllers(TASK)["pump"], {"equilibrium": UP}, "is not linear"),
        (hc.Sequence(np.eye(1, 50, 4).T), {"equilibrium": UP}, "does not rest at"),
        (LQR, {"dt": 0.01}, "dt=0.01 but this StateFeedback was designed for dt=0.02"),
    ],
)
def test_what_is_not_linear_is_refused(controller, options, message):
    with pytest.raises(ValueError) as caught:
        hc.to_control(controller, **({"dt": 0.02} | options))
    assert message in str(caught.value), str(caught.value)
