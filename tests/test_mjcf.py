"""Ways to tell a MuJoCo model, and what of it a plant takes; nothing is compiled."""

import mujoco
import numpy as np
import pytest

import hybridctl as hc
from hybridctl.plants.mujoco.source import Compiled

BODY = """<mujoco><option><flag contact="disable" energy="enable"/></option>{first}
<worldbody><body name="rod" {body}><joint name="elbow" axis="0 1 0" {joint}/>
<geom name="bar" type="capsule" fromto="0 0 0 0 0 .5" size=".02" mass="2"/></body>
{world}</worldbody>{rest}</mujoco>"""
MOTOR = '<actuator><motor name="elbow" joint="elbow" gear="{gear}" {more}/></actuator>'


def xml(rest=None, more="", gear=1, **parts):
    """MJCF of a rod with a motor."""
    empty = dict.fromkeys(("first", "body", "joint", "world"), "")
    rest = MOTOR.format(gear=gear, more=more) if rest is None else rest
    return BODY.format(**(empty | parts), rest=rest)


def gear_of(*args, **options):
    plant = hc.MuJoCoPlant(*args, **options)
    return float(plant.parameters["actuator_gear"][0, 0])


# ------------------------------------------------------------------ ways to tell it


def test_a_model_is_told_as_text_bytes_path_spec_or_model(tmp_path):
    text = xml(gear=3)
    path = tmp_path / "röd.xml"
    path.write_text(text, encoding="utf-8")
    spec = mujoco.MjSpec.from_string(text)
    model = mujoco.MjModel.from_xml_string(text)
    binary = tmp_path / "rod.mjb"
    mujoco.mj_saveModel(model, str(binary), None)
    mark = text.encode("utf-8-sig")
    for told in (text, f"\n {text}", text.encode(), mark, path, str(path), spec, model):
        assert gear_of(told) == 3
    assert gear_of(binary) == 3
    assert hc.MuJoCoPlant(path) == hc.MuJoCoPlant(text)
    assert isinstance(hc.MuJoCoPlant(model).mjcf, Compiled)
    assert len(repr(hc.MuJoCoPlant(model).mjcf)) < 60
    model.actuator_gear[0, 0] = 4  # of a model that is told, the numbers count
    assert gear_of(model) == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    text = xml().replace("elbow", "Gelenk_ü")
    (tmp_path / "a.xml").write_bytes((head + text).encode(encoding))
    assert hc.MuJoCoPlant(tmp_path / "a.xml").states[0] == "Gelenk_ü"


@pytest.mark.parametrize(
    "include", ['file="a.xml"', "file='a.xml'", 'file = "./a.xml"']
)
def test_what_is_included_is_read_anew(tmp_path, include):
    outer, act = tmp_path / "outer.xml", tmp_path / "a.xml"
    outer.write_text(xml(rest=f"<include {include}/>"), encoding="utf-8")
    (tmp_path / "b.xml").write_text(
        f"<mujocoinclude>{MOTOR}</mujocoinclude>", encoding="utf-8"
    )
    act.write_text(
        '<mujocoinclude><include file="b.xml"/></mujocoinclude>', encoding="utf-8"
    )
    for gear in (2, 5):
        motor = MOTOR.format(gear=gear, more="")
        (tmp_path / "b.xml").write_text(
            f"<mujocoinclude>{motor}</mujocoinclude>", encoding="utf-8"
        )
        plant = hc.MuJoCoPlant(outer)
        assert plant.parameters["actuator_gear"][0, 0] == gear
        assert "include" not in plant.mjcf  # it needs no file any more
    assets = {"./common/act.xml": f"<mujocoinclude>{motor}</mujocoinclude>".encode()}
    text = xml(rest='<include file="./common/act.xml"/>')
    assert gear_of(text, assets=assets) == gear_of(text.encode(), assets=assets) == 5


def test_a_mesh_is_read_anew(tmp_path):
    mesh = "<asset><mesh name='m' file='m.obj'/></asset>"
    geom = "<body><joint name='spin'/><geom type='mesh' mesh='m'/></body>"
    (tmp_path / "rod.xml").write_text(xml(first=mesh, world=geom), encoding="utf-8")
    masses = []
    for size in (1, 2):
        corners = [(0, 0, 0), (size, 0, 0), (0, size, 0), (0, 0, size)]
        rows = ["v {} {} {}".format(*corner) for corner in corners]
        faces = ["f 1 3 2", "f 1 2 4", "f 1 4 3", "f 2 3 4"]
        (tmp_path / "m.obj").write_text("\n".join(rows + faces), encoding="utf-8")
        plant = hc.MuJoCoPlant(tmp_path / "rod.xml")
        masses.append(plant.parameters["body_mass"][2])
    assert masses[1] == pytest.approx(8 * masses[0])
    assert isinstance(plant.mjcf, Compiled) and plant.to_mujoco().nmesh == 1


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("nowhere.xml", "there is no MJCF file nowhere.xml"),
        (".", "MJCF file"),
        ("a\0b", "MJCF file"),
        ("x" * 5000, "MJCF file"),
        ("<mujoco><nonsense/></mujoco>", "MuJoCo cannot read"),
        ("<mujoco><include file='gone.xml'/></mujoco>", "MuJoCo cannot read"),
        (b"nothing", "MuJoCo cannot read"),
    ],
)
def test_what_cannot_be_read(told, message):
    with pytest.raises(ValueError, match=message) as error:
        hc.MuJoCoPlant(told)
    assert len(str(error.value)) < 500


def test_what_is_no_model():
    with pytest.raises(TypeError, match="a int is no MuJoCo model"):
        hc.MuJoCoPlant(3)  # pyright: ignore[reportArgumentType]


# --------------------------------------------------------------- what a plant takes


def test_names_of_all_signals_differ():
    plant = hc.MuJoCoPlant(xml())
    assert plant.states == ("elbow", "delbow") and plant.inputs == ("elbow_input",)
    assert plant.units["elbow_input"] == "N m"
    world = """<body><joint name="delbow" type="slide"/><geom size=".1"/></body>
    <body><joint type="slide"/><geom size=".1"/></body>
    <body><joint name="joint2" type="slide"/><geom size=".1"/></body>"""
    motors = """<actuator><motor joint="elbow"/><motor name="input0" joint="elbow"/>
    <motor name="delbow" joint="elbow"/></actuator>"""
    plant = hc.MuJoCoPlant(xml(world=world, rest=motors))
    assert plant.states[:4] == ("elbow", "delbow", "joint2_", "joint2")
    assert plant.states[4:] == ("elbow_rate", "ddelbow", "djoint2_", "djoint2")
    assert plant.inputs == ("input0_", "input0", "delbow_input")


UNFIT = {
    "armature of actuator 'elbow'": xml(more='armature="0.1"'),
    "damping of actuator 'elbow'": xml(more='damping="0.1"'),
    "delay of actuator 'elbow'": xml(more='delay="0.02" nsample="3"'),
    "groups that are off, as that of actuator 'elbow'": xml(
        more='group="2"', first='<option actuatorgroupdisable="2"/>'
    ),
    "ellipsoids in a fluid, as geom 'bar'": xml(
        first='<option density="1000"/>'
    ).replace('mass="2"', 'mass="2" fluidshape="ellipsoid"'),
    "noslip solver": xml(
        first='<option noslip_iterations="3"/>', joint='frictionloss="1"'
    ),
    "TRN_BODY as of actuator": xml(
        rest='<actuator><adhesion body="rod" ctrlrange="0 1"/></actuator>'
    ),
    "contact between ellipsoid 'egg' and box 'brick'": xml(
        world="""<geom name="egg" type="ellipsoid" size=".1 .2 .3"/><body><joint/>
        <geom name="brick" type="box" size=".1 .1 .1"/></body>"""
    ).replace('contact="disable"', ""),
    "this MJCF has no joint": "<mujoco/>",
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_mjx_leaves_out_is_refused_by_name(what):
    with pytest.raises(ValueError, match=what):
        hc.MuJoCoPlant(UNFIT[what])


def test_a_centre_of_mass_that_was_compiled_away_is_fixed():
    wheel = """<mujoco><worldbody><body name="wheel" {}><joint name="a"/>
    <geom size="1"/></body></worldbody>
    <actuator><motor joint="a"/></actuator></mujoco>"""
    moved = {"body_ipos": np.array([[0, 0, 0], [0.1, 0, 0]])}
    with pytest.raises(ValueError, match="body_ipos of body 'wheel' is fixed"):
        hc.MuJoCoPlant(wheel.format(""), moved)
    free = hc.MuJoCoPlant(wheel.format('simple="false"'), moved)
    assert free.to_mujoco().body_sameframe[1] != 1


# ----------------------------------------------------------- rest and linear models


def test_rest_is_found_near_a_guess_and_linearized_at_once():
    leaning = xml(joint='range="-90 90"', body='euler="0 0.1 0"')
    pole = """<body><joint name="x" type="slide" axis="1 0 0"/>
    <geom size=".1" mass="1"/>{}</body>"""
    inner = leaning.split("<worldbody>")[1].split("</worldbody>")[0]
    motor = '<actuator><motor name="force" joint="x" ctrlrange="-3 3"/></actuator>'
    head = leaning.split("<worldbody>")[0]
    plant = hc.MuJoCoPlant(
        f"{head}<worldbody>{pole.format(inner)}</worldbody>{motor}</mujoco>"
    )
    with pytest.raises(ValueError, match=r"no input of .force. holds"):
        plant.rest()
    tilt = -np.deg2rad(0.1)
    for near in (
        [0.2, 0, 0, 0],
        [0.2, 0],
        {"x": 0.2},
        plant.equilibrium([0.2, 0, 0, 0]),
    ):
        at = plant.rest(near=near)
        np.testing.assert_allclose(at.x, [0.2, tilt, 0, 0], atol=1e-9)
        np.testing.assert_allclose(at.u, [0.0], atol=1e-9)
    assert plant.rest(near=[0, 0], x=0.5).x[0] == 0.5
    A, B = hc.linearize(plant, at)
    # a rod of 2 kg on a cart of 1 kg, about the upright
    inertia = float(plant.parameters["body_inertia"][2, 1])
    M = np.array([[3.0, 2 * 0.25], [2 * 0.25, 2 * 0.25**2 + inertia]])
    falls = np.linalg.solve(M, [[0, 0], [0, 2 * 9.81 * 0.25]])
    np.testing.assert_allclose(A[2:, :2], falls, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(B[2:, 0], np.linalg.solve(M, [1, 0]), rtol=1e-9)
    with pytest.raises(ValueError, match="no rest found near this guess"):
        plant.rest(near=[0, 0], elbow=0.5)
    with pytest.raises(ValueError, match="no state or input 'phi'"):
        plant.rest(near={"phi": 0.0})


def test_a_model_without_actuators_swings_freely():
    plant = hc.MuJoCoPlant(xml(rest=""))
    at = plant.rest(near={"elbow": 3.0})
    assert plant.inputs == () and at.u.shape == (0,)
    np.testing.assert_allclose(at.x, [np.pi, 0.0], atol=1e-9)
    options = {"seconds": 0.1, "dt": 0.02, "solver": "mujoco"}
    trace = hc.simulate(plant, hc.Constant([]), [3.0, 0.0], **options)
    assert trace.x[-1, 0] > 3.0 and trace.u.shape == (5, 0)
    with pytest.raises(ValueError, match="input"):
        hc.lqr(plant, at, Q=[1, 1], R=[])


def test_rest_beyond_the_range_of_an_input_is_refused():
    plant = hc.MuJoCoPlant(xml(more='ctrlrange="-1 1"'))
    with pytest.raises(
        ValueError, match=r"takes elbow_input=-?4\.\d+, beyond its range"
    ):
        plant.rest(elbow=np.pi / 2)


def test_a_contact_is_linearized():
    """A ball that lies on the floor, on MuJoCo's spring and damper."""
    ball = """<mujoco><worldbody><geom type="plane" size="1 1 1"/><body pos="0 0 .1">
    <joint name="z" type="slide" axis="0 0 1"/><geom size=".1" mass="1"/></body>
    </worldbody><actuator><motor name="push" joint="z"/></actuator></mujoco>"""
    plant = hc.MuJoCoPlant(ball)
    at = plant.rest(near={"z": -1e-3}, push=0.0)
    assert -1e-3 < at.x[0] < 0
    (_, (stiff, damped)), B = hc.linearize(plant, at)
    assert stiff < -100 and damped < -10 and 0 < B[1, 0] < 1
