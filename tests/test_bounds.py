"""Bounds by direct transcription: the program is the package's own closed loop."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.contests.bounds import BOUNDS, Bound

pytestmark = pytest.mark.numeric

ROOT = Path(__file__).parent.parent
TASK = hc.tasks.get("swingup")
UP = np.asarray(TASK.target.x)
START = UP + np.array([0.02, -0.01, 0.03, 0.02])
STEPS = 25


@pytest.fixture(scope="module", autouse=True)
def _needed():
    pytest.importorskip("casadi", reason="the bounds are derived with CasADi")


@pytest.fixture(scope="module")
def plan():
    from benchmarks.lib.transcription import Transcription

    guess = np.tile(START, (STEPS + 1, 1)), np.zeros(STEPS)
    return Transcription(TASK, STEPS).solve(START, guess)


@pytest.mark.parametrize(
    "plant",
    [hc.CartPole(0.8, 0.3, 0.7, 9.5, cart_friction=0.4, pole_friction=0.05)],
)
def test_casadi_has_the_dynamics_of_the_plant(plant):
    from benchmarks.lib.symbolic import casadi_of

    rng = np.random.default_rng(0)
    known = casadi_of(lambda x, u: plant.ode(jnp.zeros(()), x, u), 4, 1)
    x, u = rng.uniform(-5, 5, (200, 4)), rng.uniform(-10, 10, (200, 1))
    with jax.enable_x64(True):
        expected = jax.vmap(lambda x, u: plant.ode(0.0, x, u))(x, u)
    found = [np.asarray(known(*pair))[:, 0] for pair in zip(x, u, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_an_operation_without_casadi_is_a_sentence():
    from benchmarks.lib.symbolic import casadi_of

    with pytest.raises(ValueError, match="no CasADi for sort; there is add, sub"):
        casadi_of(lambda x: jnp.sort(x), 3)


def test_near_upright_it_is_the_linear_regulator(plan):
    """Riccati's recursion, with the trapezoidal cost of a period and the same tail."""
    with jax.enable_x64(True):
        A, B = hc.discretize(*hc.linearize(TASK.plant, TASK.target), 0.02)
    q, r = TASK.cost.quadratic
    q, r, half = np.diag(q), np.diag(r), 0.01
    Q, R = half * (q + A.T @ q @ A), 0.02 * r + half * B.T @ q @ B
    N, X = half * A.T @ q @ B, np.asarray(hc.reference("lqr", TASK).X)
    for _ in range(STEPS):
        F = A.T @ X @ B + N
        X = Q + A.T @ X @ A - F @ np.linalg.solve(R + B.T @ X @ B, F.T)
    e = START - UP
    assert plan.solved and plan.value == pytest.approx(e @ X @ e, rel=1e-3)


def test_a_plan_is_what_simulate_makes_of_its_forces(plan):
    from hybridctl.precision import float64, float64_on_host

    system = float64((TASK.plant, hc.Sequence(plan.u[:, None]), TASK.loop))
    plant, forces, loop = system
    with float64_on_host():
        trace = hc.simulate(plant, forces, START, STEPS * 0.02, loop=loop)
        x = np.asarray(trace.x)
    np.testing.assert_allclose(x, plan.x, atol=1e-7)


def test_the_bound_for_noise_alone_is_met_by_simulation():
    """2000 linear closed loops with the filter's and regulator's textbook gains."""
    import control

    from benchmarks.questions import bounds

    A, B = hc.discretize(*hc.linearize(TASK.plant, TASK.target), 0.02)
    K = control.dlqr(A, B, np.diag([1.0, 10, 1, 1]), np.array([[0.1]]))[0]
    sigma, rng = np.array([0.01, 0.02, 0.1, 0.1]), np.random.default_rng(0)
    x, P, J = rng.normal(size=(2000, 4)), np.eye(4), np.zeros(2000)
    known = np.zeros_like(x)
    for k in range(1000):
        gain = P @ np.linalg.inv(P + np.diag(sigma**2))
        y = x + sigma * rng.normal(size=x.shape)
        known = known + (y - known) @ gain.T
        P = A @ (P - gain @ P) @ A.T
        u = -known @ K.T
        rate = (x**2 @ [1, 10, 1, 1]) + 0.1 * u[:, 0] ** 2
        J += 0.02 * rate * (k >= 500)
        x, known = (z @ A.T + u @ B.T for z in (x, known))
    assert bounds.noise_alone()["J"] == pytest.approx(J.mean(), rel=0.05)


# ---------------------------------------------------------------- what is quoted


def test_the_bounds_are_those_that_were_derived():
    found = json.loads(
        (ROOT / "benchmarks" / "results" / "bounds.json").read_text(encoding="utf-8")
    )
    for name in ("swingup", "short_track", "global", "weak", "weak hanging"):
        row, bound = found["bounds"].get(name, {}), BOUNDS[name]
        assert bound.J == (round(row["J"], 4) if row else None)
        assert bound.episodes == tuple(round(J, 4) for J in row.get("episodes", ()))
        times = row | found["bounds"].get(f"{name} times", {})
        assert bound.settle == (
            round(times["settle"], 3) if "settle" in times else None
        )
    assert set(BOUNDS) == {*hc.tasks.names(), "weak hanging"}
    assert all(bound.note for bound in BOUNDS.values())


def test_they_are_within_a_hundredth_of_what_the_tasks_quote_or_better():
    from benchmarks.questions import bounds

    rows = bounds.bounds()
    assert {"balance", "swingup", "short_track", "global"} <= set(rows)
    for name, row in rows.items():
        if name.startswith("global"):  # quoted for 31 other states
            continue
        for key in bounds.QUOTED.get(name, {}):
            ratio = row["ratio"][key]
            better = ratio if name == "balance" else 1 / ratio
            assert better > 0.99, (name, key)


def test_a_ratio_is_taken_in_pairs_where_episodes_are_known():
    paired = Bound(J=3.0, note="two starts", episodes=(2.0, 4.0))
    assert paired.ratio([3.0, 6.0, 100.0]) == pytest.approx(1.5)
    assert paired.ratio([4.0]) == pytest.approx(2.0)
    assert Bound(J=2.0, note="one start").ratio([3.0, 5.0]) == pytest.approx(2.0)
    assert Bound(J=None, note="none").ratio([3.0]) is None
