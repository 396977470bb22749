"""Regions of attraction: against analysis, planted errors and the benchmark."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import hybridctl as hc
from hybridctl.controllers.guards import Level
from hybridctl.design.trials import Trials

pytestmark = pytest.mark.numeric

DT = 0.02
PLANT = hc.CartPole()
UP = PLANT.upright()
LQR = hc.lqr(PLANT, UP, [1.0, 10, 1, 1], 0.1, DT)
LOOP = hc.Loop(DT, actuator=hc.Actuator(limit=10.0))
FEW = {"samples": 2048, "seconds": 6.0}
LONG = {"samples": 2048, "seconds": 20.0}  # leaving from near ±1 takes a while
RESULT = Path(__file__).parent.parent / "benchmarks" / "results" / "attraction.json"


class Unstable(hc.Plant):
    """ẋ = x + u: with |u| <= 1 it can be held for |x| < 1 only."""

    states = ("x",)
    inputs = ("u",)
    units = {"x": "1", "u": "1/s"}  # noqa: RUF012
    angles = ()
    limits = {}  # noqa: RUF012

    def ode(self, t, x, u):
        return x + u


SCALAR = Unstable()
ORIGIN = hc.plants.Equilibrium([0.0], [0.0], ("x",))
HOLD = hc.lqr(SCALAR, ORIGIN, 1.0, 1.0, DT)
UNIT = hc.Loop(DT, actuator=hc.Actuator(limit=1.0))


@pytest.mark.parametrize("invariant", [None, False])
def test_a_region_that_is_known(invariant):
    """All |x| < 1 converge, none beyond: rho = X."""
    found = hc.region_of_attraction(
        SCALAR, HOLD, UNIT, invariant=invariant, margin=1e-3, **LONG
    )
    assert found.rho == pytest.approx(float(HOLD.X[0, 0]), rel=5e-3)
    assert found.holds and found.counterexample is None
    assert found.invariant is (invariant is None)


def test_a_limit_on_the_way_counts():
    found = hc.region_of_attraction(
        SCALAR, HOLD, UNIT, limits={"x": 0.5}, margin=1e-3, **LONG
    )
    assert found.rho == pytest.approx(0.25 * float(HOLD.X[0, 0]), rel=5e-3)


def test_the_bound_is_clopper_pearsons():
    found = hc.check_level(SCALAR, HOLD, UNIT, 1.3 * float(HOLD.X[0, 0]), **LONG)
    n, bad = found.samples, found.failures
    assert bad == pytest.approx(n * (1 - 1 / np.sqrt(1.3)), abs=5 * np.sqrt(n) / 2)
    assert found.bound == pytest.approx(stats.beta.ppf(0.99, bad + 1, n - bad))
    assert abs(found.counterexample[0]) >= 1.0 and not found.holds
    safe = hc.check_level(SCALAR, HOLD, UNIT, 0.9 * float(HOLD.X[0, 0]), **LONG)
    assert safe.bound == pytest.approx(1 - 0.01 ** (1 / n))
    assert str(safe) == (
        f"All 2048 starts drawn from V < {safe.rho:.4g} converge and never rise above "
        "their V: the share that fails is below 0.0022 with 99 % confidence."
    )
    assert "do not converge and never rise above their V, for example [" in str(found)


@pytest.mark.slow
def test_the_cart_pole():
    found = hc.region_of_attraction(PLANT, LQR, LOOP, **FEW)
    assert 3.4 < found.rho < 5.2 and found.holds
    assert LQR.unsaturated(10.0) <= found.rho
    guard = hc.level(found)
    assert isinstance(guard, Level) and float(guard.rho) == found.rho
    tick = hc.Tick(jnp.zeros(()), jnp.int32(0), jnp.asarray(UP.x))
    assert bool(guard(tick, jnp.int32(0)))
    planted = hc.check_level(PLANT, LQR, LOOP, 2 * found.rho, **FEW)
    start = planted.counterexample
    assert not planted.holds and found.rho < float(LQR.V(start)) < planted.rho
    trace = hc.simulate(PLANT, LQR, start, 1.0, loop=LOOP)
    V = [float(LQR.V(np.asarray(x, np.float64))) for x in trace.x]
    assert max(V) > V[0]


def test_draws_are_uniform_in_the_level_set():
    trials = Trials(PLANT, LQR, LOOP, None, None, None, 1.0, seed=0)
    states = trials.states(trials.draw(20_000), 2.0)
    V = np.array([float(LQR.V(x)) for x in states[:2000]])
    assert V.max() < 2.0
    assert stats.kstest(V / 2.0, "beta", (2, 1)).pvalue > 1e-3  # V/ρ = r², r⁴ uniform
    spread = np.linalg.inv(np.asarray(LQR.X)) * 2.0 / 6  # covariance of an ellipsoid
    np.testing.assert_allclose(np.cov(states.T), spread, rtol=0.1, atol=0.002)


def test_what_must_not_rise_is_asked_only_where_it_can_fall():
    def asked(controller, loop):
        V = LQR.V
        return Trials(PLANT, controller, loop, V, None, None, 1.0, 0).invariant

    slow = hc.Loop(DT, actuator=hc.Actuator(limit=10.0, delay=2))
    noisy = hc.Loop(DT, sensor=hc.Sensor(noise=0.01))
    memory = hc.lqi(PLANT, UP, [1.0, 10, 1, 1], 0.1, DT, outputs=("x",))
    assert asked(LQR, LOOP)
    assert not (asked(LQR, slow) or asked(LQR, noisy) or asked(memory, LOOP))


def test_refusals():
    with pytest.raises(ValueError, match=r"Scaled has no cost-to-go; give V, for"):
        hc.check_level(PLANT, 0.9 * LQR, LOOP, 1.0)
    with pytest.raises(ValueError, match=r"V\.x0 has shape \(1,\), expected \(4,\)"):
        hc.check_level(PLANT, LQR, LOOP, 1.0, V=HOLD.V)
    with pytest.raises(ValueError, match=r"no state 'y'; the states are x, theta"):
        hc.check_level(PLANT, LQR, LOOP, 1.0, limits={"y": 1.0})
    with pytest.raises(ValueError, match=r"rho=200: angles turn beyond π above rho="):
        hc.check_level(PLANT, LQR, LOOP, 200.0)
    with pytest.raises(ValueError, match=r"rho=-1.0 must be above 0"):
        hc.check_level(PLANT, LQR, LOOP, -1.0)
    with pytest.raises(
        ValueError, match="V rises or the loop diverges at once, or seconds=6 are too"
    ):
        hc.region_of_attraction(SCALAR, -1.0 * HOLD, UNIT, V=HOLD.V, **FEW)
    for number, told in (
        ({"confidence": 99}, "confidence=99.* must lie between 0 and 1; give 0.99"),
        ({"samples": 0}, "samples=0; give at least 1"),
        ({"margin": 1.5}, "margin=1.5 must be a share"),
    ):
        with pytest.raises(ValueError, match=told):
            hc.region_of_attraction(PLANT, 0.9 * LQR, LOOP, **number)
    free = hc.Loop(DT)
    with pytest.raises(ValueError, match=r"no start fails up to V=.*: every level"):
        hc.region_of_attraction(SCALAR, HOLD, free, **FEW)


def test_the_benchmark_says_so():
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    row = next(r for r in rows if r["limit"] == 10 and r["delay"] == 0)
    assert 3.4 < row["invariant"]["rho"] < 5.2
    for row in rows:
        for kind in ("invariant", "converges"):
            found = row[kind]
            assert found is None or found["failures"] == 0
