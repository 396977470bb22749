"""Time after an hour, lanes that are lost alone, stiff plants: in float32."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.loop import begin, step
from hybridctl.loop.integrate import motion_of
from hybridctl.loop.loop import time_of

pytestmark = pytest.mark.numeric

IDLE = hc.Constant([0.0])
HOUR = 3_600_000  # periods of 1 ms
SPINNER = hc.Plant.from_function(lambda t, x, u: [x[1], -x[0]], ["x", "v"], ["u"])
ESCAPE = hc.Plant.from_function(lambda t, x, u: [x[0] ** 2 + u[0]], ["x"], ["u"])


class Breaks(hc.Controller):
    """Not a number in period 3, where the state is above 0.5."""

    def init(self, tick):
        return None

    def step(self, state, tick):
        bad = (tick.k == 3) & (tick.y[0] > 0.5)
        return state, jnp.where(bad, jnp.nan, 0.0)[None]


class Rider(hc.Controller):
    """cos(2 t), told by the tick."""

    def init(self, tick):
        return None

    def step(self, state, tick):
        return state, jnp.cos(2.0 * tick.t)[None]


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 1 / 3, 0.02, 2.0])
def test_time_is_right_to_its_last_bit(dt):
    k = np.concatenate([np.arange(5000), np.linspace(5000, 2**31 - 1, 5000)])
    k = k.astype(np.int32)
    t = np.asarray(jax.jit(lambda k: time_of(k, dt, jnp.float32))(k), float)
    off = (t - k * dt) / np.spacing((k * dt).astype(np.float32)).astype(float)
    assert np.abs(off).max() <= 1.01 and abs(off.mean()) < 0.02


def later(plant, controller, x0, solver, k, n=200):
    """States [n, n_x] and events from period k on, of 1 ms."""
    loop = hc.Loop(1e-3)
    motion = motion_of(solver, loop.dt, loop.substeps)

    @jax.jit
    def run(k):
        start = begin(loop, controller, plant, jnp.asarray(x0))
        start = eqx.tree_at(lambda s: s.k, start, k)

        def body(state, _):
            state, sample = step(loop, controller, state, motion)
            return state, (state.x, sample.hits)

        return jax.lax.scan(body, start, None, n)[1]

    return [jax.tree.map(np.asarray, run(jnp.int32(at))) for at in (0, k)]


@pytest.mark.parametrize("solver", ["rk4", "dopri5", "kvaerno5"])
def test_an_hour_later_a_plant_and_a_reference_in_time_are_where_they_must_be(solver):
    """x' = cos(2 t) + u, u = cos(2 t) held: integrals and sums in closed form."""
    plant = hc.Plant.from_function(
        lambda t, x, u: [jnp.cos(2.0 * t), u[0]], ["x", "z"], ["u"]
    )
    both = later(plant, Rider(), [0.0, 0.0], solver, HOUR)
    for k, (x, _) in zip((0, HOUR), both, strict=True):
        t = 1e-3 * (k + np.arange(201))
        flown = np.diff(np.sin(2 * t)).cumsum() / 2
        held = 1e-3 * np.cumsum(np.cos(2 * t[:-1]))
        np.testing.assert_allclose(x, np.stack([flown, held], 1), atol=3e-5)


@pytest.mark.slow
def test_an_hour_later_an_event_is_at_the_same_offset():
    for solver in ("rk4", "tsit5"):
        ball = hc.BouncingBall()
        (x, hits), (y, late) = later(ball, IDLE, [0.05, 0.0], solver, HOUR)
        assert (hits.index >= 0).sum() >= 1
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(hits.offset, late.offset)


@pytest.mark.parametrize(("solver", "dt"), [("dopri5", 1e-3), ("tsit5", 0.02)])
def test_adaptive_solvers_lose_no_time(solver, dt):
    trace = hc.simulate(SPINNER, IDLE, [1.0, 0.0], 4000 * dt, dt, solver=solver)
    x = np.asarray(trace.x, float)
    phase = np.unwrap(np.arctan2(-x[:, 1], x[:, 0]))
    assert abs(phase[-1] - trace.t[-1]) < 2e-4


SOLVERS = "rk4", "tsit5", "dopri5", "kvaerno5"


@pytest.mark.parametrize("solver", zoo.sweep(SOLVERS, SOLVERS[2:]))
def test_a_lane_is_lost_alone(solver):
    """x' = x² escapes at 1 / x0; 0.1 is at 1 / (10 - t). NaN stays NaN."""
    starts = [[2.0], [0.1], [jnp.nan]]
    run = lambda x0, c: hc.simulate(ESCAPE, c, x0, 0.8, 0.02, solver=solver).x  # noqa: E731
    x = np.asarray(run(starts[:2], IDLE))
    assert not np.isfinite(x[0, -1]).any()
    np.testing.assert_allclose(x[1, -1], 1 / 9.2, rtol=1e-5)
    broken = np.asarray(run([[0.6], [0.1]], Breaks()))
    assert np.isfinite(broken[0, :4]).all() and np.isnan(broken[0, 4:]).all()
    np.testing.assert_allclose(broken[1, -1], 1 / 9.2, rtol=1e-5)
    lanes = jax.vmap(lambda x0: run(x0, IDLE))(jnp.array(starts))
    assert np.isnan(lanes[2]).all()
    np.testing.assert_allclose(lanes[1, -1], 1 / 9.2, rtol=1e-5)
    alone = np.asarray(run(starts[0], IDLE))  # one run is told as a lane is
    assert not np.isfinite(alone[-1]).any()


@pytest.mark.parametrize("solver", zoo.sweep(SOLVERS[:2], ["tsit5"]))
def test_a_lane_of_events_is_lost_alone(solver):
    ball, starts = hc.BouncingBall(e=0.95, rest=0.0), [[5e-4, 0.0], [1.0, 0.0]]
    dt = 0.02 if solver == "rk4" else 0.1
    run = lambda x0: hc.simulate(ball, IDLE, x0, 3.0, dt, solver=solver).x  # noqa: E731
    x = np.asarray(run(starts))
    assert np.isnan(x[0, -1]).all() and np.isfinite(x[1]).all()
    x = np.asarray(jax.vmap(run)(jnp.array([[jnp.nan, 0.0], [1.0, 0.0]])))
    assert not np.isfinite(x[0]).all(axis=-1).any() and np.isfinite(x[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("stiff", [1e3, 1e6])
def test_a_stiff_plant_in_float32(stiff):
    """One program for both; x' = -k (x - u), and a motor with L / R of 0.1 ms."""

    def slow(t, x, u, p):
        fast = -p["k"] * (x[0] - u[0])
        motor = (12 - x[1] - 0.05 * x[2]) / 1e-4
        return [fast, motor, (0.05 * x[1] - 1e-4 * x[2]) / 1e-4]

    names, known = ["x", "i", "w"], {"k": stiff}
    plant = hc.Plant.from_function(slow, names, ["u"], parameters=known)
    one = hc.Constant([1.0])
    trace = hc.simulate(plant, one, [0.0, 0.0, 0.0], 1.0, 0.02, solver="kvaerno5")
    np.testing.assert_allclose(trace.x[1, 0], 1.0, rtol=1e-5)
    np.testing.assert_allclose(trace.x[-1], [1.0, 12 / 26, 6000 / 26], rtol=1e-4)
    with pytest.raises(ValueError, match=r"rtol=1e-10 is finer .* JAX_ENABLE_X64=1"):
        hc.simulate(plant, one, [0.0] * 3, 1.0, solver="kvaerno5", rtol=1e-10)
    for bad in (0.0, -1.0, float("nan"), "fine"):
        with pytest.raises(ValueError, match="rtol"):
            hc.simulate(plant, one, [0.0] * 3, 1.0, solver="tsit5", **{"rtol": bad})
