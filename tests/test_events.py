"""Plants with events, against closed forms and laws of mechanics."""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from jax import Array

import hybridctl as hc
from hybridctl.checks import as_float, cast
from hybridctl.loop import begin, step
from hybridctl.plants.flow import fixed_step, rk4
from hybridctl.tasks import Box, Cost

pytestmark = pytest.mark.numeric

IDLE = hc.Constant([0.0])
TIGHT = {"solver": "dopri5", "rtol": 1e-10, "atol": 1e-12}
FINE = {"solver": "dopri5", "rtol": 1e-12, "atol": 1e-13}


def bounce(x0, options, **parameters):
    """A ball over 4.2 s in float64; one shape, so one compilation a solver."""
    with jax.enable_x64(True):
        ball = hc.BouncingBall(**parameters)
        return hc.simulate(ball, IDLE, x0, 4.2, dt=0.02, **options)


def impacts(n, g=9.81, e=0.8, height=1.0):
    speed = np.sqrt(2 * g * height)
    return np.cumsum([speed / g, *(2 * speed / g * e ** np.arange(1, n))])


def times(trace):
    return np.array([t for t, _ in trace.events])


# ---------------------------------------------------------------- ball


@pytest.mark.parametrize("options", [TIGHT, {}], ids=["dopri5", "rk4"])
def test_ten_impacts_are_where_they_must_be(options):
    trace = bounce([1.0, 0.0], options)
    assert {name for _, name in trace.events} == {"impact"}
    np.testing.assert_allclose(times(trace)[:10], impacts(10), rtol=0, atol=1e-8)
    # it rests where the infinitely many bounces end, and stays there
    end = impacts(400)[-1]
    last = times(trace)[-1]
    assert end - 1e-3 < last <= end + 0.15
    assert np.all(np.asarray(trace.x)[trace.t > last + 0.02] == 0.0)


def test_impacts_in_float32():
    trace = hc.simulate(hc.BouncingBall(), IDLE, [1.0, 0.0], 4.2, dt=0.02)
    np.testing.assert_allclose(times(trace)[:10], impacts(10), rtol=0, atol=2e-6)


@pytest.mark.parametrize("options", [TIGHT, {}], ids=["dopri5", "rk4"])
@pytest.mark.parametrize(
    ("x0", "first"),
    [
        ([0.0, -2.0], 0.0),  # on the floor and falling
        ([-0.1, -2.0], 0.0),  # beyond it and falling
        ([-0.1, 1.5], 0.20761),  # beyond it and on the way back
        ([0.0, 2.0], 4.0 / 9.81),  # leaving it
        ([0.0, 0.0], None),  # at rest
    ],
)
def test_starts_on_and_beyond_the_floor(options, x0, first):
    trace = bounce(x0, options)
    if first is None:
        assert trace.events == [] and not np.any(trace.x)
    else:
        assert trace.events[0][0] == pytest.approx(first, abs=1e-5)
        assert np.all(np.asarray(trace.x[trace.t > first + 0.02, 0]) > -0.01)


def test_a_force_lifts_a_ball_that_rests():
    u = np.where(np.arange(210) < 50, 0.0, 12.0)[:, None]
    with jax.enable_x64(True):
        trace = hc.simulate(hc.BouncingBall(), hc.Sequence(u), [0.0, 0.0], 4.2, dt=0.02)
    flown = 0.5 * (12.0 - 9.81) * np.maximum(trace.t - 1.0, 0.0) ** 2
    np.testing.assert_allclose(trace["z"], flown, atol=1e-9)


def test_chattering_is_refused_in_one_sentence():
    for options, after in ((TIGHT, 4.04), ({}, 3.5)):
        match = r"event 'impact' chatters \(Zeno\) from t=\S+ s on; .*rest.* shorter dt"
        with pytest.raises(ValueError, match=match) as error:
            bounce([1.0, 0.0], options, rest=0.0) if options else hc.simulate(
                hc.BouncingBall(rest=0.0), IDLE, [1.0, 0.0], 8.0, dt=0.02
            )
        assert after < float(str(error.value).split("t=")[1].split()[0]) < 4.2


def test_where_nothing_can_be_raised_zeno_is_not_finite_and_alone():
    ball = hc.BouncingBall(e=0.95, rest=0.0)
    run = lambda x0: hc.simulate(ball, IDLE, x0, 1.0, dt=0.1, solver="tsit5").x  # noqa: E731
    x = np.asarray(jax.jit(jax.vmap(run))(jnp.array([[5e-4, 0.0], [1.0, 0.0]])))
    assert np.isnan(x[0, -1]).all() and np.isfinite(x[0, :3]).all()
    assert np.isfinite(x[1]).all()


# ---------------------------------------------------------------- thermostat


@pytest.mark.parametrize("options", [TIGHT, {}], ids=["dopri5", "rk4"])
def test_switchings_are_where_they_must_be(options):
    with jax.enable_x64(True):
        room = hc.Thermostat()
        trace = hc.simulate(room, IDLE, [20.0, 1.0], 1000.0, dt=2.0, **options)
        hot = hc.simulate(room, IDLE, [40.0, 1.0], 1000.0, dt=2.0, **options)
    T, at = 20.0, 0.0
    assert len(trace.events) == 7
    for i, (t, name) in enumerate(trace.events):
        ends, goal = (28.0, 21.0) if i % 2 == 0 else (10.0, 19.0)
        at += 600.0 * np.log((T - ends) / (goal - ends))
        T = goal
        assert t == pytest.approx(at, abs=1e-8) and name == ("off", "on")[i % 2]
    # so hot that it cools even while heating: switched off at once nevertheless
    assert hot.events[0] == (0.0, "off")
    assert set(np.unique(trace["heater"])) == {0.0, 1.0}


# ---------------------------------------------------------------- end stops


@functools.cache
def elastic():
    with jax.enable_x64(True):
        plant = hc.EndStops(hc.CartPole(), ends=0.25, e=1.0)
        trace = hc.simulate(plant, IDLE, [0.0, 2.5, 1.0, 0.0], 14.0, dt=0.1, **FINE)
        return trace, np.asarray(jax.vmap(plant.energy)(trace.x))


def test_elastic_end_stops_keep_the_energy():
    trace, energy = elastic()
    assert len(trace.events) >= 20
    assert np.max(np.abs(energy / energy[0] - 1)) < 1e-8
    assert np.max(np.abs(trace["x"])) <= 0.25 + 1e-12


@pytest.mark.parametrize("side", [-1, 1])
def test_an_impact_is_an_impulse_on_the_cart(side):
    """M(q) (dq⁺ - dq) has no entry but the cart's; the cart's speed turns by -e."""
    rng = np.random.default_rng(0)
    m_c, m_p, L, e = 0.7, 0.3, 0.8, 0.6
    plant = hc.EndStops(hc.CartPole(m_c, m_p, L), ends=[-1.0, 1.0], e=e)
    for theta, dx, dtheta in rng.uniform(0.5, 3.0, (5, 3)):
        x = np.array([side, theta, side * dx, dtheta])
        with jax.enable_x64(True):
            rows = plant.resets(jnp.zeros(()), jnp.asarray(x), jnp.zeros(1))
        after = np.asarray(rows[(side + 1) // 2])
        couple = m_p * L * np.cos(theta)
        mass = np.array([[m_c + m_p, couple], [couple, m_p * L**2]])
        impulse = mass @ (after[2:] - x[2:])
        assert impulse[0] * side < 0 and abs(impulse[1]) < 1e-12
        assert after[2] == pytest.approx(-e * side * dx)
        np.testing.assert_array_equal(after[:2], x[:2])


def test_a_cart_pushed_against_a_stop_rests_there_and_leaves_when_pulled():
    plant = hc.EndStops(hc.CartPole(), ends=1.0, e=0.5)
    u = np.where(np.arange(300) < 250, 5.0, -5.0)[:, None]
    trace = hc.simulate(plant, hc.Sequence(u), [0.0, 0.3, 0.0, 0.0], 6.0)
    high = [t for t, name in trace.events if name == "high end"]
    assert 3 < len(high) < 20 and high[-1] < 4.0
    np.testing.assert_array_equal(trace["x"][200:251], 1.0)
    assert np.ptp(trace["theta"][200:251]) > 0.01  # the pole swings on
    assert np.all(np.diff(trace["x"][251:270]) < 0)


def test_end_stops_refuse_what_they_cannot_hold():
    with pytest.raises(ValueError, match=r"is a BouncingBall; .* needs a mechanical"):
        hc.EndStops(hc.BouncingBall())
    with pytest.raises(ValueError, match="swap them"):
        hc.EndStops(hc.CartPole(), ends=[1.0, -1.0])
    with pytest.raises(ValueError, match=r"e=1.1 must not exceed 1; give 0 to 1"):
        hc.EndStops(hc.CartPole(), e=1.1)
    with pytest.raises(ValueError, match=r"low=21\.0 must be below high=19\.0; swap"):
        hc.Thermostat(low=21.0, high=19.0)


# ---------------------------------------------------------------- order


class Probe(hc.HybridPlant):
    """Two clocks that run down together, and a guard that touches zero."""

    takes: Array = eqx.field(converter=as_float, default=0.0)
    depth: Array = eqx.field(converter=as_float, default=0.0)
    pace: Array = eqx.field(converter=as_float, default=1.0)

    states: ClassVar[tuple[str, ...]] = ("a", "b", "log", "s")
    inputs: ClassVar[tuple[str, ...]] = ("u",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType({})
    angles: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({})
    events: ClassVar[tuple[str, ...]] = ("a", "b", "touch")

    def ode(self, t, x, u):
        one = jnp.ones_like(x[0])
        return jnp.stack([-one * self.pace, -one, 0 * one, one])

    def guards(self, t, x, u):
        return jnp.stack([x[0], x[1], (x[3] - 0.25) ** 2 - self.depth])

    def resets(self, t, x, u):
        a, b, log, s = x
        first = [a + 9.0, b + self.takes, 10 * log + 1, s]
        second = [a, b + 9.0, 10 * log + 2, s]
        return jnp.stack([jnp.stack(r) for r in (first, second, [a, b, log, s + 1])])


@pytest.mark.parametrize("options", [TIGHT, {}], ids=["dopri5", "rk4"])
def test_simultaneous_events_and_grazing(options):
    def run(a=0.633, **parameters):
        with jax.enable_x64(True):
            x0 = [a, 0.633, 0.0, 0.0]
            trace = hc.simulate(Probe(**parameters), IDLE, x0, 1.0, 0.1, **options)
        return trace.events, float(trace.x[-1, 2])

    events, log = run()
    assert [name for _, name in events] == ["a", "b"] and log == 12
    late = 0.0 if options else 0.05  # rk4: the second at the begin of the next substep
    assert events[0][0] == pytest.approx(0.633, abs=1e-9)
    assert 0 <= events[1][0] - events[0][0] <= late + 1e-9
    events, log = run(takes=1.0)  # the first takes the second back
    assert [name for _, name in events] == ["a"] and log == 1
    events, _ = run(depth=0.01)  # no longer grazing
    assert events[0] == (pytest.approx(0.15, abs=1e-8), "touch")
    events, _ = run(a=0.0, pace=0.0)  # one that rests at zero hides no other
    assert events == [(pytest.approx(0.633, abs=1e-9), "b")]


class Lamp(hc.Automaton):
    """Two locations; its three maps do not commute."""

    states: ClassVar[tuple[str, ...]] = ("s", "log", "location")
    inputs: ClassVar[tuple[str, ...]] = ("u",)
    units: ClassVar[Mapping[str, str]] = MappingProxyType({})
    angles: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[Mapping[str, float]] = MappingProxyType({})
    events: ClassVar[tuple[str, ...]] = ("flip",)

    def ode(self, t, x, u):
        return jnp.stack([jnp.ones_like(x[0]), 0 * x[1], 0 * x[2]])

    def guards(self, t, x, u):
        return jnp.stack([0.33 - x[0]])

    def exit(self, t, x, u):
        return x.at[1].set(10 * x[1] + 1 + x[2])

    def transitions(self, t, x, u):
        return jnp.stack([0 * x[0], 10 * x[1] + 5, 1 - x[2]])[None]

    def entry(self, t, x, u):
        return x.at[1].set(10 * x[1] + 1 + x[2])


def test_exit_of_the_old_then_transition_then_entry_of_the_new_location():
    trace = hc.simulate(Lamp(), IDLE, [0.0, 0.0, 0.0], 0.5, dt=0.1)
    assert [name for _, name in trace.events] == ["flip"]
    assert float(trace.x[-1, 1]) == 152  # exit of 0: 1, transition: 5, entry of 1: 2


class Counter(hc.Controller):
    """Outputs how often it was stepped since its entry, plus an offset."""

    offset: float

    def init(self, tick):
        return jnp.zeros(())

    def step(self, state, tick):
        return state + 1, jnp.stack([state + 1 + self.offset])


def test_a_mode_is_left_before_the_next_is_entered_and_decides_in_the_same_tick():
    modes = {"a": Counter(0.0), "b": Counter(100.0)}
    edges = {("a", "b"): hc.after(3), ("b", "a"): hc.after(2)}
    trace = hc.simulate(hc.BouncingBall(), hc.machine(modes, edges), [9.0, 0.0], 0.14)
    expected = [1, 2, 3, 101, 102, 1, 2]  # the old mode not stepped, the new one fresh
    np.testing.assert_array_equal(trace.u[:, 0], expected)


# ---------------------------------------------------------------- in the loop


def test_plants_without_events_pay_nothing():
    """The program of a plain plant is the bare Runge-Kutta scan, word for word."""
    h = 0.01

    def bare(plant, t, x, u):
        at = lambda i: t + i.astype(x.dtype) * h  # noqa: E731
        body = lambda x, i: (rk4(plant, at(i), x, u, h), None)  # noqa: E731
        return jax.lax.scan(body, x, jnp.arange(2))[0]

    arguments = cast(hc.CartPole()), jnp.zeros(()), jnp.ones(4), jnp.ones(1)
    program = lambda f: str(jax.make_jaxpr(f)(*arguments))  # noqa: E731
    assert program(fixed_step(0.02, 2)) == program(bare)
    trace = hc.simulate(hc.CartPole(), IDLE, np.zeros(4), 0.1)
    assert trace.hits is None and trace.events == []
    assert "events" not in trace.to_dict()


def task(plant, x, spread):
    n = len(x)
    centre = hc.Equilibrium(np.asarray(x), [0.0], plant.states, plant.angles)
    far = hc.beyond(centre, **{plant.states[0]: 100.0})
    return hc.Task(
        "events", plant, hc.Loop(0.02), centre, Box.around(x, spread),
        Cost(np.asarray(x), np.ones(n), [0.1], plant.angles), far, ~far, seconds=2.0,
    )  # fmt: skip


STOPS = hc.EndStops(hc.CartPole(), ends=0.5, e=0.5)


@pytest.mark.parametrize(
    ("plant", "x"),
    [
        (hc.BouncingBall(), [0.3, 0.0]),
        pytest.param(STOPS, [0.0, 3.0, 0.0, 0.0], marks=pytest.mark.slow),
    ],
)
def test_env_at_256_is_simulate_bit_for_bit(plant, x):
    here = task(plant, x, np.full(len(x), 0.2))
    env = hc.Env(here, 10.0 * hc.Slot(1), training=False)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (100, 1)).astype(np.float32)

    @jax.jit
    def rollout(keys):
        def body(state, action):
            state = jax.vmap(env.step, (0, None))(state, action)
            return state, (state.pipeline_state.x, state.obs)

        state = jax.vmap(env.reset)(keys)
        return state.pipeline_state.x, jax.lax.scan(body, state, actions)[1]

    x0, (xs, obs) = rollout(jax.random.split(jax.random.PRNGKey(1), 256))
    assert np.isfinite(xs).all() and np.isfinite(obs).all()
    replayed = hc.Sequence(10.0 * actions)
    trace = hc.simulate(plant, replayed, x0, 2.0, loop=here.loop)
    zoo.same_bits(np.swapaxes(xs, 0, 1), trace.x[:, 1:])
    met = np.any(np.asarray(trace.hits.index) >= 0, axis=(1, 2))
    assert met.sum() > 100


def test_derivatives_go_through_events():
    """Of the state after impacts, by start and restitution, and none is NaN."""
    loop = hc.Loop(0.02)

    def after(height, e):
        plant = hc.BouncingBall(e=e)
        state = begin(loop, IDLE, plant, jnp.stack([height, 0 * height]))
        walk = lambda s, _: (step(loop, IDLE, s)[0], None)  # noqa: E731
        return jax.lax.scan(walk, state, None, 50)[0].x[0]

    with jax.enable_x64(True):
        at = jnp.array(1.0), jnp.array(0.8)
        slope = jax.jit(jax.grad(after, (0, 1)))(*at)
    v, g, t = np.sqrt(2 * 9.81), 9.81, 1.0
    since = t - v / g
    # z = e v τ - g τ²/2 with τ = t - v / g and dv/dh = g / v
    by_height = (0.8 * since * g / v) - (0.8 * v - g * since) / v
    np.testing.assert_allclose(slope, [by_height, v * since], rtol=1e-8)


def test_a_trace_tells_and_draws_its_events():
    ball = hc.BouncingBall()
    trace = hc.simulate(ball, IDLE, [[0.3, 0.0], [1.0, 0.0]], 0.5)
    assert [name for _, name in trace[1].events] == ["impact"]
    assert trace[1].to_dict()["events"] == [[pytest.approx(0.4515, abs=1e-4), "impact"]]
    with pytest.raises(ValueError, match="choose one first"):
        trace.events  # noqa: B018
    assert trace[0].hits is not None
    axis = trace[1].plot().axes[0]
    marks = axis.collections[0].get_segments()
    assert len(axis.lines) == 1 and [len(m) for m in marks] == [2]  # one impact
    assert marks[0][0][0] == pytest.approx(0.4515, abs=1e-4)
