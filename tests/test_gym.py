"""The Gymnasium adapter: spaces, episodes, lanes, ids and pictures."""

import copy
import dataclasses
import pickle
import subprocess
import sys
import warnings

import gymnasium
import jax
import numpy as np
import pytest
import zoo
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

import hybridctl as hc
from hybridctl import checks
from hybridctl.gym import env_id
from hybridctl.names import TASKS
from hybridctl.rounding import is_exact
from hybridctl.show.figures.frame import frame

BALANCE = hc.tasks.get("balance", seconds=0.4)
STEPS = 20


def restless() -> hc.Task:
    """A short task with random plants and noise, and a late actuator."""
    sensor, late = hc.Sensor(noise=0.01), hc.Actuator(limit=10.0, delay=1)
    loop = hc.Loop(0.02, substeps=1, sensor=sensor, actuator=late)
    vary = hc.tasks.Vary(("m_c", "m_p"), [0.7, 0.05], [1.3, 0.3])
    return hc.tasks.get("global", seconds=0.4, vary=vary, loop=loop)


RESTLESS = restless()
MODES = hc.reference("machine", RESTLESS) + 10.0 * hc.Slot(1)
SEEN = hc.Features.of(RESTLESS.plant, applied=True, n_modes=2, age=True, history=1)


@pytest.fixture(scope="module")
def env():
    return hc.gym.make(BALANCE)


@pytest.fixture(scope="module")
def lanes():
    return hc.gym.make_vec(RESTLESS, MODES, 3, features=SEEN, render_mode="rgb_array")


def same_step_lanes():
    plain = hc.Features.of(BALANCE.plant, trig=False)
    mode = {"autoreset_mode": AutoresetMode.SAME_STEP}
    return hc.gym.make_vec(BALANCE, num_envs=4, features=plain, **mode)


# ------------------------------------------------------------------------- the ids


def test_there_is_an_id_for_every_task():
    assert hc.tasks.names() == TASKS
    assert env_id("short_track") == "hybridctl/CartPoleShortTrack-v0"
    assert {env_id(name) for name in TASKS} <= set(gymnasium.registry)


each = pytest.mark.parametrize("name", zoo.sweep(TASKS, set(TASKS[1:-1])))


@each
@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_gymnasiums_own_checker_is_content(name, render_mode):
    env = gymnasium.make(env_id(name), render_mode=render_mode)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
        env.reset(seed=0)  # gymnasium.make wraps a checker of its own around it
        env.step(env.action_space.sample())
        env.render()
        env.close()
        env.close()
    assert [str(warning.message) for warning in said] == []


@each
def test_every_id_has_lanes_that_declare_how_they_begin_anew(name):
    for mode in ("NextStep", "SameStep"):
        lanes = gymnasium.make_vec(env_id(name), num_envs=2, autoreset_mode=mode)
        assert isinstance(lanes, VectorEnv) and lanes.num_envs == 2
        assert lanes.metadata["autoreset_mode"] is AutoresetMode(mode)
        assert lanes.metadata["render_modes"] == ["rgb_array"]
        lanes.close()


def test_the_step_limit_is_told_and_applied_once():
    env = gymnasium.make(env_id("balance"), seconds=0.4)
    assert env.spec.max_episode_steps == STEPS and env.get_wrapper_attr("spec")
    layer = env
    while layer is not env.unwrapped:
        assert not isinstance(layer, gymnasium.wrappers.TimeLimit)
        layer = layer.env
    short = gymnasium.make_vec(env_id("balance"), num_envs=2, max_episode_steps=3)
    again = gymnasium.make_vec(env.spec, num_envs=2)
    assert short.spec.max_episode_steps == short.inner.episode_length == 3
    assert again.inner.episode_length == STEPS
    assert short.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    short.close()
    short.close()


ORDERS = {
    "gymnasium first": "import gymnasium, hybridctl",
    "hybridctl first": "import importlib.util as u, hybridctl; "
    "assert 'gymnasium' not in __import__('sys').modules; "
    "u.find_spec('gymnasium'); import gymnasium",
    "gymnasium alone": """import gymnasium, sys
assert 'hybridctl' not in sys.modules
try: gymnasium.make('hybridctl:hybridctl/CartPoleBalance-v0', template='none')
except ValueError as error: assert "unknown template 'none'" in str(error)
pass""",
}


@pytest.mark.parametrize("order", ORDERS)
def test_ids_are_known_in_every_order_of_imports(order):
    code = f"{ORDERS[order]}; print(gymnasium.spec('{env_id('weak')}').name)"
    run = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(run, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "CartPoleWeak", done.stderr


def test_without_gymnasium_one_sentence_has_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium.vector", None)
    for door in (hc.gym.make, hc.gym.make_vec):
        with pytest.raises(ImportError, match=r"pip install 'gymnasium>=1\.1'"):
            door("balance")


# -------------------------------------------------------------------- the episodes


def test_an_episode_is_that_of_env_bit_for_bit(env):
    inner = hc.Env(BALANCE, hc.template("ppo", BALANCE), training=False)
    seed = seeding.np_random(5)[0].integers(2**32, dtype=np.uint32)
    state, step = inner.reset(jax.random.PRNGKey(seed)), jax.jit(inner.step)
    obs, info = env.reset(seed=5)
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, 1)).astype(np.float32)
    for action in actions:
        zoo.same_bits(obs, state.obs)
        zoo.same_bits(info["x"], state.pipeline_state.x)
        state = step(state, action)
        obs, reward, terminated, truncated, info = env.step(action)
        assert reward == float(state.reward) and terminated == bool(state.done)
    assert truncated and info["u"].shape == (1,)


def test_an_episode_is_that_of_simulate_bit_for_bit(env):
    x0 = np.array([0.1, 3.1, 0.0, 0.2], np.float32)
    actions = np.random.default_rng(1).uniform(-1, 1, (STEPS, 1)).astype(np.float32)
    filled = hc.fill(hc.template("ppo", BALANCE), hc.Sequence(actions))
    trace = hc.simulate(BALANCE.plant, filled, x0, 0.4, loop=BALANCE.loop)
    _, info = env.reset(options={"x0": x0})
    x, u = [info["x"]], []
    for action in actions:
        info = env.step(action)[-1]
        x.append(info["x"])
        u.append(info["u"])
    zoo.same_bits(x, trace.x)
    zoo.same_bits(u, trace.u)


def test_seeds_repeat_and_go_on(env):
    first, second = env.reset(seed=3)[0], env.reset()[0]
    np.testing.assert_array_equal(env.reset(seed=3)[0], first)
    np.testing.assert_array_equal(env.reset()[0], second)
    assert (first != second).any() and (env.reset(seed=4)[0] != first).any()


def test_actions_are_clipped_to_their_space(env):
    shown = []
    for action in ([1.0], [7.0]):
        env.reset(options={"x0": BALANCE.target.x})
        shown.append(env.step(action)[0])
    np.testing.assert_array_equal(*shown)


@pytest.mark.parametrize("action", [np.nan, np.inf])
def test_an_action_that_is_not_finite_ends_the_episode(env, action):
    env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step([action])
    assert terminated and not truncated and reward == 0.0
    assert info["failed"] and info["not_finite"] and not info["success"]
    assert obs in env.observation_space
    with pytest.raises(ResetNeeded, match="this episode is over; call reset"):
        env.step([0.0])


def test_terminated_is_apart_from_truncated(env):
    env.reset(options={"x0": [2.35, np.pi, 3.0, 0.0]})
    obs, _, terminated, truncated, info = env.step([0.0])
    while not (terminated or truncated):
        assert "failed" not in info
        obs, _, terminated, truncated, info = env.step([0.0])
    assert terminated and not truncated and obs[0] > 2.4
    assert info["failed"] and not info["not_finite"] and not info["success"]
    env.reset(options={"x0": BALANCE.target.x})
    ends = [env.step([0.0])[2:] for _ in range(STEPS)]
    assert [truncated for _, truncated, _ in ends] == [False] * (STEPS - 1) + [True]
    assert not any(terminated for terminated, _, _ in ends)
    assert ends[-1][-1]["success"] and not ends[-1][-1]["failed"]
    env.reset(seed=0)
    last = [env.step([0.0 if i < STEPS - 1 else np.nan]) for i in range(STEPS)][-1]
    assert last[2:4] == (True, False)


def test_a_mode_is_told_by_its_name():
    task = hc.tasks.get("swingup", seconds=4.0)
    env = hc.gym.make(task, "residual")
    assert env.reset(seed=0)[1]["mode"] == "swing"
    env.reset(options={"x0": task.target.x})
    assert env.step(np.zeros(env.action_space.shape))[-1]["mode"] == "balance"
    assert env.metadata["render_fps"] == round(1 / env.inner.dt)


# ----------------------------------------------------------------------- the lanes


def equal(a, b) -> bool:
    return data_equivalence(a, b, exact=is_exact())


RESETS = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP


@pytest.mark.parametrize("mode", zoo.sweep(RESETS, RESETS[1:]))
def test_lanes_are_single_environments_bit_for_bit(mode):
    parts, features = (RESTLESS, MODES), {"features": SEEN}
    one_by_one = SyncVectorEnv(
        [lambda: hc.gym.make(*parts, **features)] * 3, autoreset_mode=mode
    )
    lanes = hc.gym.make_vec(*parts, 3, autoreset_mode=mode.value, **features)
    rng, ended = np.random.default_rng(0), 0
    assert equal(lanes.reset(seed=7), one_by_one.reset(seed=7))
    for i in range(3 * lanes.inner.episode_length):
        actions = rng.uniform(-1.2, 1.2, lanes.action_space.shape)
        actions[i % 3] = np.nan if i % 10 == 4 else actions[i % 3]
        ours, theirs = (e.step(actions.astype(np.float32)) for e in (lanes, one_by_one))
        assert equal(ours, theirs), i
        ended += (ours[2] | ours[3]).sum()
    assert ended > 6
    assert equal(lanes.reset(), one_by_one.reset())
    assert equal(lanes.reset(seed=[1, None, 4]), one_by_one.reset(seed=[1, None, 4]))
    assert lanes.np_random_seed[0] == 1 and len(lanes.np_random) == 3


def test_gymnasiums_wrappers_take_lanes(lanes):
    wrapped = NormalizeObservation(RecordEpisodeStatistics(lanes))
    wrapped.reset(seed=0)
    for _ in range(STEPS):
        *_, truncated, infos = wrapped.step(np.zeros((3, 1)))
    assert truncated.any()
    assert (infos["episode"]["l"][truncated] == STEPS).all()


def test_lanes_start_where_they_are_asked_to(lanes):
    x0 = RESTLESS.target.x + np.zeros((3, 1)) + [[0.1], [0.2], [0.3]]
    np.testing.assert_array_equal(
        lanes.reset(options={"x0": x0})[1]["x"], x0.astype(np.float32)
    )
    _, infos = lanes.reset(options={"x0": x0[1]})
    assert (infos["x"] == x0[1].astype(np.float32)).all()


def test_starts_of_successive_episodes_are_all_different():
    lanes = same_step_lanes()
    starts = [lanes.reset(seed=0)[1]["x"]]
    for _ in range(5):
        *_, infos = lanes.step(np.full((4, 1), np.nan))
        assert infos["final_info"]["failed"].all()
        starts.append(infos["x"])
    assert len(np.unique(np.concatenate(starts), axis=0)) == 24


# ---------------------------------------------------------------------- the spaces


def test_spaces_hold_every_observation(lanes):
    for envs in (lanes, same_step_lanes()):
        space, single = envs.observation_space, envs.single_observation_space
        assert np.isfinite(space.low).all() and np.isfinite(space.high).all()
        envs.action_space.seed(0)
        assert envs.reset(seed=0)[0] in space
        for _ in range(100):
            obs, *_, infos = envs.step(envs.action_space.sample())
            assert obs in space
            assert all(o in single for o in infos.get("final_obs", ()) if o is not None)


def test_limits_come_from_the_task():
    space = hc.gym.make("balance").observation_space
    theta = np.deg2rad(12.0)
    expected = [4.8, 1.0, 1.0, 9.6 / 0.02, 4.0 * theta / 0.02]
    np.testing.assert_allclose(space.high, expected, rtol=1e-5)
    np.testing.assert_allclose(space.low, -space.high)
    task = hc.tasks.get("weak", loop=hc.Loop(0.02, actuator=hc.Actuator(3.0, delay=1)))
    high = hc.gym.make(task).observation_space.high
    np.testing.assert_allclose(high, [4.8, 1, 1, 480, 4 * np.pi / 0.02, 3.0], rtol=1e-5)
    plain = hc.Features.of(task.plant, trig=False)
    box = hc.gym.make(task, features=plain).observation_space
    np.testing.assert_allclose([box.low[1], box.high[1]], [-np.pi, 3 * np.pi], 1e-5)
    high = hc.gym.make(RESTLESS, MODES, features=SEEN).observation_space.high
    np.testing.assert_allclose(high[5:9], [10.0, 1.0, 1.0, RESTLESS.steps])
    np.testing.assert_array_equal(high[:9], high[9:])


# ------------------------------------------------------------------ copied, and forked


@pytest.mark.parametrize("kind", ["env", "lanes"])
def test_copies_go_on_alike_and_on_their_own(kind, request):
    env = request.getfixturevalue(kind)
    action = np.full(env.action_space.shape, 0.3, np.float32)
    env.reset(seed=1)
    env.step(action)
    copies = [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]
    expected = [env.step(action), env.reset()]
    for other in copies:
        assert equal(other.step(action), expected[0])
        assert equal(other.reset(), expected[1])
        assert other.metadata == env.metadata and other.spec is env.spec
        assert other._programs is env._programs  # nothing compiles anew
    pickle.loads(pickle.dumps(env.inner))


def test_a_spec_makes_its_environment_again():
    first = gymnasium.make(env_id("balance"), seconds=0.4)
    first.reset(seed=3)
    for spec in (first.spec, copy.deepcopy(first.spec)):
        again = gymnasium.make(spec)
        assert again.spec.max_episode_steps == STEPS
        assert (again.reset(seed=3)[0] == first.unwrapped._seen.obs).all()


def test_a_forked_process_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(checks, "_lost", False)
    checks._note_fork()  # what Python calls in a forked process; JAX has started here
    plant = hc.CartPole()
    for door in (
        lambda: hc.gym.make(BALANCE),
        lambda: hc.gym.make_vec(BALANCE, num_envs=2),
        lambda: hc.Env(BALANCE, hc.Slot(1)),
        lambda: hc.simulate(plant, hc.Constant([0.0]), plant.hanging().x, 0.1),
        lambda: hc.evaluate(BALANCE, hc.reference("lqr", BALANCE), 2),
        lambda: hc.linearize(plant, plant.upright()),
    ):
        with pytest.raises(RuntimeError, match=r'context="spawn".*hc.gym.make_vec'):
            door()


ASYNC = """
import gymnasium, hybridctl
if __name__ == "__main__":
    how = {"vectorization_mode": "async", "vector_kwargs": {"context": "CONTEXT"}}
    envs = gymnasium.make_vec("hybridctl/CartPoleBalance-v0", num_envs=2, **how)
    print(envs.reset(seed=0)[0].shape, flush=True)
    envs.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_environments_in_other_processes_run_or_say_so(context, tmp_path):
    file = tmp_path / "run.py"
    file.write_text(ASYNC.replace("CONTEXT", context), encoding="utf-8")
    run = [sys.executable, str(file)]
    done = subprocess.run(
        run, capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    told = done.stdout if context == "spawn" else done.stderr
    assert ("(2, 5)" if context == "spawn" else 'context="spawn"') in told, done.stderr


# ------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hc.gym.make("balanse"), "unknown task 'balanse'; choose one of"),
        (lambda: hc.gym.make("balance", "pp"), "unknown template 'pp'; choose one of"),
        (lambda: hc.gym.make("balance", hc.Constant([0.0])), "has no Slot"),
        (lambda: hc.gym.make(3.0), "expected a Task or the name of one, got float"),
        (lambda: hc.gym.make(BALANCE, sec=1.0), "sec: options are for a task that is"),
        (lambda: hc.gym.make("balance", sec=1.0), "a Task has no"),
        (lambda: hc.gym.make(render_mode="human"), "unknown render_mode 'human'"),
        (lambda: hc.gym.make_vec(num_envs=0), "num_envs=0 must be a whole number"),
        (lambda: hc.gym.make_vec(autoreset_mode="off"), "unknown autoreset_mode 'off'"),
        (lambda: hc.gym.make_vec(num_envs=1.5), "num_envs=1.5 must be a whole number"),
        (lambda: frame(3.0, np.zeros(4)), "frame draws a CartPole, got float"),
        (lambda: frame(hc.CartPole(), np.zeros(3)), "x has shape (3,), expected (4,)"),
        (lambda: frame(hc.CartPole(), np.zeros(4), 1.0), "u has shape (), expected"),
    ],
)
def test_bad_parts_are_refused(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_bad_actions_and_options_are_refused(env, lanes):
    env.reset()
    lanes.reset()
    for call, message in (
        (lambda: env.step([0.0, 0.0]), r"action has shape \(2,\), expected \(1,\)"),
        (lambda: env.step(0.0), r"action has shape \(\), expected \(1,\)"),
        (lambda: env.step(["left"]), "not a number"),
        (lambda: lanes.step(np.zeros(3)), r"action has shape \(3,\), expected \(3, "),
        (lambda: lanes.reset(seed=[1, 2]), "2 seeds for 3 lanes"),
        (lambda: env.reset(options={"x": 1}), "unknown option 'x'; choose one of: x0"),
        (lambda: env.reset(options={"x0": [0.0]}), r"x0 has shape \(1,\), expected"),
        (lambda: env.reset(options={"x0": [np.nan] * 4}), "x0=.* is not finite"),
        (lambda: env.reset(options={"x0": np.zeros(4)}), "fails 'balance' from"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_step_needs_an_episode():
    for new in (hc.gym.make(BALANCE), hc.gym.make_vec(BALANCE, num_envs=2)):
        for call in (lambda new=new: new.step(np.zeros((2, 1))), new.render):
            with pytest.raises(ResetNeeded, match="call reset"):
                call()


# --------------------------------------------------------------------- the pictures


def test_pictures_are_those_of_frame(env, lanes):
    lanes.reset(seed=0)
    *_, infos = lanes.step(np.zeros(lanes.action_space.shape))
    pictures = lanes.render()
    assert len(pictures) == 3
    for picture, x, u in zip(pictures, infos["x"], infos["u"], strict=True):
        np.testing.assert_array_equal(picture, frame(RESTLESS, x, u))
    env.reset()
    assert env.render() is None


def test_a_picture_shows_where_things_are():
    task, size = hc.tasks.get("swingup"), (333, 217)
    still, left, right = (
        frame(task, [x, np.pi, 0.0, 0.0], size=size) for x in (np.nan, -1.0, 1.0)
    )
    assert still.shape == (217, 333, 3) and still.dtype == np.uint8
    for picture, low, high in ((left, 0, 150), (right, 180, 333)):
        columns = np.flatnonzero((picture != still).any(axis=(0, 2)))
        assert low < columns.min() < columns.max() < high
    assert (frame(task, [1e14, 1e9, 0.0, 0.0], [5.0], size) == still).all()
    plain, pushed = (frame(task, [0, 0, 0, 0], u, size) for u in (None, [-5.0]))
    columns = np.flatnonzero((plain != pushed).any(axis=(0, 2)))
    assert 0 < columns.max() < 333 / 2


def test_the_track_of_a_task_is_drawn():
    short = hc.tasks.get("short_track")
    far = dataclasses.replace(short, failure=hc.beyond(short.target, x=3.0))
    x = short.target.x
    assert (frame(short, x) != frame(far, x)).any()
    np.testing.assert_array_equal(frame(far, x), frame(far, x))
