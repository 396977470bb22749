import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg
from scipy.optimize import linear_sum_assignment

from hybridctl.design import care, dare, discretize, dlqr, linearize, lqr, lqrd, place
from hybridctl.design.discretize import sampled
from hybridctl.design.newton import refine
from hybridctl.design.wellposed import hidden, problem
from hybridctl.plants import CartPole, Equilibrium

pytestmark = pytest.mark.numeric

PLANT = CartPole(m_c=1.0, m_p=0.1, L=1.0, g=9.81)
A4, B4 = linearize(PLANT, PLANT.upright())
EYE = np.eye(2)
SPRING = np.array([[0.0, 1.0], [-1.0, 0.0]])
FORCE = np.array([[0.0], [1.0]])
ONES = np.ones((2, 1))
# with a long double no wider than a double (Windows, macOS on ARM) the repair is
# as good as scipy only up to a few roundings
SLACK = 1.0 if np.finfo(np.longdouble).eps < np.finfo(np.float64).eps else 50.0


def rounded(values, decimals):
    return np.round(np.asarray(values).ravel(), decimals).tolist()


def apart(values, expected):
    """The largest distance when each is given its partner, whatever their order."""
    gaps = np.abs(np.subtract.outer(values, expected))
    return gaps[linear_sum_assignment(gaps)].max()


def distance(value, expected):
    size = np.linalg.norm(expected) or 1.0
    return float(np.linalg.norm(np.asarray(value) - expected) / size)


# ---------------------------------------------------------------- published gains


def test_gains_of_the_tutorial():
    discrete = discretize(A4, B4, dt=0.02)
    continuous = [-1, 34.3894, -2.4106, 10.7039]
    assert rounded(lqr(A4, B4, np.eye(4), 1.0).K, 4) == continuous
    sequence = [-0.9204, 32.7356, -2.2282, 10.1813]
    assert rounded(dlqr(*discrete, np.eye(4), 1.0).K, 4) == sequence
    held = [-0.9205, 32.7364, -2.2284, 10.1816]
    assert rounded(lqrd(A4, B4, np.eye(4), 1.0, dt=0.02).K, 4) == held


def test_gains_of_the_tasks():
    Q, R = np.diag([1.0, 10, 1, 1]), [[0.1]]
    held = lqrd(A4, B4, Q, R, dt=0.02).K[0]
    assert rounded(held[[0, 2, 3]], 3) == [-2.830, -5.605, 16.087]
    assert rounded(held[1], 2) == [51.36]
    continuous = lqr(A4, B4, Q, R).K[0]
    assert rounded(continuous[[0, 2, 3]], 3) == [-3.162, -6.230, 17.396]
    assert rounded(continuous[1], 2) == [55.49]


# ---------------------------------------------------------------- linearize


def analytic(m_c, m_p, L, g, cart_friction, pole_friction, up):
    c = -1.0 if up else 1.0
    b, h = cart_friction, pole_friction
    ddx = np.array([0, m_p * g, -b, c * h / L]) / m_c
    ddtheta = -(c * ddx + np.array([0, c * g, 0, h / (m_p * L)])) / L
    A = np.array([[0, 0, 1, 0], [0, 0, 0, 1], ddx, ddtheta])
    return A, np.array([[0], [0], [1 / m_c], [-c / (m_c * L)]])


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        (1.0, 0.1, 1.0, 9.81, 0.0, 0.0),
        (1.0, 0.1, 1.0, 9.81, 0.3, 0.02),
        (0.5, 0.25, 0.6, 1.62, 1.5, 0.1),
        (20.0, 3.0, 2.5, 9.81, 0.0, 0.7),
    ],
)
def test_linearization_is_analytic(values, up):
    names = ("m_c", "m_p", "L", "g", "cart_friction", "pole_friction")
    plant = CartPole(**dict(zip(names, values, strict=True)))
    A, B = linearize(plant, plant.upright() if up else plant.hanging())
    expected = analytic(*values, up)
    assert A.dtype == B.dtype == np.float64
    np.testing.assert_allclose(A, expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(B, expected[1], rtol=1e-12, atol=1e-12)


def test_linearization_leaves_the_process_as_it_was():
    before = jax.config.read("jax_enable_x64"), jnp.ones(2).dtype
    linearize(PLANT, PLANT.hanging())
    assert (jax.config.read("jax_enable_x64"), jnp.ones(2).dtype) == before


def test_linearization_without_a_cpu_backend(monkeypatch):
    def none(backend):
        raise RuntimeError(f"unknown backend {backend}")

    monkeypatch.setattr(jax, "local_devices", none)
    assert (linearize(PLANT, PLANT.upright())[0] == A4).all()


def test_linearization_of_a_plant_on_the_device():
    plant = CartPole(m_p=jnp.float32(0.125))
    A, _ = linearize(plant, plant.upright())
    assert A.dtype == np.float64 and A[2, 1] == pytest.approx(0.125 * 9.81, abs=1e-14)


def test_linearize_refuses():
    with pytest.raises(ValueError, match="does not rest at this equilibrium"):
        linearize(PLANT, Equilibrium([0.0, 1.0, 0, 0], [0.0]))
    with pytest.raises(ValueError, match="does not rest"):
        linearize(PLANT, Equilibrium([0.0, np.pi, 0, 0], [2e-6]))
    with pytest.raises(ValueError, match=r"x has shape \(3,\), expected \(4,\)"):
        linearize(PLANT, Equilibrium([0.0, 0, 0], [0.0]))
    with pytest.raises(ValueError, match=r"u has shape \(2,\), expected \(1,\)"):
        linearize(PLANT, Equilibrium([0.0, 0, 0, 0], [0.0, 0.0]))
    with pytest.raises(ValueError, match=r"equilibrium\.x is not finite: .*x\[0\]=nan"):
        linearize(PLANT, Equilibrium([np.nan, 0, 0, 0], [0.0]))


class Corner(CartPole):
    """Rests at 0, where its derivative is not finite."""

    def ode(self, t, x, u):
        return jnp.sqrt(jnp.abs(x))


def test_linearize_refuses_a_corner():
    with pytest.raises(
        ValueError, match=r"A of Corner .* is not finite: A.*\[0, 0\]=inf"
    ):
        linearize(Corner(), PLANT.hanging())


def test_linearize_refuses_tracers():
    def gain(m_p):
        return linearize(CartPole(m_p=m_p), PLANT.upright())[0]

    with pytest.raises(
        ValueError, match="traced by jit, vmap or grad; call it outside"
    ):
        jax.jit(gain)(0.1)


# ---------------------------------------------------------------- discretize


@pytest.mark.parametrize("dt", [1e-4, 0.02, 0.7])
def test_discretize_is_the_zero_order_hold(dt):
    from scipy.signal import cont2discrete

    rng = np.random.default_rng(3)
    for n, m in ((1, 1), (4, 2), (7, 3)):
        A, B = rng.normal(size=(n, n)), rng.normal(size=(n, m))
        expected = cont2discrete((A, B, np.eye(n), np.zeros((n, m))), dt)
        for got, want in zip(discretize(A, B, dt), expected, strict=False):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


def by_quadrature(p, dt):
    """The cost of a held input, integrated by Gauss-Legendre."""
    n_u = p.B.shape[1]
    F = np.vstack([np.hstack([p.A, p.B]), np.zeros((n_u, len(p.A) + n_u))])
    W = np.block([[p.Q, p.N], [p.N.T, p.R]])
    points, weights = np.polynomial.legendre.leggauss(24)
    holds = [linalg.expm(F * dt * (1 + s) / 2) for s in points]
    return sum(w * dt / 2 * E.T @ W @ E for w, E in zip(weights, holds, strict=True))


def test_sampled_cost_is_the_integral():
    rng = np.random.default_rng(4)
    N = 0.3 * rng.normal(size=(4, 2))
    p = problem(rng.normal(size=(4, 4)), rng.normal(size=(4, 2)), 5.0, [3.0, 4], N)
    d = sampled(p, 0.8)
    got = np.block([[d.Q, d.N], [d.N.T, d.R]])
    np.testing.assert_allclose(got, by_quadrature(p, 0.8), rtol=1e-11, atol=1e-12)
    for mine, exact in zip((d.A, d.B), discretize(p.A, p.B, 0.8), strict=True):
        np.testing.assert_allclose(mine, exact, rtol=1e-12, atol=1e-13)


def test_sampled_cost_of_a_fast_mode():
    # ∫ e^(-2as) ds = (1 - e^(-2a dt)) / 2a; the plain block exponential overflows
    d = sampled(problem(np.diag([-1e5, -1.0]), ONES, 1.0, 1.0, None), 0.02)
    assert d.Q[0, 0] == pytest.approx(0.5e-5, rel=1e-12)
    assert d.Q[1, 1] == pytest.approx((1 - np.exp(-0.04)) / 2, rel=1e-12)


@pytest.mark.parametrize("size", [1e-8, 1e8])
def test_sampled_cost_in_any_unit_of_the_input(size):
    reference = lqrd(A4, B4, [1, 10, 1, 1], 0.1, 0.02)
    scaled = lqrd(A4, B4 * size, [1, 10, 1, 1], 0.1 * size**2, 0.02)
    assert distance(scaled.K * size, reference.K) < 1e-11
    assert distance(scaled.X, reference.X) < 1e-11


# ---------------------------------------------------------------- lqr, dlqr, lqrd


@pytest.mark.parametrize("seed", range(6))
def test_lqr_is_that_of_python_control(seed):
    import control

    rng = np.random.default_rng(seed)
    n, m = 2 + seed, 1 + seed % 3
    A, B = rng.normal(size=(n, n)), rng.normal(size=(n, m))
    C, D = rng.normal(size=(n + m, n)), rng.normal(size=(n + m, m))
    Q, R, N = C.T @ C, D.T @ D, C.T @ D
    for mine, theirs in ((lqr, control.lqr), (dlqr, control.dlqr)):
        for cross in ((), (N,)):
            got = mine(A, B, Q, R, *cross)
            K, X, poles = theirs(A, B, Q, R, *cross, method="scipy")
            np.testing.assert_allclose(got.K, K, rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(got.X, X, rtol=1e-7, atol=1e-9)
            assert apart(got.poles, poles) < 1e-7


def test_design_is_float64():
    made = lqr(SPRING, FORCE, jnp.ones(2), jnp.float32(1.0))
    assert made.K.dtype == made.X.dtype == np.float64
    assert made.K.shape == (1, 2) and made.X.shape == (2, 2)
    assert made.poles.dtype == np.complex128 and (made.poles.real < 0).all()
    assert (made.X == made.X.T).all()


def test_weights_as_number_vector_matrix():
    B = np.eye(2)
    matrix = lqr(SPRING, B, 2 * EYE, 3 * EYE).K
    for Q, R in ((2.0, 3.0), ([2, 2], [3, 3]), (np.full(2, 2), 3 * EYE)):
        assert (lqr(SPRING, B, Q, R).K == matrix).all()


def test_sampled_design_tends_to_the_continuous_one():
    limit = lqr(A4, B4, 1.0, 1.0).K
    away = [distance(lqrd(A4, B4, 1.0, 1.0, dt).K, limit) for dt in (1e-2, 1e-3, 1e-4)]
    np.testing.assert_allclose(np.divide(away[:-1], away[1:]), 10, rtol=0.05)
    assert distance(lqrd(A4, B4, 1.0, 1.0, 1e-7).K, limit) < 1e-6


def test_sampled_design_spends_what_it_says():
    Q, R, x = np.diag([1.0, 10, 1, 1]), np.array([[0.1]]), np.array([0.1, 0.2, 0, 0])
    made = lqrd(A4, B4, Q, R, dt=0.05)
    W = by_quadrature(problem(A4, B4, Q, R, None), 0.05)
    Ad, Bd = discretize(A4, B4, 0.05)
    spent, expected = 0.0, x @ made.X @ x
    for _ in range(2000):
        z = np.r_[x, -made.K @ x]
        spent, x = spent + z @ W @ z, Ad @ x - Bd @ made.K @ z[:4]
    assert spent == pytest.approx(expected, rel=1e-10)


def test_cross_weight():
    # with N the problem is that of u + R⁻¹N'x without it
    N, R = np.array([[0.3], [0.2]]), 2.0
    with_N = lqr(SPRING, FORCE, 1.0, R, N)
    without = lqr(SPRING - FORCE @ N.T / R, FORCE, EYE - N @ N.T / R, R)
    np.testing.assert_allclose(with_N.K, without.K + N.T / R, rtol=1e-13)
    held = lqrd(SPRING, FORCE, 1.0, R, 1e-6, N)
    np.testing.assert_allclose(held.K, with_N.K, rtol=1e-5)


# ------------------------------------- CAREX and DAREX: Benner, Laub, Mehrmann 1995

V3 = np.eye(3) - 2 / 3 * np.ones((3, 3))
ROOT = np.sqrt(1 + 1e-12)


def carex12():
    a, q, e = np.array([1.0, 2, 3]), np.array([1e-6, 1, 1e6]), 1e6
    x = e * (a * e + np.sqrt(a**2 * e**2 + q / e))
    A, Q = V3 @ np.diag(a * e) @ V3, V3 @ np.diag(q) @ V3
    return A, np.eye(3), (Q + Q.T) / 2, e, V3 @ np.diag(x) @ V3


def darex13():
    a, e = np.array([0.0, 1, 3]), 1e6
    x = e * (a**2 + np.sqrt(a**4 + 4)) / 2
    A = V3 @ np.diag(a) @ V3
    return A, np.eye(3), e, e, V3 @ np.diag(x) @ V3


CAREX = {  # A, B, Q, R, X
    "1.1": ([[0, 1], [0, 0]], FORCE, [1, 2], 1, [[2, 1], [1, 2]]),
    "1.2": (
        [[4, 3], [-4.5, -3.5]],
        [[1], [-1]],
        [[9, 6], [6, 4]],
        1,
        (1 + np.sqrt(2)) * np.array([[9, 6], [6, 4]]),
    ),
    "2.1": (
        np.diag([1, -2]),
        [[1e-6], [0]],
        np.ones((2, 2)),
        1,
        [
            [(1 + ROOT) * 1e12, 1 / (2 + ROOT)],
            [1 / (2 + ROOT), 0.25 - 0.25e-12 / (2 + ROOT) ** 2],
        ],
    ),
    "2.3": (
        [[0, 1e6], [0, 0]],
        FORCE,
        1,
        1,
        [[np.sqrt(1 + 2e6) / 1e6, 1], [1, np.sqrt(1 + 2e6)]],
    ),
    "2.6": carex12(),
}
DAREX = {
    "1.1": (
        [[4, 3], [-4.5, -3.5]],
        [[1], [-1]],
        [[9, 6], [6, 4]],
        1,
        (1 + np.sqrt(5)) / 2 * np.array([[9, 6], [6, 4]]),
    ),
    "1.5": (
        [[0, 1], [0, 0]],
        FORCE,
        [[1, 2], [2, 4]],
        1,
        [[1, 2], [2, 2 + np.sqrt(5)]],
    ),
    "2.2": ([[0, 1e6], [0, 0]], FORCE, 1, 1, np.diag([1, 1 + 1e12])),
    "2.3": darex13(),
    "4.1": (
        np.eye(100, k=1),
        np.eye(100)[:, -1:],
        1,
        1,
        np.diag(np.arange(1.0, 101)),
    ),
}


@pytest.mark.parametrize("name", CAREX)
def test_carex(name):
    check_exact(lqr, linalg.solve_continuous_are, *CAREX[name])


@pytest.mark.parametrize("name", DAREX)
def test_darex(name):
    check_exact(dlqr, linalg.solve_discrete_are, *DAREX[name])


def check_exact(mine, scipys, A, B, Q, R, X):
    p = problem(A, B, Q, R, None)
    theirs = distance(scipys(p.A, p.B, p.Q, p.R), X)
    assert distance(mine(A, B, Q, R).X, X) <= max(SLACK * theirs, 2e-14)


def test_repair_wins_digits():
    A, B, Q, R, X = CAREX["2.6"]
    assert distance(linalg.solve_continuous_are(A, B, Q, R * np.eye(3)), X) > 1e-6
    assert distance(lqr(A, B, Q, R).X, X) < 1e-14


TAPE = np.array([[0, 0.4, 0, 0], [0, 0, 0.345, 0], [0, -0.524e6, -0.465e6, 0.262e6]])
SIDE = np.zeros((4, 4))
SIDE[0, 3], SIDE[1, 2] = -0.244, 0.205
HARD = {  # no closed form: the residual is what counts
    "carex 2.2": (
        np.diag([-0.1, -0.02]),
        [[0.1, 0], [0.001, 0.01]],
        [[100, 1000], [1000, 10000]],
        np.ones((2, 2)) + np.diag([1e-6, 0]),
        lqr,
    ),
    "carex 2.7": (
        np.vstack([TAPE, [0, 0, 0, -1e6]]),
        1e6 * np.eye(4)[:, -1:],
        [1, 0, 1, 0],
        1,
        lqr,
    ),
    "carex 2.8": (
        np.kron(EYE, SPRING) + np.diag([-1e-6, -1e-6, 1e-6, 1e-6]),
        np.ones((4, 1)),
        np.ones((4, 4)),
        1,
        lqr,
    ),
    "carex 4.1": (
        linalg.circulant(np.r_[-2.0, 1, np.zeros(61), 1]),
        np.eye(64),
        1,
        1,
        lqr,
    ),
    "carex 4.2": (np.eye(21, k=1), np.eye(21)[:, -1:], np.eye(21)[0], 1, lqr),
    "darex 1.4": (
        0.998 * np.eye(4) + linalg.block_diag(0.067 * SPRING, 0.153 * SPRING),
        [[0.0033, 0.02], [0.1, -0.0007], [0.04, 0.0073], [-0.0028, 0.1]],
        np.diag([1.87, 0.744, 0.589, 1.048]) + SIDE + SIDE.T,
        1,
        dlqr,
    ),
    "darex 2.4": (
        np.diag([1 - 1e-8, 0, 0, 0]) + np.eye(4, k=-1),
        1e-8 * np.eye(4)[:, :1],
        [0, 0, 0, 1],
        0.25,
        dlqr,
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_residual_of_hard_cases(name):
    A, B, Q, R, mine = HARD[name]
    p, discrete = problem(A, B, Q, R, None), mine is dlqr
    scipys = linalg.solve_discrete_are if discrete else linalg.solve_continuous_are
    theirs = refine(p, scipys(p.A, p.B, p.Q, p.R), discrete, steps=0).error
    made = refine(p, mine(A, B, Q, R).X, discrete, steps=0).error
    assert made <= max(SLACK * theirs, 1e-15)


def test_a_gain_of_any_unit():
    # states and inputs in other units: the same controller
    reference = lqr(A4, B4, [1, 10, 1, 1], 0.1).K
    T, S = np.diag([1e3, 1e-3, 1e5, 1e-1]), np.diag([1e4])
    Q = np.linalg.inv(T) @ np.diag([1.0, 10, 1, 1]) @ np.linalg.inv(T)
    made = lqr(T @ A4 @ np.linalg.inv(T), T @ B4 @ S, Q, 0.1 * S**2).K
    assert distance(S @ made @ T, reference) < 1e-10


# ---------------------------------------------------------------- ill-posed problems

REFUSED = {
    r"not stabilizable.* eigenvalue 2,": (np.diag([1.0, 2]), [[1], [0]], 1, 1),
    r"not stabilizable.* eigenvalue 0 ± 1j": (SPRING, 0 * FORCE, 1, 1),
    r"not detectable.* eigenvalue 0,": (A4, B4, [0, 1, 1, 1], 1),
    r"not detectable.* eigenvalue 0 ± 1j": (SPRING, FORCE, 0, 1),
    r"\(Q - N R.* not detectable.* eigenvalue 0,": ([[1]], [[1]], 1, 1, [[1]]),
    r"no stabilizing .* eigenvalue 0, .*or less.* eigenvalue -1\)": (
        [[1]],
        [[1]],
        -1,
        1,
    ),
    r"no stabilizing .* 0 ± 1j, .* nothing or less": ([[0]], [[1]], -1, 1),
    r"Q is not symmetric: Q\[0, 1\]=2 but Q\[1, 0\]=1": (
        SPRING,
        FORCE,
        [[9, 2], [1, 9]],
        1,
    ),
    r"R is not symmetric": (SPRING, EYE, 1, [[9, 2], [1, 9]]),
    r"A is not finite: A\[0, 0\]=nan;": ([[np.nan]], [[1]], 1, 1),
    r"B is not finite: B\[0, 0\]=inf;": ([[1]], [[np.inf]], 1, 1),
    r"Q is not finite: Q\[1\]=nan;": (SPRING, FORCE, [1, np.nan], 1),
    r"R is not finite: R=inf;": (SPRING, FORCE, 1, np.inf),
    r"N is not finite: N\[0, 0\]=nan;": (SPRING, FORCE, 1, 1, [[np.nan], [0]]),
    r"A has shape \(1, 2\), expected \(n_x, n_x\)": ([[1, 2]], [[1]], 1, 1),
    r"B has shape \(2,\), expected \(2, n_u\)": (SPRING, [0, 1], 1, 1),
    r"B has shape \(3, 1\), expected \(2, n_u\)": (SPRING, np.ones((3, 1)), 1, 1),
    r"Q has shape \(3,\), expected \(2,\) or \(2, 2\)": (SPRING, FORCE, [1, 1, 1], 1),
    r"Q has shape \(3, 3\), expected \(2, 2\)": (SPRING, FORCE, np.eye(3), 1),
    r"R has shape \(2,\), expected \(1,\) or \(1, 1\)": (SPRING, FORCE, 1, [1, 1]),
    r"N has shape \(1, 2\), expected \(2, 1\)": (SPRING, FORCE, 1, 1, [[0, 0]]),
    r"A holds complex128 values": (SPRING + 0j, FORCE, 1, 1),
    r"Q holds <U5 values": (SPRING, FORCE, "large", 1),
    r"A has rows of unequal length": ([[1, 2], [3]], FORCE, 1, 1),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_lqr_refuses(sentence):
    with pytest.raises(ValueError, match=sentence):
        lqr(*REFUSED[sentence])


@pytest.mark.parametrize("sentence", REFUSED)
def test_lqrd_refuses(sentence):
    A, B, Q, R, *N = REFUSED[sentence]
    with pytest.raises(ValueError, match=sentence):
        lqrd(A, B, Q, R, 0.02, *N)


def test_dlqr_refuses():
    with pytest.raises(ValueError, match=r"not stabilizable.* eigenvalue -1.5,"):
        dlqr(np.diag([0.5, -1.5]), [[1], [0]], 1, 1)
    with pytest.raises(ValueError, match=r"not detectable.* eigenvalue 1,"):
        dlqr(*discretize(A4, B4, 0.02), [0, 1, 1, 1], 1)
    with pytest.raises(ValueError, match=r"not detectable.* eigenvalue 0 ± 1j"):
        dlqr(SPRING, FORCE, 0, 1)
    with pytest.raises(ValueError, match=r"no stabilizing .* costs nothing or less"):
        dlqr(SPRING, FORCE, -1, 1)
    with pytest.raises(ValueError, match=r"no stabilizing .* 0 ± 1j,.* nothing; raise"):
        dlqr(SPRING, FORCE, 0, 0)
    with pytest.raises(ValueError, match=r"R \+ B.T X B is not .* unbounded below"):
        dlqr(SPRING / 2, EYE, 1, [1, -10])
    with pytest.raises(ValueError, match=r"two inputs do the same; .* take one out"):
        dlqr(SPRING, np.hstack([FORCE, FORCE]), 1, 0)
    with pytest.raises(ValueError, match=r"R is not positive .* is 0; .* period"):
        lqr(SPRING, FORCE, 1, 0)
    with pytest.raises(ValueError, match=r"R is not positive definite: .* is -1;"):
        lqr(SPRING, EYE, 1, [1, -1])
    with pytest.raises(ValueError, match=r"R is singular: .* eigenvalue 0"):
        care(SPRING, EYE, 1, np.ones((2, 2)))


# --------------------------------------- indefinite costs and inputs that cost nothing


def pull(eps):
    """CAREX 11: an indefinite Q, and poles that meet the axis as eps goes to 0."""
    Q = [[4 * eps - 11, 2 * eps - 5], [2 * eps - 5, 2 * eps - 2]]
    return [[3 - eps, 1], [4, 2 - eps]], ONES, Q, 1


@pytest.mark.parametrize("eps", [1.0, 0.1, 1e-3])
def test_an_indefinite_cost_that_has_a_least(eps):
    made = lqr(*pull(eps))
    np.testing.assert_allclose(made.X, [[2, 1], [1, 1]], rtol=1e-9)
    np.testing.assert_allclose(made.poles.real, [-eps, -eps], rtol=1e-6)
    np.testing.assert_allclose(np.abs(made.poles.imag), 1, rtol=1e-6)
    assert (care(*pull(eps)).X == made.X).all()
    with pytest.raises(ValueError, match=r"no stabilizing .* eigenvalue 0 ± 1j"):
        lqr(*pull(0.0))


def test_what_is_only_written_as_indefinite():
    """∫ 2 x dx, ∫ 2 dx u + ... of a motion to rest depend on its start alone."""
    plain, crossed = lqr(SPRING, FORCE, 1, 1), lqr(SPRING, FORCE, [[1, 2], [2, 1]], 1)
    np.testing.assert_allclose(crossed.K, plain.K, atol=1e-12)
    np.testing.assert_allclose(crossed.X - plain.X, [[-2, 0], [0, 0]], atol=1e-12)
    for Q, N in (([1, -1e-9], None), (1, [[0], [0.4]])):
        held = lqrd(SPRING, FORCE, Q, 1, 1e-5, N)
        np.testing.assert_allclose(held.K, lqr(SPRING, FORCE, Q, 1, N).K, rtol=1e-4)


def test_a_mode_that_grows_unseen_is_turned_around():
    made = lqr(np.diag([-1.0, 3]), ONES, [1, 0], 1)
    np.testing.assert_allclose(np.sort(made.poles.real), [-3, -np.sqrt(2)], rtol=1e-12)
    sampled_ = dlqr([[2.0]], [[1.0]], 0, 1)
    np.testing.assert_allclose(sampled_.poles, [0.5], rtol=1e-12)


FREE = {  # A, B, Q, poles: inputs that cost nothing
    "sb02nd": ([[2, -1], [1, 0]], [[1], [0]], [0, 1], [0, 0]),
    "minimum phase": (np.eye(2, k=1), FORCE, [[1, 2], [2, 4]], [-0.5, 0]),
    "other phase": (np.eye(2, k=1), FORCE, [[4, 2], [2, 1]], [-0.5, 0]),
    "chain": (2 * np.eye(3, k=1), np.eye(3)[:, 2:], np.eye(3)[0], [0, 0, 0]),
}


@pytest.mark.parametrize("name", FREE)
def test_inputs_that_cost_nothing(name):
    A, B, Q, poles = FREE[name]
    made = dlqr(A, B, Q, 0)
    np.testing.assert_allclose(np.sort(made.poles.real), np.sort(poles), atol=1e-5)
    near = dlqr(A, B, Q, 1e-9)
    np.testing.assert_allclose(made.X, near.X, rtol=1e-6, atol=1e-6)
    assert (dare(A, B, Q, 0).K == made.K).all()


def test_a_held_input_may_cost_nothing():
    free, near = (lqrd(A4, B4, [1, 10, 1, 1], R, 0.02) for R in (0, 1e-9))
    np.testing.assert_allclose(free.K, near.K, rtol=1e-5)
    both = dlqr(SPRING, EYE, 1, np.ones((2, 2)))
    np.testing.assert_allclose(both.K @ [1, 1], [1, -1], rtol=1e-12)


def test_a_game_is_for_the_equations_only():
    """Gain 2 from a disturbance that R's negative entry pays for."""
    game = care(SPRING - EYE, EYE, 1, [1, -4])
    assert (game.poles.real < 0).all()
    p = problem(SPRING - EYE, EYE, 1, [1, -4], None)
    assert refine(p, game.X, False, steps=0).error < 1e-14
    late = dare(SPRING / 2, EYE, 1, [1, -10])
    assert (np.abs(late.poles) < 1).all() and np.linalg.eigvalsh(late.X)[0] > 0


@pytest.mark.parametrize("dt", [0, -0.02, np.nan, np.inf, [0.1, 0.2], None])
def test_dt_is_one_positive_number(dt):
    sentence = r"dt.*(above 0|not finite|has shape|holds)"
    with pytest.raises(ValueError, match=sentence):
        lqrd(A4, B4, 1, 1, dt)
    with pytest.raises(ValueError, match=sentence):
        discretize(A4, B4, dt)


def test_samples_that_cannot_be_steered():
    # half a turn between samples: the input meets the spring always the same way
    with pytest.raises(ValueError, match=r"dt=3.14159 s.* eigenvalue -1,.* another dt"):
        lqrd(SPRING, FORCE, 1, 1, np.pi)
    lqrd(SPRING, FORCE, 1, 1, 3.0)
    with pytest.raises(ValueError, match="beyond float64 within one control period"):
        lqrd(A4, B4, 1, 1, 500.0)


def test_tracers_are_refused():
    with pytest.raises(ValueError, match="Q is traced by jit, vmap or grad"):
        jax.grad(lambda q: lqr(SPRING, FORCE, q, 1.0).K[0, 0])(1.0)


def test_out_of_float64_is_said():
    with pytest.raises(ValueError, match=r"could not be solved in float64|all but"):
        lqr(A4, B4, 1e-200, 1e200)


def test_what_decays_by_itself_is_left_alone():
    made = lqr(np.diag([1.0, -2]), [[1], [0]], [1, 0], 1)
    np.testing.assert_allclose(made.K, [[1 + np.sqrt(2), 0]], atol=1e-15)
    assert (lqr(-EYE, EYE, 0, 1).K == 0).all()
    assert (dlqr(EYE / 2, EYE, 0, 1).K == 0).all()


def test_rounding_is_not_indefinite():
    C = np.random.default_rng(0).normal(size=(2, 6))
    for kind in (np.float64, np.float32):
        Q = C.astype(kind).T @ C.astype(kind)
        problem(np.eye(6), np.eye(6), Q, 1, None)


@pytest.mark.parametrize("seed", range(5))
def test_hidden_modes_under_any_coordinates(seed):
    # a chain at 1/2 of length 4 beside a hidden chain of length 2 at 1/2
    rng = np.random.default_rng(seed)
    A = np.triu(rng.normal(size=(6, 6)), 1) + np.eye(6) / 2
    B = np.vstack([rng.normal(size=(4, 2)), np.zeros((2, 2))])
    T = np.linalg.qr(rng.normal(size=(6, 6)))[0] * np.logspace(0, 2, 6)
    A, B = T @ A @ np.linalg.inv(T), T @ B
    assert hidden(A, B, discrete=False).size > 0
    assert hidden(A, B, discrete=True).size == 0
    assert hidden(A, np.eye(6)).size == 0
    with pytest.raises(ValueError, match=r"not stabilizable.* eigenvalue 0\.5"):
        lqr(A, B, 1.0, 1.0)
    shifted = A - np.eye(6) / 2
    with pytest.raises(ValueError, match=r"not detectable.* eigenvalue 0\b"):
        lqr(shifted.T, np.eye(6), B @ B.T, 1.0)


# ---------------------------------------------------------------- place

FULL = np.hstack([B4, [[0], [1], [0], [0]]])


@pytest.mark.parametrize(
    ("B", "poles"),
    [
        (B4, [-1, -2, -3, -4]),
        (B4, [-2 - 1j, -2 + 1j, -5, -3]),
        (B4, [0, -1, -2, -3]),
        (FULL, [-2, -2, -3, -3]),
        (FULL, [-1 + 2j, -1 - 2j, -1 + 3j, -1 - 3j]),
        (np.hstack([B4, 1e6 * B4]), [-1, -2, -3, -4]),
        (np.eye(4), [-1, -1, -1, -1]),
    ],
)
def test_place(B, poles):
    K = place(A4, B, poles)
    assert K.dtype == np.float64 and K.shape == (B.shape[1], 4)
    assert apart(np.linalg.eigvals(A4 - B @ K), poles) < 2e-7


def test_place_repeated_poles_with_one_input():
    K = place(A4, B4, [-2] * 4)
    wanted = np.poly([-2.0] * 4)
    np.testing.assert_allclose(np.poly(A4 - B4 @ K), wanted, rtol=1e-12)
    Ad, Bd = discretize(A4, B4, 0.1)
    deadbeat = Ad - Bd @ place(Ad, Bd, [0] * 4)
    np.testing.assert_allclose(np.linalg.matrix_power(deadbeat, 4), 0, atol=1e-9)
    pair = place(A4, B4, [-1 + 1j, -1 - 1j] * 2)
    np.testing.assert_allclose(np.poly(A4 - B4 @ pair), [1, 4, 8, 8, 4], rtol=1e-12)


@pytest.mark.parametrize(
    ("A", "B", "poles", "sentence"),
    [
        (A4, B4, [-1, -2, -3], r"poles has shape \(3,\), expected \(4,\)"),
        (A4, B4, [-1, -2, -3, np.nan], r"poles is not finite: poles\[3\]=nan;"),
        (A4, B4, [-1, -2, -3, -1 + 1j], r"complex pole without its conjugate"),
        (A4, FULL, [-2, -2, -2, -3], r"repeats a pole 3 times, .* allows 2; move"),
        (EYE, ONES, [-1, -2], r"not controllable: .* eigenvalue 1,"),
        (-EYE, ONES, [-3, -2], r"not controllable: .* eigenvalue -1,"),
        (SPRING, 0 * FORCE, [-3, -2], r"not controllable: .* eigenvalue 0 ± 1j,"),
        (A4, B4, [-1e9] * 4, r"out of reach in float64"),
        (SPRING, FORCE, "ab", r"poles holds <U2 values"),
    ],
)
def test_place_refuses(A, B, poles, sentence):
    with pytest.raises(ValueError, match=sentence):
        place(A, B, poles)


# ---------------------------------------------------------------- the room


def test_heavy_imports_wait():
    code = (
        "import sys, hybridctl.design.riccati, hybridctl.design.place\n"
        "print([m for m in ('control', 'scipy.signal') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- the collections


def test_the_collections_as_measured():
    path = Path(__file__).parent.parent / "benchmarks" / "results" / "riccati.json"
    measured = json.loads(path.read_text(encoding="utf-8"))
    assert measured["worse_than_scipy"] == [] == measured["ours_above_1e-8"]
    assert all(measured["ill_posed"].values())
    assert max(row.get("last_correction", 0) for row in measured["rows"]) < 1e-29
