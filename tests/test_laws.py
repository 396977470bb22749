"""The laws of the design, each over every controller, template and task.

The quick run takes some of them, `make test-slow` most, `make test-all` all. A law that
does not hold as it stands for a kind of controller says why, and how far it does: what
is excepted is told by what the controller is made of, never by its name.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.learn import wrap
from hybridctl.loop.loop import begin, step
from hybridctl.store.save import from_bytes, to_bytes
from hybridctl.strategies.reference import build_machine

pytestmark = pytest.mark.numeric

TASK = zoo.task("global")
COMPILED = zoo.controllers(TASK)
CONTROLLERS = COMPILED | {"foreign": zoo.foreign(TASK)}
TEMPLATES = zoo.templates(TASK)
STARTS = np.random.default_rng(1).uniform(-1, 1, (5, 4)) * [1, 3, 1, 3]


def over(values, *quick, slow=None):
    """A law over all of them, of which the quick run takes some, the slow one more."""
    return pytest.mark.parametrize("name", zoo.sample(values, quick, slow))


# Of the laws that the sum of two controllers keeps for whatever they are: one of each
# way in which parts are held.
KINDS = "sum hold series mix level scheduled observed memory ekf greedy".split()


def run(controller: hc.Controller, x0: np.ndarray, plant=TASK.plant) -> hc.Trace:
    return hc.simulate(plant, controller, x0, 2.0, loop=TASK.loop)


def same(a: hc.Trace, b: hc.Trace) -> None:
    for name in ("x", "u", "asked"):
        zoo.same_bits(getattr(a, name), getattr(b, name))


@over(CONTROLLERS, "lqr", "machine")
def test_an_empty_slot_is_the_base_bit_for_bit(name):
    base = CONTROLLERS[name]
    same(run(base + 5.0 * hc.Slot(1), STARTS), run(base, STARTS))


def base_of(name: str, task: hc.Task) -> hc.Controller:
    """What a template is while its Slot is empty."""
    if name == "ppo":
        return hc.Constant([0.0])
    if name == "hybrid":
        return hc.fill(hc.template(name, task), hc.Constant([0.0]))
    if name == "swing":
        return build_machine(task, swing=hc.Constant([0.0]))
    if name == "modes":
        return hc.template(name, task).modes[0]
    stays_up = task.name == "balance" or name == "residual_lqr"
    return hc.reference("lqr" if stays_up else "machine", task)


ON_TASKS = [
    (task, name)
    for task in hc.tasks.names()
    for name in hc.strategies.templates(hc.tasks.get(task))
]
SOME = zoo.covering(ON_TASKS)  # more take long and show the same
UNFILLED = {("balance", "residual"), ("balance", "schedule"), ("global", "residual")}


@pytest.mark.parametrize(("task_name", "name"), zoo.sample(ON_TASKS, UNFILLED, SOME))
def test_an_unfilled_template_is_its_base_bit_for_bit(task_name, name):
    task = zoo.task(task_name)
    pair = base_of(name, task), hc.template(name, task)
    scores = [jax.tree.leaves(hc.evaluate(task, one, 16)) for one in pair]
    for a, b in zip(*scores, strict=True):
        zoo.same_bits(a, b)


PAIRS = list(dict.fromkeys([*(("global", name) for name in TEMPLATES), *ON_TASKS]))
OWN = "ppo", "residual", "residual_lqr", "modes", "two slots", "observed"
QUICK = {("global", name) for name in OWN}
MORE = {*SOME, *(("global", name) for name in TEMPLATES)}
QUICK |= {("balance", name) for name in ("residual", "ppo", "schedule")}


@pytest.mark.parametrize(("task_name", "name"), zoo.sample(PAIRS, QUICK, MORE))
def test_env_is_simulate_bit_for_bit(task_name, name):
    task = zoo.task(task_name)
    own = task_name == "global"
    template = TEMPLATES[name] if own else hc.template(name, task)
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


def blocked(controller: hc.Controller) -> bool:
    """Whether its rounding depends on the size of the batch."""
    x0 = jnp.asarray(STARTS[0])
    state = begin(TASK.loop, controller, TASK.plant, x0)
    period = jax.make_jaxpr(lambda state: step(TASK.loop, controller, state))(state)
    return zoo.multiplies(period.jaxpr)


@over(COMPILED, "lqr", "machine", "policy")
def test_vmap_of_simulate_is_simulate_of_a_batch(name):
    controller = CONTROLLERS[name]
    mapped = jax.vmap(lambda x0: run(controller, x0).x)(jnp.asarray(STARTS))
    zoo.same_bits(run(controller, STARTS).x, mapped)


PARTS = """lqr hold pump machine argmax policy residual integral scheduled pid
lqg""".split()


@over(CONTROLLERS, *PARTS)
def test_a_batch_is_a_loop(name):
    """Bit for bit, but for matrix products, which XLA blocks by the batch's size."""
    controller = CONTROLLERS[name]
    batch = run(controller, STARTS)
    single = np.stack([run(controller, x0).x for x0 in STARTS])
    if name in COMPILED and blocked(controller):
        np.testing.assert_allclose(batch.x, single, rtol=1e-3, atol=1e-3)
    else:
        zoo.same_bits(batch.x, single)


FILED = """level compensator history memory delayed follow feedforward trajectory
observed integral scheduled pid lqg ekf predictor""".split()


@over(CONTROLLERS, *FILED)
def test_a_file_keeps_a_controller(name):
    """Tree and leaves; saving and loading compare the outputs themselves."""
    controller = CONTROLLERS[name]
    if name not in COMPILED:
        with pytest.raises(ValueError, match="Foreign"):
            to_bytes(controller)
        return
    again = from_bytes(to_bytes(controller))
    assert jax.tree.structure(again) == jax.tree.structure(controller)
    assert zoo.bits(again) == zoo.bits(controller)


@over(COMPILED, "lqr", "machine", "policy", "lqg")
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


@over(CONTROLLERS, "lqr", "hold", slow=KINDS)
def test_one_mode_is_that_mode(name):
    inner = CONTROLLERS[name]
    alone = hc.Switch(hc.StateMachine((), (), ()), [inner])
    same(run(alone, STARTS), run(inner, STARTS))


@over(CONTROLLERS, "machine", "residual", "pid", slow=KINDS)
def test_once_is_itself(name):
    same(run(1.0 * CONTROLLERS[name], STARTS), run(CONTROLLERS[name], STARTS))


@over(CONTROLLERS, "machine", "constant", slow=KINDS)
def test_addition_commutes(name):
    a, b = CONTROLLERS["lqr"], CONTROLLERS[name]
    same(run(a + b, STARTS), run(b + a, STARTS))


@over({"balance": None} | TEMPLATES, "balance")
def test_one_broken_lane_leaves_the_others_bitwise_unchanged(name):
    alone = name == "balance"
    task = hc.tasks.get("balance") if alone else TASK
    env = wrap(hc.Env(task, 10.0 * hc.Slot(1) if alone else TEMPLATES[name]))
    lanes, broken = 2048, 1234
    state = jax.jit(env.reset)(jax.random.split(jax.random.PRNGKey(0), lanes))
    step = jax.jit(env.step)
    rng = np.random.default_rng(5)
    good = bad = state
    for i in range(12):
        action = rng.uniform(-1, 1, (lanes, env.action_size)).astype(np.float32)
        good = step(good, action)
        if i == 3:
            action[broken] = np.nan
        bad = step(bad, action)
        if i == 3:
            assert bad.done[broken] == 1
            assert bad.reward[broken] == task.failure_reward
            assert bad.metrics["not_finite"][broken] == 1
    others = np.arange(lanes) != broken
    for a, b in zip(jax.tree.leaves(good), jax.tree.leaves(bad), strict=True):
        zoo.same_bits(np.asarray(a)[others], np.asarray(b)[others])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(bad))


@over(CONTROLLERS, "machine")
def test_broken_episodes_are_failures_and_leave_the_others_alone(name):
    starts = (zoo.Poisoned(TASK.start, one_in) for one_in in (np.inf, 8.0))
    tasks = (dataclasses.replace(TASK, start=start) for start in starts)
    good, bad = (hc.evaluate(task, CONTROLLERS[name], 64) for task in tasks)
    broken = ~bad.finite
    assert 0 < broken.sum() < 64
    assert (bad.cost[broken] == 600).all() and bad.failed[broken].all()
    assert not bad.success[broken].any()
    for a, b in zip(*map(jax.tree.leaves, (good, bad)), strict=True):
        zoo.same_bits(a[~broken], b[~broken])
        assert np.isfinite(b[broken]).all() or (b[broken] == np.inf).all()
