"""MPC, the safety filter and PID: what each is for, and against something else."""

import dataclasses

import control
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from scipy.optimize import minimize

import hybridctl as hc
from hybridctl.controllers.fill import blank_tick

pytestmark = pytest.mark.numeric

PLANT, DT = hc.CartPole(), 0.02
UP = PLANT.upright()
LQR = hc.lqr(PLANT, UP, [1, 10, 1, 1], 0.1, DT, limit=10.0)
LIMITED = hc.Loop(DT, actuator=hc.Actuator(limit=10.0))


@pytest.mark.slow
def test_mpc_swings_up_near_the_bound():
    task = hc.tasks.get("swingup", seconds=6.0)
    scores = hc.evaluate(task, hc.reference("mpc", task), 1)
    assert scores.success.all() and scores.cost[0] <= 86  # bound 80.5


def test_mpc_is_the_lqr_where_nothing_is_limited():
    """The terminal cost is the LQR's, so any horizon has the same answer."""
    task = hc.tasks.get("swingup")
    mpc = hc.MPC(PLANT, task.cost, LQR, DT, 10.0, horizon=40, iterations=5)
    decide = jax.jit(lambda tick: mpc.step(mpc.init(tick), tick)[1])
    for x0 in ([0.05, np.pi + 0.02, 0, 0], [0, np.pi - 0.03, 0.1, 0]):
        tick = blank_tick(4).seeing(jnp.asarray(x0, jnp.float32))
        np.testing.assert_allclose(decide(tick), LQR.step(None, tick)[1], rtol=0.03)


class Mixed(eqx.Module):
    """A cost with cross terms: what is asked of the input depends on the state."""

    def residuals(self, x, u):
        e = x - jnp.asarray([0.0, np.pi, 0.0, 0.0])
        return [e[0], 3.0 * e[1], e[2], e[3], 0.3 * u[0] + 3.0 * e[2] + 2.0 * e[3]]


def test_mpc_knows_cross_terms_of_state_and_input():
    """Near rest it is python-control's dlqr of the sampled problem."""
    s, up = np.array([0.0, 0.0, 3.0, 2.0]), jnp.asarray([0.0, np.pi, 0.0, 0.0])
    mpc = hc.MPC(PLANT, Mixed(), LQR, DT, 10.0, horizon=40, iterations=1)
    A, B = map(np.asarray, jax.jacfwd(mpc._ahead, (0, 1))(up, jnp.zeros(1)))
    Q, N = np.diag([1.0, 9.0, 1.0, 1.0]) + np.outer(s, s), 0.3 * s[:, None]
    K, X, _ = control.dlqr(A, B, DT * Q, DT * np.array([[0.09]]), DT * N)
    far = dataclasses.replace(LQR, K=0.5 * K, X=X)  # plans begin with this law
    mpc = dataclasses.replace(mpc, terminal=far)
    decide = jax.jit(lambda tick: mpc.step(mpc.init(tick), tick)[1])
    for x0 in ([0.05, np.pi + 0.02, 0, 0], [0, np.pi - 0.03, 0.1, 0]):
        tick = blank_tick(4).seeing(jnp.asarray(x0, jnp.float32))
        np.testing.assert_allclose(decide(tick), -K @ (x0 - np.array(up)), rtol=0.01)


@pytest.mark.slow
def test_mpc_with_a_value_at_its_end_needs_a_short_horizon_only():
    """A pendulum from hanging: three periods see nothing, and V knows the rest."""
    task = hc.tasks.reach(hc.Pendulum(), seconds=8.0, start=hc.Pendulum().hanging())
    value, lqr = hc.value_iteration(task, progress=False), hc.reference("lqr", task)
    greedy = hc.Greedy(task.plant, task.cost, value, task.input_limit, task.loop.dt)
    given = task.plant, task.cost, lqr, task.loop.dt, task.input_limit, 3, 1
    costs = [
        hc.evaluate(task, hc.MPC(*given, guess=guess, value=v), 1).cost[0]
        for guess, v in ((greedy, value), (None, None))
    ]
    assert costs[0] < 160.0 < 2 * 160.0 < costs[1]  # the optimum is 154.9


@pytest.mark.slow
def test_mpc_knows_its_limits():
    """With a fence at 0.1 m the plan turns round in time; without it does not."""
    task = hc.tasks.get("swingup", seconds=2.0)
    fenced = hc.tasks.Fenced(task.cost, (0,), [0.1])
    reach = []
    for cost in (task.cost, fenced):
        mpc = hc.MPC(PLANT, cost, LQR, DT, 10.0, horizon=40, iterations=1)
        trace = hc.simulate(PLANT, mpc, [0, 3.24, 0.0, 0], 2.0, loop=LIMITED)
        assert np.abs(trace.asked).max() <= 10
        reach.append(np.abs(trace["x"]).max())
    assert reach[1] < 0.85 * reach[0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_bounded_step_minimizes(n):
    """Against scipy's L-BFGS-B: also with several inputs."""
    task = hc.tasks.get("swingup")
    mpc = hc.MPC(PLANT, task.cost, LQR, DT, 1.0)
    rng = np.random.default_rng(n)
    for _ in range(20):
        root, Qu = rng.normal(size=(n, n)), 2 * rng.normal(size=n)
        Quu, u = root @ root.T + 0.3 * np.eye(n), rng.uniform(-1, 1, n)
        k, K = bounded(mpc, n, Quu, Qu, u)
        value = lambda k: 0.5 * k @ Quu @ k + Qu @ k  # noqa: B023, E731
        best = minimize(value, 0 * u, bounds=list(zip(-1 - u, 1 - u, strict=True)))
        assert np.all(np.abs(u + k) <= 1 + 1e-5)
        assert value(k) <= best.fun + 1e-4 * (1 + abs(best.fun))
        held = np.abs(u + k) > 1 - 1e-6
        assert np.all(K[held] == 0)


def bounded(mpc, n, Quu, Qu, u):
    wide = dataclasses.replace(mpc.plant)  # n_u comes from the plant's inputs
    names = tuple(f"u{i}" for i in range(n))
    cls = type("Wide", (type(wide),), {"inputs": names})
    plant = cls(**{f.name: getattr(wide, f.name) for f in dataclasses.fields(wide)})
    mpc = dataclasses.replace(mpc, plant=plant)
    args = (jnp.asarray(a, jnp.float32) for a in (Quu, Qu, np.ones((n, 4)), u))
    k, K = mpc._bounded(*args)
    return np.asarray(k, np.float64), np.asarray(K)


def test_mpc_refuses_what_it_cannot_use():
    task = hc.tasks.get("swingup")
    placed = dataclasses.replace(LQR, X=None)
    with pytest.raises(ValueError, match="has no cost-to-go"):
        hc.MPC(PLANT, task.cost, placed, DT, 10.0)
    with pytest.raises(ValueError, match=r"CartPole has no residuals\(x, u\)"):
        hc.MPC(PLANT, PLANT, LQR, DT, 10.0)
    with pytest.raises(ValueError, match="horizon=0 must be a whole number above 0"):
        hc.MPC(PLANT, task.cost, LQR, DT, 10.0, horizon=0)


def test_residuals_square_to_the_cost():
    cost, rng = hc.tasks.get("global").cost, np.random.default_rng(0)
    for x, u in zip(
        rng.normal(size=(20, 4)) * 3, rng.normal(size=(20, 1)), strict=True
    ):
        squares = sum(float(e) ** 2 for e in cost.residuals(x, u))
        np.testing.assert_allclose(squares, cost(x, u), rtol=1e-5)
    fenced = hc.tasks.Fenced(cost, (0, 2), [1.0, 0.5], 10.0)
    extra = fenced.residuals(np.array([1.5, np.pi, -0.7, 0.0]), np.zeros(1))[-2:]
    np.testing.assert_allclose(extra, [5.0, 2.0], rtol=1e-5)


def test_the_filter_keeps_a_wild_controller_inside():
    """From every start inside, whatever is asked for, the pole never falls."""
    rho, rng = 3.0, np.random.default_rng(0)
    inside = hc.level(LQR.V < rho)
    wild = hc.Sequence(rng.uniform(-20, 20, (200, 1)))
    safe = hc.SafetyFilter(wild, LQR, inside, PLANT, DT, 10.0, substeps=2)
    starts = rng.normal(size=(64, 4)) * [0.3, 0.05, 0.2, 0.1] + np.asarray(UP.x)
    starts = starts[np.asarray(jax.vmap(LQR.V)(jnp.asarray(starts))) < 0.9 * rho]
    assert len(starts) > 20
    trace = hc.simulate(PLANT, safe, starts, 4.0, loop=LIMITED)
    V = jax.vmap(jax.vmap(LQR.V))(trace.x)
    assert np.max(V) < 1.05 * rho  # one step of float32 and of the backup's overshoot
    bare = hc.simulate(PLANT, wild, starts, 4.0, loop=LIMITED)
    assert np.max(jax.vmap(jax.vmap(LQR.V))(bare.x)) > 100 * rho
    passed = np.isclose(trace.asked, np.asarray(wild.u, np.float32)).mean()
    assert 0.02 < passed < 0.98


def test_the_filter_lets_a_good_controller_alone():
    lqr = hc.lqr(PLANT, UP, [2, 20, 1, 1], 0.1, DT, limit=10.0)
    safe = hc.SafetyFilter(lqr, LQR, hc.level(LQR.V < 3.0), PLANT, DT, 10.0)
    traces = [hc.simulate(PLANT, c, [0.1, 3.2, 0, 0], 2.0, DT) for c in (lqr, safe)]
    zoo.same_bits(traces[0].x, traces[1].x)
    with pytest.raises(
        ValueError, match=r"inside of .* is a Quadratic; expected a Guard"
    ):
        hc.SafetyFilter(lqr, LQR, LQR.V, PLANT, DT)


CART = {"dt": DT, "column": 0, "setpoint": 0.5}  # with the pole hanging


def track(pid, **parts):
    loop = hc.Loop(DT, actuator=hc.Actuator(limit=parts.pop("limit", 20.0)), **parts)
    friction = hc.CartPole(cart_friction=2.0, pole_friction=0.5)
    return hc.simulate(friction, pid, [0, 0, 0, 0], 20.0, loop=loop)


def test_integral_action_removes_what_a_push_leaves():
    push = hc.Disturbance(2.0, at=0.0, duration=20.0)
    without = track(hc.PID(8.0, 0.0, 6.0, **CART), disturbance=push)
    with_it = track(hc.PID(8.0, 4.0, 6.0, **CART), disturbance=push)
    np.testing.assert_allclose(without["x"][-1], 0.5 + 2.0 / 8.0, atol=5e-3)
    np.testing.assert_allclose(with_it["x"][-1], 0.5, atol=5e-3)


def test_anti_windup_needs_only_the_applied_input():
    """The actuator saturates, unknown to the PID; unwinding keeps it from flying by."""
    peaks = []
    for unwind in (0.5, 1e9):
        trace = track(hc.PID(8.0, 6.0, 6.0, unwind=unwind, **CART), limit=0.8)
        assert np.abs(trace.asked).max() > 0.9
        peaks.append(float(np.max(trace["x"])))
    assert peaks[0] < 0.6 < 0.7 < peaks[1]


def test_a_pid_takes_over_without_a_jump():
    pid = hc.PID(8.0, 4.0, 6.0, **CART)
    before, edge = hc.Constant([1.5]), {("before", "pid"): hc.after(50)}
    trace = track(hc.machine({"before": before, "pid": pid}, edge))
    at = int(np.flatnonzero(np.diff(trace.mode))[0]) + 1
    assert abs(trace.asked[at, 0] - 1.5) < 1e-5
    np.testing.assert_allclose(trace["x"][-1], 0.5, atol=0.01)


def test_a_pid_follows_a_reference_and_wraps_its_angle():
    pid = hc.PID(8.0, 4.0, 6.0, dt=DT, follow=True)
    plant = hc.CartPole(cart_friction=2.0, pole_friction=0.5)
    trace = hc.simulate(plant, pid, [0, 0, 0, 0], 20.0, DT, r=[0.3])
    np.testing.assert_allclose(trace["x"][-1], 0.3, atol=0.01)
    pole = hc.PID(60.0, 0.0, 15.0, dt=DT, column=1, setpoint=np.pi, angle=True)
    a = hc.simulate(PLANT, pole, [0, 3.2, 0, 0], 2.0, DT)
    b = hc.simulate(PLANT, pole, [0, 3.2 - 2 * np.pi, 0, 0], 2.0, DT)
    np.testing.assert_allclose(a.u, b.u, atol=1e-3)


def test_pid_arguments():
    with pytest.raises(ValueError, match=r"dt=0.0 must be above 0"):
        hc.PID(1.0, dt=0.0)
    with pytest.raises(ValueError, match=r"column=-1 must be the number of a measurem"):
        hc.PID(1.0, dt=DT, column=-1)
    with pytest.raises(ValueError, match=r"unwind=-1.0 must be above 0"):
        hc.PID(1.0, 1.0, dt=DT, unwind=-1.0)
