import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybridctl as hc

pytestmark = pytest.mark.numeric

N = 200
NAMES = ("m_c", "m_p", "L", "g", "cart_friction", "pole_friction")


def draw(friction):
    """Random parameters [6, N], states [N, 4] and forces [N, 1]."""
    rng = np.random.default_rng(1)
    low = np.array([0.2, 0.05, 0.3, 1.0, 0.0, 0.0])
    high = np.array([5.0, 2.0, 3.0, 20.0, 2.0, 0.5])
    values = rng.uniform(low, high, (N, 6)).T
    values[4:] *= friction
    x = rng.uniform([-2, -7, -5, -9], [2, 7, 5, 9], (N, 4))
    return values, x, rng.uniform(-20, 20, (N, 1))


def rates(values, x, u):
    """The package's ode in float64, one plant a row."""
    with jax.enable_x64(True):
        ode = jax.jit(jax.vmap(lambda p, x, u: p.ode(0.0, x, u)))
        return np.asarray(ode(hc.CartPole(*values), x, u))


def energies(values, x):
    """Energy [N] and its gradient by state [N, 4], in float64."""
    with jax.enable_x64(True):
        energy = jax.jit(jax.vmap(jax.value_and_grad(lambda x, p: p.energy(x))))
        return tuple(np.asarray(part) for part in energy(x, hc.CartPole(*values)))


# ---------------------------------------------------------------- dynamics


def tutorial(values, x, u):
    """The tutorial's own equations, in numpy."""
    m_c, m_p, L, g, _, _ = values
    _, theta, dot_x, dot_theta = x.T
    sin, cos, fx = np.sin(theta), np.cos(theta), u[:, 0]
    mf = 1.0 / (m_c + m_p * sin**2)
    ddot_x = mf * (fx + m_p * sin * (L * dot_theta**2 + g * cos))
    ddot_theta = -fx * cos - m_p * L * dot_theta**2 * cos * sin - (m_c + m_p) * g * sin
    return np.stack([dot_x, dot_theta, ddot_x, ddot_theta * mf / L], axis=1)


def lagrange(value, x, u):
    """Accelerations from M(q) q'' = forces, the 2x2 system solved."""
    m_c, m_p, L, g, b_c, b_p = value
    _, theta, dx, dtheta = x
    couple = m_p * L * np.cos(theta)
    mass = [[m_c + m_p, couple], [couple, m_p * L**2]]
    push = u[0] - b_c * dx + m_p * L * np.sin(theta) * dtheta**2
    turn = -m_p * g * L * np.sin(theta) - b_p * dtheta
    return np.array([dx, dtheta, *np.linalg.solve(mass, [push, turn])])


def test_ode_is_the_tutorial_s():
    values, x, u = draw(friction=0.0)
    expected = tutorial(values, x, u)
    np.testing.assert_allclose(rates(values, x, u), expected, 1e-12, 1e-12)


def test_ode_with_friction_is_lagrange_s():
    values, x, u = draw(friction=1.0)
    rows = [lagrange(*row) for row in zip(values.T, x, u, strict=True)]
    np.testing.assert_allclose(rates(values, x, u), rows, 1e-11, 1e-11)


def test_ode_in_float32():
    values, x, u = draw(friction=0.0)
    ode = jax.vmap(lambda p, x, u: p.ode(0.0, x, u))
    out = ode(hc.CartPole(*values), jnp.asarray(x), jnp.asarray(u))
    assert out.dtype == jnp.float32
    expected = tutorial(values, x, u)
    # relative to the largest rate of a row: rounding of one term reaches the others
    size = np.abs(expected).max(axis=1, keepdims=True)
    assert np.max(np.abs(out - expected) / size) < 1e-5


def test_ode_has_the_plant_s_symmetries():
    values, x, u = draw(friction=1.0)
    base = rates(values, x, u)
    np.testing.assert_allclose(rates(values, -x, -u), -base, 1e-12, 1e-12)
    moved = x + np.array(
        [3.0, 2 * np.pi, 0, 0]
    )  # anywhere on the track, a whole turn further
    np.testing.assert_allclose(rates(values, moved, u), base, 1e-9, 1e-9)


# ---------------------------------------------------------------- energy


def test_energy_is_that_of_cart_and_tip():
    values, x, _ = draw(friction=0.0)
    m_c, m_p, L, g, _, _ = values
    _, theta, dx, dtheta = x.T
    tip = dx + L * np.cos(theta) * dtheta, L * np.sin(theta) * dtheta
    kinetic = 0.5 * m_c * dx**2 + 0.5 * m_p * (tip[0] ** 2 + tip[1] ** 2)
    height = -L * np.cos(theta)
    np.testing.assert_allclose(energies(values, x)[0], kinetic + m_p * g * height)


def test_energy_changes_by_power_minus_friction():
    values, x, u = draw(friction=1.0)
    _, slope = energies(values, x)
    change = np.sum(slope * rates(values, x, u), axis=1)
    lost = values[4] * x[:, 2] ** 2 + values[5] * x[:, 3] ** 2
    np.testing.assert_allclose(change, u[:, 0] * x[:, 2] - lost, 1e-9, 1e-8)
    assert np.max(lost) > 1.0  # friction was there to be seen


def energy_along(plant):
    """Energy over 5 s from two starts, input 0, shape [2, 251]."""
    x0 = [[0.2, 2.5, 0.5, -1.0], [0.0, 0.3, 0.0, 0.0]]
    x = hc.simulate(plant, hc.Constant([0.0]), x0, seconds=5.0, dt=0.02).x
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(plant.energy)(np.reshape(x, (-1, 4)))).reshape(2, -1)


def test_energy_is_kept_without_friction_and_lost_with_it():
    free = energy_along(hc.CartPole())
    assert np.max(np.abs(free - free[:, :1])) < 1e-5  # float32; the energies are ~ 1 J
    lossy = energy_along(hc.CartPole(cart_friction=0.2, pole_friction=0.05))
    assert np.all(np.diff(lossy) < 1e-6)
    assert np.all(lossy[:, -1] < lossy[:, 0] - 0.02)


# ---------------------------------------------------------------- equilibria, names


@pytest.mark.parametrize("name", ["upright", "hanging"])
@pytest.mark.parametrize("friction", [0.0, 0.3])
def test_equilibria_rest(name, friction):
    plant = hc.CartPole(m_c=0.7, m_p=0.3, L=0.5, pole_friction=friction)
    rest = getattr(plant, name)()
    with jax.enable_x64(True):
        assert np.max(np.abs(plant.ode(0.0, rest.x, rest.u))) < 1e-14
    assert rest.states == plant.states and rest.angles == plant.angles
    assert rest.x.shape == (4,) and rest.u.shape == (1,)
    assert rest.x.dtype == np.float64  # sin π of a float32 π would be 9e-8


def test_upright_has_the_most_potential_energy():
    plant = hc.CartPole()
    assert float(plant.energy(plant.upright().x)) == pytest.approx(0.981)
    assert float(plant.energy(plant.hanging().x)) == pytest.approx(-0.981)


def test_upright_falls_and_hanging_stays():
    plant = hc.CartPole()
    poles = {
        name: np.linalg.eigvals(hc.linearize(plant, getattr(plant, name)())[0]).real
        for name in ("upright", "hanging")
    }
    assert max(poles["upright"]) > 3 and max(poles["hanging"]) < 1e-6


def test_names_and_units_cover_every_signal():
    plant = hc.CartPole()
    assert (plant.n_x, plant.n_u) == (4, 1)
    assert set(plant.units) == {*plant.states, *plant.inputs}
    assert [plant.states[i] for i in plant.angles] == ["theta"]
    assert set(plant.limits) <= set(plant.units)
    assert isinstance(plant, hc.Plant)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, -np.inf])
def test_bad_parameters_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"^{name}=\S+ (is not|must).*; give "):
        hc.CartPole(**{name: value})


@pytest.mark.parametrize("name", ["m_c", "m_p", "L", "g"])
def test_zero_is_refused_where_it_divides(name):
    with pytest.raises(ValueError, match=f"^{name}=0.0 must be above 0; give"):
        hc.CartPole(**{name: 0.0})


@pytest.mark.parametrize("name", ["cart_friction", "pole_friction"])
def test_zero_friction_is_fine(name):
    assert float(getattr(hc.CartPole(**{name: 0}), name)) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_text_is_refused(name):
    with pytest.raises(ValueError, match="heavy"):
        hc.CartPole(**{name: "heavy"})


def test_one_bad_plant_in_a_batch_is_refused():
    with pytest.raises(ValueError, match="m_p"):
        hc.CartPole(m_p=[0.1, -0.1, 0.2])


def test_parameters_are_leaves_and_frozen():
    values = [1.0, 0.2, 0.5, 9.81, 0.3, 0.04]
    plant = hc.CartPole(*values)
    assert [float(leaf) for leaf in jax.tree.leaves(plant)] == values
    with pytest.raises(AttributeError):
        plant.m_c = 2.0


def test_vmap_over_masses_is_a_loop_over_plants():
    masses = np.array([0.05, 0.1, 0.4])
    x, u = jnp.array([0.1, 2.0, -0.3, 1.5]), jnp.array([3.0])
    ode = lambda m: hc.CartPole(m_p=m).ode(0.0, x, u)  # noqa: E731
    each = [ode(m) for m in masses]
    built_inside = jax.vmap(ode)(jnp.asarray(masses))
    plants = hc.CartPole(m_p=masses)
    axes = jax.tree.map(lambda leaf: 0 if np.ndim(leaf) else None, plants)
    mapped = jax.vmap(lambda p: p.ode(0.0, x, u), in_axes=(axes,))(plants)
    np.testing.assert_allclose(built_inside, np.stack(each), rtol=1e-6)
    np.testing.assert_allclose(mapped, np.stack(each), rtol=1e-6)
    assert len({float(row[3]) for row in each}) == 3


def test_gradient_by_every_parameter_is_its_finite_difference():
    value = np.array([1.0, 0.3, 0.8, 9.81, 0.2, 0.05])
    x, u = np.array([0.1, 2.0, -0.3, 1.5]), np.array([3.0])
    with jax.enable_x64(True):
        accelerations = lambda p: jnp.sum(p.ode(0.0, x, u)[2:])  # noqa: E731
        grad = jax.tree.leaves(jax.jit(jax.grad(accelerations))(hc.CartPole(*value)))
    step = 1e-6
    for i, slope in enumerate(grad):
        nudge = step * np.eye(6)[i]
        ends = [sum(lagrange(value + s * nudge, x, u)[2:]) for s in (1, -1)]
        assert float(slope) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7)
