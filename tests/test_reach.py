"""Tasks and reference controllers for any plant; swing-up by energy of each."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from hybridctl.strategies.reference import build_pump
from hybridctl.tasks import Box, holds

pytestmark = pytest.mark.numeric

RUBBING = hc.CartPole(pole_friction=0.05)


# ---------------------------------------------------------------- the task


def test_the_default_task_of_a_cart_pole_is_the_benchmarks():
    task, known = hc.tasks.reach(hc.CartPole()), hc.tasks.get("global")
    for name in ("q", "r", "x0"):
        np.testing.assert_allclose(getattr(task.cost, name), getattr(known.cost, name))
    assert task.limits == known.limits == {"x": 2.4}
    assert task.input_limit == 10.0 and task.loop.dt == 0.02
    assert task.name == "cartpole" and task.steps == 1000


def test_weights_of_the_reference_are_the_tasks():
    for name in hc.tasks.names():
        Q, R = hc.tasks.get(name).cost.quadratic
        assert (Q.tolist(), R.tolist()) == ([1.0, 10.0, 1.0, 1.0], [0.1])
    plant = hc.Pendulum()
    task = hc.tasks.reach(plant, Q=[3.0, 0.5], R=[0.2])
    lqr = hc.lqr(plant, plant.upright(), Q=[3.0, 0.5], R=[0.2], dt=0.02)
    np.testing.assert_array_equal(hc.reference("lqr", task).K, lqr.K)
    e, u = np.array([1e-3, 2e-3]), np.array([0.1])
    quadratic = 3.0 * e[0] ** 2 + 0.5 * e[1] ** 2 + 0.2 * u[0] ** 2
    with jax.enable_x64(True):
        cost = float(task.cost(jnp.asarray(task.target.x + e), u))
    assert cost == pytest.approx(quadratic, rel=1e-6)


def test_starts_settling_and_failure_come_from_the_plant():
    task = hc.tasks.reach(hc.DoubleCartPole())
    half = [1.2, np.pi, np.pi, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(task.start.high - task.target.x, half)
    up = np.asarray(task.target.x, np.float32)
    for i, width in enumerate([0.1, 0.05, 0.05, 0.1, 0.1, 0.1]):
        e = width * np.eye(6, dtype=np.float32)[i]
        assert holds(task.settled, jnp.asarray(up + 0.99 * e))
        assert not holds(task.settled, jnp.asarray(up + 1.01 * e))
    free = hc.tasks.reach(hc.Pendulum())
    assert not holds(free.failure, jnp.array([99.0, 999.0])) and free.limits == {}
    rest = hc.tasks.reach(hc.Pendulum(), start=hc.Pendulum().hanging()).start
    assert rest.low.tolist() == rest.high.tolist() == [0.0, 0.0]


def test_given_parts_are_kept():
    loop = hc.Loop(0.01, actuator=hc.Actuator(limit=4.0))
    start = Box([0.0, 0.0], [1.0, 1.0])
    plant = hc.Pendulum()
    guard = hc.near(plant.upright(), theta=0.2)
    task = hc.tasks.reach(
        plant, plant.hanging(), start=start, loop=loop, failure=guard, settled=guard,
        seconds=3.0, name="down",
    )  # fmt: skip
    assert task.start is start and task.loop is loop and task.settled is guard
    assert (task.steps, task.name, task.input_limit) == (300, "down", 4.0)
    assert task.target.x.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"reach needs a target for FunctionPlant; give plant.equilibrium\(x, u\)"),
        ({"target": hc.CartPole().upright()}, r"target.x has shape \(4,\), expected"),
        ({"Q": np.eye(2)}, r"diagonal\) has shape \(2, 2\), expected \(2,\)"),
        ({"R": [1, 2]}, r"diagonal\) has shape \(2,\), expected \(1,\)"),
        ({"Q": [1, -1]}, "must not be negative"),
        ({"sekonds": 3}, r"a Task has no \['sekonds'\]; it has"),
    ],
)
def test_bad_tasks_are_refused(options, sentence):
    plant = zoo.function()
    target = {"target": plant.equilibrium([0, 0])} if options else {}
    with pytest.raises(ValueError, match=sentence):
        hc.tasks.reach(plant, **(target | options))


def test_a_first_order_plant_is_held_by_its_lqr():
    plant = zoo.function()
    task = hc.tasks.reach(plant, plant.equilibrium([0, 0]), seconds=20.0)
    assert hc.evaluate(task, hc.reference("lqr", task), 32).success.all()
    with pytest.raises(ValueError, match="no swing-up for FunctionPlant"):
        hc.reference("machine", task)


def test_without_a_limit_the_lqr_has_none_and_the_machine_says_so():
    plant = zoo.lagrangian(limits=None)
    task = hc.tasks.reach(plant)
    assert hc.reference("lqr", task).limit is None
    with pytest.raises(ValueError, match="task 'lagrangianplant' has no limit of 'for"):
        hc.reference("machine", task)


# ---------------------------------------------------------------- swing-up


def test_a_swing_up_to_anywhere_else_is_refused():
    plant = hc.Pendulum()
    with pytest.raises(
        ValueError, match=r"'pendulum' has another target; reach plant.u"
    ):
        hc.reference("machine", hc.tasks.reach(plant, plant.hanging()))


def test_the_pendulum_is_swung_up():
    task = hc.tasks.reach(hc.Pendulum(friction=0.1))
    scores = hc.evaluate(task, hc.reference("machine", task), 64)
    assert scores.success.all() and np.median(scores.settle) < 5.0


def test_a_pendulum_is_given_energy_by_its_torque():
    """u = M sat(pump (E* - E) p + b q̇² / p), p = M q̇ + kick."""
    plant, b, inertia = hc.Pendulum(m=0.7, L=0.8, friction=0.3), 0.3, 0.7 * 0.8**2
    pump = hc.EnergySwingUp(plant, pump=2.0, kick=0.05, drive=4.0, friction=1.0)
    y = np.random.default_rng(0).uniform([-4, -6], [4, 6], (100, 2))
    u = demand(pump, y)[:, 0]
    theta, rate = y.T
    weight = 0.7 * 9.81 * 0.8
    error = weight - 0.5 * inertia * rate**2 + weight * np.cos(theta)
    power = inertia * rate + 0.05 * np.sign(rate)
    a = np.clip(2.0 * error * power + b * rate**2 / power, -4.0, 4.0)
    np.testing.assert_allclose(u, inertia * a, atol=1e-3)
    assert 10 < np.sum(np.abs(a) < 4.0) < 90


@jax.jit
def _demand(controller, y):
    tick = lambda y: hc.Tick(jnp.zeros(()), jnp.int32(0), y)  # noqa: E731
    return jax.vmap(lambda y: controller.step(None, tick(y))[1])(y)


def demand(controller, y):
    return np.asarray(_demand(controller, jnp.asarray(y, jnp.float32)))


@pytest.mark.parametrize("kind", [hc.Acrobot, hc.Pendubot])
def test_the_driven_angle_is_centred_on_the_target_the_short_way(kind):
    plant = kind()
    (driven,) = plant.actuated
    target = plant.upright().x[driven]
    pump = hc.EnergySwingUp(plant, pump=0.0, stiffness=20.0, damping=2.0)
    rng = np.random.default_rng(1)
    y = rng.uniform(-2, 2, (50, 4))
    y[:, driven] += target
    u = demand(pump, y)
    rates = jax.jit(jax.vmap(lambda x, u: plant.ode(0.0, x, u)))(y, u)
    wanted = -20.0 * (y[:, driven] - target) - 2.0 * y[:, 2 + driven]
    np.testing.assert_allclose(rates[:, 2 + driven], wanted, rtol=1e-3, atol=1e-3)
    turns = 2 * np.pi * rng.integers(-2, 3, (50, 2))
    np.testing.assert_allclose(
        demand(pump, y + np.pad(turns, ((0, 0), (0, 2)))), u, atol=1e-2
    )


def test_friction_given_back_brings_the_pole_up():
    task = hc.tasks.reach(RUBBING)
    pump = build_pump(task)
    assert float(pump.friction) == 1.0
    assert build_pump(hc.tasks.get("swingup")).friction is None  # bit for bit as ever
    highest = {}
    for share in (1.0, None):
        controller = dataclasses.replace(pump, friction=share)
        trace = hc.simulate(RUBBING, controller, np.zeros(4), 10.0, loop=task.loop)
        highest[share] = np.max(-np.cos(np.asarray(trace["theta"])))
    assert highest[1.0] > 0.85 and highest[None] < 0.6


@pytest.mark.parametrize("kind", [hc.Acrobot, hc.Pendubot, hc.DoubleCartPole])
def test_machines_for_links_know_both_angles(kind):
    task = hc.tasks.reach(kind())
    machine = hc.reference("machine", task)
    assert machine.names == ("swing", "balance")
    assert hc.template("residual", task).names == ("swing", "balance")
    near = machine.supervisor.guards[0].a
    assert [task.plant.states[c] for c in near.columns] == ["theta1", "theta2"]
