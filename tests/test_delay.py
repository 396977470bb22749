"""LQR behind a delay and a lag: by eigenvalues, by scipy and in simulation."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

import hybridctl as hc
from hybridctl.checks import cast
from hybridctl.design.discretize import sampled
from hybridctl.design.wellposed import problem
from hybridctl.loop.loop import begin, step

pytestmark = pytest.mark.numeric

DT, N_X = 0.02, 4
PLANT = hc.CartPole()
UP = PLANT.upright()
COST = [1.0, 10, 1, 1], 0.1
NAIVE = hc.lqr(PLANT, UP, *COST, DT)
CASES = [(1, None), (3, None), (0, 0.05), (3, 0.05)]


def loop_of(delay, lag=None, limit=10.0):
    return hc.Loop(DT, actuator=hc.Actuator(limit=limit, delay=delay, lag=lag))


def explicit(delay, lag):
    """A, B and the weight of [z; asked], z = [e; lag's output; pending inputs]."""
    p = sampled(problem(*hc.linearize(PLANT, UP), *COST, None), DT)
    a = 1.0 if lag is None else 1 - np.exp(-DT / lag)
    lagged, n = lag is not None, N_X + (lag is not None) + delay
    source = np.eye(n + 1)[n if not delay else N_X + lagged]  # what enters the lag
    applied = a * source + ((1 - a) * np.eye(n + 1)[N_X] if lagged else 0)
    F = np.zeros((n, n + 1))
    F[:N_X, :N_X] = p.A
    F[:N_X] += p.B @ applied[None]
    if lagged:
        F[N_X] = applied
    for i in range(delay):
        F[N_X + lagged + i, N_X + lagged + i + 1] = 1
    seen = np.vstack([np.eye(N_X, n + 1), applied])
    W = seen.T @ np.block([[p.Q, p.N], [p.N.T, p.R]]) @ seen
    return F[:, :n], F[:, n:], W


@pytest.mark.parametrize(("delay", "lag"), CASES)
def test_gain_and_cost_to_go_are_those_of_scipy(delay, lag):
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop_of(delay, lag))
    A, B, W = explicit(delay, lag)
    n = len(A)
    X = linalg.solve_discrete_are(A, B, W[:n, :n], W[n:, n:], s=W[:n, n:])
    S = W[n:, n:] + B.T @ X @ B
    K = np.linalg.solve(S, B.T @ X @ A + W[n:, :n])
    np.testing.assert_allclose(made.K, K, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(made.X, X, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("delay", "lag"), CASES[1::2])
def test_poles_are_those_of_the_explicit_model(delay, lag):
    loop = loop_of(delay, lag)
    A, B, _ = explicit(delay, lag)
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop)
    for controller, K in ((made, made.K), (NAIVE, np.pad(NAIVE.K, (0, len(A) - 4)))):
        gain = np.atleast_2d(K)[:1, : len(A)]
        expected = np.sort(np.abs(np.linalg.eigvals(A - B @ gain)))[::-1][:4]
        found = np.abs(hc.closed_loop(PLANT, controller, loop, UP).poles)[:4]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_augmented_design_bridges_what_the_naive_one_does_not():
    loop = loop_of(6)
    aware = hc.lqr(PLANT, UP, *COST, DT, loop=loop)
    naive, better = (
        np.abs(hc.closed_loop(PLANT, c, loop, UP).poles)[0] for c in (NAIVE, aware)
    )
    assert better < 0.98 < 1.01 < naive
    start = [0, np.pi - 0.02, 0, 0]
    ends = [hc.simulate(PLANT, c, start, 6.0, loop=loop) for c in (NAIVE, aware)]
    away = [float(np.abs(trace.error("theta", UP)[-50:]).max()) for trace in ends]
    assert away[0] > 0.05 and away[1] < 1e-3


def test_cost_to_go_is_what_is_spent():
    loop = loop_of(3, 0.05)
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop)
    trace = hc.simulate(PLANT, made, [0, np.pi - 0.01, 0, 0], 8.0, loop=loop)
    p = sampled(problem(*hc.linearize(PLANT, UP), *COST, None), DT)
    z = np.hstack([np.asarray(trace.x)[:-1] - UP.x, trace.u])
    spent = np.einsum("ti,ij,tj", z, np.block([[p.Q, p.N], [p.N.T, p.R]]), z)
    assert spent == pytest.approx(float(made.V(np.asarray(trace.x[0]))), rel=2e-3)
    with pytest.raises(ValueError, match="behind a lag no level"):
        made.unsaturated(10.0)


def test_never_saturating_level_behind_a_delay():
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop_of(3))
    rho = made.unsaturated(10.0)
    root = np.linalg.inv(np.linalg.cholesky(np.asarray(made.V.P))).T
    rng = np.random.default_rng(0)
    z = rng.normal(size=(64, 4))
    starts = UP.x + np.sqrt(rho) * z / np.linalg.norm(z, axis=1)[:, None] @ root.T
    trace = hc.simulate(PLANT, made, starts, 3.0, loop=loop_of(3))
    assert 5.0 < np.abs(trace.asked).max() <= 10.0


def test_without_delay_it_is_the_lqr_of_before():
    for loop in (hc.Loop(DT), loop_of(0)):
        made = hc.lqr(PLANT, UP, *COST, loop=loop)
        assert type(made) is hc.StateFeedback and made.dt == DT
        assert (made.K == NAIVE.K).all() and (made.X == NAIVE.X).all()


def test_it_knows_what_is_in_the_pipe():
    """Whoever asked: beyond the limit, or in another mode before."""
    loop = loop_of(3)
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop)
    other = hc.Sequence(np.random.default_rng(0).uniform(-25, 25, (40, 1)))
    both = made + other
    late = hc.machine({"a": other, "b": made}, {("a", "b"): hc.after(10)})
    for controller in (both, late):
        system = cast((loop, controller))
        state = begin(*system, PLANT, jnp.asarray(UP.x, float))
        forward = jax.jit(lambda s, system=system: step(*system, s)[0])
        peak = 0.0
        for _ in range(10 + 3):  # three ticks after entry it knows all
            state = forward(state)
            peak = max(peak, float(jnp.abs(state.asked[0])))
        line = state.actuator[0]
        memory = state.controller
        memory = memory[0] if controller is both else memory.modes[1]
        np.testing.assert_array_equal(np.stack(memory[1:]), line[:-1])
        assert peak > 10.0 >= np.abs(line).max() > 1.0


def test_an_entered_mode_fills_its_line():
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop_of(4))
    u, asked = jnp.array([2.0]), jnp.array([30.0])
    tick = hc.Tick(jnp.zeros(()), jnp.int32(7), jnp.asarray(UP.x), None, u)
    line = made.init(tick.but(u_asked=asked))
    assert np.ravel(line).tolist() == [2.0, 4.0, 6.0, 8.0]
    with pytest.raises(ValueError, match=r"needs tick.u_asked, which is None; give"):
        made.init(tick)


def test_refusals():
    with pytest.raises(ValueError, match=r"dt=0.01 but the loop has dt=0.02; give one"):
        hc.lqr(PLANT, UP, *COST, 0.01, loop=loop_of(2))
    with pytest.raises(ValueError, match=r"K has shape \(1, 4\), expected \(1, 6\)"):
        hc.AugmentedFeedback(NAIVE.K, UP.x, UP.u, np.eye(6), delay=2)
    with pytest.raises(ValueError, match=r"u0=\[nan\] is not finite"):
        hc.AugmentedFeedback(NAIVE.K, UP.x, [np.nan], np.eye(4))
    made = hc.lqr(PLANT, UP, *COST, DT, loop=loop_of(2))
    with pytest.raises(ValueError, match=r"dt=0.01 but this AugmentedFeedback was"):
        hc.simulate(PLANT, made, UP.x, 1.0, dt=0.01)


def test_the_sweep_as_measured():
    path = Path(__file__).parent.parent / "benchmarks" / "results" / "delay.json"
    measured = json.loads(path.read_text(encoding="utf-8"))
    assert measured["disagreements"] <= 1
    for dt in (0.02, 0.005):
        for key in ("stable", "converges_from_0.1_with_10N"):
            found = measured["largest"][key]
            naive, aware = (found[f"{who}, dt={dt}"] for who in ("naive", "aware"))
            assert naive["fails_at"] <= aware["holds_at"]


def test_a_response_is_a_lag_and_a_spread_is_refused():
    """u = u₋ + a (u - u₋) is a lag of -dt / ln(1 - a)."""
    plant = hc.CartPole()
    known = {"Q": [1, 10, 1, 1], "R": [0.1]}
    gains = []
    for part in ({"response": 0.4}, {"lag": -0.02 / np.log(0.6)}):
        loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0, **part))
        gains.append(hc.lqr(plant, plant.upright(), **known, loop=loop).K)
    np.testing.assert_allclose(*gains, rtol=1e-9)
    loop = hc.Loop(0.02, actuator=hc.Actuator(spread=[0.7, 0.3]))
    with pytest.raises(ValueError, match="round it to a whole delay"):
        hc.lqr(plant, plant.upright(), **known, loop=loop)
