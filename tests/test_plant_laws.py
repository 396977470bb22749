"""The laws of the design over every plant."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.plants.flow import rk4

pytestmark = pytest.mark.numeric

PLANTS = zoo.plants()
MECHANICAL = [n for n, p in PLANTS.items() if isinstance(p, hc.MechanicalPlant)]
N = 6
BUT_BALL = [name for name in PLANTS if name != "ball"]
SLOW = {"by mujoco", "pendubot", "end stops"}  # other files look at these
each = pytest.mark.parametrize("name", zoo.sweep(PLANTS, SLOW))
mechanical = pytest.mark.parametrize("name", zoo.sweep(MECHANICAL, SLOW))


def draw(plant):
    """Random states [N, n_x] and inputs [N, n_u], within the limits."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (N, plant.n_x))
    for i in plant.angles:
        x[:, i] *= np.pi
    rows = [(x, plant.states), (rng.uniform(-1, 1, (N, plant.n_u)), plant.inputs)]
    x, u = (v * [0.5 * plant.limits.get(n, 2.0) for n in names] for v, names in rows)
    return x, u


def rate(plant, x, u):
    return plant.ode(0.0, x, u)


@jax.jit
def _facts(plant, x, u):
    """Rates, Jacobians, and rates of plants with other parameters."""
    A, B = jax.vmap(jax.jacfwd(rate, (1, 2)), (None, 0, 0))(plant, x, u)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.1 * leaf]), plant)
    varied = jax.vmap(rate, (0, None, None))(many, x[0], u[0])
    return jax.vmap(rate, (None, 0, 0))(plant, x, u), A, B, varied


@functools.cache
def facts(name):
    """Computed once a plant, in float64."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, _facts(PLANTS[name], *draw(PLANTS[name])))


@jax.jit
def _rates(plant, x, u):
    return jax.vmap(rate, (None, 0, 0))(plant, x, u)


def rates(plant, x, u):
    with jax.enable_x64(True):
        return np.asarray(_rates(plant, x, u))


_rate = jax.jit(rate)


@each
def test_names_units_and_shapes_agree(name):
    plant = PLANTS[name]
    signals = (*plant.states, *plant.inputs)
    assert len(set(signals)) == len(signals) == plant.n_x + plant.n_u
    assert set(plant.units) == set(signals)
    assert set(plant.limits) <= set(signals)
    assert all(limit > 0 for limit in plant.limits.values())
    assert all(plant.units[plant.states[i]] == "rad" for i in plant.angles)
    out, A, B, _ = facts(name)
    assert out.shape == (N, plant.n_x) and out.dtype == np.float64
    assert A.shape == (N, plant.n_x, plant.n_x) and B.shape == (N, plant.n_x, plant.n_u)
    hash(jax.tree.structure(plant))  # so it can be compiled for


@each
def test_parameters_are_numbers_on_the_host(name):
    leaves = jax.tree.leaves(PLANTS[name])
    assert leaves
    assert all(isinstance(v, np.ndarray) and v.dtype == np.float64 for v in leaves)


@each
def test_a_single_precision_state_stays_single(name):
    plant = PLANTS[name]
    x, u = (jnp.asarray(v, jnp.float32) for v in draw(plant))
    out = jax.eval_shape(rate, jax.tree.map(jnp.asarray, plant), x[0], u[0])
    assert out.dtype == jnp.float32


@mechanical
def test_equilibria_rest(name):
    plant = PLANTS[name]
    rests = [plant.upright()]
    if hasattr(plant, "hanging"):
        rests.append(plant.hanging())
    for rest in rests:
        assert np.abs(rates(plant, rest.x[None], rest.u[None])).max() < 1e-13
        assert rest.states == plant.states and rest.angles == plant.angles


@each
def test_derivatives_are_central_differences(name):
    plant = PLANTS[name]
    (x, u), (_, A, B, _), step = draw(plant), facts(name), 1e-5
    both = np.concatenate([x, u], axis=1)
    for j in range(both.shape[1]):
        nudge = step * np.eye(both.shape[1])[j]
        ends = [
            rates(plant, *np.split(both + s * nudge, [plant.n_x], axis=1))
            for s in (1, -1)
        ]
        slope = np.concatenate([A, B], axis=2)[:, :, j]
        difference = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-6)


@mechanical
def test_the_linear_model_is_the_plants_near_its_equilibria(name):
    plant, step = PLANTS[name], 1e-6
    rest = plant.upright()
    A, B = hc.linearize(plant, rest)
    e, v = np.eye(plant.n_x)[:N], np.zeros((min(N, plant.n_x), plant.n_u))
    v[0] = 1.0
    e, v = (np.resize(w, (N, w.shape[1])) for w in (e, v))
    ends = [rates(plant, rest.x + s * step * e, rest.u + s * step * v) for s in (1, -1)]
    difference = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(e @ A.T + v @ B.T, difference, rtol=1e-7, atol=1e-7)


@jax.jit
def _flow(plant, x, u, h, steps):
    """RK4 with the input held, over steps of h."""
    body = lambda _, x: rk4(plant, jnp.zeros(()), x, u, h)  # noqa: E731
    return jax.lax.fori_loop(0, steps, body, x)


@pytest.mark.parametrize("name", zoo.sweep(BUT_BALL, SLOW))  # exact there
def test_rk4_is_of_fourth_order_with_a_held_input(name):
    plant, (x, u), (_, A, _, _) = PLANTS[name], draw(PLANTS[name]), facts(name)
    span = 1.0 / np.linalg.norm(A, 2, axis=(1, 2)).max()  # the plant's own time scale
    with jax.enable_x64(True):
        end = lambda n: np.stack(  # noqa: E731
            [_flow(plant, *xu, span / n, n) for xu in zip(x, u, strict=True)]
        )
        exact, errors = end(256), []
        errors = [np.linalg.norm(end(n) - exact) for n in (4, 8, 16)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert errors[-1] > 1e-13  # or rounding would be what is measured
    assert 3.85 < orders[-1] < 4.15, orders


@each
def test_vmap_is_a_loop_bit_for_bit(name):
    plant = jax.tree.map(jnp.asarray, PLANTS[name])
    x, u = (jnp.asarray(v, jnp.float32) for v in draw(plant))
    single = np.stack([_rate(plant, *xu) for xu in zip(x, u, strict=True)])
    zoo.same_bits(_rates(plant, x, u), single)


@each
def test_plants_vmap(name):
    plant, (x, u), varied = PLANTS[name], draw(PLANTS[name]), facts(name)[3]
    np.testing.assert_allclose(varied[0], facts(name)[0][0], rtol=1e-12, atol=1e-12)
    other = jax.tree.map(lambda leaf: 1.1 * leaf, plant)
    np.testing.assert_allclose(varied[1], rates(other, x, u)[0], 1e-12, 1e-12)
    assert np.any(varied[0] != varied[1])


@each
def test_the_gradient_is_finite(name):
    plant, (x, u) = jax.tree.map(jnp.asarray, PLANTS[name]), draw(PLANTS[name])

    slope = jax.jit(jax.grad(lambda arguments: jnp.sum(rate(*arguments) ** 2)))
    leaves = jax.tree.leaves(slope((plant, jnp.asarray(x[0]), jnp.asarray(u[0]))))
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.any(leaf != 0) for leaf in leaves[:-2])  # by a parameter
    assert np.any(leaves[-1] != 0)  # by the input


@jax.jit
def _powers(plant, x, u):
    """dE/dt, and the power that friction takes."""

    def one(x, u):
        change = jax.jvp(plant.energy, (x,), (rate(plant, x, u),))[1]
        return change, plant.dissipated(x)

    return jax.vmap(one)(x, u)


@mechanical
def test_energy_changes_by_the_inputs_power_less_friction(name):
    plant, (x, u) = PLANTS[name], draw(PLANTS[name])
    with jax.enable_x64(True):
        change, lost = (np.asarray(v) for v in _powers(plant, x, u))
    rates_pushed = x[:, plant.n_x // 2 :][:, list(plant.actuated)]
    given = np.sum(u * rates_pushed, axis=1)
    np.testing.assert_allclose(change, given - lost, rtol=1e-10, atol=1e-10)
    rubs = [leaf for leaf in frictions(plant) if np.any(np.asarray(leaf) > 0)]
    assert (lost > 1e-6).all() if rubs else (np.abs(lost) < 1e-10).all()


def frictions(plant):
    return [v for n, v in vars(plant).items() if "friction" in n and v is not None]


@mechanical
def test_energy_is_kept_without_friction(name):
    plant, (x, _) = PLANTS[name], draw(PLANTS[name])
    rubs = any(np.any(v > 0) for v in frictions(plant))
    with jax.enable_x64(True):
        u, one = np.zeros(plant.n_u), 0
        end = _flow(plant, x[one], u, 0.002, 500)
        before, after = (float(plant.energy(v)) for v in (x[one], end))
    assert after < before - 1e-3 if rubs else after == pytest.approx(before, abs=1e-7)


@each
def test_it_runs_in_an_environment(name):
    plant = PLANTS[name]
    target = plant.equilibrium(np.zeros(plant.n_x))
    task = hc.tasks.reach(plant, target, seconds=1.0)
    env = hc.Env(task, hc.Slot(plant.n_u))

    @jax.jit
    def rollout(key):
        step = lambda s, a: ((s := env.step(s, a)), (s.obs, s.reward))  # noqa: E731
        actions = 0.1 * jnp.ones((3, env.action_size))
        return jax.lax.scan(step, env.reset(key), actions)[1]

    obs, reward = rollout(jax.random.PRNGKey(0))
    assert obs.shape == (3, env.observation_size) and np.isfinite(obs).all()
    assert np.isfinite(reward).all() and len(np.unique(obs, axis=0)) == 3
