"""Plants that are difference equations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc

PENDULUM, DT = hc.Pendulum(friction=0.1), 0.05
NAMES = {"states": ["theta", "dtheta"], "inputs": ["torque"]}
PLANT = zoo.discrete()


def test_it_runs_as_what_it_was_made_of():
    """Open loop, about an LQR's equilibrium, and in a batch."""
    lqr = hc.lqr(PLANT, PLANT.equilibrium([np.pi, 0.0]), Q=[10, 1], R=1.0)
    push, x0 = hc.Constant([0.5]), jnp.array([[0.5, 0.0], [3.0, 0.0]])
    for controller in (push, lqr):
        ours = hc.simulate(PLANT, controller, x0, 2.0, dt=DT)
        theirs = hc.simulate(PENDULUM, controller, x0, 2.0, dt=DT)
        np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-5, atol=1e-5)
    assert lqr.dt == DT and abs(ours["theta"][1, -1] - np.pi) < 0.01


def test_it_is_linear_near_its_rest():
    up = PLANT.rest(theta=np.pi)
    A, B = hc.linearize(PLANT, up)
    model = hc.discretize(*hc.linearize(PENDULUM, PENDULUM.upright()), DT)
    np.testing.assert_allclose(A, model[0], atol=1e-6)
    np.testing.assert_allclose(B, model[1], atol=1e-6)
    ekf = hc.kalman(PLANT, up, DT, noise=0.01, process=1e-3)
    their = hc.kalman(PENDULUM, PENDULUM.upright(), DT, noise=0.01, process=1e-3)
    np.testing.assert_allclose(ekf.L, their.L, atol=1e-5)


def test_a_closed_loop_has_the_poles_of_its_design():
    up = PLANT.equilibrium([np.pi, 0.0])
    lqr = hc.lqr(PLANT, up, Q=[10, 1], R=1.0)
    A, B = hc.linearize(PLANT, up)
    found = hc.closed_loop(PLANT, lqr, equilibrium=up).poles
    expected = np.linalg.eigvals(A - B @ lqr.K)
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-9)


def test_what_asks_for_a_rate_refuses_it():
    up = PLANT.equilibrium([np.pi, 0.0])
    cost = hc.tasks.Cost(up.x, q=[10.0, 1.0], r=[1.0], angles=(0,))
    value = hc.GridValue(np.ones((3, 3)), [0.0, -6.0], [2 * np.pi, 6.0])
    with pytest.raises(ValueError, match="has sampled parts, of which no rate tells"):
        hc.Greedy(PLANT, cost, value, dt=DT)
    still = np.tile(up.x, (3, 1)), np.zeros((2, 1))
    with pytest.raises(ValueError, match="this DiscretePlant has sampled parts"):
        hc.tvlqr(PLANT, still, up, [10, 1], 1.0, DT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0.1}, "this plant steps every 0.05 s, the loop every 0.1 s; give the"),
        ({"dt": DT, "solver": "dopri5"}, "solver='dopri5' integrates, and this plant"),
        ({"loop": hc.Loop(DT, jitter=0.1), "key": 0}, "the loop every so often, with"),
    ],
)
def test_another_pace_gets_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        hc.simulate(PLANT, hc.Constant([0.0]), [0.1, 0.0], 1.0, **options)


@pytest.mark.parametrize(
    ("f", "changes", "message"),
    [
        (lambda x: x, {}, r"takes \(x\), expected \(x, u\)"),
        (lambda x, u: x[:1], {}, r"returns a state of shape \(1,\), expected \(2,\)"),
        (zoo.swung, {}, r"expected \(x, u\); parameters are passed"),
        (lambda x, u: x, {"dt": 0.0}, "dt"),
        (lambda x, u: x, {"angles": ["phi"]}, "angles has 'phi', but the names are"),
        (lambda x, u: x, {"units": ["rad"]}, "units is a list; expected a dict"),
        (
            eqx.nn.MLP(2, 2, 4, 1, key=jax.random.PRNGKey(0)),
            {},
            "give what it holds as",
        ),
    ],
)
def test_what_is_no_difference_equation_gets_a_sentence(f, changes, message):
    with pytest.raises(ValueError, match=message):
        hc.Plant.discrete(f, **{"dt": DT, **NAMES, **changes})


@pytest.mark.slow
def test_a_controller_that_knows_it_goes_to_a_file(tmp_path):
    known = hc.EKF(PLANT, DT, noise=[0.01, 0.1])
    again = hc.load(hc.save(tmp_path / "ekf", known))
    assert again.plant.limits == PLANT.limits and again.plant.angles == (0,)
    with pytest.raises(ValueError, match="is not registered"):
        plant = hc.Plant.discrete(lambda x, u: x, DT, ["x"], ["u"])
        hc.save(tmp_path / "no", hc.EKF(plant, DT, noise=0.1))


def test_a_diagram_says_what_it_takes_instead():
    with pytest.raises(ValueError, match="the block rig is a discrete plant, which"):
        hc.Diagram(blocks={"rig": PLANT}, wires={"rig": "u"}, inputs=["u"])


@pytest.mark.slow
def test_a_network_that_was_learned_is_a_plant():
    """Its numbers are the plant's parameters, through which gradients go."""
    net = eqx.nn.MLP(3, 2, 8, 1, key=jax.random.PRNGKey(0))
    f = lambda x, u, net: x + 0.1 * net(jnp.concatenate([x, u]))  # noqa: E731
    plant = hc.Plant.discrete(f, DT, ["a", "b"], ["u"], parameters=net)
    trace = hc.simulate(plant, hc.Constant([1.0]), [0.1, 0.0], 1.0, dt=DT)
    x = np.array([0.1, 0.0])
    for seen in np.asarray(trace.x):
        np.testing.assert_allclose(seen, x, atol=1e-5)
        x = np.asarray(f(jnp.asarray(x), jnp.ones(1), net))


@pytest.mark.slow
def test_a_log_tells_its_parameters():
    k = np.arange(120.0)
    push = hc.Sequence(np.sin(4e-3 * k * k)[:, None])
    trace = hc.simulate(zoo.discrete(1.3), push, [0.5, 0.0], 6.0, dt=DT)
    fit = hc.identify(PLANT, hc.Log.from_trace(trace), ["m"])
    assert fit.values["m"] == pytest.approx(1.3, abs=1e-3)


@pytest.mark.slow
def test_it_is_a_task_that_can_be_trained():
    task = hc.tasks.reach(PLANT, PLANT.equilibrium([np.pi, 0.0]), seconds=2.0)
    assert task.loop.dt == DT
    run = hc.train(task, 3.0 * hc.Slot(1), steps=2048, seed=0, progress=False)
    scores = hc.evaluate(task, run.controller, n=16, seed=1)
    assert np.isfinite(scores.cost).all()
