"""MuJoCo models as plants, and MuJoCo's engine as the referee."""

import dataclasses
import subprocess
import sys

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.plants.mujoco.mjcf import signals
from hybridctl.plants.mujoco.mjx import constants, put
from hybridctl.plants.mujoco.source import read
from hybridctl.precision import float64, float64_on_host
from hybridctl.store.decode import decode
from hybridctl.store.encode import encode

CARTPOLE = hc.CartPole(m_p=0.2, L=0.7, cart_friction=0.3, pole_friction=0.05)
PLANT = hc.MuJoCoPlant.cartpole(CARTPOLE)
LQR = hc.lqr(CARTPOLE, CARTPOLE.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)

ARM = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body>
      <joint name="lift" type="slide" axis="0 0 1"/>
      <geom size="0.1" mass="2" contype="0"/>
      <body pos="0 0 0">
        <joint name="elbow" axis="0 -1 0" range="-1 2" stiffness="3"/>
        <geom pos="0.5 0 0" size="0.1" mass="1" contype="0"/>
        <body>
          <joint name="turn" axis="0 0 1"/>
          <geom size="0.1" mass="1" contype="0"/>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="push" joint="lift" ctrlrange="-30 50"/>
    <motor joint="elbow"/>
    <motor name="geared" joint="elbow" gear="20"/>
    <position name="servo" joint="turn" kp="5"/>
  </actuator>
</mujoco>
"""


def model(joint="", actuator='<motor joint="a"/>'):
    """MJCF with one moving body."""
    return f"""<mujoco><worldbody><body>
      {joint or '<joint name="a" type="slide" axis="1 0 0"/>'}
      <geom size="0.1"/></body></worldbody>
      <actuator>{actuator}</actuator></mujoco>"""


# ------------------------------------------------------------------ the plant


def test_the_cart_pole_by_mujoco_is_the_cart_pole():
    """At random states, with masses that differ from lane to lane."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)) * [1, 3, 2, 5]
    u, m_p = rng.normal(size=(32, 1)) * 20, rng.uniform(0.05, 0.5, 32)

    def by_mujoco(x, u, m_p):
        masses = jnp.stack([0.0, 1.0, m_p])
        known = PLANT.parameters | {"body_mass": masses}
        return hc.MuJoCoPlant(PLANT.mjcf, known).ode(0.0, x, u)

    def by_hand(x, u, m_p):
        return dataclasses.replace(CARTPOLE, m_p=m_p).ode(0.0, x, u)

    with float64_on_host():
        ours, theirs = (jax.jit(jax.vmap(f))(x, u, m_p) for f in (by_mujoco, by_hand))
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_pendulum_linearizes():
    rod = '<joint name="a" axis="0 -1 0" pos="0 0 2" damping="3"/>'
    plant = hc.MuJoCoPlant(model(rod))
    mass, inertia = plant.parameters["body_mass"][1], plant.parameters["body_inertia"]
    about = mass * 2**2 + inertia[1, 1]
    A, B = hc.linearize(plant, plant.rest(a=np.pi))
    expected = [[0, 1], [mass * 9.81 * 2 / about, -3 / about]]
    np.testing.assert_allclose(A, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(B, [[0], [1 / about]], rtol=1e-10)


@pytest.mark.slow
def test_64_environments_run_as_those_of_the_cart_pole():
    ends = []
    for plant in (PLANT, CARTPOLE):
        task = dataclasses.replace(hc.tasks.get("balance"), plant=plant)
        env = hc.Env(task, LQR + 5.0 * hc.Slot(1))
        keys = jax.random.split(jax.random.PRNGKey(0), 64)
        state = jax.jit(jax.vmap(env.reset))(keys)
        actions = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        step = jax.jit(jax.vmap(env.step))
        for _ in range(5):
            state = step(state, actions)
        ends.append(np.asarray(state.pipeline_state.x))
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-5)
    assert np.ptp(ends[0][:, 0]) > 1e-3


def test_names_units_and_limits_come_from_the_model():
    found = signals(read(ARM))
    rates = ("dlift", "delbow", "dturn")
    assert found.states == ("lift", "elbow", "turn", *rates)
    assert found.inputs == ("push", "input1", "geared", "servo")
    assert [found.units[n] for n in found.states] == [
        *("m", "rad", "rad"), *("m/s", "rad/s", "rad/s")
    ]  # fmt: skip
    assert [found.units[n] for n in found.inputs] == ["N", "N m", "", ""]
    assert found.angles == (2,)
    assert found.limits == {"elbow": 2.0, "push": 50.0}


def test_the_cart_pole_keeps_its_names():
    for name in ("states", "inputs", "units", "angles", "limits"):
        assert getattr(PLANT, name) == getattr(CARTPOLE, name)


def test_rest_finds_the_input():
    arm = hc.MuJoCoPlant(ARM)
    at = arm.rest(elbow=0.4)
    assert at.x.tolist() == [0, 0.4, 0, 0, 0, 0]
    assert at.u[0] == pytest.approx(4 * 9.81)
    need = 0.5 * 9.81 * np.cos(0.4) + 3 * 0.4  # gravity and spring, motor and gear
    assert at.u[1] + 20 * at.u[2] == pytest.approx(need)
    assert at.u[1] == pytest.approx(need / 401)  # the least input
    with pytest.raises(ValueError, match=r"no input of .force. holds .* in balance"):
        PLANT.rest(theta=1.0)
    with pytest.raises(ValueError, match="no joint 'phi'; there are x, theta"):
        PLANT.rest(phi=1.0)


def test_parameters_are_leaves_and_reach_mujoco():
    heavy = PLANT.parameters["body_mass"] * 2
    plant = hc.MuJoCoPlant(PLANT.mjcf, {"body_mass": heavy})
    assert plant.to_mujoco().body_mass.tolist() == [0.0, 2.0, 0.4]
    assert plant.to_mujoco().body_subtreemass[1] == pytest.approx(2.4)
    assert PLANT.to_mujoco().body_mass.tolist() == [0.0, 1.0, 0.2]
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(plant))
    arrays = {}
    copy = decode(encode(plant, "plant", arrays), "plant", arrays)
    assert copy.mjcf == plant.mjcf
    np.testing.assert_array_equal(copy.parameters["body_mass"], heavy)


LINKS = """<mujoco><compiler angle="radian"/>
<option><flag contact="disable" spring="disable"/></option><worldbody>
<body name="cart"><joint name="x" type="slide" axis="1 0 0" range="-1 1"/>
  <geom type="box" size=".1 .1 .1" mass="1"/>
  <body name="pole" pos="0 0 .1"><joint name="th" axis="0 1 0" damping="0.01"/>
    <geom type="capsule" fromto="0 0 0 .1 0 .5" size=".02" mass=".2"/></body></body>
<body name="puck"><joint name="y" type="slide" axis="1 0 0" frictionloss="2"
  stiffness="3"/><geom size=".1" mass="1"/></body></worldbody>
<tendon><fixed name="t" limited="true" range="-.5 .5"><joint joint="x" coef="1"/>
  <joint joint="th" coef="2"/></fixed></tendon>
<equality><connect body1="pole" body2="puck" anchor="0 0 .5"/></equality>
<actuator><motor name="f" joint="x"/></actuator></mujoco>"""


def changed_links():
    """The links with other parameters, and all of them as one stacked plant."""
    known = hc.MuJoCoPlant(LINKS).parameters
    shift = np.array([[0.0, 0, 0], [0, 0, 0], [0.05, 0, 0.1], [0, 0.1, 0]])
    changes = [
        {},
        {"body_mass": known["body_mass"] * [1, 10, 0.3, 5]},
        {"body_inertia": known["body_inertia"] * 7.0},
        {"body_pos": known["body_pos"] + shift},
        {"body_ipos": known["body_ipos"] + shift[:, ::-1] * [[0], [1], [1], [0]]},
        {"dof_armature": np.array([5.0, 0.1, 0.0])},
        {"dof_frictionloss": np.array([0.4, 0.0, 0.0])},
        {"actuator_gear": known["actuator_gear"] * 3.0, "opt.gravity": np.ones(3)},
        {"jnt_stiffness": known["jnt_stiffness"] + 4.0, "dof_damping": np.ones(3)},
    ]
    plants = [hc.MuJoCoPlant(LINKS, change) for change in changes]
    with float64_on_host():
        stacked = jax.tree.map(lambda *rows: jnp.stack(rows), *map(float64, plants))
    return plants, stacked


@pytest.mark.slow
def test_what_mujoco_derives_follows_the_parameters():
    plants, stacked = changed_links()
    host = put(plants[0].to_mujoco())

    def derived(parameters):
        return constants(host, host.tree_replace(parameters))

    with float64_on_host():
        found = jax.jit(jax.vmap(derived))(stacked.parameters)
    for i, plant in enumerate(plants):
        model = plant.to_mujoco()
        for name, value in found.items():
            expected = getattr(model, name)
            np.testing.assert_allclose(value[i], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_accelerations_follow_the_parameters():
    """At a joint's and a tendon's limit, with friction loss and a closed chain.

    At rest, for MJX leaves out what moving closed chains add: J̇ q̇.
    """
    plants, stacked = changed_links()
    x, u = np.array([1.05, 0.1, -0.2, 0.0, 0.0, 0.0]), np.array([1.0])
    with float64_on_host():
        rates = jax.jit(jax.vmap(lambda plant: plant.ode(0.0, x, u)))(stacked)
    expected = []
    for plant in plants:
        model = plant.to_mujoco()
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:], data.ctrl[:] = x[:3], x[3:], u
        mujoco.mj_forward(model, data)
        expected.append(data.qacc.copy())
    scale = np.abs(expected).max(axis=1, keepdims=True)
    found = np.asarray(rates)[:, 3:] / scale
    np.testing.assert_allclose(found, expected / scale, rtol=0, atol=1e-9)


def test_friction_loss_is_a_parameter_where_there_is_some():
    assert "dof_frictionloss" not in PLANT.parameters
    rough = hc.MuJoCoPlant(PLANT.mjcf, {"dof_frictionloss": [0.1, 0.0]})
    assert rough.to_mujoco().dof_frictionloss[0] == 0.1
    assert "dof_frictionloss" in hc.MuJoCoPlant(LINKS).parameters


def test_entries_of_parameters_vary_from_episode_to_episode():
    key = jax.random.PRNGKey(0)
    mass = hc.tasks.Vary(("body_mass[pole]", "opt.gravity[2]"), [0.3, -11], [0.4, -10])
    plant = mass(key, PLANT)
    assert isinstance(plant, hc.MuJoCoPlant)
    assert 0.3 < plant.parameters["body_mass"][2] < 0.4
    np.testing.assert_array_equal(plant.parameters["body_mass"][:2], [0.0, 1.0])
    assert -11 < plant.parameters["opt.gravity"][2] < -10
    with pytest.raises(ValueError, match="no 'cup'; there are world, cart, pole"):
        hc.tasks.Vary(("body_mass[cup]",), [1.0], [2.0])(key, PLANT)
    for name in ("body_mass", "body_mass[3]"):
        with pytest.raises(ValueError, match=r"body_mass has shape \(3,\); name an"):
            hc.tasks.Vary((name,), [1.0], [2.0])(key, PLANT)


def test_a_file_is_a_model(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(PLANT.mjcf, encoding="utf-8")
    assert hc.MuJoCoPlant(path).mjcf == PLANT.mjcf
    (tmp_path / "outer.xml").write_text(
        '<mujoco><include file="model.xml"/></mujoco>', encoding="utf-8"
    )
    outer = hc.MuJoCoPlant(str(tmp_path / "outer.xml"))
    assert outer.states == PLANT.states and "include" not in str(outer.mjcf)


REFUSED = {
    "joint 'a' is a free joint": model('<freejoint name="a"/>'),
    "joint 'a' is a ball joint": model('<joint name="a" type="ball"/>'),
    "'slow' has a state": model(
        actuator='<general name="slow" joint="a" dyntype="filter" dynprm="1"/>'
    ),
    "MuJoCo cannot read": "<mujoco><nonsense/></mujoco>",
    "there is no MJCF file": "nowhere.xml",
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_plant_is_refused(message):
    with pytest.raises(ValueError, match=message):
        hc.MuJoCoPlant(REFUSED[message])


def test_wrong_parameters_are_refused():
    for name, value, message in (
        ("mass", 1.0, "unknown parameters mass; choose of: body_mass"),
        ("body_mass", [1.0], "body_mass has shape"),
        ("body_mass", [0.0, np.nan, 1.0], "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            hc.MuJoCoPlant(PLANT.mjcf, {name: value})


@pytest.mark.slow
def test_importing_mjx_prints_nothing():
    code = "from hybridctl.plants.mujoco.mjcf import import_mjx; import_mjx()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


# ---------------------------------------------------------------- the referee

KEY = jax.random.PRNGKey(1)
ROUGH = hc.Loop(
    0.02,
    substeps=10,
    sensor=hc.Sensor(noise=1e-3),
    actuator=hc.Actuator(limit=10.0, delay=1),
    disturbance=hc.Disturbance.impulse(0.3, at=0.5),
)


def both(controller, x0, seconds, plant=None, judged=None):
    """Traces by RK4 of the plant and by the referee, in float64."""
    plant, options = plant or hc.CartPole(), {"loop": ROUGH, "key": KEY}
    with float64_on_host():
        exact = float64(controller)
        ours = hc.simulate(plant, exact, x0, seconds, **options)
    judge = hc.referee(judged or plant, controller, x0, seconds, **options)
    return np.asarray(ours.x), judge


def test_the_referee_confirms_a_balanced_pole_and_finds_a_wrong_mass():
    lqr = hc.reference("lqr", hc.tasks.get("balance"))
    x, judge = both(lqr, [0, 2.9, 0, 0], 2.0)
    assert judge.x.dtype == np.float64 and isinstance(judge.x, np.ndarray)
    np.testing.assert_allclose(x, judge.x, rtol=0, atol=1e-9)
    _, other = both(lqr, [0, 2.9, 0, 0], 2.0, judged=hc.CartPole(m_p=0.101))
    assert np.abs(x - other.x).max() > 1e-5


@pytest.mark.slow
def test_the_referee_confirms_a_swing_up():
    machine = hc.reference("machine", hc.tasks.get("swingup"))
    x, judge = both(machine, [0, 0.05, 0, 0], 3.0)
    assert [row[1:] for row in judge.switches()] == [("swing", "balance")]
    np.testing.assert_allclose(x, judge.x, rtol=0, atol=1e-7)


def test_the_engine_sees_the_plant_of_every_lane():
    plant = hc.MuJoCoPlant.cartpole()

    def end(m_p):
        known = plant.parameters | {"body_mass": jnp.stack([0.0, 1.0, m_p])}
        heavy = hc.MuJoCoPlant(plant.mjcf, known)
        options = {"solver": "mujoco", "dt": 0.02}
        return hc.simulate(heavy, hc.Constant([1.0]), x0, 0.5, **options).x[-1]

    x0, masses = jnp.array([0.0, 1.0, 0.0, 0.0]), jnp.array([0.1, 0.4])
    ends = jax.vmap(end)(masses)
    for m_p, x in zip([0.1, 0.4], ends, strict=True):
        judge = hc.referee(hc.CartPole(m_p=m_p), hc.Constant([1.0]), x0, 0.5)
        np.testing.assert_allclose(x, judge.x[-1], rtol=1e-5, atol=1e-5)


def test_the_engine_knows_walls():
    slide = '<joint name="a" type="slide" axis="1 0 0" range="-1 1" limited="true"/>'
    trace = hc.referee(model(slide), hc.Constant([10.0]), [0.0, 0.0], 2.0)
    assert 0.9 < trace["a"][-1] < 1.05


def test_who_has_no_referee_is_told():
    with pytest.raises(ValueError, match='solver="mujoco" needs a MuJoCoPlant'):
        hc.simulate(hc.CartPole(), LQR, np.zeros(4), 0.1, 0.02, solver="mujoco")
    with pytest.raises(ValueError, match="MuJoCo has no model of a int"):
        hc.referee(3, LQR, np.zeros(4), 0.1)  # pyright: ignore[reportArgumentType]


# ------------------------------------------------- observers and planners of a model


@pytest.mark.slow
def test_an_observer_and_a_predictor_of_a_model_run():
    """They follow those of the equations that the model stands for."""
    loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0, delay=1))
    ends = []
    for plant in (PLANT, CARTPOLE):
        late = hc.Predictor(plant, 0.02, 1, 10.0) >> LQR
        ends.append(hc.simulate(CARTPOLE, late, [0, 3.0, 0, 0], 1.0, loop=loop).x[-1])
    np.testing.assert_allclose(*ends, atol=1e-4)


def test_what_cannot_leave_with_a_model_says_why():
    late = hc.Predictor(PLANT, 0.02, 1, 10.0) >> LQR
    with pytest.raises(ValueError, match="a MuJoCo model inside cannot be embedded"):
        hc.embed(late, dt=0.02)


@pytest.mark.slow
def test_what_is_too_large_for_a_file_says_what_to_keep(tmp_path):
    late = hc.Predictor(PLANT, 0.02, 1, 10.0) >> LQR
    with pytest.raises(ValueError, match="build what holds the model anew"):
        hc.save(tmp_path / "late", late)
