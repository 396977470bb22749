"""The laws of the design, each over every controller, template and task."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.learn import wrap
from hybridctl.store.save import from_bytes, to_bytes

pytestmark = pytest.mark.numeric

TASK = zoo.task("global")
CONTROLLERS = zoo.controllers(TASK)
STARTS = np.random.default_rng(1).uniform(-1, 1, (5, 4)) * [1, 3, 1, 3]


def run(controller: hc.Controller, x0: np.ndarray, plant=TASK.plant) -> hc.Trace:
    return hc.simulate(plant, controller, x0, 2.0, loop=TASK.loop)


def same(a: hc.Trace, b: hc.Trace) -> None:
    for name in ("x", "u", "asked"):
        zoo.same_bits(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("name", ["lqr", "machine"])
def test_an_empty_slot_is_the_base_bit_for_bit(name):
    base = CONTROLLERS[name]
    same(run(base + 5.0 * hc.Slot(1), STARTS), run(base, STARTS))


ALIKE = {"swingup", "weak", "short_track", "push"}  # all of them much as global


UNFILLED = [("balance", "residual schedule"), ("global", "residual")]
UNFILLED += [("swingup", "residual schedule"), ("global", "schedule early_catch gate")]
UNFILLED += [("global", "residual_machine")]
UNFILLED += [(task, "residual") for task in ("weak", "short_track", "push")]


@pytest.mark.parametrize(("task_name", "names"), zoo.sweep(UNFILLED, UNFILLED[2:]))
def test_an_unfilled_template_is_its_base_bit_for_bit(task_name, names):
    task = zoo.task(task_name)
    base = hc.reference("lqr" if task_name == "balance" else "machine", task)
    scores = hc.evaluate(task, base, 16)
    for name in names.split():
        unfilled = hc.evaluate(task, hc.template(name, task), 16)
        for a, b in zip(*map(jax.tree.leaves, (scores, unfilled)), strict=True):
            zoo.same_bits(a, b, name)


TEMPLATES = zoo.templates(TASK)
KIN = "swing", "schedule", "gate", "early_catch", "residual_machine", "slow modes"
PAIRS = [("global", name) for name in TEMPLATES]
PAIRS += [(task, "residual") for task in hc.tasks.names() if task != "global"]
PAIRS += [("balance", "ppo"), ("balance", "schedule")]
SLOW = {("global", name) for name in KIN} | {(task, "residual") for task in ALIKE}
SLOW |= {("unknown_plant", "residual"), ("noisy", "residual")}
SLOW |= {("global", "machine"), ("global", "plain")}


@pytest.mark.parametrize(("task_name", "name"), zoo.sweep(PAIRS, SLOW))
def test_env_is_simulate_bit_for_bit(task_name, name):
    task = zoo.task(task_name)
    own = task_name != "global"
    template = hc.template(name, task) if own else TEMPLATES[name]
    env = hc.Env(task, template, training=False)
    rng = np.random.default_rng(2)
    actions = rng.uniform(-1, 1, (env.episode_length, env.action_size))
    actions = actions.astype(np.float32)

    @jax.jit
    def rollout(key):
        def body(state, action):
            state = env.step(state, action)
            return state, state.pipeline_state.x

        state = env.reset(key)
        return state.pipeline_state.loop, jax.lax.scan(body, state, actions)[1]

    start, xs = rollout(jax.random.PRNGKey(4))
    filled = hc.fill(template, hc.Sequence(actions))
    seconds = env.episode_length * env.dt
    same = {"loop": task.loop, "key": start.key}
    trace = hc.simulate(start.plant, filled, start.x, seconds, **same)
    zoo.same_bits(xs, trace.x[env.every :: env.every])


COMPOSED = {  # of parts that are tested alone
    *("constant", "unlimited", "sum", "scaled", "series", "mix", "level", "delayed"),
    *("compensator", "history", "follow", "feedforward", "trajectory", "observed"),
    *("safe", "mpc", "ekf", "predictor"),
}


@pytest.mark.parametrize("name", zoo.sweep(CONTROLLERS, COMPOSED))
def test_vmap_is_a_loop(name):
    """Bit for bit, but for matrix products, which XLA blocks by the batch's size."""
    controller = CONTROLLERS[name]
    batch = run(controller, STARTS)
    if name in ("lqr", "machine", "policy"):
        mapped = jax.vmap(lambda x0: run(controller, x0).x)(jnp.asarray(STARTS))
        zoo.same_bits(batch.x, mapped)
    single = np.stack([run(controller, x0).x for x0 in STARTS])
    if name in zoo.BLOCKED:
        np.testing.assert_allclose(batch.x, single, rtol=1e-3, atol=1e-3)
    else:
        zoo.same_bits(batch.x, single)


@pytest.mark.parametrize(
    "name", zoo.sweep([n for n in CONTROLLERS if n not in zoo.KEPT], {"mpc", "safe"})
)
def test_a_file_keeps_a_controller(name):
    """Tree and leaves; saving and loading compare the outputs themselves."""
    controller = CONTROLLERS[name]
    again = from_bytes(to_bytes(controller))
    assert jax.tree.structure(again) == jax.tree.structure(controller)
    assert zoo.bits(again) == zoo.bits(controller)


GRADED = "lqr", "machine", "policy", "lqg", "pump", "mix", "pid"


@pytest.mark.parametrize("name", zoo.sweep(GRADED, GRADED[4:]))
def test_the_closed_loop_has_a_finite_gradient(name):
    def cost(controller, x0):
        return jnp.sum(run(controller, x0).x ** 2)

    floats, rest = eqx.partition(CONTROLLERS[name], eqx.is_inexact_array_like)
    grads = jax.grad(lambda c, x0: cost(eqx.combine(c, rest), x0), argnums=(0, 1))(
        jax.tree.map(jnp.asarray, floats), jnp.asarray(STARTS[0])
    )
    leaves = jax.tree.leaves(grads)
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.any(np.asarray(leaf) != 0) for leaf in leaves)


def test_plants_gains_and_guards_vmap():
    up = TASK.target
    lqr = CONTROLLERS["unlimited"]

    def end(m_p, gain, tolerance):
        edges = {("hold", "rest"): hc.near(up, theta=tolerance)}
        modes = {"hold": gain * lqr, "rest": hc.Constant([0.0])}
        plant = hc.CartPole(m_p=m_p)
        return run(hc.machine(modes, edges), jnp.asarray(STARTS[0]), plant).x[-1]

    values = jnp.array([[0.05, 0.8, 0.1], [0.1, 1.0, 0.2], [0.3, 1.2, 0.3]])
    mapped = jax.vmap(end)(*values.T)
    single = np.stack([end(*row) for row in values])
    np.testing.assert_allclose(mapped, single, rtol=1e-4, atol=1e-5)
    assert len(np.unique(np.asarray(mapped)[:, 0])) == 3


@pytest.mark.parametrize("name", zoo.sweep(["lqr", "pump", "hold"], {"pump"}))
def test_one_mode_is_that_mode(name):
    inner = CONTROLLERS[name]
    same(
        run(hc.Switch(hc.StateMachine((), (), ()), [inner]), STARTS), run(inner, STARTS)
    )


ONCE = "machine", "residual", "pid", "lqr", "policy", "predictor", "series"


@pytest.mark.parametrize("name", zoo.sweep(ONCE, ONCE[3:]))
def test_once_is_itself(name):
    same(run(1.0 * CONTROLLERS[name], STARTS), run(CONTROLLERS[name], STARTS))


@pytest.mark.parametrize("name", zoo.sweep(["pump", "machine", "constant"], {"pump"}))
def test_addition_commutes(name):
    a, b = CONTROLLERS["lqr"], CONTROLLERS[name]
    same(run(a + b, STARTS), run(b + a, STARTS))


def test_one_broken_lane_leaves_the_others_bitwise_unchanged():
    task = hc.tasks.get("balance")
    env = wrap(hc.Env(task, 10.0 * hc.Slot(1)))
    lanes, broken = 2048, 1234
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), lanes))
    step = jax.jit(env.step)
    rng = np.random.default_rng(5)
    good = bad = state
    for i in range(12):
        action = rng.uniform(-1, 1, (lanes, 1)).astype(np.float32)
        good = step(good, action)
        if i == 3:
            action[broken] = np.nan
        bad = step(bad, action)
        if i == 3:
            assert bad.done[broken] == 1 and bad.reward[broken] == 0
            assert bad.metrics["not_finite"][broken] == 1
    others = np.arange(lanes) != broken
    for a, b in zip(jax.tree.leaves(good), jax.tree.leaves(bad), strict=True):
        zoo.same_bits(np.asarray(a)[others], np.asarray(b)[others])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(bad))


def test_broken_episodes_are_failures_and_leave_the_others_alone():
    task = zoo.task("global")
    nowhere = dataclasses.replace(task, start=zoo.Poisoned(task.start, 8))
    machine = hc.reference("machine", task)
    good, bad = (hc.evaluate(t, machine, 64) for t in (task, nowhere))
    broken = ~bad.finite
    assert 0 < broken.sum() < 64
    assert (bad.cost[broken] == 600).all() and bad.failed[broken].all()
    assert not bad.success[broken].any()
    for a, b in zip(*map(jax.tree.leaves, (good, bad)), strict=True):
        zoo.same_bits(a[~broken], b[~broken])
        assert np.isfinite(b[broken]).all() or (b[broken] == np.inf).all()
