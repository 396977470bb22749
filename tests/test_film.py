"""Scene, videos and pictures: right positions, whole files, and a fall-back."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
from PIL import Image

import hybridctl as hc
from hybridctl import cli
from hybridctl.plants.mujoco.mjcf import mjcf
from hybridctl.show import animation, frames, scene
from hybridctl.show.film import encode, painter
from hybridctl.show.film.chain import ARROW, CART, chain_of
from hybridctl.show.film.chart import Chart
from hybridctl.show.film.deep import Deep
from hybridctl.show.film.film import Film, film_of, grid_of
from hybridctl.show.film.flat import Flat
from hybridctl.show.film.play import modes_of, players_of, world_of
from hybridctl.show.film.window import Window

CARTPOLE = hc.CartPole(L=0.7, m_p=0.2, cart_friction=0.3, pole_friction=0.05)
ACROBOT, DOUBLE = hc.Acrobot(l1=0.8, l2=1.3), hc.DoubleCartPole(l1=0.6, l2=0.9)
CHAINS = {
    "cart-pole": (CARTPOLE, [0.7]),
    "pendulum": (hc.Pendulum(L=1.4), [1.4]),
    "acrobot": (ACROBOT, [0.8, 1.3]),
    "pendubot": (hc.Pendubot(l1=0.8, l2=1.3), [0.8, 1.3]),
    "double cart-pole": (DOUBLE, [0.6, 0.9]),
}
SMALL = (160, 120)
IN_3D = [pytest.param(name, id=name) for name in painter.IN_3D]


def trace_of(seconds=1.0, dt=0.02, modes=("swing", "balance"), **signals):
    """A recorded cart-pole: still but for the signals that are given as functions."""
    t = np.arange(round(seconds / dt) + 1) * dt
    zero = np.zeros_like(t)
    shapes = {"x": zero, "theta": zero, "dx": zero, "dtheta": zero, "force": zero}
    shapes |= {name: f(t) for name, f in signals.items()}
    known = {name: values.tolist() for name, values in shapes.items()}
    known["force"] = known["force"][:-1]
    half = len(t) // 2
    mode = [0] * half + [1] * (len(t) - 1 - half) if modes else None
    return hc.Trace.from_dict(
        {"t": t.tolist(), **known, "mode": mode, "modes": list(modes)}
        | {"units": {"theta": "rad", "force": "N"}}
    )


SWING = trace_of(
    x=lambda t: np.sin(2 * t), theta=lambda t: 3 * t, force=lambda t: 10 * np.cos(3 * t)
)


PLAIN = {"tail": np.zeros((2, 2)), "share": 0.0, "colour": "#0072B2"}


def works(renderer):
    reason = painter.trouble(renderer)
    if reason:
        pytest.skip(f"{renderer} does not work here: {reason}")


def posed(text, q):
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_kinematics(model, data)
    return model, data


# ------------------------------------------------------------------ the scene


@pytest.mark.parametrize("name", CHAINS)
def test_the_tip_is_where_the_plant_s_is(name):
    """x + Σ L sin φ, -Σ L cos φ with φ the sum of the angles, by hand."""
    plant, lengths = CHAINS[name]
    text, on_cart = scene(plant), plant.states[0] == "x"
    rng = np.random.default_rng(0)
    for q in rng.normal(size=(20, plant.n_x // 2)) * 3:
        angles = np.cumsum(q[on_cart:])
        tip = [
            on_cart * q[0] + sum(np.array(lengths) * np.sin(angles)),
            -sum(np.array(lengths) * np.cos(angles)),
        ]
        _, data = posed(text, q)
        place = data.site("tip").xpos
        np.testing.assert_allclose([place[0], place[2]], tip, atol=1e-9)
        assert place[1] == 0
        np.testing.assert_allclose(chain_of(plant).joints(q)[-1], tip, atol=1e-9)


def test_the_scene_is_the_plant_s_own_model():
    """What is to be seen has no mass and touches nothing."""
    rng = np.random.default_rng(1)
    models = [mujoco.MjModel.from_xml_string(f(CARTPOLE)) for f in (scene, mjcf)]
    for _ in range(5):
        q, dq, u = rng.normal(size=2) * 3, rng.normal(size=2) * 3, rng.normal() * 10
        found = []
        for model in models:
            data = mujoco.MjData(model)
            data.qpos[:], data.qvel[:], data.ctrl[:] = q, dq, u
            mujoco.mj_forward(model, data)
            found.append(data.qacc.copy())
        np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("name", CHAINS)
def test_keyframes(name):
    plant, lengths = CHAINS[name]
    model, data = posed(scene(plant), 0.0)
    for key, height in (("hanging_down", -sum(lengths)), ("upright", sum(lengths))):
        mujoco.mj_resetDataKeyframe(model, data, model.key(key).id)
        mujoco.mj_kinematics(model, data)
        tip = data.site("tip").xpos
        np.testing.assert_allclose(tip, [0, 0, height], atol=1e-9)


def test_the_track_is_as_long_as_it_is():
    """The cart touches a post where |x| is at the limit."""
    short = hc.tasks.get("short_track")
    ends = hc.EndStops(hc.CartPole(), ends=[-0.5, 1.0])
    for plant, limits, low, high in (
        (hc.CartPole(), None, -2.4, 2.4),
        (short.plant, short.limits, -0.6, 0.6),
        (ends, None, -0.5, 1.0),
    ):
        model, _ = posed(scene(plant, limits), 0.0)
        for name, x, side in (("low_end", low, -1), ("high_end", high, 1)):
            post = model.geom(name)
            face = post.pos[0] - side * post.size[0]
            assert face == pytest.approx(x + side * CART)


@pytest.mark.parametrize("renderer", IN_3D)
def test_the_camera_sees_what_the_words_expect(renderer):
    """The tip's pixels are where `place` says; the arrow is as long as the force."""
    works(renderer)
    size, world = (320, 240), world_of(hc.CartPole(), SWING)
    deep = Deep(world, size, renderer)
    try:
        for k in (0, 12, 25, 40):
            (player,) = players_of({"a": SWING}, world)
            moment = player.at(0.02 * k)._replace(**PLAIN)
            seen = _pixels_of(deep.paint(moment))
            tip = world.chain.joints(moment.q)[-1]
            np.testing.assert_allclose(seen.mean(axis=0), deep.place(tip), atol=1.0)
        for share in (1.0, 0.5, -1.0):
            bare = deep.paint(moment._replace(share=0.0)).astype(int)
            drawn = deep.paint(moment._replace(share=share)).astype(int)
            changed = np.flatnonzero(np.abs(drawn - bare).sum(axis=(0, 2)) > 90)
            tip = moment.q[0] + np.sign(share) * CART + share * ARROW
            far = changed.max() + 1 if share > 0 else changed.min()
            assert far == pytest.approx(deep.place(np.array([tip, 0.0]))[0], abs=3)
    finally:
        deep.close()
    assert deep.screen.closed


def _pixels_of(picture):
    """Where it is far more blue than red: the tip [n, 2]."""
    blue = picture[..., 2].astype(int) - picture[..., 0]
    return np.argwhere(blue > 60)[:, ::-1] + 0.5


def test_a_flat_drawing_has_the_tip_in_the_same_place():
    world = world_of(hc.CartPole(), SWING)
    (player,) = players_of({"a": SWING}, world)
    flat = Flat(world, (320, 240))
    moment = player.at(0.5)._replace(**PLAIN)
    seen = _pixels_of(flat.paint(moment))
    tip = world.chain.joints(moment.q)[-1]
    np.testing.assert_allclose(seen.mean(axis=0), flat.place(tip), atol=0.7)


def test_all_of_the_track_and_reach_is_in_the_picture():
    for plant, _ in CHAINS.values():
        chain = chain_of(plant)
        for size in ((640, 480), (300, 600), (900, 200)):
            window = Window.of(chain, size)
            (low, high), reach = chain.span, chain.reach
            corners = np.array([[low, -reach], [high, reach]])
            for place in (window.flat, window.deep):
                pixels = place(corners)
                assert np.all(pixels > 0) and np.all(pixels < size)


# ------------------------------------------------------------------ playing


def player_of(trace, plant=None):
    (player,) = players_of({"a": trace}, world_of(plant, trace))
    return player


def test_between_samples_states_are_interpolated_and_inputs_held():
    player = player_of(SWING)
    moment = player.at(0.03)  # between the samples 1 and 2
    x, theta = (np.asarray(SWING[name])[1:3].mean() for name in ("x", "theta"))
    np.testing.assert_allclose(moment.q, [x, theta])
    assert moment.u == SWING["force"][1] and moment.mode == "swing"
    assert player.at(0.5).mode == "balance" and player.at(0.499).mode == "swing"
    assert player.at(0.5).colour != player.at(0.499).colour
    assert player.at(9.0).q[0] == SWING["x"][-1]


def test_angles_do_not_turn_back():
    turning = trace_of(theta=lambda t: (6 * t + np.pi) % (2 * np.pi) - np.pi)
    angle = [player_of(turning).at(t).q[1] for t in np.linspace(0, 1, 101)]
    np.testing.assert_allclose(np.diff(angle), 0.06, atol=1e-9)


def test_what_failed_or_is_not_finite_stands_still():
    away = player_of(trace_of(x=lambda t: 4 * t))
    assert away.note == "failed at 0.62 s"  # the first sample beyond 2.4 m
    after = away.at(0.9)
    assert after.q[0] == pytest.approx(2.48) and after.share == 0 and after.note
    assert after.colour != away.at(0.5).colour and not away.at(0.5).note
    broken = player_of(trace_of(x=lambda t: np.where(t > 0.3, np.nan, t)))
    assert broken.note == "not finite at 0.30 s" and broken.at(1.0).q[0] == 0.3
    touching = player_of(trace_of(x=lambda t: np.minimum(4 * t, 2.4)))
    assert not touching.note


def test_a_task_says_what_fails():
    leaning = trace_of(theta=lambda t: np.pi + 0.5 * t)
    balance = hc.tasks.get("balance")
    assert "theta" in balance.limits
    note = player_of(leaning, balance).note
    assert note.startswith("failed at") and not player_of(leaning).note
    weak = player_of(trace_of(force=lambda t: 0 * t + 1.5), hc.tasks.get("weak"))
    assert weak.at(0.5).share == pytest.approx(0.5)  # of 3 N


def test_one_mode_has_one_colour_and_the_input_one_limit():
    plain = trace_of(modes=())
    assert modes_of(plain) == []
    traces = {"lqr": plain, "one": SWING, "two": SWING}
    players = players_of(traces, world_of(None, plain))
    lqr, one, two = (player.at(0.1) for player in players)
    assert one.colour == two.colour != lqr.colour and lqr.mode == ""


# ------------------------------------------------------------------ files


def test_an_mp4_has_the_frames_and_lasts_as_long(tmp_path):
    av = pytest.importorskip("av")
    path = hc.render(
        {"a": SWING, "b": SWING}, tmp_path / "x.mp4", fps=30, size=(321, 121),
        speed=0.5, seconds=0.6, renderer="matplotlib", progress=False,
    )  # fmt: skip
    with av.open(str(path)) as file:
        (stream,) = file.streams.video
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
        assert stream.codec_context.name == "h264" and stream.average_rate == 30
        assert float(stream.duration * stream.time_base) == pytest.approx(1.2)
    assert len(pictures) == 36 and pictures[0].shape == (122, 322, 3)
    sources = frames(
        {"a": SWING, "b": SWING}, fps=30, size=(322, 122), speed=0.5, seconds=0.6,
        renderer="matplotlib",
    )  # fmt: skip
    for seen, drawn in zip(pictures, sources, strict=True):
        assert np.abs(seen.astype(int) - drawn).mean() < 3


@pytest.mark.parametrize("suffix", [".gif", ".apng"])
def test_an_animation_has_the_frames_and_lasts_as_long(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    options = {"size": SMALL, "renderer": "matplotlib", "progress": False}
    hc.render(SWING, path, fps=30, seconds=0.5, **options)
    with Image.open(path) as image:
        shown = []
        for k in range(image.n_frames):
            image.seek(k)
            shown.append(image.info["duration"])
        assert image.size == SMALL and len(shown) == 15
    assert sum(shown) == pytest.approx(500, abs=5)
    first = path.read_bytes()
    hc.render(SWING, path, fps=30, seconds=0.5, **options)
    assert path.read_bytes() == first
    if suffix == ".gif":  # one palette for all: no frame has its own
        local = 0x80
        blocks = first.split(b"\x2c")[1:]
        assert first[10] & local and blocks
        assert len(first) < 40_000


@pytest.mark.parametrize("renderer", ["matplotlib", *IN_3D])
def test_stills(tmp_path, renderer):
    if renderer != "matplotlib":
        works(renderer)
    path, two = tmp_path / "x.png", {"a": SWING, "b": SWING}

    def size_of(traces, **options):
        hc.render(traces, path, plant=hc.CartPole(), renderer=renderer, **options)
        with Image.open(path) as image:
            return image.size

    assert size_of(SWING, at=0.5, size=SMALL) == SMALL
    first = path.read_bytes()
    assert size_of(SWING, at=0.5, size=SMALL) == SMALL
    assert path.read_bytes() == first  # the same in every run
    size_of(SWING, at=0.6, size=SMALL)
    assert path.read_bytes() != first
    if renderer == "matplotlib":
        assert size_of(SWING) == (1200, 520)
        assert size_of(two, at=(0.0, 0.5)) == (800, 520)
        assert size_of(SWING, at=0.0) == (640, 480)
        assert size_of(two, at=0.0) == (960, 360)


def test_times_of_a_still_are_where_things_move():
    late = trace_of(10.0, x=lambda t: np.where(t > 8, t - 8, 0.0))
    with Film({"": late}, renderer="matplotlib", size=SMALL) as film:
        times = film.telling(6, 10.0)
        assert times[0] == 0 and times[-1] == pytest.approx(10)
        assert all(t > 7.9 for t in times[1:])


def test_pictures_that_look_alike_are_drawn_once(monkeypatch):
    drawn, paint = [], Flat.paint
    monkeypatch.setattr(Flat, "paint", lambda s, m: drawn.append(m.t) or paint(s, m))
    rest = trace_of(x=lambda t: np.minimum(t, 0.2), modes=())
    pictures = list(frames(rest, fps=50, size=SMALL, renderer="matplotlib"))
    assert len(pictures) == 50 and 10 < len(drawn) < 40  # rest, and no way behind
    assert np.any(pictures[-1] != pictures[-2])  # the clock goes on


def test_many_traces_fill_a_grid():
    chain = chain_of(hc.CartPole())
    assert [grid_of(n, chain, None) for n in (1, 2, 3, 4, 5, 7)] == [
        (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)
    ]  # fmt: skip
    five = {str(n): SWING for n in range(5)}
    with Film(five, size=(480, 240), renderer="matplotlib") as film:
        assert film.at(0.5).shape == (240, 480, 3)


def test_every_chain_is_drawn():
    for plant, _ in CHAINS.values():
        x = np.linspace(plant.hanging().x, plant.upright().x, 3)
        signals = dict(zip(plant.states, x.T.tolist(), strict=True))
        signals |= {plant.inputs[0]: [1.0, -1.0], "t": [0.0, 0.1, 0.2]}
        trace = hc.Trace.from_dict(signals)
        (picture,) = frames(
            trace, plant=plant, size=SMALL, fps=5, renderer="matplotlib"
        )
        assert np.ptp(picture) > 100


def test_an_animation_in_a_notebook(monkeypatch):
    options = {"size": (161, 121), "seconds": 0.2, "renderer": "matplotlib"}
    shown = animation(SWING, **options)
    with Image.open(io.BytesIO(shown._repr_png_())) as image:
        assert image.format == "PNG"
    monkeypatch.setattr(encode, "has_av", lambda: False)
    shown = animation(SWING, **options)
    assert 'src="data:image/gif;base64,R0lGOD' in shown._repr_html_()
    pytest.importorskip("av")
    monkeypatch.undo()
    assert 'src="data:video/mp4;base64,' in animation(SWING, **options)._repr_html_()


# ------------------------------------------------------------------ what goes wrong


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    path = tmp_path / "x.gif"
    path.write_text("before", encoding="utf-8")
    paint = Flat.paint

    def stop(self, moment):
        if moment.t > 0.1:
            raise KeyboardInterrupt
        return paint(self, moment)

    monkeypatch.setattr(Flat, "paint", stop)
    for name in ("x.gif", "y.mp4", "y.png"):
        with pytest.raises(KeyboardInterrupt):
            hc.render(SWING, tmp_path / name, renderer="matplotlib", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["x.gif"]
    assert path.read_text(encoding="utf-8") == "before"


BALL = hc.Trace.from_dict(
    {"t": [0.0, 1.0], "height": [1.0, 0.5], "speed": [0.0, 1.0], "force": [0.0]}
)
BAD = [
    ((SWING, "x.mov"), {}, "x.mov ends in '.mov'; choose one of: .mp4, .gif, .png"),
    ((SWING, "nosuch/x.gif"), {}, "there is no folder nosuch; make it"),
    ((SWING, "."), {}, "ends in ''; choose one of"),
    (([SWING], "x.gif"), {}, "give traces by name"),
    (({"a": 1.0}, "x.gif"), {}, "'a' is a float; give what simulate returned"),
    ((BALL, "x.gif"), {"plant": hc.BouncingBall()}, "not those of a BouncingBall"),
    ((SWING, "x.gif"), {"plant": hc.Pendulum()}, "not those of a Pendulum; give"),
    ((SWING, "x.gif"), {"plant": "cart"}, "plant is a str; give a plant, or the task"),
    ((SWING, "x.gif"), {"fps": 0.0}, "fps=0.0 must be above 0"),
    ((SWING, "x.gif"), {"fps": 60}, "fps=60 is too fast for a GIF"),
    ((SWING, "x.gif"), {"speed": -1.0}, "speed=-1.0 must be above 0"),
    ((SWING, "x.gif"), {"seconds": np.nan}, "seconds=nan is not finite"),
    ((SWING, "x.gif"), {"at": 1.0}, "at=1.0 is for a .png; give seconds= for .gif"),
    ((SWING, "x.png"), {"at": -1.0}, "at=-1.0 must not be negative"),
    ((SWING, "x.png"), {"at": ()}, "at is empty; give numbers"),
    ((SWING, "x.gif"), {"size": (640,)}, "size=(640,) must be width and height"),
    ((SWING, "x.gif"), {"size": (10, 480)}, "64 to 8192 pixels each"),
    ((SWING, "x.gif"), {"labels": ["a", "b"]}, "must be 1 different names"),
    ((SWING, "x.gif"), {"renderer": "vulkan"}, "unknown renderer 'vulkan'"),
    (
        ({str(n): SWING for n in range(9)}, "x.gif"),
        {"size": (100, 100)},
        "leaves 50 x 20 pixels for each of 10 pictures in it",
    ),
]


@pytest.mark.parametrize(("given", "options", "message"), BAD)
def test_bad_input_is_a_sentence(given, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traces, name = given
    with pytest.raises(ValueError) as error:
        hc.render(traces, name, **{"renderer": "matplotlib", **options})
    assert message in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_plant_of_another_kind_cannot_be_drawn():
    mujoco_plant = hc.MuJoCoPlant.cartpole()
    message = "cannot draw a MuJoCoPlant; what can be drawn is a CartPole"
    with pytest.raises(ValueError, match=message):
        scene(mujoco_plant)
    many = dataclasses.replace(hc.CartPole(), L=np.ones(3))
    with pytest.raises(ValueError, match="lengths of one plant"):
        scene(many)


def test_what_has_no_picture_is_shown_by_its_signals(tmp_path):
    """Any plant, any number of inputs, and samples that are not finite."""
    t, nan = np.arange(51) * 0.02, float("nan")
    names = [f"a_signal_with_a_long_name_{i}" for i in range(12)]
    given = {n: np.sin(t + i).tolist() for i, n in enumerate(names)}
    given[names[0]][30:] = [nan] * 21
    inputs = {"u": [1.0] * 50, "v": [nan] * 50}
    trace = hc.Trace.from_dict({"t": t.tolist(), **given, **inputs})
    with film_of({"": trace}, None, (320, 240)) as film:
        first, last = film.at(0.0), film.at(1.0)
    assert type(film) is Chart and first.shape == (240, 320, 3)
    assert np.mean(first < 128) < np.mean(last < 128)  # what is ahead is pale
    hc.render({"a": trace, "b": trace}, tmp_path / "x.gif", seconds=0.08, fps=25)
    trace.plot()
    one = hc.Trace.from_dict({"t": [0.0, 0.1], "x": [0.0, 1.0], "u": [2.0]})
    hc.render(one, tmp_path / "one.png")
    with pytest.raises(ValueError, match="not those of a Thermostat"):
        hc.render(one, tmp_path / "y.png", plant=hc.Thermostat())


ROD = """<mujoco><worldbody><body pos="0 0 1">
<joint name="q" type="hinge" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 0 0 -.6" size=".1"/></body></worldbody>
<actuator><motor name="m" joint="q"/></actuator></mujoco>"""


@pytest.mark.parametrize("renderer", IN_3D)
def test_a_mujoco_model_is_seen_by_its_own_camera(renderer):
    if painter.trouble(renderer):
        pytest.skip(painter.trouble(renderer))
    plant = hc.MuJoCoPlant(ROD)
    told = {"t": [0.0, 0.1, 0.2], "q": [0.0, 1.0, 2.0], "dq": [9.0] * 3, "m": [1.0] * 2}
    trace = hc.Trace.from_dict(told)
    with film_of({"": trace}, plant, (160, 120), renderer) as film:
        assert type(film) is Film
        assert np.any(film.at(0.0) != film.at(0.2))
    with film_of({"": trace}, plant, (160, 120), "matplotlib") as film:
        assert type(film) is Chart


def test_the_plant_in_a_network_s_port_is_drawn():
    chain = chain_of(hc.plants.motor_cartpole())
    assert chain.track is not None and len(chain.lengths) == 1


def test_without_pyav_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"pip install 'hybridctl\[render\]'"):
        hc.render(SWING, tmp_path / "x.mp4", size=SMALL, renderer="matplotlib")


def test_a_renderer_that_does_not_work_is_no_crash(monkeypatch):
    assert "nosuch" in painter.trouble("nosuch")
    monkeypatch.setattr(painter, "trouble", lambda name: "no such library")
    with pytest.raises(ValueError, match=r"'egl' does not work here .no such library"):
        list(frames(SWING, renderer="egl"))
    assert painter.which("egl") == painter.which("auto") == "matplotlib"
    monkeypatch.undo()
    monkeypatch.setenv("MUJOCO_GL", "disable")
    assert painter.which() == "matplotlib"


HIDE = """
import ctypes, ctypes.util
known = ctypes.CDLL.__init__
def load(self, name, *args, **kwargs):
    if name and any(gl in str(name) for gl in ("EGL", "OSMesa", "libGL", "OpenGL")):
        raise OSError(f"{name}: cannot open shared object file")
    known(self, name, *args, **kwargs)
ctypes.CDLL.__init__ = load
ctypes.util.find_library = lambda name: None
"""
USE = """
import json, sys
import hybridctl as hc
trace = hc.Trace.from_dict(json.load(open(sys.argv[1])))
for name in ("a.gif", "b.gif"):
    hc.render(trace, name, size=(160, 120), seconds=0.2)
"""


@pytest.mark.slow
def test_without_any_gl_library_matplotlib_draws_and_says_so(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDE, encoding="utf-8")
    (tmp_path / "trace.json").write_text(json.dumps(SWING.to_dict()), encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(Path(hc.__file__).parents[1])])
    known = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}
    done = subprocess.run(
        [sys.executable, "-c", USE, "trace.json"], cwd=tmp_path, encoding="utf-8",
        capture_output=True, env=known | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == painter.BETTER  # once
    with Image.open(tmp_path / "b.gif") as image:
        assert image.size == SMALL and image.n_frames == 5


# ------------------------------------------------------------------ traces, commands


def test_a_trace_comes_back_from_json():
    told = json.loads(json.dumps(SWING.to_dict()))
    back = hc.Trace.from_dict(told)
    assert back.to_dict() == SWING.to_dict()
    assert back.angles == (1,) and back.states == SWING.states
    assert back.switches() == [(pytest.approx(0.5), "swing", "balance")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t": None}, "'t' is not a list of numbers"),
        ({"t": [0.0]}, "t must be at least two rising times"),
        ({"t": [0.0, np.nan, 1.0]}, "t must be at least two rising times"),
        ({"x": [0.0]}, "'x' has 1 samples, t has 3: a state has as many"),
        ({"x": ["a", 0, 0]}, "'x' is not a list of numbers; give what"),
        ({"x": [[0.0, 0.0, 0.0]]}, "it is of a batch; save one trace, trace[0]"),
        ({"u": [0.0, 0.0, 0.0]}, "there are no states or no inputs"),
        ({"mode": [0, 2]}, "mode must have 2 whole numbers below 1"),
        ({"modes": "a"}, "modes='a' must be a list of names"),
        ({"units": {"x": 1}}, "must be texts by name"),
        ({"angles": ["u"]}, "must be names of states"),
    ],
)
def test_what_is_no_trace_is_refused(change, message):
    good = {"t": [0.0, 1.0, 2.0], "x": [0.0, 0.0, 0.0], "u": [0.0, 0.0], "mode": [0, 0]}
    good |= {"modes": ["a"]}
    hc.Trace.from_dict(good)
    with pytest.raises(ValueError) as error:
        hc.Trace.from_dict(good | change)
    assert message in str(error.value)


def test_the_command_shows_traces_and_controllers(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("trace.json").write_text(json.dumps(SWING.to_dict()), encoding="utf-8")
    small = ["--size", "320", "120", "--renderer", "matplotlib"]
    cli.main(["render", "trace.json", "lqr", "--task", "balance", "--seconds", "0.2",
              "--out", "deep/x.gif", *small])  # fmt: skip
    assert "drawn by matplotlib in" in capsys.readouterr().out
    with Image.open("deep/x.gif") as image:
        assert image.size == (320, 120) and image.n_frames == 5
    cli.main(["render", "trace.json", "--at", "0", "--out", "x.png", *small])
    with Image.open("x.png") as image:
        assert image.size == (320, 120)
    Path("bad.json").write_text("{", encoding="utf-8")
    for name, message in (
        ("nosuch.json", "there is no file nosuch.json; hybridctl simulate writes"),
        ("bad.json", "bad.json is not a trace: "),
        ("nosuch", "no controller 'nosuch'"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["render", name, "--out", "y.gif"])
        assert message in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SystemExit):
        cli.main(["render", "trace.json", "--out", "y.mp4", *small])
    assert "pip install 'hybridctl[render]'" in capsys.readouterr().err
