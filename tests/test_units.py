"""Law 10: the same rig told in other units of mass, length and time does the same."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import hybridctl as hc
from benchmarks.questions import units as told
from benchmarks.questions.units import Units
from hybridctl.contests.falsify.perturbation import perturbed
from hybridctl.controllers import Quadratic
from hybridctl.design.trials import Trials
from hybridctl.learn.presets import meant_for
from hybridctl.learn.presets import told as told_preset
from hybridctl.plants import own_units
from hybridctl.plants.linearize import sizes
from hybridctl.plants.scales import coordinate_units, natural_units
from hybridctl.store.container import pack, unpack
from hybridctl.store.save import from_bytes, to_bytes
from hybridctl.strategies import references
from hybridctl.strategies.reference import tuned
from hybridctl.tasks.gains import TUNED

pytestmark = pytest.mark.numeric

PLANT = hc.CartPole(m_c=0.8, cart_friction=0.2, pole_friction=0.02)
UP = PLANT.upright()
SAME = Units()
BINARY = Units(2.0**-7, 2.0**4, 1.0)  # float32 tells it exactly, dt stays
WHOLE = Units(2.0**-7, 2.0**4, 2.0**2)
ODD = Units(30.0, 0.07, 1e3)
Q, R = np.array([1.0, 10.0, 1.0, 1.0]), 0.1


# ---------------------------------------------------------------- own units


@pytest.mark.parametrize(
    "plant", [PLANT, hc.Pendulum(), hc.Acrobot(), hc.Pendubot(), hc.DoubleCartPole()]
)
def test_a_plants_own_units_are_told_as_it_is(plant):
    own, other = own_units(plant), own_units(told.plant_in(ODD, plant))
    length = 1.0 if plant.actuated[0] in plant.angles else ODD.length
    assert other.second == pytest.approx(own.second * ODD.time)
    assert other.joule == pytest.approx(ODD.told(own.joule, (1, 2, -2)))
    if 0 not in plant.angles:
        assert other.metre == pytest.approx(own.metre * length)
    x, _ = ODD.factors(plant)
    rows = [coordinate_units(p) for p in (plant, told.plant_in(ODD, plant))]
    np.testing.assert_allclose(rows[1], rows[0] * x)


def test_the_cart_pole_is_the_measure():
    assert own_units(hc.CartPole()) == (1, 1, 1)
    assert hc.EnergySwingUp(hc.CartPole()).drive == 10.0
    for name, gains in TUNED.items():
        if name in hc.tasks.names():
            assert tuned(hc.tasks.get(name)) == gains
    own = own_units(hc.CartPole(m_c=3.0, m_p=0.2, L=4.0))  # that of the pole alone
    np.testing.assert_allclose(own, [2.0, 4.0, 8.0])


def test_a_swing_up_takes_what_is_given_and_tells_the_rest():
    light = hc.CartPole(m_c=0.01, m_p=0.001, L=0.25)
    pump = hc.EnergySwingUp(light, pump=3.0, kick=0.5)
    assert (pump.pump, pump.kick) == (3.0, 0.5)
    assert pump.drive == pytest.approx(10.0) and pump.wall == pytest.approx(400.0)
    assert pump.stiffness == pytest.approx(4.0) and pump.damping == pytest.approx(2.0)
    flat = furuta(g=0.0)
    with pytest.raises(ValueError, match="Plant has no scale of its own: its potent"):
        hc.EnergySwingUp(flat, limit=1.0)
    numbers = dict.fromkeys(
        ("pump", "stiffness", "damping", "kick", "margin", "drive", "wall"), 1.0
    )
    assert hc.EnergySwingUp(flat, **numbers).wall == 1.0
    assert list(natural_units(flat)) == [1, 1, 1, 1]


def test_a_file_from_before_the_wall_had_a_name_means_what_it_meant():
    """It was 100 1/s² on every plant; a pole of 0.25 m has 400 by itself."""
    pump = hc.EnergySwingUp(hc.CartPole(L=0.25), track=1.0)
    manifest, arrays = unpack(to_bytes(dataclasses.replace(pump, wall=100.0)))
    fields = manifest["controller"]["fields"]
    del fields["wall"]
    arrays = {k: v for k, v in arrays.items() if k != "controller.wall"}
    data = pack({k: v for k, v in manifest.items() if k != "sha256"}, arrays)
    assert from_bytes(data).wall == 100.0
    assert from_bytes(to_bytes(pump)).wall == pytest.approx(400.0)


def test_own_units_under_vmap():
    def kick(m):
        return hc.EnergySwingUp(hc.CartPole(m_c=10 * m, m_p=m)).kick

    found = jax.vmap(kick)(jnp.array([0.1, 0.001]))
    np.testing.assert_allclose(found, [0.1, 0.001], rtol=1e-5)


# --------------------------------------------------- references on every task


def alike(task, name, units, n, exact):
    """The scores of a reference in both units, told in the first."""
    own, other = (told.scores(task, name, n, u) for u in (SAME, units))
    np.testing.assert_array_equal(own["success"], other["success"])
    if exact:
        np.testing.assert_allclose(own["settle"], other["settle"], atol=task.loop.dt)
        np.testing.assert_allclose(own["J"], other["J"], rtol=1e-5)
    else:  # what is rounded otherwise may swing once more where a swing-up is chaotic
        assert np.isclose(own["J"], other["J"], rtol=1e-2).mean() >= 0.75


def test_the_machine_swings_up_in_other_units():
    """With friction, so that what is given back and the walls are told as well."""
    task = hc.tasks.reach(PLANT, start=PLANT.hanging(), seconds=10.0)
    for units in (BINARY, Units(mass=0.01)):
        alike(task, "machine", units, 1, exact=units == BINARY)


PAIRS = [  # a grid takes long, and these two say of it what all would say
    (name, controller)
    for name in hc.tasks.names()
    for controller in references()
    if controller != "dp" or name in ("global", "noisy")
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "controller"), PAIRS)
def test_every_reference_on_every_task(name, controller, monkeypatch):
    zoo.coarse_grids(monkeypatch)
    task, n = hc.tasks.get(name), 1 if controller == "mpc" else 8
    seconds = 2.0 if controller == "mpc" else 20.0
    task = hc.tasks.get(name, seconds=seconds)
    fitted = controller == "adaptive" and task.vary is not None  # through logarithms
    alike(task, controller, WHOLE, n, exact=not fitted)
    alike(task, controller, Units(mass=0.01), n, exact=False)
    for scale in ("lengths x 0.1", "lengths x 10"):
        if controller != "mpc":
            alike(task, controller, told.SCALES[scale], n, exact=False)


# ----------------------------------------------------------------- real rigs

FURUTA = dict(mr=0.095, Lr=0.085, mp=0.024, Lp=0.129)  # QUBE-Servo 2


def kinetic(q, dq, p):
    arm = p["mr"] * p["Lr"] ** 2 / 12 + p["mp"] * p["Lr"] ** 2
    arm = arm + 0.25 * p["mp"] * p["Lp"] ** 2 * jnp.sin(q[1]) ** 2
    cross = p["mp"] * p["Lp"] * p["Lr"] * jnp.cos(q[1]) * dq[0] * dq[1]
    pole = p["mp"] * p["Lp"] ** 2 / 3 * dq[1] ** 2
    return 0.5 * (arm * dq[0] ** 2 + pole - cross)


def potential(q, p):
    return 0.5 * p["mp"] * p["g"] * p["Lp"] * jnp.cos(q[1])


def furuta(units=SAME, g=9.81):
    """A rotary pendulum on a 24 g rod, its input the motor's voltage."""
    powers = {"mr": (1, 0, 0), "mp": (1, 0, 0), "g": (0, 1, -2)}
    given = FURUTA | {"g": g}
    p = {n: units.told(v, powers.get(n, (0, 1, 0))) for n, v in given.items()}
    torque, rubs = units.told(0.005, (1, 2, -2)), units.told(1.0, (1, 2, -1))
    return hc.LagrangianPlant(
        kinetic, potential, [[torque], [0.0]], ["arm", "pole"], ["volt"], p,
        units={"volt": "V", "arm": "rad", "pole": "rad"}, angles=["arm", "pole"],
        friction=[4.8e-4 * rubs, 5e-5 * rubs], top=[0.0, 0.0], bottom=[0.0, np.pi],
        limits={"volt": 10.0},
    )  # fmt: skip


def test_a_light_rotary_pendulum_leaves_the_bottom():
    rig = furuta()
    pump = hc.EnergySwingUp(rig, limit=10.0)
    trace = hc.simulate(rig, pump, rig.hanging().x, seconds=4.0, dt=0.01)
    assert np.abs(trace.error("pole", rig.upright())).min() < np.pi / 2
    other = own_units(furuta(ODD))
    assert other.second == pytest.approx(1e3 * own_units(rig).second)


@pytest.mark.slow
@pytest.mark.parametrize("units", [SAME, Units(1e3, 1e3, 1e3), Units(mass=0.1)])
def test_the_machine_holds_a_light_rotary_pendulum(units):
    rig = furuta()
    loop = hc.Loop(0.002, actuator=hc.Actuator(limit=10.0))
    task = hc.tasks.reach(
        rig, start=rig.hanging(), seconds=8.0, Q=[5, 1, 0.1, 0.1], R=[0.02], loop=loop
    )
    task = told.task_in(units, task, furuta(units))
    assert hc.evaluate(task, hc.reference("machine", task), n=1).success.all()


@pytest.mark.slow
@pytest.mark.parametrize("seconds, m, L", [(0.2, 1e-9, 1e-3), (60.0, 1e4, 10.0)])
def test_the_machine_swings_up_what_is_tiny_or_huge(seconds, m, L):
    """A pendulum of 1 mm and a crane of 10 m: neither is a tutorial in other units."""
    torque = 0.25 * m * 9.81 * L
    plant, second = hc.Pendulum(m=m, L=L), np.sqrt(L)
    loop = hc.Loop(0.02 * second, actuator=hc.Actuator(limit=torque))
    close = hc.near(plant.upright(), theta=0.05, dtheta=0.1 / second)
    task = hc.tasks.reach(
        plant, start=plant.hanging(), Q=[10, second**2], R=[10 / torque**2], loop=loop,
        seconds=20 * second, settled=close,
    )  # fmt: skip
    assert hc.evaluate(task, hc.reference("machine", task), n=1).success.all()


# -------------------------------------------------------------------- designs


def told_plant(units):
    """The plant and its weights, told in other units."""
    plant = told.plant_in(units, PLANT)
    x, u = units.factors(PLANT)
    return plant, Q / x**2, R / u**2, x, u


def in_other_units(design, units=ODD):
    """What a design(plant, up, Q, R, dt) makes of the plant in both units."""
    plant, q, r, x, u = told_plant(units)
    own = design(PLANT, UP, Q, R, 0.02)
    return own, design(plant, plant.upright(), q, r, 0.02 * units.time), x, u


def test_gains_are_told_as_the_plant_is():
    lqi = lambda *a: hc.lqi(*a, outputs=("x",), Qi=1.0)  # noqa: E731
    own, other, x, u = in_other_units(hc.lqr)
    np.testing.assert_allclose(other.K, u[:, None] * own.K / x, rtol=1e-7)
    np.testing.assert_allclose(other.X, ODD.time * own.X / np.outer(x, x), rtol=1e-7)
    own, other, x, u = in_other_units(lqi, Units(0.01, 1e-4, 1.0))
    np.testing.assert_allclose(other.observer.gain, own.observer.gain)
    own, other, x, u = in_other_units(lqi, Units(mass=0.01))
    np.testing.assert_allclose(other.inner.K, u[:, None] * own.inner.K, rtol=1e-7)
    A, B = hc.linearize(PLANT, UP)
    poles = np.array([-2.0, -3.0, -4 + 1j, -4 - 1j])
    plant, _, _, x, u = told_plant(ODD)
    ours = hc.design.place(A, B, poles)
    theirs = hc.design.place(*hc.linearize(plant, plant.upright()), poles / ODD.time)
    np.testing.assert_allclose(theirs, u[:, None] * ours / x, rtol=1e-6)


def test_filters_without_a_given_drift_are_told_as_the_plant_is():
    noise = np.array([0.01, 0.02, 0.1, 0.1])
    plant, _, _, x, u = told_plant(ODD)
    own = hc.kalman(PLANT, UP, 0.02, noise, 0.5)
    other = hc.kalman(plant, plant.upright(), 0.02 * ODD.time, noise * x, 0.5 * u)
    np.testing.assert_allclose(other.L, x[:, None] * own.L / x, rtol=1e-7)
    np.testing.assert_allclose(
        own.L, hc.kalman(PLANT, UP, 0.02, noise, 0.5, 1e-4).L, rtol=1e-12
    )
    ekf = hc.EKF(plant, 0.02 * ODD.time, noise * x, columns=(0, 1))
    np.testing.assert_allclose(ekf.process, 1e-4 * x)
    np.testing.assert_allclose(ekf.unseen, x)
    kept = hc.EKF(plant, 0.02, noise, 0.0, 1e-3, unseen=2.0)
    assert (kept.process, kept.unseen) == (1e-3, 2.0)


def test_margins_and_closed_loops_are_told_as_the_plant_is():
    own, other, x, _ = in_other_units(hc.lqr)
    plant = told.plant_in(ODD, PLANT)
    loops = [hc.closed_loop(PLANT, own), hc.closed_loop(plant, other)]
    np.testing.assert_allclose(loops[1].poles, loops[0].poles, atol=1e-8)
    np.testing.assert_allclose(
        loops[1].A, x[:, None] * loops[0].A / x, rtol=1e-6, atol=0
    )
    a, b = hc.margins(PLANT, own), hc.margins(plant, other)
    assert b.phase == pytest.approx(a.phase, rel=1e-6)
    assert b.delay == pytest.approx(a.delay * ODD.time, rel=1e-6)


@pytest.mark.slow
def test_a_level_is_told_in_the_unit_of_its_cost():
    """V is in another unit where the weights are: the level is the same set."""
    loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0))
    found = []
    for unit in (1.0, 1000.0):
        lqr = hc.lqr(PLANT, UP, unit * Q, unit * R, 0.02)
        level = hc.region_of_attraction(PLANT, lqr, loop, samples=200, seconds=5.0)
        found.append(level.rho / unit)
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_where_the_search_for_a_level_begins():
    plant = hc.Plant.from_function(lambda t, x, u: -x, ["a"], ["v"], limits={"a": 3.0})
    hold, loop = hc.StateFeedback([[0.0]], [0.0], [0.0]), hc.Loop(0.1)
    V = Quadratic(np.array([[2.0]]), np.zeros(1))
    assert Trials(plant, hold, loop, V, None, None, 1.0, 0).first == 2.0 * 3.0**2


# ------------------------------------------------- where a closed loop rests


def motor(t, x, u, p):
    del t
    return [(-0.1 * x[0] / p["s"] + u[0]) / 0.01 * p["s"]]


def servo(t, x, u, p):
    del t
    return [x[1], p["s"] * u[0] - 2.0 * x[1]]


def tank(t, x, u, p):
    del t
    return [p["in"] * u[0] - p["out"] * jnp.sqrt(x[0])]


def test_a_loop_may_rest_wherever_the_reference_asks_for():
    task = hc.tasks.get("swingup")
    controller = hc.follow(task.plant, "x") >> hc.reference("machine", task)
    at = [
        hc.closed_loop(task.plant, controller, task.loop, r=[r]) for r in (0, 1.0, 20.0)
    ]
    for r, linear in zip((0, 1.0, 20.0), at, strict=True):
        np.testing.assert_allclose(linear.poles, at[0].poles, atol=1e-6)
        assert linear.equilibrium.x[0] == pytest.approx(r, abs=1e-6)
        assert linear.mode == "balance"


@pytest.mark.parametrize("s", [1.0, 60 / (2 * np.pi), 1e-3])
def test_a_feedforward_that_is_off_is_so_in_every_unit(s):
    drive = hc.Plant.from_function(motor, ["w"], ["tau"], parameters={"s": s})
    at = drive.equilibrium([100.0 * s], [10.0])
    speed = hc.StateFeedback([[1.0 / s]], [100.0 * s], [9.8], dt=0.001)
    (pole,) = hc.closed_loop(drive, speed, hc.Loop(0.001), at).poles
    a = np.exp(-0.1 / 0.01 * 0.001)
    assert pole == pytest.approx(a - (1 - a) / 0.1, abs=1e-9)


@pytest.mark.parametrize("angles", [(), ("q",)])
@pytest.mark.parametrize("s", [1.0, 1000.0])
def test_a_servo_rests_far_away(s, angles):
    plant = hc.Plant.from_function(
        servo, ["q", "w"], ["u"], angles=angles, parameters={"s": s}
    )
    at = plant.equilibrium([0.0, 0.0])
    lqr = hc.lqr(plant, at, [1 / s**2, 1 / s**2], 1.0, 0.02)
    loops = [
        hc.closed_loop(plant, hc.follow(plant, "q") >> lqr, equilibrium=at, r=[r])
        for r in (0.0, 2.0, 4.0)
    ]
    for linear in loops:
        np.testing.assert_allclose(linear.poles, loops[0].poles, atol=1e-9)


@pytest.mark.parametrize("s", [1.0, 1e3])
def test_a_level_controller_is_linear_where_it_rests(s):
    p = {"in": 1 / s**2, "out": 0.5 * s**0.5}
    plant = hc.Plant.from_function(tank, ["h"], ["q"], parameters=p)
    at, flow = plant.equilibrium([s], [0.5 * s**3]), 0.5 * s**3
    pid = hc.PID(2 * s**2, s**2 / 2, dt=0.1, u0=flow, setpoint=s, follow=True)
    linear = hc.closed_loop(plant, pid, hc.Loop(0.1), at, r=[3 * s])
    assert linear.equilibrium.x[0] == pytest.approx(4 * s)
    assert abs(linear.poles[0]) == pytest.approx(0.97302487, abs=1e-6)


def test_a_loop_that_rests_elsewhere_is_refused_in_every_unit():
    for units in (SAME, ODD):
        plant, q, r, _, u = told_plant(units)
        lqr = hc.lqr(plant, plant.upright(), q, r, 0.02 * units.time)
        near = hc.closed_loop(plant, lqr + hc.Constant(0.3 * u)).equilibrium
        assert 0 < abs(near.x[0]) < 0.5 * units.length
        with pytest.raises(ValueError, match="the closed loop rests at"):
            hc.closed_loop(plant, lqr + hc.Constant(3.0 * u))
        with pytest.raises(ValueError, match=r"the closed loop (rests at|has no rest)"):
            hc.closed_loop(plant, lqr, equilibrium=plant.hanging())


def test_sizes_follow_from_what_is_known():
    for units in (SAME, ODD):
        plant, _, _, x, _ = told_plant(units)
        up = plant.upright()
        found = sizes(plant, up, *hc.linearize(plant, up))
        known = sizes(PLANT, UP, *hc.linearize(PLANT, UP))
        np.testing.assert_allclose(found, known * x, rtol=1e-7)
    free = hc.Plant.from_function(servo, ["q", "w"], ["u"], parameters={"s": 1.0})
    at = free.equilibrium([0.0, 0.0])
    assert np.isnan(sizes(free, at, *hc.linearize(free, at))).all()


# ------------------------------------------------------------- what is left


def test_an_equilibrium_is_one_in_every_unit():
    """A hundred-millionth off in a unit that is 1e6 times smaller, and a real drift."""
    fast = hc.Plant.from_function(motor, ["w"], ["tau"], parameters={"s": 1e9})
    A, _ = hc.linearize(fast, fast.equilibrium([1e11 + 1.0], [10.0]))
    assert A[0, 0] == pytest.approx(-10.0)
    slow = hc.Plant.from_function(motor, ["w"], ["tau"], parameters={"s": 1e-9})
    with pytest.raises(ValueError, match="FunctionPlant does not rest"):
        hc.linearize(slow, slow.equilibrium([1.1e-7], [10.0]))


def test_a_fence_is_as_much_steeper_than_its_cost_in_every_unit():
    cost = hc.tasks.Cost(np.zeros(4), Q, [R], (1,))
    x = np.array([1.2, 0.0, 0.0, 0.0])
    fence = hc.tasks.Fenced(cost, (0,), [1.0]).residuals(x, np.zeros(1))[-1]
    assert fence == pytest.approx(300.0 * 0.2)
    small = hc.tasks.Cost(np.zeros(4), Q / [1e6, 1, 1, 1], [R], (1,))
    told_fence = hc.tasks.Fenced(small, (0,), [1e3])
    assert told_fence.residuals(1e3 * x, np.zeros(1))[-1] == pytest.approx(60.0)
    with pytest.raises(ValueError, match="no weight in the cost; give weight"):
        hc.tasks.Fenced(hc.tasks.Cost(np.zeros(4), 0 * Q, [R]), (0,), [1.0])
    with pytest.raises(ValueError, match=r"columns=\(4,\) must be places of states"):
        hc.tasks.Fenced(cost, (4,), [1.0])


def test_times_that_nobody_gave_are_the_plants_own():
    task, other = (hc.tasks.get("swingup", plant=hc.CartPole(L=L)) for L in (1.0, 0.25))
    config = meant_for(task, "ppo")
    assert told_preset(config, task) == config
    assert told_preset(config, other).horizon == pytest.approx(config.horizon / 2)
    assert told_preset(config, other).reward_scaling == pytest.approx(0.2)
    start = dict(zip(task.plant.states, task.target.x, strict=True))
    pushes = [perturbed(t, start, {}, push=1.0).loop.disturbance for t in (task, other)]
    assert [float(p.at[0]) for p in pushes] == pytest.approx([1.0, 0.5])
    assert [float(p.duration) for p in pushes] == pytest.approx([0.1, 0.05])
