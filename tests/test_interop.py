"""python-control in and out: plants, closed loops, margins, controllers."""

import dataclasses
import io

import control
import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.design.margins import margins_of
from hybridctl.precision import float64, float64_on_host

PLANT = hc.CartPole()
UP = PLANT.upright()
LQR = hc.lqr(PLANT, UP, Q=[1, 10, 1, 1], R=0.1, dt=0.02)
A, B = hc.linearize(PLANT, UP)
AD, BD = hc.discretize(A, B, 0.02)
LOOP = hc.closed_loop(PLANT, LQR)
LEAD = hc.LinearController(
    [[0.6, 0.1], [0.0, 0.5]],
    [[0.1, 0.0, 0.0, 0.2], [0.0, 0.3, 0.1, 0.0]],
    [[0.5, -0.8]],
    -LQR.K + [[0.0, 0.2, 0.0, 0.1]],
    UP.x, UP.u, UP.angles, 0.02,
)  # fmt: skip
SLOW = hc.Loop(0.02, actuator=hc.Actuator(limit=20.0, delay=2, lag=0.01, step=0.5))


class TwoCarts(hc.Plant):
    """Two carts on a spring, each with a force."""

    stiffness: jnp.ndarray
    states = ("a", "b", "da", "db")
    inputs = ("left", "right")
    units = {}  # noqa: RUF012
    angles = ()
    limits = {}  # noqa: RUF012

    def ode(self, t, x, u):
        pull = self.stiffness * (x[1] - x[0])
        return jnp.stack([x[2], x[3], pull + u[0], u[1] - 2 * pull])


class Track(hc.Controller):
    """u = u0 - K (y - x0) with the reference as the first entry of x0."""

    K: np.ndarray
    n_r: int = 1

    def init(self, tick):
        del tick

    def step(self, state, tick):
        goal = jnp.stack([tick.r[0], np.pi, 0.0, 0.0])
        return state, -self.K @ (tick.y - goal)


def same_poles(ours, theirs, atol=1e-9):
    ours, theirs = (list(np.asarray(p, complex)) for p in (ours, theirs))
    assert len(ours) == len(theirs)
    for pole in ours:
        nearest = min(theirs, key=lambda other: abs(other - pole))
        assert abs(nearest - pole) < atol
        theirs.remove(nearest)


# --------------------------------------------------------------------- plants


def test_a_plant_is_a_nonlinear_system():
    system = PLANT.to_control()
    assert isinstance(system, control.NonlinearIOSystem)
    assert system.state_labels == system.output_labels == list(PLANT.states)
    assert system.input_labels == ["force"]
    x, u = np.array([0.1, 2.0, -0.3, 1.5]), np.array([2.0])
    s, c, ddx = np.sin(2.0), np.cos(2.0), 0.0
    ddx = (2.0 + 0.1 * s * (1.5**2 + 9.81 * c)) / (1 + 0.1 * s**2)
    expected = [-0.3, 1.5, ddx, -(c * ddx + 9.81 * s)]
    np.testing.assert_allclose(system.dynamics(0.0, x, u), expected, rtol=1e-14)
    np.testing.assert_array_equal(system.output(0.0, x, u), x)


def test_a_plant_is_a_linear_system():
    plain, held = PLANT.to_control(UP), PLANT.to_control(UP, dt=0.02)
    assert (plain.dt, held.dt) == (0, 0.02)
    for system in (plain, held):
        assert system.state_labels == system.output_labels == list(PLANT.states)
    np.testing.assert_array_equal(plain.A, A)
    np.testing.assert_array_equal(plain.B, B)
    np.testing.assert_allclose(held.A, AD, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(held.B, BD, rtol=1e-13, atol=1e-15)
    with pytest.raises(ValueError, match=r"give to_control\(equilibrium, dt\)"):
        PLANT.to_control(dt=0.02)
    with pytest.raises(ValueError, match="dt=-1 must be above 0"):
        PLANT.to_control(UP, dt=-1)


# --------------------------------------------------------------- closed loops


def test_state_feedback_closes_as_python_control_closes_it():
    plant = control.ss(AD, BD, np.eye(4), 0, 0.02)
    by_hand = control.feedback(plant, control.ss([], [], [], LQR.K, 0.02))
    ours = LOOP.to_control()
    np.testing.assert_allclose(ours.A, by_hand.A, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.B, by_hand.B, rtol=1e-12)
    np.testing.assert_allclose(ours.C, np.vstack([np.eye(4), -LQR.K]), atol=1e-12)
    assert ours.output_labels == [*PLANT.states, "force"]
    same_poles(LOOP.poles, np.linalg.eigvals(AD - BD @ LQR.K))
    assert LOOP.memory == () and LOOP.mode is None and ours.dt == 0.02


def series_by_hand():
    """Plant, controller, delay and lag of SLOW as one loop of python-control."""
    z = control.tf([1, 0], [1], 0.02)
    decay = np.exp(-0.02 / 0.01)
    lag = control.ss(decay, 1.0, (1 - decay) * decay, 1 - decay, 0.02)
    delay = control.ss(1 / z**2)
    compensator = control.ss(LEAD.A, LEAD.B, LEAD.C, LEAD.D, 0.02)
    plant = control.ss(AD, BD, np.eye(4), 0, 0.02)
    return -(lag * delay * compensator * plant)


def test_memory_delay_and_lag_close_as_python_control_closes_them():
    ours, theirs = hc.closed_loop(PLANT, LEAD, SLOW), series_by_hand()
    assert len(ours.memory) == 2 + 2 + 1
    same_poles(ours.poles, control.feedback(theirs, 1).poles(), 1e-7)
    points = np.exp(1j * np.geomspace(1e-2, 3.1, 7))
    np.testing.assert_allclose(ours.open_loop()(points), theirs(points), rtol=1e-8)


def test_small_deviations_move_as_the_linear_loop_says():
    linear = hc.closed_loop(PLANT, LEAD, SLOW)
    smooth = dataclasses.replace(SLOW.actuator, step=None)
    loop = dataclasses.replace(SLOW, actuator=smooth, substeps=8)
    start = 1e-6 * np.array([1.0, -0.5, 0.3, 0.2])
    with float64_on_host():
        plant, controller = float64((PLANT, LEAD))
        trace = hc.simulate(plant, controller, UP.x + start, 0.8, loop=loop)
        found = np.asarray(trace.x) - UP.x
    z = np.append(start, np.zeros(len(linear.memory)))
    for k in range(41):
        np.testing.assert_allclose(found[k], z[:4], rtol=1e-4, atol=1e-11)
        z = linear.A @ z


def test_a_machine_stays_in_the_mode_that_it_settles_in():
    pump, edges = hc.Constant([3.0]), {("swing", "balance"): hc.near(UP, theta=0.3)}
    linear = hc.closed_loop(
        PLANT, hc.machine({"swing": pump, "balance": LQR}, edges, dwell=0.1)
    )
    assert linear.mode == "balance" and linear.memory == ()
    same_poles(linear.poles, LOOP.poles)


def test_a_hold_in_a_mode_that_is_over_does_not_matter():
    held = hc.Hold(dataclasses.replace(LQR, dt=None), every=4)
    edges = {("swing", "balance"): hc.near(UP, theta=0.3)}
    machine = hc.machine({"swing": held, "balance": LQR}, edges)
    same_poles(hc.closed_loop(PLANT, machine).poles, LOOP.poles)


def test_a_loop_is_linearized_where_it_rests():
    """A constant 0.3 N beside the LQR: it leans on the cart's position."""
    linear = hc.closed_loop(PLANT, LQR + hc.Constant([0.3]))
    x, u = linear.equilibrium.x, linear.equilibrium.u
    np.testing.assert_allclose(x, [0.3 / LQR.K[0, 0], np.pi, 0, 0], atol=1e-8)
    np.testing.assert_allclose(u, 0, atol=1e-8)
    same_poles(linear.poles, LOOP.poles, 1e-8)


def test_a_reference_is_an_input():
    linear = hc.closed_loop(PLANT, Track(LQR.K), hc.Loop(0.02), r=[0.2])
    system = linear.to_control()
    assert system.input_labels == ["disturbance_force", "r0"]
    gain = control.dcgain(system)
    np.testing.assert_allclose(gain[:, 1], [1, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(linear.equilibrium.x, [0.2, np.pi, 0, 0], atol=1e-8)


def test_one_of_two_inputs_is_broken_with_the_other_closed():
    plant = TwoCarts(np.float64(3.0))
    at = hc.Equilibrium(np.zeros(4), np.zeros(2), plant.states)
    lqr = hc.lqr(plant, at, Q=[1, 2, 1, 1], R=[1.0, 2.0], dt=0.1)
    linear = hc.closed_loop(plant, lqr, equilibrium=at)
    Ad, Bd = hc.discretize(*hc.linearize(plant, at), 0.1)
    for i, name in enumerate(plant.inputs):
        other = 1 - i
        partly = Ad - Bd[:, [other]] @ lqr.K[[other]]
        by_hand = control.ss(partly, Bd[:, [i]], lqr.K[[i]], 0, 0.1)
        z = np.exp(1j * np.array([0.1, 1.0, 3.0]))
        np.testing.assert_allclose(linear.open_loop(name)(z), by_hand(z), rtol=1e-9)
    with pytest.raises(ValueError, match="unknown input 'up'; choose one of: left"):
        linear.open_loop("up")
    with pytest.raises(ValueError, match="TwoCarts has no equilibrium of its own"):
        hc.closed_loop(plant, lqr)


def test_what_has_no_linear_model_is_refused():
    elsewhere = "give the one that the controller was designed for"  # or nowhere
    for controller, options, message in (
        (LQR, {"equilibrium": PLANT.hanging()}, elsewhere),
        (LQR, {"loop": hc.Loop(0.01)}, "dt=0.01 but this StateFeedback was designed"),
        (hc.Constant([0.1]), {}, "no rest point near this equilibrium"),
        (hc.Hold(dataclasses.replace(LQR, dt=None), 3), {}, "acts in some periods"),
        (hc.Constant([0.1, 0.2]), {}, "gives an input of shape"),
        (LQR, {"equilibrium": hc.Equilibrium([0.0], [0.0])}, "equilibrium.x has shape"),
        (LQR, {"r": [np.nan]}, "r=.* is not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            hc.closed_loop(PLANT, controller, **options)


# -------------------------------------------------------------------- margins


def largest_pole(gain=1.0, loop=None):
    return abs(hc.closed_loop(PLANT, gain * LQR, loop).poles[0])


def test_the_loop_turns_unstable_at_its_gain_margins():
    m = hc.margins(PLANT, LQR)
    assert -9 < m.gain_down < -8 and 15 < m.gain_up < 25
    for margin, sign in ((m.gain_up, 1), (m.gain_down, -1)):
        inside, outside = (10 ** ((margin + sign * d) / 20) for d in (-1e-3, 1e-3))
        assert largest_pole(inside) < 1 < largest_pole(outside)


def test_the_loop_turns_unstable_at_its_delay_margin():
    periods = hc.margins(PLANT, LQR).delay / 0.02
    for delay, stable in ((int(periods), True), (int(periods) + 1, False)):
        loop = hc.Loop(0.02, actuator=hc.Actuator(delay=delay))
        assert bool(largest_pole(loop=loop) < 1) is stable


@pytest.mark.slow
def test_margins_are_those_of_the_curve():
    m, L = margins_of(LOOP), LOOP.open_loop()
    at = lambda w: complex(L(np.exp(1j * w * 0.02)))  # noqa: E731
    assert abs(at(m.phase_at)) == pytest.approx(1)
    turned = at(m.phase_at) * np.exp(-1j * np.radians(m.phase))
    assert turned == pytest.approx(-1)
    assert m.delay == pytest.approx(np.radians(m.phase) / m.phase_at)
    for gain, w in ((m.gain_up, m.gain_up_at), (m.gain_down, m.gain_down_at)):
        assert 10 ** (gain / 20) * at(w) == pytest.approx(-1, abs=1e-6)
    curve = L(np.exp(1j * np.linspace(1e-3, np.pi, 100_000)))
    assert m.modulus == pytest.approx(np.abs(1 + curve).min(), rel=1e-5)
    disk = 1 / np.abs(1 / (1 + curve) - 0.5).max()
    assert m.disk == pytest.approx(disk, rel=1e-5)


def test_a_fast_lqr_has_the_guaranteed_margins():
    """60°, half the gain, and a modulus of 1 (Anderson and Moore)."""
    fast = hc.lqr(PLANT, UP, Q=[1, 10, 1, 1], R=0.1, dt=2e-4)
    m = hc.margins(PLANT, fast)
    assert m.phase > 59.5 and m.gain_down < -5.9 and m.modulus > 0.99


def test_an_unstable_loop_has_no_margins():
    with pytest.raises(ValueError, match="closed loop is unstable"):
        hc.margins(PLANT, 0.1 * LQR)


# --------------------------------------------------------------------- figures


@pytest.mark.parametrize("name", ["bode", "nyquist", "step_response", "root_locus"])
def test_figures_show_finite_curves_with_units(name):
    figure = getattr(hc, name)(LOOP)
    file = io.BytesIO()
    figure.savefig(file, dpi=50)
    assert file.tell() > 5000
    for axis in figure.axes:
        assert axis.lines
        for line in axis.lines:
            assert np.isfinite(np.asarray(line.get_xydata(), float)).all()
    labels = {axis.get_xlabel() for axis in figure.axes} - {""}
    expected = {"bode": "ω [rad/s]", "nyquist": "Re L", "step_response": "time [s]"}
    assert labels == {expected.get(name, "Re z")}


def test_the_step_response_ends_where_the_loop_rests():
    lines = hc.step_response(LOOP, "disturbance_force", 20.0).axes[0].lines
    end = float(np.asarray(lines[0].get_ydata())[-1])
    assert end == pytest.approx(1 / LQR.K[0, 0], rel=1e-2)
    with pytest.raises(ValueError, match="choose one of: dist"):
        hc.step_response(LOOP, "force")
    for seconds, message in ((np.inf, "seconds=inf is not"), (-1.0, "must be above 0")):
        with pytest.raises(ValueError, match=message):
            hc.step_response(LOOP, seconds=seconds)


# ----------------------------------------------------------------- controllers


def test_a_static_gain_is_the_lqr():
    gain = control.ss([], [], [], -LQR.K, 0.02)
    controller = hc.from_control(gain, 0.02, UP)
    assert eqx.tree_equal(controller.D, -LQR.K) and controller.angles == (1,)
    same_poles(hc.closed_loop(PLANT, controller).poles, LOOP.poles, 1e-12)


def test_a_controller_steps_as_python_control_does():
    tick = hc.Tick(jnp.zeros(()), jnp.int32(0), jnp.zeros(4))
    errors = np.random.default_rng(0).normal(size=(20, 4)) * 0.1
    system = control.ss(LEAD.A, LEAD.B, LEAD.C, LEAD.D, 0.02)
    theirs = control.forced_response(system, inputs=errors.T).outputs.ravel()
    controller = hc.from_control(system, 0.02, UP)
    memory, ours = controller.init(tick), []
    turns = np.array([0, 2 * np.pi, 0, 0])  # an angle is wrapped
    for k, error in enumerate(errors):
        y = jnp.asarray(UP.x + error + (k % 3) * turns)
        memory, u = controller.step(memory, tick.seeing(y))
        ours.append(float(u[0]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_controller_from_control_is_saved_and_loaded(tmp_path):
    controller = hc.from_control(control.tf(-1.0, [0.1, 1.0]), 0.02)
    hc.save(tmp_path / "c.safetensors", controller)
    assert eqx.tree_equal(hc.load(tmp_path / "c.safetensors"), controller)


def test_a_continuous_system_is_sampled():
    lead = control.tf([10.0, 10.0], [1.0, 10.0])
    for method in ("bilinear", "zoh"):
        sampled = control.sample_system(lead, 0.02, method)
        controller = hc.from_control(lead, 0.02, method=method)
        ours = control.ss(controller.A, controller.B, controller.C, controller.D, 0.02)
        z = np.exp(1j * np.array([0.01, 0.5, 2.0]))
        np.testing.assert_allclose(ours(z), sampled(z), rtol=1e-9)
        assert controller.dt == 0.02


def test_what_is_no_controller_is_refused():
    system = control.ss(LEAD.A, LEAD.B, LEAD.C, LEAD.D, 0.05)
    with pytest.raises(ValueError, match=r"dt=0.02 but this system has dt=0.05"):
        hc.from_control(system, 0.02)
    with pytest.raises(ValueError, match=r"maps 4 measurements to 1 inputs"):
        hc.from_control(system, 0.05, hc.Equilibrium([0.0], [0.0]))
    with pytest.raises(ValueError, match=r"expected a control.StateSpace, got float"):
        hc.from_control(1.0, 0.02)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"B has shape \(1, 1\), expected \(1, 2\)"):
        hc.LinearController([[1.0]], [[1.0]], [[1.0]], [[1, 2]], [0, 0], [0])
