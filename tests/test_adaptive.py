"""Plants that nobody has measured: their estimate, and what is designed for it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.controllers import Adaptive, Family
from hybridctl.controllers.value_network import Physical
from hybridctl.learn.hjb.template import adapts
from hybridctl.plants import UncertainPlant
from hybridctl.strategies.adaptive import family, spread
from hybridctl.strategies.optimal import optimal_control
from hybridctl.strategies.reference import build_lqr, locked

VARY = hc.tasks.Vary(
    ("m_p", "pole_friction"), [0.05, 0.0], [0.3, 0.05], ("log", "square")
)
TASK = hc.tasks.get("global", vary=VARY, seconds=2.0)
PLANT = UncertainPlant(TASK.plant, VARY)
SEEN = np.array([0.4, -0.6])  # of the parameters, not among the designs


def known(sigma):
    """The task on the plant that a controller is not told."""
    plant = VARY.at(0.5 + 0.5 * np.asarray(sigma), TASK.plant)
    return dataclasses.replace(TASK, plant=plant, vary=None)


@pytest.fixture(scope="module")
def coarse():
    """Few designs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hybridctl.strategies.adaptive.DEGREE", 2)
        yield hc.template("hybrid", TASK)


def test_parameters_are_states_that_stand_still():
    x = jnp.array([0.1, 0.3, -0.2, 1.0, *SEEN])
    rates = PLANT.ode(jnp.zeros(()), x, jnp.ones(1))
    own = known(SEEN).plant.ode(0.0, x[:4], jnp.ones(1))
    np.testing.assert_allclose(rates, [*own, 0.0, 0.0], rtol=1e-5)


def test_beyond_its_range_a_parameter_stays_but_not_its_slope():
    mass = lambda s: PLANT.at(jnp.array([s, 0.0])).m_p  # noqa: E731
    assert mass(3.0) == mass(1.0) == pytest.approx(0.3)
    assert jax.grad(mass)(3.0) == jax.grad(mass)(1.0) > 0


@pytest.mark.slow
def test_a_family_is_near_what_is_designed_for_each_plant():
    found, exact = family(TASK, build_lqr).at(jnp.asarray(SEEN)), build_lqr(known(SEEN))
    np.testing.assert_allclose(found.K, exact.K, rtol=5e-3)
    np.testing.assert_allclose(found.X, exact.X, rtol=2e-2)
    assert found.dt == exact.dt


def test_designs_of_another_structure_are_refused():
    pair = [hc.Constant([0.0]), 2.0 * hc.Constant([0.0])]
    with pytest.raises(ValueError, match="different structures"):
        Family.fitted(pair, np.array([[0.0], [1.0]]), degree=1)
    with pytest.raises(ValueError, match="too few"):
        Family.fitted(pair[:1], np.array([[0.0]]), degree=1)
    with pytest.raises(ValueError, match="nothing changes"):
        Family.fitted(pair[:1] * 2, np.array([[0.0], [1.0]]), degree=1)


def test_adaptive_needs_controllers():
    guards = family(TASK, locked)
    with pytest.raises(ValueError, match="family of controllers"):
        Adaptive(guards)


def test_designs_fill_the_range():
    points = spread(3)
    assert (points[0] == 0).all() and (np.abs(points) <= 1).all()
    assert (np.ptp(points, axis=0) > 1.9).all()


@pytest.mark.slow
def test_the_estimate_finds_the_parameters(coarse):
    filled, plant = hc.fill(coarse, hc.Constant([0.5])), known(SEEN).plant
    trace = hc.simulate(
        plant, filled, [0.0, 1.0, 0.0, 0.0], loop=TASK.loop, seconds=2.0
    )
    np.testing.assert_allclose(trace["estimate"][-1, 4:], SEEN, atol=0.05)


def test_a_template_adapts_only_behind_an_estimator(coarse):
    assert adapts(coarse)
    assert not adapts(hc.template("residual", TASK))
    with pytest.raises(ValueError, match="varied parameters"):
        hc.train(TASK, 10.0 * hc.Slot(1), algorithm="hjb", progress=False)


def test_energies_are_those_of_the_plant_that_is_met():
    x0 = np.append(TASK.target.x, [0.0, 0.0])
    features = Physical(PLANT, x0, np.ones(19))
    x = jnp.array([0.2, 0.4, -0.3, 0.7, *SEEN])
    met, up = known(SEEN).plant, jnp.asarray(TASK.target.x)
    energy = met.energy(x[:4]) - met.energy(up)
    np.testing.assert_allclose(features(x)[-2], energy, rtol=1e-4)


def test_the_lock_is_that_of_the_plant_that_is_met(coarse):
    problem = optimal_control(TASK, estimated=True)
    own = optimal_control(known(SEEN))
    x = jnp.asarray(TASK.target.x) + jnp.array([0.05, 0.02, 0.0, 0.1])
    z = jnp.append(x, jnp.asarray(SEEN))
    np.testing.assert_allclose(problem.end(z), own.end(x), rtol=0.02)
    assert problem.locked(z) == own.locked(x)


@pytest.mark.long
def test_a_value_of_state_and_parameters_is_learned(coarse, tmp_path):
    small = {
        "num_envs": 32, "unroll_length": 4, "batch_size": 64, "hidden": (8, 8),
        "num_evals": 2, "num_eval_envs": 16, "progress": False, "steps": 512,
    }  # fmt: skip
    run = hc.train(TASK, coarse, **small)
    assert run.config.algorithm == "hjb" and run.curve[-1]["not_finite"] == 0
    hc.save(tmp_path / "hybrid.safetensors", run.controller)
    loaded = hc.load(tmp_path / "hybrid.safetensors")
    pilots = [hc.embed(c, dt=0.02) for c in (run.controller, loaded)]
    y = np.array([0.3, 0.5, -0.2, 1.0])
    np.testing.assert_array_equal(*(pilot(y) for pilot in pilots))


def test_where_nothing_varies_it_is_the_machine():
    task = dataclasses.replace(TASK, vary=None)
    pair = hc.reference("adaptive", task), hc.reference("machine", task)
    assert zoo.bits(pair[0]) == zoo.bits(pair[1])
