"""Mechanical plants against others' equations, plants from energies and functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc

pytestmark = pytest.mark.numeric

LINKS = {
    "m1": 0.7, "m2": 1.3, "l1": 0.8, "l2": 1.1, "lc1": 0.3, "lc2": 0.6,
    "I1": 0.04, "I2": 0.09, "g": 9.7,
}  # fmt: skip
PARAMETERS = {"m_c": 1.3, "m_p": 0.4, "L": 0.7, "g": 9.81}
RNG = np.random.default_rng(4)


@jax.jit
def _rates(plant, x, u):
    return jax.vmap(lambda x, u: plant.ode(0.0, x, u))(x, u)


def rates(plant, x, u):
    with jax.enable_x64(True):
        return np.asarray(_rates(plant, x, u))


@jax.jit
def demand(controller, y):
    tick = lambda y: hc.Tick(jnp.zeros(()), jnp.int32(0), y)  # noqa: E731
    return jax.vmap(lambda y: controller.step(None, tick(y))[1])(y)


def draw(plant, n=50):
    scale = [3.0] * plant.n_x, [9.0] * plant.n_u
    return tuple(RNG.uniform(-1, 1, (n, len(s))) * s for s in scale)


# ---------------------------------------------------------------- other people's


def test_the_acrobot_is_gymnasiums():
    from gymnasium.envs.classic_control.acrobot import AcrobotEnv

    other, plant = AcrobotEnv(), hc.Acrobot(I1=1.0, I2=1.0, g=9.8)
    x, u = draw(plant)
    rows = [other._dsdt(np.r_[s, a])[:4] for s, a in zip(x, u, strict=True)]
    np.testing.assert_allclose(rates(plant, x, u), rows, 1e-12, 1e-12)


def test_the_pendulum_is_gymnasiums_turned_by_half_a_turn():
    g, m, length = 10.0, 1.2, 0.9  # its rod; its angle is 0 upright
    plant = hc.Pendulum(m=3 * m / 4, L=2 * length / 3, g=g)
    x, u = draw(plant)
    angle = x[:, 0] - np.pi
    turn = 3 * g / (2 * length) * np.sin(angle) + 3 / (m * length**2) * u[:, 0]
    np.testing.assert_allclose(rates(plant, x, u)[:, 1], turn, 1e-12, 1e-12)


def centres(q, p):
    """Where both centres of mass are [2, 2], from the joint angles."""
    x, theta1, theta2 = q
    first, second = theta1, theta1 + theta2
    arm = lambda length, a: length * jnp.stack([jnp.sin(a), -jnp.cos(a)])  # noqa: E731
    hinge = jnp.stack([x, 0.0 * x])
    elbow = hinge + arm(p["l1"], first)
    return jnp.stack([hinge + arm(p["lc1"], first), elbow + arm(p["lc2"], second)])


def links_kinetic(q, dq, p):
    """Of bodies that move and turn, and a cart."""
    _, v = jax.jvp(lambda q: centres(q, p), (q,), (dq,))
    turning = p["I1"] * dq[1] ** 2 + p["I2"] * (dq[1] + dq[2]) ** 2
    moving = p["m1"] * jnp.sum(v[0] ** 2) + p["m2"] * jnp.sum(v[1] ** 2)
    return 0.5 * (moving + turning + p["m_c"] * dq[0] ** 2)


def links_potential(q, p):
    heights = centres(q, p)[:, 1]
    return p["g"] * (p["m1"] * heights[0] + p["m2"] * heights[1])


def test_the_links_are_lagranges():
    """One derivation for the double cart-pole, and with a cart too heavy to move."""
    rubbing = {"friction1": 0.1, "friction2": 0.2}
    plant = hc.DoubleCartPole(**LINKS, **rubbing, m_c=1.4, cart_friction=0.3)
    derived = lambda m_c: hc.LagrangianPlant(  # noqa: E731
        links_kinetic, links_potential, np.eye(3), ["x", "theta1", "theta2"],
        ["force", "shoulder", "elbow"], LINKS | {"m_c": m_c}, friction=[0.3, 0.1, 0.2],
    )  # fmt: skip
    x, u = draw(plant)
    expected = rates(derived(1.4), x, u * [1, 0, 0])
    np.testing.assert_allclose(rates(plant, x, u), expected, 1e-10, 1e-10)
    x[:, [0, 3]] = 0.0
    inner = [1, 2, 4, 5]
    for kind, motor in ((hc.Pendubot, [0, 1, 0]), (hc.Acrobot, [0, 0, 1])):
        expected = rates(derived(1e14), x, u * motor)[:, inner]
        links = kind(**LINKS, **rubbing)
        np.testing.assert_allclose(rates(links, x[:, inner], u), expected, 1e-9, 1e-9)


# ---------------------------------------------------------------- from energies


def drag(q, dq, p):
    del q
    return p["b"] * dq


def test_a_plant_from_energies_is_the_cart_pole():
    names = {"cart_friction": 0.3, "pole_friction": 0.05}
    friction = np.array(list(names.values()))
    vector = zoo.lagrangian(parameters=PARAMETERS, friction=friction)
    law = zoo.lagrangian(parameters=PARAMETERS | {"b": friction}, drag=drag)
    rubbing = hc.CartPole(**PARAMETERS, **names)
    x, u = draw(rubbing)
    for derived in (vector, law):
        expected = rates(rubbing, x, u)
        np.testing.assert_allclose(rates(derived, x, u), expected, 1e-12, 1e-12)


def test_a_plant_from_energies_is_designed_for_like_any_other():
    own, derived = hc.CartPole(), zoo.lagrangian()
    weights = {"Q": [1, 10, 1, 1], "R": 0.1, "dt": 0.02}
    gains = [hc.lqr(p, p.upright(), **weights) for p in (own, derived)]
    np.testing.assert_allclose(gains[0].K, gains[1].K, rtol=1e-10)
    x = np.random.default_rng(2).uniform(-3, 3, (20, 4))
    asked = [demand(hc.EnergySwingUp(p, limit=10.0), x) for p in (own, derived)]
    np.testing.assert_allclose(*asked, rtol=1e-3, atol=1e-2)
    assert (derived.actuated, derived.passive) == ((0,), (1,))
    assert (
        derived.units["dtheta"] == "rad/s" and derived.hanging().x.tolist() == [0] * 4
    )


def test_parameters_of_given_functions_can_be_varied():
    vary = hc.tasks.Vary(("m_p", "L"), [0.2, 0.5], [0.3, 0.6])
    plant = vary(jax.random.PRNGKey(0), zoo.lagrangian())
    assert 0.2 <= plant.parameters["m_p"] <= 0.3 and plant.parameters["m_c"] == 1.0
    with pytest.raises(ValueError, match=r"LagrangianPlant has no parameters \['m'\]"):
        hc.tasks.Vary(("m",), [0.2], [0.3])(jax.random.PRNGKey(0), plant)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"friction=.* is not finite"):
        zoo.lagrangian(friction=[np.nan, 0.0])


def test_saving_a_plant_of_functions_is_refused(tmp_path):
    pump = hc.EnergySwingUp(zoo.lagrangian())
    with pytest.raises(ValueError, match=r"plant made of functions.*a Plant of y"):
        hc.save(tmp_path / "pump.safetensors", pump)


def two(q, dq, p):
    del p
    return q + dq


def lone(q, p):
    del q, p
    return np.zeros(3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"friction": [0.1]}, r"friction has shape \(1,\), expected \(2,\)"),
        ({"top": [0.0]}, r"top has shape \(1,\), expected \(2,\)"),
        ({"angles": ["phi"]}, "angles has 'phi', but the names are x, theta"),
        ({"units": {"y": "m"}}, "units has 'y', but the names are x, theta, force"),
        ({"limits": {"x": -1}}, "the limit of x=-1 must be above 0"),
        ({"parameters": None}, r"cart_kinetic does not give T\(q, dq\) in JAX"),
        ({"drag": lone}, r"lone does not give drag"),
    ],
)
def test_bad_plants_from_energies_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        zoo.lagrangian(**options)


# ---------------------------------------------------------------- from functions


def oscillator(t, x, u):
    del t
    return jnp.stack([x[1], u[0] - x[0]])


def make(f=oscillator, **options):
    fields = {"states": ["x", "v"], "inputs": ["force"]} | options
    return hc.Plant.from_function(f, **fields)


def test_a_function_is_a_plant():
    plant = make(angles=["x"], units={"x": "rad"}, limits={"force": 2.0})
    assert plant.angles == (0,) and dict(plant.units) == {
        "x": "rad",
        "v": "",
        "force": "",
    }
    A, B = hc.linearize(plant, plant.equilibrium([0.0, 0.0]))
    np.testing.assert_array_equal(A, [[0, 1], [-1, 0]])
    np.testing.assert_array_equal(B, [[0], [1]])
    lqr = hc.lqr(plant, plant.equilibrium([0, 0]), Q=1.0, R=1.0, dt=0.1)
    trace = hc.simulate(plant, lqr, [1.0, 0.0], 10.0, dt=0.1)
    assert np.abs(trace.x[-1]).max() < 1e-2
    assert make() == make()  # so that it compiles once


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda t, x: x, r"<lambda> takes \(t, x\), expected \(t, x, u\)"),
        (lambda t, x, u, p: x, r"takes \(t, x, u, p\), expected \(t, x, u\)"),
        (
            lambda t, x, u: x[:1],
            r"shape \(1,\), expected \(2,\), one entry for each of",
        ),
        (lambda t, x, u: x * 1j, "returns complex64, expected real numbers"),
        (lambda t, x, u: np.sin(x), "write it with jax.numpy, and return an array"),
        (lambda t, x, u: x + jnp.zeros(3), "does not give ẋ = f in JAX: TypeError"),
        (lambda t, x, u: None, "does not give ẋ = f"),
        (3.0, "needs a function, got float"),
    ],
)
def test_bad_functions_are_refused(f, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(f)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"states": "xv"}, r"states='xv' is one text; give a list of names"),
        ({"states": ["x", "x"]}, "has a name twice"),
        ({"inputs": ["x"]}, "has a name twice"),
        ({"inputs": []}, "give at least one"),
        ({"angles": ["theta"]}, "angles has 'theta', but the names are x, v"),
        ({"limits": {"x": np.nan}}, "the limit of x=nan is not finite"),
        ({"parameters": {"w": 1.0}}, r"takes \(t, x, u\), expected \(t, x, u, param"),
        ({"parameters": {"w": "heavy"}}, "'heavy' is not a number"),
    ],
)
def test_bad_names_and_parameters_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(**options)


def test_equilibria_are_made_by_the_plant():
    with pytest.raises(ValueError, match=r"x has shape \(3,\), expected \(2,\)"):
        make().equilibrium([0, 0, 0])
    with pytest.raises(ValueError, match=r"u has shape \(2,\), expected \(1,\)"):
        make().equilibrium([0, 0], [0, 0])


@pytest.mark.parametrize("kind", [hc.Pendulum, hc.Acrobot, hc.DoubleCartPole])
def test_bad_parameters_are_refused_by_name(kind):
    plant = kind()
    for name in vars(plant):
        with pytest.raises(ValueError, match=f"^{name}=-1.0 must"):
            kind(**{name: -1.0})
