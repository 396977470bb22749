import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.controllers.error import wrap
from hybridctl.controllers.machine import mode_of
from hybridctl.controllers.trial import output_of
from hybridctl.loop.fit import check_fit

pytestmark = pytest.mark.numeric

DT = 0.02
PLANT = hc.CartPole()
UP = PLANT.upright()
POINT = hc.Equilibrium([0.0], [0.0], ("s",))  # a scalar signal to guard


def tick(y=0.0, k=0, applied=None, mode=None, r=None):
    """What a controller sees once, in numpy."""
    y = np.atleast_1d(np.asarray(y, np.float32))
    k = np.int32(k)
    applied = None if applied is None else np.atleast_1d(np.float32(applied))
    return hc.Tick(np.float32(k * DT), k, y, r, applied, mode)


def once(controller, y=0.0, **options):
    """The first input, in numpy."""
    now = tick(y, **options)
    return np.asarray(controller.step(controller.init(now), now)[1])


def run(controller, ys):
    """Inputs [T, n_u] (and modes [T], where it has any) over measurements [T, n_y].

    The applied input of a tick is the one asked for at the last tick.
    """
    ys = np.asarray(ys, np.float32)
    u, mode = _run(controller, ys[:, None] if ys.ndim == 1 else ys)
    return np.asarray(u) if mode is None else (np.asarray(u), np.asarray(mode))


@jax.jit
def _run(controller, ys):
    def see(k, y, u, memory):
        return hc.Tick(k * DT, k, y, None, u, mode_of(memory))

    def body(carry, now):
        memory, u = carry
        memory, u = controller.step(memory, see(*now, u, memory))
        return (memory, u), (u, mode_of(memory))

    first = see(jnp.int32(0), ys[0], None, None)
    memory, u = controller.init(first), output_of(controller, first)
    ticks = jnp.arange(len(ys)), ys
    return jax.lax.scan(body, (memory, jnp.zeros(u.shape, u.dtype)), ticks)[1]


class Counter(hc.Controller):
    """Outputs how often it stepped since its start: 1, 2, 3 …"""

    def init(self, tick):
        return jnp.zeros(1)

    def step(self, state, tick):
        return state + 1, state + 1


class Echo(hc.Controller):
    """Outputs what it sees: its tick's number, time or mode, or the measurement."""

    what: str = eqx.field(static=True)

    def init(self, tick):
        return None

    def step(self, state, tick):
        seen = getattr(tick, self.what)
        return state, jnp.atleast_1d(-1 if seen is None else seen).astype(float)


Y, K, MODE = Echo("y"), Echo("k"), Echo("mode")
ALWAYS = hc.after(0)


# ---------------------------------------------------------------- StateFeedback

K1 = np.array([[1.0, -2.0, 3.0, 0.5]])


def test_feedback_is_u0_minus_k_e():
    lean = hc.StateFeedback(K1, x0=[0.1, 0.2, 0.3, 0.4], u0=[7.0])
    y = np.array([1.0, -1.0, 2.0, 4.0])
    expected = 7.0 - K1 @ (y - [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(once(lean, y), expected, rtol=1e-6)


def test_feedback_of_two_inputs():
    K = np.arange(6.0).reshape(2, 3)
    two = hc.StateFeedback(K, x0=np.ones(3), u0=[1.0, -1.0], limit=[100.0, 5.0])
    y = np.array([2.0, 0.0, 3.0])
    expected = np.clip([1.0, -1.0] - K @ (y - 1), [-100, -5], [100, 5])
    np.testing.assert_allclose(once(two, y), expected, rtol=1e-6)


@pytest.mark.parametrize("turns", [-3, -1, 0, 1, 4])
def test_feedback_wraps_angles_and_only_those(turns):
    feedback = hc.StateFeedback(K1, UP.x, [0.0], angles=(1,))
    y = np.array([0.3, 3.0, -0.2, 0.1])
    turned = once(feedback, y + 2 * np.pi * turns * np.eye(4)[1])
    np.testing.assert_allclose(turned, -K1 @ (y - UP.x), atol=1e-5)
    plain = hc.StateFeedback(K1, UP.x, [0.0])
    moved = once(plain, y + 2 * np.pi * turns * np.eye(4)[1])
    expected = -K1 @ (y - UP.x) + 4 * np.pi * turns
    np.testing.assert_allclose(moved, expected, rtol=1e-5)


def test_wrap_leaves_small_angles_bit_for_bit_and_takes_the_shorter_way():
    small = np.linspace(-3.14, 3.14, 1001, dtype=np.float32)
    np.testing.assert_array_equal(wrap(small), small)
    far = np.linspace(-50, 50, 1001)
    expected = np.angle(np.exp(1j * far))
    np.testing.assert_allclose(
        np.exp(1j * np.asarray(wrap(far))), np.exp(1j * far), atol=2e-5
    )
    inner = np.abs(expected) < 3.1
    np.testing.assert_allclose(np.asarray(wrap(far))[inner], expected[inner], atol=2e-5)


def test_feedback_limit():
    limited = hc.StateFeedback(K1, np.zeros(4), [0.0], limit=3.0)
    for x, u in ((10.0, -3.0), (-10.0, 3.0), (1.0, -1.0)):
        assert once(limited, [x, 0, 0, 0]).tolist() == [u]


def test_feedback_of_nan_is_nan():
    assert np.isnan(once(hc.StateFeedback(K1, np.zeros(4), [0.0]), [0, np.nan, 0, 0]))


@pytest.mark.parametrize(
    ("K", "options", "sentence"),
    [
        ([[1.0, 2.0]], {}, r"K has shape \(1, 2\), expected \(1, 4\) = \[n_u, n_x\]"),
        ([1.0, 2.0, 3.0, 4.0], {}, r"K has shape \(4,\), expected \(1, 4\)"),
        ([[1.0, 2.0, 3.0, np.nan]], {}, "K=.* is not finite"),
        (K1, {"limit": 0.0}, "limit=0.0 must be above 0"),
        (K1, {"limit": -1.0}, "limit=-1.0 must be above 0"),
        (K1, {"limit": np.inf}, "limit=inf is not finite"),
        (
            K1,
            {"X": np.ones(2)},
            r"X has shape \(2,\), expected \(4, 4\) = \[n_x, n_x\]",
        ),
        (K1, {"angles": (5,)}, r"angles=\(5,\) must be places of coordinates"),
        (K1, {"dt": -DT}, "dt=-0.02 must be above 0"),
        (K1, {"X": np.full((4, 4), np.nan)}, r"X=(.|\n)* is not finite"),
    ],
)
def test_bad_feedback_is_refused(K, options, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        hc.StateFeedback(K, np.zeros(4), [0.0], **options)


def test_cost_to_go_is_the_design_s_quadratic():
    y = np.array([0.3, 3.0 + 4 * np.pi, -0.2, 0.1])
    e = np.array([0.3, 3.0 - np.pi, -0.2, 0.1])
    assert float(LQR.V(jnp.asarray(y))) == pytest.approx(e @ LQR.X @ e, rel=1e-4)
    with pytest.raises(ValueError, match=r"no cost-to-go; design it with hc\.lqr"):
        _ = hc.StateFeedback(K1, np.zeros(4), [0.0]).V


LQR = hc.lqr(PLANT, UP, Q=[1, 10, 1, 1], R=[0.1], dt=DT)


# ---------------------------------------------------------------- the simplest


def test_constant_is_constant():
    np.testing.assert_array_equal(
        run(hc.Constant([1.5, -2.0]), np.zeros(3)), [[1.5, -2.0]] * 3
    )
    with pytest.raises(ValueError, match=r"write Constant\(\[0.0\]\)"):
        hc.Constant(0.0)


def test_sequence_is_replayed_and_then_0():
    u = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    np.testing.assert_array_equal(
        run(hc.Sequence(u), np.zeros(5)), [*u, [0, 0], [0, 0]]
    )


@pytest.mark.parametrize(
    ("u", "sentence"),
    [
        ([1.0, 2.0], r"shape \[T, n_u\], got shape \(2,\); use u\[:, None\]"),
        ([[np.nan]], "u=.* is not finite"),
    ],
)
def test_bad_sequences_are_refused(u, sentence):
    with pytest.raises(ValueError, match=sentence):
        hc.Sequence(u)


def test_an_empty_slot_is_0_of_its_size():
    np.testing.assert_array_equal(once(hc.Slot(3)), np.zeros(3))
    for size in (0, -1, 1.0, "1"):
        with pytest.raises(ValueError, match="must be a whole number above 0"):
            hc.Slot(size)


def test_an_empty_slot_changes_no_bit():
    ys = np.random.default_rng(0).normal(size=(50, 4))
    base = run(LQR, ys)
    zoo.same_bits(run(LQR + 5.0 * hc.Slot(1), ys), base)
    assert np.std(base) > 1


# ---------------------------------------------------------------- arithmetic


def test_arithmetic_of_controllers():
    a, b = hc.Constant([1.0, 2.0]), Counter() + hc.Constant([10.0, 20.0])
    ys = np.zeros(3)
    count = np.arange(1.0, 4.0)[:, None]
    base = np.array([11.0, 22.0])
    table = {
        "sum": (a + b, base + count),
        "other order": (b + a, base + count),
        "difference": (a - b, np.array([-9, -18]) - count),
        "negative": (-b, np.array([-10, -20]) - count),
        "scale": (2.0 * b, np.array([20, 40]) + 2 * count),
        "scale behind": (b * 2, np.array([20, 40]) + 2 * count),
        "numpy scale": (np.float64(2.0) * b, np.array([20, 40]) + 2 * count),
        "each its scale": (np.array([1.0, 0.5]) * b, [10, 10] + count * [1.0, 0.5]),
        "jax scale": (jnp.asarray([1.0, 0.5]) * b, [10, 10] + count * [1.0, 0.5]),
        "thrice": (a + a + a, [[3.0, 6.0]] * 3),
    }
    for name, (controller, expected) in table.items():
        assert isinstance(controller, hc.Controller), name
        np.testing.assert_allclose(run(controller, ys), expected, err_msg=name)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda a: a + 1.0,
        lambda a: 1.0 - a,
        lambda a: a - 1.0,
        lambda a: a * a,
        lambda a: a >> 1.0,
        lambda a: a + (lambda y: y),
    ],
)
def test_arithmetic_with_something_else_is_a_type_error(mistake):
    with pytest.raises(TypeError):
        mistake(hc.Constant([1.0]))


def test_a_scale_must_be_finite():
    with pytest.raises(ValueError, match="scale=nan is not finite"):
        _ = np.nan * hc.Slot(1)


def test_series_shows_the_estimate_to_the_controller():
    ys = np.random.default_rng(0).normal(size=(20, 4))
    double = hc.StateFeedback(-2 * np.eye(4), np.zeros(4), np.zeros(4))
    np.testing.assert_allclose(run(double >> LQR, ys), run(LQR, 2 * ys), rtol=1e-5)
    np.testing.assert_array_equal(run(Counter() >> Y, np.zeros(4))[:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(run(Y >> K, np.zeros(3))[:, 0], [0, 1, 2])


# ---------------------------------------------------------------- Hold, Argmax, Mix


def test_hold_steps_every_nth_tick():
    ys = np.arange(10.0)
    held = run(hc.Hold(Y, every=4), ys)[:, 0]
    np.testing.assert_array_equal(held, [0, 0, 0, 0, 4, 4, 4, 4, 8, 8])
    np.testing.assert_array_equal(run(hc.Hold(Y), ys)[:, 0], ys)


def test_inside_hold_time_runs_slower():
    zeros = np.zeros(8)
    expected = [0, 0, 0, 1, 1, 1, 2, 2]
    np.testing.assert_array_equal(run(hc.Hold(K, 3), zeros)[:, 0], expected)
    counted = run(hc.Hold(Counter(), 3), zeros)[:, 0]
    np.testing.assert_array_equal(counted, np.add(expected, 1))
    nested = run(hc.Hold(hc.Hold(Counter(), 2), 2), zeros)[:, 0]
    np.testing.assert_array_equal(nested, [1, 1, 1, 1, 2, 2, 2, 2])


def test_a_hold_that_starts_off_the_grid_decides_at_once_then_joins_the_others():
    modes = {"wait": hc.Constant([0.0]), "count": hc.Hold(Counter(), every=4)}
    u, _ = run(hc.machine(modes, {("wait", "count"): hc.after(5)}), np.zeros(14))
    np.testing.assert_array_equal(u[5:, 0], [1, 1, 1, 2, 2, 2, 2, 3, 3])


@pytest.mark.parametrize("every", [0, -1, 2.0])
def test_bad_holds_are_refused(every):
    with pytest.raises(ValueError, match="must be a whole number of periods above 0"):
        hc.Hold(hc.Slot(1), every=every)


def test_argmax_is_the_index_of_the_largest():
    ys = np.array([[1, 2, 3], [3, 2, 1], [0, 5, -5], [4, 4, 1]])
    chosen = run(hc.Argmax(Y), ys)
    assert chosen.tolist() == [2, 0, 1, 0] and chosen.dtype == np.int32


def test_mix_weighs():
    ys = np.arange(4.0)
    parts = [hc.Constant([1.0, 2.0]), Counter() + hc.Constant([0.0, 0.0])]
    count = np.arange(1.0, 5.0)[:, None]
    fixed = run(hc.Mix([0.25, 2.0], parts), ys)
    np.testing.assert_allclose(fixed, 0.25 * np.array([1, 2]) + 2 * count)
    schedule = hc.Sequence([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, -1.0]])
    w = np.asarray(schedule.u)
    scheduled = run(hc.Mix(schedule, parts), ys)
    np.testing.assert_allclose(scheduled, w[:, :1] * [1, 2] + w[:, 1:] * count)
    empty = run(hc.Mix(hc.Slot(2), parts), ys)
    np.testing.assert_array_equal(empty, np.zeros((4, 2)))


def test_bad_mixes_are_refused():
    with pytest.raises(ValueError, match="got 3 weights for 1 controllers"):
        hc.Mix([1.0, 2.0, 3.0], [LQR])
    with pytest.raises(ValueError, match="got 2 weights for 1 controllers"):
        hc.Mix(hc.Slot(2), [LQR])
    with pytest.raises(ValueError, match="at least one controller"):
        hc.Mix([], [])


# ---------------------------------------------------------------- Features, Policy


def test_features_of_the_cart_pole():
    y = np.array([0.1, 2.0, -0.3, 0.4])
    trig = hc.Features.of(PLANT)
    assert trig.size == 5
    assert trig.names(PLANT.states) == ("x", "sin theta", "cos theta", "dx", "dtheta")
    expected = [0.1, np.sin(2.0), np.cos(2.0), -0.3, 0.4]
    np.testing.assert_allclose(trig(tick(y)), expected, rtol=1e-6)
    plain = hc.Features.of(PLANT, trig=False)
    assert plain.size == 4 and plain.names(PLANT.states) == PLANT.states
    np.testing.assert_allclose(plain(tick(y)), y, rtol=1e-6)


def test_features_with_input_and_mode():
    full = hc.Features.of(PLANT, trig=False, applied=True, n_modes=3)
    assert full.size == 4 + 1 + 3
    names = ("applied 0", "mode 0", "mode 1", "mode 2")
    assert full.names(PLANT.states)[4:] == names
    seen = full(tick(np.zeros(4), applied=2.5, mode=np.int32(2)))
    np.testing.assert_array_equal(seen[4:], [2.5, 0, 0, 1])
    seen = full(tick(np.zeros(4), applied=2.5))  # no machine: as in the first mode
    np.testing.assert_array_equal(seen[4:], [2.5, 1, 0, 0])
    with pytest.raises(ValueError, match="no applied input"):
        full(tick(np.zeros(4)))


def test_features_with_reference_age_and_history():
    full = hc.Features.of(PLANT, trig=False, n_r=1, age=True, history=2)
    assert full.frame == 6 and full.size == 18
    names = full.names(PLANT.states)
    assert names[4:6] == ("reference 0", "age") and names[12] == "x, 2 before"
    rows = [tick(np.full(4, v), r=np.float32([v])) for v in (1.0, 2.0, 3.0)]
    rows = [dataclasses.replace(row, age=np.int32(7)) for row in rows]
    memory, seen = full.init(rows[0]), []
    for row in rows:
        memory, obs = full.step(memory, row)
        seen.append(np.asarray(obs).reshape(3, 6))
    np.testing.assert_array_equal(seen[0][:, 0], [1, 1, 1])
    np.testing.assert_array_equal(seen[2][:, 0], [3, 2, 1])
    np.testing.assert_array_equal(seen[2][0], [3, 3, 3, 3, 3, 7])
    np.testing.assert_array_equal(full(rows[0]), seen[0].ravel())
    with pytest.raises(ValueError, match="this tick has no reference"):
        full(tick(np.zeros(4)))
    with pytest.raises(ValueError, match="no mode of a machine; give age"):
        full(tick(np.zeros(4), r=np.zeros(1)))
    with pytest.raises(ValueError, match="history=-1"):
        hc.Features.of(PLANT, history=-1)


def test_an_agent_sees_mode_and_time_in_it():
    """After three ticks the machine moves on; the agent sees that one tick later."""
    modes = {"a": hc.Slot(1), "b": hc.Constant([5.0])}
    template = hc.machine(modes, {("a", "b"): hc.after(3)})
    features = hc.Features(4, (0,), n_modes=2, age=True)
    sum_of = np.array([[0.0], [0.0], [0.0], [0.1]])  # of age only
    agent = hc.Policy(features, [sum_of], [[0.0]], np.zeros(4), np.ones(4))
    u, mode = run(hc.fill(template, agent), np.zeros((6, 4)))
    assert mode.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(u[:3, 0], np.tanh([0.0, 0.1, 0.2]), rtol=1e-6)


def test_an_agent_sees_what_an_observer_in_front_of_all_gives():
    half = hc.StateFeedback([[-0.5]], [0.0], [0.0])
    agent = hc.Policy(hc.Features(1, (0,)), [[[1.0]]], [[0.0]], [0.0], [1.0])
    u = run(hc.fill(half >> half >> hc.Slot(1), agent), [0.4, 0.8])
    np.testing.assert_allclose(u[:, 0], np.tanh([0.1, 0.2]), rtol=1e-6)
    for hidden in (half + (half >> hc.Slot(1)), hc.Hold(half >> hc.Slot(1), 2)):
        with pytest.raises(ValueError, match="put the observer in front of all"):
            hc.fill(hidden, agent)


def test_an_agent_decides_on_an_edge():
    modes = {"a": hc.Constant([1.0]), "b": hc.Constant([2.0])}
    template = hc.machine(modes, {("a", "b"): hc.chosen(hc.Slot(1))})
    low, high = hc.Constant([0.4]), hc.Constant([0.6])
    assert run(template, [0, 0])[1].tolist() == [0, 0]
    assert run(hc.fill(template, low), [0, 0])[1].tolist() == [0, 0]
    assert run(hc.fill(template, high), [0, 0])[1].tolist() == [1, 1]
    with pytest.raises(ValueError, match="chosen takes a Controller such as Slot"):
        hc.chosen(0.5)


@pytest.mark.parametrize(
    "controller",
    [
        hc.PID(1.0, dt=DT, column=2),
        hc.Mix(hc.controllers.Hat([0.0, 1.0], column=2), [hc.Constant([0.0])] * 2),
        hc.machine(
            {"a": hc.Constant([1.0]), "b": hc.Constant([2.0])},
            {("a", "b"): ~(hc.near(UP, theta=0.1) & hc.near(UP, dx=5.0))},
        ),
    ],
)
def test_a_place_that_is_not_measured_is_refused(controller):
    by_number, by_name = "measurement 2, counted from 0, and is given 2", "takes 'dx'"
    with pytest.raises(ValueError, match=f"{by_number}|{by_name}"):
        hc.simulate(hc.Pendulum(), controller, [0.0, 0.0], 0.1, DT)


def test_chosen_columns_come_in_their_order():
    features = hc.Features(4, columns=(3, 1), angles=(1,))
    assert features.names(PLANT.states) == ("dtheta", "sin theta", "cos theta")
    seen = features(tick([9.0, np.pi / 6, 9.0, 7.0]))
    np.testing.assert_allclose(seen, [7.0, 0.5, np.sqrt(0.75)], rtol=1e-6)
    with pytest.raises(ValueError, match="reach beyond 4 measurements"):
        hc.Features(4, columns=(0, 4))
    with pytest.raises(ValueError, match="choose at least one column"):
        hc.Features(4, columns=())


RNG = np.random.default_rng(4)
LAYERS = [(5, 8), (8, 6), (6, 2)]
WEIGHTS = [RNG.normal(size=shape) / np.sqrt(shape[0]) for shape in LAYERS]
BIASES = [0.3 * RNG.normal(size=shape[1]) for shape in LAYERS]
MEAN, STD = RNG.normal(size=5), RNG.uniform(0.5, 2.0, 5)
NUMPY = {
    "tanh": np.tanh,
    "relu": lambda h: np.maximum(h, 0),
    "swish": lambda h: h / (1 + np.exp(-h)),
    "elu": lambda h: np.where(h > 0, h, np.expm1(h)),
}


@pytest.mark.parametrize("activation", NUMPY)
def test_policy_is_a_numpy_mlp(activation):
    policy = hc.Policy(
        hc.Features.of(PLANT), WEIGHTS, BIASES, MEAN, STD, activation=activation
    )
    ys = np.random.default_rng(0).normal(size=(30, 4))
    x, theta, dx, dtheta = ys.T
    h = (np.c_[x, np.sin(theta), np.cos(theta), dx, dtheta] - MEAN) / STD
    for w, b in zip(WEIGHTS[:-1], BIASES[:-1], strict=True):
        h = NUMPY[activation](h @ w + b)
    expected = np.tanh(h @ WEIGHTS[-1] + BIASES[-1])
    np.testing.assert_allclose(run(policy, ys), expected, atol=2e-6)
    assert np.std(expected) > 0.1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"activation": "gelu"}, "unknown activation 'gelu'; choose one of: elu, relu"),
        ({"mean": np.zeros(4)}, r"mean has \(4,\) entries, expected \(5,\)"),
        ({"std": np.ones(6)}, r"std has \(6,\) entries, expected \(5,\)"),
        ({"biases": BIASES[:2]}, "3 weight matrices for 2 biases"),
        ({"weights": [WEIGHTS[0], WEIGHTS[2], WEIGHTS[2]]}, "do not fit its neighb"),
        ({"biases": [BIASES[1], *BIASES[1:]]}, "do not fit its neighbours"),
        ({"weights": [], "biases": []}, "0 weight matrices for 0 biases"),
    ],
)
def test_bad_policies_are_refused(changes, sentence):
    fields = {"weights": WEIGHTS, "biases": BIASES, "mean": MEAN, "std": STD}
    with pytest.raises(ValueError, match=sentence):
        hc.Policy(hc.Features.of(PLANT), **(fields | changes))


# ---------------------------------------------------------------- energy swing-up


def test_swing_up_gives_the_acceleration_of_its_law():
    plant = hc.CartPole(0.8, 0.3, 0.6, 9.81, cart_friction=0.5, pole_friction=0.02)
    gains = {"pump": 3.0, "stiffness": 1.5, "damping": 0.7, "kick": 0.05}
    limits = {"margin": 0.1, "drive": 4.0, "track": 1.5, "wall": 100.0}
    pump = hc.EnergySwingUp(plant, **gains, **limits)
    y = np.random.default_rng(0).uniform([-2, -4, -2, -6], [2, 4, 2, 6], (200, 4))
    u = run(pump, y)
    given = jax.vmap(lambda x, u: plant.ode(0.0, x, u)[2])(
        jnp.asarray(y), jnp.asarray(u)
    )
    x, theta, dx, dtheta = y.T
    weight = 0.3 * 9.81 * 0.6
    energy = 0.5 * 0.3 * 0.6**2 * dtheta**2 - weight * np.cos(theta)
    power = -0.3 * 0.6 * dtheta * np.cos(theta)  # of the cart's acceleration
    power += 0.05 * np.sign(power)
    a = np.clip(3.0 * (weight + 0.1 - energy) * power, -4.0, 4.0)
    stop = x + dx * np.abs(dx) / (2 * 4.0)  # beyond the track's end it brakes
    a_cart = a - 1.5 * x - 0.7 * dx - 100 * (stop - np.clip(stop, -1.5, 1.5))
    np.testing.assert_allclose(given, a_cart, atol=1e-3)
    assert 20 < np.sum(np.abs(stop) < 1.5) < 180
    assert 20 < np.sum(np.abs(a) < 4.0) < 180  # clipped and not


def test_swing_up_raises_the_energy_from_exact_rest_and_keeps_it():
    pump = hc.EnergySwingUp(PLANT, track=2.0, limit=10.0)
    x0 = [[0.0, 0.0, 0.0, 0.0], [0.3, 0.5, 0.0, 0.0], [0.0, 3.0, 0.0, 6.0]]
    trace = hc.simulate(PLANT, pump, x0, seconds=20.0, dt=DT)
    _, theta, _, dtheta = np.moveaxis(np.asarray(trace.x, np.float64), 2, 0)
    energy = 0.05 * dtheta**2 - 0.981 * np.cos(theta)
    start, end = energy[:, 0], energy[:, -250:]
    np.testing.assert_allclose(start[:2], [-0.981, -0.981 * np.cos(0.5)])
    assert start[2] > 0.981 + 1  # the third has to be braked
    assert np.max(np.abs(end - 0.981)) < 0.1
    assert np.all(np.max(-np.cos(theta), axis=1) > 0.95)  # so it comes by the top
    assert np.max(np.abs(trace["x"])) <= 2.0 and np.max(np.abs(trace.u)) <= 10.0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"limit": 0.0}, "limit=0.0 must be above 0"),
        ({"limit": -1.0}, "limit=-1.0 must be above 0"),
        ({"drive": 0.0}, "drive=0.0 must be above 0"),
        ({"track": -2.4}, "track=-2.4 must be above 0"),
        ({"pump": np.nan}, "pump=nan is not finite"),
        ({"plant": None}, "needs a mechanical plant with one actuated coordinate"),
    ],
)
def test_bad_swing_ups_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        hc.EnergySwingUp(**({"plant": PLANT} | options))


# ---------------------------------------------------------------- guards


def holds(guard, y, age=0):
    return bool(guard(tick(y), np.int32(age)))


@pytest.mark.parametrize(
    ("y", "inside"),
    [
        ([0.0, np.pi, 0.0, 0.0], True),
        ([9.0, np.pi + 0.19, 0.0, -0.99], True),
        ([0.0, np.pi - 0.21, 0.0, 0.0], False),
        ([0.0, np.pi, 0.0, 1.01], False),
        ([0.0, -np.pi + 0.19, 0.0, 0.0], True),
        ([0.0, 5 * np.pi - 0.19, 0.0, 0.0], True),
        ([0.0, 4 * np.pi, 0.0, 0.0], False),
        ([0.0, np.nan, 0.0, 0.0], False),
        ([0.0, np.pi, 0.0, np.inf], False),
        ([np.nan, np.pi, 0.0, 0.0], True),  # a column that nobody asked about
    ],
)
def test_near_and_beyond_are_opposites(y, inside):
    tolerance = {"theta": 0.2, "dtheta": 1.0}
    assert holds(hc.near(UP, **tolerance), y) is inside
    assert holds(hc.beyond(UP, **tolerance), y) is not inside
    assert holds(~hc.near(UP, **tolerance), y) is not inside


def test_near_includes_its_edge():
    half = hc.near(POINT, s=0.5)
    assert holds(half, 0.5) and holds(half, -0.5) and not holds(half, 0.50001)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: hc.near(UP), "name at least one state: x, theta, dx, dtheta"),
        (lambda: hc.near(UP, phi=0.1), "no state 'phi'; the states are x, theta"),
        (lambda: hc.near(UP, x=0.0), "tolerance=.* must be above 0"),
        (lambda: hc.near(UP, x=-0.1), "tolerance=.* must be above 0"),
        (lambda: hc.beyond(UP, x=np.nan), "tolerance=.* is not finite"),
        (lambda: hc.after(0.1), "after=0.1 s needs dt to become ticks"),
        (lambda: hc.after(-1), "after=-1 ticks must not be negative"),
        (lambda: hc.after(-0.1, dt=DT), "after=-0.1 s must not be negative"),
        (lambda: hc.after(np.nan, dt=DT), "after=nan s must not be negative"),
        (lambda: LQR.V < 0.0, "rho=0.0 must be above 0"),
        (lambda: hc.level(LQR.V), "level needs a bound"),
        (lambda: hc.demands(LQR, 0.0), "limit=0.0 must be above 0"),
    ],
)
def test_bad_guards_are_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        make()


@pytest.mark.parametrize("guard", [hc.after(5), hc.after(0.1, dt=DT)])
def test_after_counts_ticks(guard):
    assert [holds(guard, 0.0, age) for age in (0, 4, 5, 6)] == [
        False,
        False,
        True,
        True,
    ]


def test_seconds_become_the_nearest_tick():
    for ticks in range(1, 200):  # 0.06 / 0.02 is 2.9999999999999996
        assert int(hc.after(ticks * 0.02, dt=0.02).ticks) == ticks


def test_level_is_inside_a_level_set():
    y = np.array([0.1, np.pi + 0.05, 0.0, 0.2])
    e = y - UP.x
    value = float(e @ LQR.X @ e)
    for guard in (LQR.V < 1.01 * value, hc.level(LQR.V < 1.01 * value)):
        assert holds(guard, y)
    assert not holds(LQR.V < 0.99 * value, y)
    assert not holds(hc.level(LQR.V, 0.99 * value), y)
    assert holds(LQR.V < 1.01 * value, y + 2 * np.pi * np.eye(4)[1])
    assert not holds(LQR.V < 1e9, [0, np.nan, 0, 0])


def test_demands_looks_before_the_limit():
    limited = hc.lqr(PLANT, UP, Q=[1, 10, 1, 1], R=[0.1], dt=DT, limit=2.0)
    y = np.array([0.0, np.pi + 0.2, 0.0, 0.0])
    wanted = 0.2 * LQR.K[0, 1]
    assert wanted > 10
    assert holds(hc.demands(limited, 0.99 * wanted), y)
    assert not holds(hc.demands(limited, 1.01 * wanted), y)
    assert holds(hc.demands(limited, 0.99 * wanted), 2 * UP.x - y)  # the other side
    assert holds(hc.demands(limited, 1e9), [0, np.nan, 0, 0])


@pytest.mark.parametrize("p", [True, False])
@pytest.mark.parametrize("q", [True, False])
def test_guards_combine_by_logic(p, q):
    a, b = (ALWAYS if value else ~ALWAYS for value in (p, q))
    assert holds(a & b, 0.0) is (p and q)
    assert holds(a | b, 0.0) is (p or q)
    assert holds(~a, 0.0) is (not p)
    assert holds(~(a & b) | (a & ~b), 0.0) is (not (p and q) or (p and not q))


def test_a_guard_has_no_truth_value():
    for mistake in (
        lambda: bool(ALWAYS),
        lambda: ALWAYS and hc.after(3),
        lambda: not hc.near(UP, x=1.0),
        lambda: 1.0 if LQR.V < 1.0 else 0.0,
    ):
        with pytest.raises(TypeError, match="no truth value; combine guards with"):
            mistake()


def test_guards_are_data():
    guard = hc.near(UP, x=0.5) & (LQR.V < 2.0)
    widths = np.array([0.1, 0.3, 0.5])
    sweep = jax.vmap(lambda w: hc.near(UP, x=w)(tick([0.2, 0, 0, 0]), 0))
    assert np.asarray(sweep(jnp.asarray(widths))).tolist() == [False, True, True]
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(guard))


# ---------------------------------------------------------------- machine

ABC = {name: hc.Constant([float(i)]) for i, name in enumerate("abc")}
AB = {name: ABC[name] for name in "ab"}
THERE_AND_BACK = {("a", "b"): ALWAYS, ("b", "a"): ALWAYS}


def modes(machine, ys):
    """Active modes as a word; the input is that of the mode."""
    u, mode = run(machine, ys)
    np.testing.assert_array_equal(u[:, 0], mode)
    return "".join("abc"[i] for i in mode)


def test_edges_are_tried_in_their_order():
    to_b, to_c = ("a", "b", ALWAYS), ("a", "c", ALWAYS)
    assert modes(hc.machine(ABC, [to_b, to_c]), np.zeros(2)) == "bb"
    assert modes(hc.machine(ABC, [to_c, to_b]), np.zeros(2)) == "cc"
    mapped = {edge[:2]: edge[2] for edge in (to_c, to_b)}
    assert modes(hc.machine(ABC, mapped), np.zeros(2)) == "cc"
    never = ("a", "c", ~ALWAYS)
    assert modes(hc.machine(ABC, [never, to_b]), np.zeros(2)) == "bb"


def test_one_transition_a_tick():
    edges = [("b", "c", ALWAYS), ("a", "b", ALWAYS), ("c", "a", ALWAYS)]
    assert modes(hc.machine(ABC, edges), np.zeros(7)) == "bcabcab"


def test_only_edges_of_the_active_mode_count():
    edges = [("b", "c", ALWAYS), ("c", "a", ALWAYS)]
    assert modes(hc.machine(ABC, edges), np.zeros(4)) == "aaaa"


@pytest.mark.parametrize("dwell", [0, 1, 2, 5])
def test_an_entered_mode_is_kept_for_its_dwell(dwell):
    kept = max(dwell, 1)
    machine = hc.machine(AB, THERE_AND_BACK, dwell)
    # the first mode may be left at once: b is entered at tick 0
    expected = ("b" * kept + "a" * kept) * 20
    assert modes(machine, np.zeros(20)) == expected[:20]


def test_the_first_mode_is_free_at_any_time():
    ys = np.array([0, 0, 0, 2, 0, 0, 0, 0, 2])
    edges = {("a", "b"): hc.beyond(POINT, s=1.0), ("b", "a"): hc.near(POINT, s=1.0)}
    assert modes(hc.machine(AB, edges, dwell=4), ys) == "aaabbbbaa"


@pytest.mark.parametrize(
    ("guard", "options"), [(hc.after(0.2, DT), {}), (ALWAYS, {"dwell": 0.1, "dt": DT})]
)
def test_seconds_that_became_ticks_hold_for_their_period(guard, options):
    machine = hc.machine(AB, {("a", "b"): guard & ~ALWAYS}, **options)
    for dt, every in ((0.01, 1), (DT, 2)):
        held = hc.Hold(machine, every)
        with pytest.raises(ValueError, match=r"was designed for dt=0\.02"):
            check_fit(hc.Pendulum(), held, hc.Loop(dt))
    check_fit(hc.Pendulum(), hc.Hold(machine, 2), hc.Loop(0.01))
    assert hc.after(5).dt is hc.machine(AB, {}, dwell=3, dt=DT).supervisor.dt is None


def test_dwell_in_seconds_becomes_ticks():
    assert int(hc.machine(AB, THERE_AND_BACK, 0.06, dt=DT).supervisor.dwell) == 3
    with_lqr = {"a": hc.Constant([0.0]), "b": 2.0 * LQR}
    known = hc.machine(with_lqr, THERE_AND_BACK, dwell=0.1)  # from the LQR's own dt
    assert int(known.supervisor.dwell) == 5
    assert int(hc.machine(AB, THERE_AND_BACK, dwell=7).supervisor.dwell) == 7
    by_seconds = hc.machine(AB, THERE_AND_BACK, 0.06, dt=DT)
    by_ticks = hc.machine(AB, THERE_AND_BACK, 3)
    assert modes(by_seconds, np.zeros(20)) == modes(by_ticks, np.zeros(20))


def test_after_counts_from_the_entry():
    edges = {("a", "b"): hc.after(3), ("b", "a"): hc.after(2)}
    assert modes(hc.machine(AB, edges), np.zeros(20)) == "aaabbaaabbaaabbaaabb"


def test_hysteresis_keeps_a_mode_between_its_guards():
    edges = {("a", "b"): hc.near(POINT, s=0.5), ("b", "a"): hc.beyond(POINT, s=1.0)}
    ys = [2.0, 0.9, 0.6, 0.4, 0.9, 0.99, 0.6, 1.1, 0.9, 0.51, 0.49, 0.9]
    assert modes(hc.machine(AB, edges), ys) == "aaabbbbaaabb"
    lost = [0.4, np.nan, np.nan, 0.4]
    assert modes(hc.machine(AB, edges), lost) == "baab"


def test_the_start_may_be_another_mode():
    machine = hc.machine(ABC, {("c", "a"): hc.after(2)}, start="c")
    assert modes(machine, np.zeros(4)) == "ccaa"
    seen = {name: MODE for name in "abc"}
    u, _ = run(hc.machine(seen, {("c", "a"): hc.after(2)}, start="c"), np.zeros(4))
    assert u[:, 0].tolist() == [2, 2, 2, 0]  # the mode before each tick


def test_modes_start_fresh_at_every_entry():
    counting = {"a": Counter(), "b": 10.0 * Counter()}
    edges = {("a", "b"): hc.after(3), ("b", "a"): hc.after(2)}
    u, _ = run(hc.machine(counting, edges), np.zeros(10))
    assert u[:, 0].tolist() == [1, 2, 3, 10, 20, 1, 2, 3, 10, 20]


def test_a_machine_inside_a_machine_starts_fresh_too():
    inner = hc.machine(AB, {("a", "b"): hc.after(2)})
    outer = hc.machine(
        {"in": inner, "out": hc.Constant([9.0])},
        {("in", "out"): hc.after(3), ("out", "in"): hc.after(1)},
    )
    u, mode = run(outer, np.zeros(8))
    assert u[:, 0].tolist() == [0, 0, 1, 9, 0, 0, 1, 9]
    assert mode.tolist() == [0, 0, 0, 1, 0, 0, 0, 1]  # of the outer one


def test_a_switch_with_one_mode_is_that_mode():
    ys = np.random.default_rng(0).normal(size=(50, 4))
    alone = hc.machine({"only": LQR}, [])
    zoo.same_bits(run(alone, ys)[0], run(LQR, ys))


def test_a_switch_takes_any_supervisor():
    ys = np.array([[1, 2, 3], [3, 2, 1], [0, 5, -5]])
    switch = hc.Switch(hc.Argmax(Y), ABC)
    assert switch.names == ("a", "b", "c")
    assert modes(switch, ys) == "cab"
    plain = hc.Switch(hc.Argmax(Y), list(ABC.values()))
    assert plain.names == ("mode0", "mode1", "mode2")
    assert hc.Switch(hc.Argmax(Y), AB.values(), ["x", "y"]).names == ("x", "y")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: hc.machine(AB, {("a", "z"): ALWAYS}),
            r"edge 'a' -> 'z': no mode 'z'; the modes are \('a', 'b'\)",
        ),
        (lambda: hc.machine(AB, {("z", "a"): ALWAYS}), "edge 'z' -> 'a': no mode 'z'"),
        (
            lambda: hc.machine(AB, {("a", "a"): ALWAYS}),
            "edge 'a' -> 'a' leads back to its own mode; remove it",
        ),
        (
            lambda: hc.machine(AB, [("a", "b", lambda y: True)]),
            "edge 'a' -> 'b' has a function where a guard is expected; use near",
        ),
        (lambda: hc.machine({}, {}), "a machine needs at least one mode, got none"),
        (lambda: hc.machine(AB, {}, start="z"), "start 'z' is no mode"),
        (lambda: hc.machine(AB, {}, dwell=0.1), "dwell=0.1 s needs dt to become ticks"),
        (lambda: hc.after(0.1, dt=-DT), "dt=-0.02 must be above 0"),
        (lambda: hc.after(0.1, dt=0), "dt=0 must be above 0"),
        (lambda: hc.after(float("inf"), dt=DT), "after=inf is not finite"),
        (lambda: hc.after("1", dt=DT), "after='1' is not a number"),
        (lambda: hc.after(True), "after=1.0 s needs dt"),
        (lambda: hc.machine(AB, {}, dwell=-1), "dwell=-1 ticks must not be negative"),
        (
            lambda: hc.machine({"a": lambda y: y}, {}),
            "mode 'a' is function, expected a Controller",
        ),
        (lambda: hc.Switch(Y, []), "a Switch needs at least one mode, got none"),
        (lambda: hc.Switch(Y, AB.values(), ["a"]), "1 names for 2 modes"),
        (
            lambda: hc.Switch(hc.StateMachine([ALWAYS], [0], [5]), AB),
            r"modes of edges=\(0, 5, 0\) must be places of modes, whole numbers from",
        ),
        (
            lambda: hc.StateMachine([ALWAYS], [0, 1], [1]),
            "a StateMachine has 1 guards, 2 sources and 1 targets; give one of each",
        ),
        (
            lambda: hc.Switch(hc.Hold(hc.Argmax(hc.Slot(3)), 5), AB),
            "Argmax chooses among 3 outputs, and there are 2 modes: a, b; give an",
        ),
    ],
)
def test_bad_machines_are_refused(make, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        make()


def test_the_reference_machine_swings_up_and_catches():
    task = hc.tasks.get("global")
    machine = hc.reference("machine", task)
    hanging, standing = np.zeros(4), UP.x
    _, mode = run(machine, np.array([hanging, hanging, standing, standing, hanging]))
    assert [machine.names[i] for i in mode] == [
        "swing",
        "swing",
        "balance",
        "balance",
        "swing",
    ]


# ---------------------------------------------------------------- fill


def test_fill_gives_the_slot_the_agent_s_output():
    ys = np.random.default_rng(0).normal(size=(20, 4))
    agent = hc.Sequence(np.random.default_rng(1).uniform(-1, 1, (20, 1)))
    filled = hc.fill(LQR + 5.0 * hc.Slot(1), agent)
    expected = run(LQR, ys) + 5.0 * agent.u
    np.testing.assert_allclose(run(filled, ys), expected, rtol=1e-5, atol=1e-5)


def test_slots_get_their_parts_in_order():
    template = 1.0 * hc.Slot(1) + 10.0 * hc.Slot(1)
    assert once(hc.fill(template, hc.Constant([2.0, 3.0]))).tolist() == [32.0]
    wide = hc.Mix(hc.Slot(2), [hc.Constant([1.0]), hc.Constant([10.0])])
    filled = hc.fill(wide + 100.0 * hc.Slot(1), hc.Constant([2.0, 3.0, 4.0]))
    assert once(filled).tolist() == [432.0]


def test_an_agent_of_another_size_is_refused():
    for template, size in (
        (hc.Slot(2), 2),
        (hc.Slot(1) + hc.Slot(1), 2),
        (hc.Slot(1) + hc.Mix(hc.Slot(2), [LQR, LQR]), 3),
    ):
        with pytest.raises(
            ValueError,
            match=rf"the Slots take {size} outputs together, the agent gives .*\(1,\)",
        ):
            hc.fill(template, hc.Constant([1.0]))


def test_what_cannot_be_filled_is_refused():
    with pytest.raises(ValueError, match=r"no Slot to fill; add one: \+ 5.0"):
        hc.fill(LQR, hc.Constant([1.0]))
    with pytest.raises(ValueError, match="a Slot takes a Controller, got function"):
        hc.fill(hc.Slot(1), lambda y: y)


def test_the_agent_sees_the_root_tick_in_every_mode():
    modes = {"a": hc.Constant([0.0]), "b": 10.0 * hc.Slot(1)}
    template = hc.machine(modes, {("a", "b"): hc.after(2)})
    u, mode = run(hc.fill(template, Y), [1.0, 2.0, 3.0, 4.0])
    assert mode.tolist() == [0, 0, 1, 1]
    assert u[:, 0].tolist() == [0.0, 0.0, 30.0, 40.0]
    # a counting agent has counted in mode a too
    u, _ = run(hc.fill(template, Counter()), np.zeros(4))
    assert u[:, 0].tolist() == [0.0, 0.0, 30.0, 40.0]


def test_the_agent_sees_the_mode_before_its_tick():
    modes = {"a": hc.Slot(1), "b": hc.Slot(1)}
    template = hc.machine(modes, {("a", "b"): hc.after(2), ("b", "a"): hc.after(2)})
    u, mode = run(hc.fill(template, np.ones(2) * MODE), np.zeros(8))
    assert mode.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert u[:, 0].tolist() == [0, 0, 0, 1, 1, 0, 0, 1]


def test_the_agent_of_a_held_slot_decides_every_nth_tick():
    template = LQR + 2.0 * hc.Hold(hc.Slot(1), every=4)
    rest = np.tile(UP.x, (10, 1))
    held = run(hc.fill(template, Counter()), rest)[:, 0]
    np.testing.assert_allclose(held, [2, 2, 2, 2, 4, 4, 4, 4, 6, 6], atol=1e-4)
    decision = run(hc.fill(template, K), rest)[:, 0]
    np.testing.assert_allclose(decision, [0, 0, 0, 0, 2, 2, 2, 2, 4, 4], atol=1e-4)


def test_slots_held_differently_share_the_common_decisions():
    template = hc.Hold(hc.Slot(1), every=4) + 100.0 * hc.Hold(hc.Slot(1), every=6)
    u = run(hc.fill(template, np.ones(2) * K), np.zeros(14))[:, 0]
    # decisions every 2 ticks, numbered k // 2; taken at 0, 4, 8 … and 0, 6, 12 …
    expected = [k // 4 * 2 + 100 * (k // 6 * 3) for k in range(14)]
    assert u.tolist() == expected
    one_is_not = hc.Hold(hc.Slot(1), every=4) + 100.0 * hc.Slot(1)
    u = run(hc.fill(one_is_not, np.ones(2) * K), np.zeros(9))[:, 0]
    assert u.tolist() == [k // 4 * 4 + 100 * k for k in range(9)]


def test_a_slot_held_in_a_mode_takes_the_decision_of_its_entry():
    swing = hc.Hold(hc.Slot(1), every=4)
    modes = {"wait": hc.Constant([-1.0]), "swing": swing}
    template = hc.machine(modes, {("wait", "swing"): hc.after(6)})
    u, _ = run(hc.fill(template, K), np.zeros(13))
    assert u[6:, 0].tolist() == [1, 1, 2, 2, 2, 2, 3]


def test_a_learned_mode_policy_chooses_every_nth_tick():
    scores = hc.Sequence([[0, 1, 2], [5, 1, 2], [0, 1, 0.5]])
    template = hc.Switch(hc.Hold(hc.Argmax(hc.Slot(3)), every=5), ABC)
    assert modes(hc.fill(template, scores), np.zeros(15)) == "c" * 5 + "a" * 5 + "b" * 5
