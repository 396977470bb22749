"""References, integral action, trajectories and gain schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.design.discretize import sampled
from hybridctl.design.tracking import dc_gains
from hybridctl.design.wellposed import problem

pytestmark = pytest.mark.numeric

DT = 0.02
PLANT = hc.CartPole()
UP = PLANT.upright()
COST = [1.0, 10, 1, 1], 0.1
LQR = hc.lqr(PLANT, UP, *COST, DT)
LOOP = hc.Loop(DT, actuator=hc.Actuator(limit=10.0))
FOLLOW = hc.follow(PLANT, "x") >> LQR
LQI = hc.lqi(PLANT, UP, *COST, DT, outputs=("x",), limit=10.0)


def run(controller, seconds=8.0, x0=(0, np.pi, 0, 0), loop=LOOP, **options):
    return hc.simulate(PLANT, controller, x0, seconds, loop=loop, **options)


class Cart(hc.Plant):
    """A cart on a spring of 3 N/m with friction: it needs a force to rest away."""

    states = ("x", "v")
    inputs = ("force",)
    units = {"x": "m", "v": "m/s", "force": "N"}  # noqa: RUF012
    angles = ()
    limits = {}  # noqa: RUF012

    def ode(self, t, x, u):
        return jnp.stack([x[1], u[0] - 3.0 * x[0] - 0.5 * x[1]])


CART = Cart()
REST = hc.plants.Equilibrium([0.0, 0.0], [0.0], Cart.states)


# ---------------------------------------------------------------- a reference


def test_a_followed_reference_is_the_moved_origin():
    moved = run(FOLLOW, x0=[0.8, 3.0, 0, 0], r=[0.5])
    still = run(LQR, x0=[0.3, 3.0, 0, 0])
    shifted = np.asarray(moved.x) - np.array([0.5, 0, 0, 0])
    np.testing.assert_allclose(shifted, still.x, atol=2e-4)
    assert abs(moved["x"][-1] - 0.5) < 1e-3


def test_any_controller_follows():
    task = hc.tasks.get("global")
    machine = hc.follow(PLANT, "x") >> hc.reference("machine", task)
    trace = hc.simulate(PLANT, machine, UP.x, 8.0, loop=task.loop, r=[-0.6])
    assert abs(trace["x"][-1] + 0.6) < 0.05


def test_without_a_reference_nothing_moves():
    same = run(FOLLOW, x0=[0.3, 3.0, 0, 0]), run(LQR, x0=[0.3, 3.0, 0, 0])
    zoo.same_bits(same[0].x, same[1].x)


def test_a_reference_over_time():
    constant, rows = run(FOLLOW, r=[0.5]), run(FOLLOW, r=np.full((400, 1), 0.5))
    zoo.same_bits(constant.x, rows.x)
    held = np.concatenate([np.zeros((5, 1)), np.full((1, 1), 0.5)])
    late = run(FOLLOW, r=held)
    assert (np.abs(late["x"][:6]) < 1e-6).all() and abs(late.u[5]) > 1.0
    delayed = np.asarray(constant.x)[:-5]
    np.testing.assert_allclose(late.x[5:], delayed, atol=1e-5)
    batch = run(FOLLOW, x0=np.tile(UP.x, (2, 1)), r=held)
    zoo.same_bits(batch.x[1], late.x)


@pytest.mark.parametrize(
    ("r", "sentence"),
    [
        (0.5, r"r has shape \(\), expected \(1,\) or \(T, 1\)"),
        (np.zeros(400), r"r has shape \(400,\), expected .* write r\[:, None\]"),
        (np.zeros((400, 2)), r"r has shape \(400, 2\), expected"),
        (np.zeros((2, 3, 1)), r"r has shape \(2, 3, 1\), expected"),
        (np.zeros((0, 1)), r"r has shape \(0, 1\), expected"),
        ([np.nan], r"r=\[nan\] is not finite"),
        ("left", "is not a number"),
    ],
)
def test_refused_references(r, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(FOLLOW, r=r)


def test_dc_gains():
    import control

    N_x, N_u = dc_gains(CART, REST, ("x",))
    np.testing.assert_allclose([*N_x[:, 0], N_u[0, 0]], [1, 0, 3], atol=1e-12)
    A, B = hc.linearize(CART, REST)
    gain = control.dcgain(control.ss(A, B, [[1, 0]], 0))
    assert N_u[0, 0] == pytest.approx(1 / float(gain), rel=1e-12)
    np.testing.assert_array_equal(dc_gains(PLANT, UP, ("x",))[0].T, [[1, 0, 0, 0]])
    hold = hc.lqr(CART, REST, 1.0, 1.0, DT)
    moving = hc.tracking(hold, CART, REST, ("x",))
    trace = hc.simulate(CART, moving, [0.0, 0.0], 12.0, dt=DT, r=[0.7])
    assert abs(trace["x"][-1] - 0.7) < 1e-3 and abs(trace.u[-1, 0] - 2.1) < 1e-3


def test_outputs_that_cannot_be_held():
    for outputs in (("theta",), ("dx",), ("x", "theta")):
        with pytest.raises(ValueError, match=r"CartPole cannot rest with .* each on"):
            hc.tracking(LQR, PLANT, UP, outputs)
    with pytest.raises(ValueError, match=r"no state 'y'; the states are x, theta"):
        hc.follow(PLANT, "y")
    with pytest.raises(ValueError, match=r"name at least one state: x, theta"):
        hc.follow(PLANT)
    with pytest.raises(ValueError, match=r"Shift takes a gain .* got \(4,\)"):
        hc.Shift(np.zeros(4))


# ---------------------------------------------------------------- integral action


def test_lqi_is_that_of_python_control():
    import control

    p = sampled(problem(*hc.linearize(PLANT, UP), *COST, None), DT)
    C = DT * np.eye(1, 4)
    A = np.block([[p.A, np.zeros((4, 1))], [C, np.ones((1, 1))]])
    B, N = np.vstack([p.B, [[0]]]), np.vstack([p.N, [[0]]])
    Q = np.block([[p.Q, np.zeros((4, 1))], [np.zeros((1, 4)), DT * np.ones((1, 1))]])
    K = control.dlqr(A, B, Q, p.R, N, method="scipy")[0]
    found = np.hstack([LQI.inner.K, LQI.inner.K_i])
    np.testing.assert_allclose(found, K, rtol=1e-8)
    poles = np.abs(np.linalg.eigvals(A - B @ K))
    made = np.abs(hc.closed_loop(PLANT, LQI, hc.Loop(DT), UP).poles)
    np.testing.assert_allclose(made[:5], np.sort(poles)[::-1], atol=1e-6)


def test_lqi_rejects_what_is_constant():
    push = hc.Disturbance(force=2.0, at=0.0, duration=1e3)
    tilt = hc.Sensor(bias=[0, 0.02, 0, 0])
    loop = hc.Loop(DT, sensor=tilt, actuator=LOOP.actuator, disturbance=push)
    integral, plain = run(LQI, 16.0, loop=loop), run(LQR, 16.0, loop=loop)
    assert abs(plain["x"][-1]) > 0.3
    assert abs(integral["x"][-1]) < 2e-3
    following = run(LQI, 16.0, loop=loop, r=[0.4])
    assert abs(following["x"][-1] - 0.4) < 2e-3


def test_lqi_does_not_wind_up():
    hold = hc.lqi(CART, REST, 1.0, 0.1, DT, outputs=("x",), Qi=4.0, limit=2.0)
    bare = hc.lqi(CART, REST, 1.0, 0.1, DT, outputs=("x",), Qi=4.0)
    r = np.repeat([1.5, 0.3], [300, 1])[:, None]  # 1.5 m is out of reach of 2 N
    loop = hc.Loop(DT, actuator=hc.Actuator(limit=2.0))
    late = []
    for controller in (hold, bare):
        trace = hc.simulate(CART, controller, [0.0, 0.0], 20.0, loop=loop, r=r)
        late.append(trace.settling_time(hc.plants.Equilibrium(
            [0.3, 0.0], [0.9], Cart.states), x=0.02))  # fmt: skip
    assert 6.0 < late[0] < 10.0 < late[1]


def test_lqi_refuses():
    with pytest.raises(ValueError, match="CartPole cannot rest with theta"):
        hc.lqi(PLANT, UP, *COST, DT, outputs=("theta",))
    with pytest.raises(ValueError, match=r"Qi has shape \(2,\)"):
        hc.lqi(PLANT, UP, *COST, DT, outputs=("x",), Qi=[1, 1])
    with pytest.raises(ValueError, match=r"K_i has shape \(1, 2\), expected \(1, 1\)"):
        hc.IntegralFeedback(LQR.K, [[1.0, 1.0]], [[1.0, 0, 0, 0]], UP.x, UP.u, dt=DT)
    gains, lost = (LQR.K, [[1.0]], [[1.0, 0, 0, 0]]), [np.nan, 0, 0, 0]
    with pytest.raises(ValueError, match=r"x0=.* is not finite"):
        hc.IntegralFeedback(*gains, lost, UP.u, dt=DT)
    with pytest.raises(ValueError, match=r"angles=\(4,\) must be places"):
        hc.IntegralFeedback(*gains, UP.x, UP.u, dt=DT, angles=(4,))


# ---------------------------------------------------------------- a trajectory


@pytest.mark.slow
def test_feedback_along_a_swing_up():
    task = hc.tasks.get("global")
    machine = hc.reference("machine", task)
    plan = hc.simulate(PLANT, machine, [0, 0.0, 0, 0], 8.0, loop=task.loop)
    along = hc.tvlqr(PLANT, plan, UP, *COST, DT)
    with pytest.raises(ValueError, match=r"dt=0.01 but the trace has dt=0.02; give"):
        hc.tvlqr(PLANT, plan, UP, *COST, 0.01)
    start = [0.05, 0.05, 0.0, 0.0]
    follows = run(along, 8.0, x0=start)
    blind = run(hc.Sequence(plan.u), 8.0, x0=start)
    assert abs(follows.error("theta", UP)[-1]) < 0.01
    assert abs(follows["x"][-1]) < 0.05
    assert abs(blind.error("theta", UP)[-1]) > 0.1


def test_gains_along_a_rest_are_those_of_lqr():
    x, u = np.tile(UP.x, (9, 1)), np.zeros((8, 1))
    along = hc.tvlqr(PLANT, (x, u), UP, *COST, DT)
    np.testing.assert_allclose(along.K, np.tile(LQR.K, (9, 1, 1)), rtol=1e-7)


def test_a_trajectory_starts_when_it_is_entered():
    rows = np.arange(4.0)[:, None]
    along = hc.TrajectoryFeedback([[0.0]], np.zeros((4, 1)), rows)
    late = hc.machine({"a": hc.Constant([9.0]), "b": along}, {("a", "b"): hc.after(2)})
    plant = Line()
    trace = hc.simulate(plant, late, [0.0], 8 * DT, dt=DT)
    assert trace.asked[:, 0].tolist() == [9, 9, 0, 1, 2, 3, 3, 3]


class Line(hc.Plant):
    """A state that its input moves."""

    states = ("x",)
    inputs = ("u",)
    units = {"x": "m", "u": "m/s"}  # noqa: RUF012
    angles = ()
    limits = {}  # noqa: RUF012

    def ode(self, t, x, u):
        return u


def test_trajectories_refused():
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\) and u \(3, 1\)"):
        hc.TrajectoryFeedback([[0, 0.0]], np.zeros((4, 2)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"K has shape \(1, 3\), expected \(1, 2\) or"):
        hc.TrajectoryFeedback([[0, 0, 0]], np.zeros((4, 2)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match=r"angles=\(-1,\) must be places"):
        hc.TrajectoryFeedback([[0, 0]], np.ones((4, 2)), np.ones((4, 1)), angles=(-1,))
    with pytest.raises(ValueError, match=r"x has shape \(8, 4\), expected \(9, 4\)"):
        hc.tvlqr(PLANT, (np.zeros((8, 4)), np.zeros((8, 1))), UP, *COST, DT)
    batch = np.zeros((2, 9, 4)), np.zeros((2, 8, 1))
    with pytest.raises(ValueError, match=r"u has shape \(2, 8, 1\), .* trace\[0\]"):
        hc.tvlqr(PLANT, batch, UP, *COST, DT)


# ---------------------------------------------------------------- a schedule


def weights(hat, y, r=None):
    tick = hc.Tick(jnp.zeros(()), jnp.int32(0), jnp.asarray(y), r)
    return hat.step(None, tick)[1]


def test_hats_interpolate():
    grid, values = [-1.0, 0.5, 2.0, 2.5], np.array([3.0, -1.0, 4.0, 1.0])
    seen = np.linspace(-2, 3, 41)
    hats = jax.jit(jax.vmap(lambda s: weights(hc.Hat(grid, 1), [0.0, s])))(seen)
    np.testing.assert_allclose(hats.sum(1), 1.0, rtol=1e-6)
    assert (np.asarray(hats) >= 0).all()
    expected = np.interp(seen, grid, values)
    np.testing.assert_allclose(hats @ values, expected, atol=1e-6)
    asked = weights(hc.Hat([0.0, 1.0], 0, "r"), [9.0], jnp.array([0.25]))
    np.testing.assert_allclose(asked, [0.75, 0.25])
    assert weights(hc.Hat([0.0, 1.0], 0, "r"), [9.0]).tolist() == [1.0, 0.0]


def test_a_schedule_interpolates_gains():
    far = hc.lqr(PLANT, UP, [1, 10, 5, 1], 0.1, DT)
    made = hc.schedule(PLANT, [LQR, far], dtheta=[0.0, 2.0])
    y = jnp.array([0.1, 3.0, -0.2, 0.5])
    tick = hc.Tick(jnp.zeros(()), jnp.int32(0), y)
    K = 0.75 * LQR.K + 0.25 * far.K
    expected = -K @ (np.asarray(y) - UP.x)
    got = made.step(made.init(tick), tick)[1]
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_schedules_refused():
    with pytest.raises(ValueError, match="2 controllers for 3 points of x; give one"):
        hc.schedule(PLANT, [LQR, LQR], x=[0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"over one of x, theta, .*, r; got \['y'\]"):
        hc.schedule(PLANT, [LQR, LQR], y=[0.0, 1.0])
    with pytest.raises(ValueError, match="do not increase; sort them"):
        hc.Hat([0.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="needs at least two points"):
        hc.Hat([0.0])
    with pytest.raises(ValueError, match="unknown source 'u'; choose one of: r, y"):
        hc.Hat([0.0, 1.0], 0, "u")


@pytest.mark.slow
def test_saving_what_needs_a_reference(tmp_path):
    over = hc.schedule(PLANT, [LQR, 0.5 * LQR], r=[0.0, 1.0])
    both = over + hc.Feedforward([[1.0, 2.0]])
    for i, controller in enumerate((FOLLOW, LQI, both)):
        path = hc.save(tmp_path / f"{i}", controller)
        again = hc.load(path)
        for a, b in zip(*map(jax.tree.leaves, (again, controller)), strict=True):
            np.testing.assert_array_equal(a, b)
