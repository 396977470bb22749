"""The 3D scene in MuJoCo's format: a plant's own model with a body to look at."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from hybridctl.plants import CartPole, Plant
from hybridctl.plants.mujoco.mjcf import mjcf
from hybridctl.show.film.chain import CART, HEAD, Chain, body_of, chain_of
from hybridctl.show.film.window import FLOOR, Window

BEHIND = 0.14  # cart and rail are behind the plane in which the links move [m]
RAIL = -0.155  # height of the rail [m]

LOOK = """
<visual>
  <global offwidth="{width}" offheight="{height}"/>
  <quality shadowsize="1024" offsamples="4"/>
  <map znear="0.3" zfar="30" shadowclip="1.5" haze="0.7"/>
  <headlight ambient="0.58 0.58 0.58" diffuse="0.22 0.22 0.22" specular="0 0 0"/>
  <rgba haze="0.955 0.96 0.965 1"/>
</visual>
<statistic extent="{extent}" center="{x} 0 0"/>
<default>
  <default class="look"><geom mass="0" contype="0" conaffinity="0"/></default>
</default>
<asset>
  <texture type="skybox" builtin="flat" rgb1="0.955 0.96 0.965" width="8" height="48"/>
  <material name="floor" rgba="0.98 0.985 0.99 1" specular="0"/>
  <material name="rail" rgba="0.62 0.65 0.69 1"/>
  <material name="post" rgba="0.33 0.36 0.41 1"/>
  <material name="cart" rgba="0.25 0.29 0.35 1"/>
  <material name="pole" rgba="0.63 0.66 0.70 1"/>
  <material name="pin" rgba="0.88 0.89 0.91 1"/>
  <material name="tip" rgba="0.00 0.45 0.70 1"/>
  <material name="force" rgba="0.00 0.45 0.70 0"/>
  <mesh name="head" vertex="{head}"/>
</asset>
"""
STUDIO = """
<geom class="look" material="floor" name="floor" type="plane" size="60 60 1"
      pos="0 0 {floor}"/>
<light name="sun" type="directional" pos="{x} -3 5" dir="0.12 0.3 -1"
       diffuse="0.36 0.36 0.36" specular="0.2 0.2 0.2"/>
<camera name="side" fovy="{opening}" pos="{place}" xyaxes="{across}"/>
"""
TRACK = """
<geom class="look" material="rail" name="rail" type="capsule" size="0.024"
      fromto="{low} {BEHIND} {RAIL} {high} {BEHIND} {RAIL}"/>
<geom class="look" material="post" name="low_end" type="box"
      size="0.03 0.07 {tall}" pos="{low} {BEHIND} {middle}"/>
<geom class="look" material="post" name="high_end" type="box"
      size="0.03 0.07 {tall}" pos="{high} {BEHIND} {middle}"/>
"""
MARK = """
<geom class="look" material="rail" name="mark{i}" type="box"
      size="0.008 0.01 {tall}" pos="{x} {BEHIND} {z}"/>
"""
STAND = """
<geom class="look" material="rail" name="stand" type="capsule" size="0.03"
      fromto="0 {BEHIND} 0 0 {BEHIND} {floor}"/>
<geom class="look" material="cart" name="motor" type="cylinder" size="0.1 0.07"
      pos="0 {BEHIND} 0" zaxis="0 1 0"/>
"""
CARRIAGE = """
<geom class="look" material="cart" name="cart" type="box" size="{CART} 0.07 0.08"
      pos="0 {BEHIND} 0"/>
<geom class="look" material="post" name="left_wheel" type="cylinder"
      size="0.05 0.085" pos="-0.12 {BEHIND} -0.085" zaxis="0 1 0"/>
<geom class="look" material="post" name="right_wheel" type="cylinder"
      size="0.05 0.085" pos="0.12 {BEHIND} -0.085" zaxis="0 1 0"/>
"""
FORCE = """
<body name="force" mocap="true" pos="0 {BEHIND} 0">
  <geom class="look" material="force" name="shaft" type="cylinder" size="0.03 0.1"
        zaxis="1 0 0"/>
  <geom class="look" material="force" name="head" type="mesh" mesh="head"/>
</body>
"""
LINK = """
<geom class="look" material="pole" name="link{i}" type="capsule" size="{thick}"
      fromto="0 0 0 0 0 -{length}"/>
<geom class="look" material="pin" name="pin{i}" type="cylinder" size="0.042 0.032"
      zaxis="0 1 0"/>
"""
TIP = """
<geom class="look" material="tip" name="tip" type="sphere" size="0.085"
      pos="0 0 -{length}"/>
<site name="tip" pos="0 0 -{length}" size="0.001"/>
"""
BODY = """
<body pos="0 0 -{below}">
  <joint type="{kind}" axis="{axis}"/>
  <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
</body>
"""


def scene(
    plant: Plant,
    limits: Mapping[str, float] | None = None,
    size: tuple[int, int] = (640, 480),
) -> str:
    """A plant in MuJoCo's format, to look at.

    Of a cart-pole this is `hybridctl.plants.mujoco.mjcf.mjcf`, its equations of motion
    untouched, with things that have no mass and touch nothing: rail with a mark
    every half metre, posts at the ends of the track, cart, pole, tip, and an arrow,
    the body `force`, clear until it is moved. Other plants are bodies that only move
    as told. The keyframes are `hanging_down` and `upright`, the camera is `side`, the
    tip is a site, and its material `tip` has the colour of the mode.

    Args:
        plant: a cart-pole, double cart-pole, pendulum, acrobot or pendubot.
        limits: largest |x| of the cart by name; the plant's by default.
        size: width and height of the picture [pixels], which the camera fills.

    Returns:
        XML.

    Raises:
        ValueError: a plant of another kind.

    Example:
        >>> import hybridctl as hc
        >>> import mujoco
        >>> model = mujoco.MjModel.from_xml_string(scene(hc.CartPole(L=0.5)))
        >>> data = mujoco.MjData(model)
        >>> mujoco.mj_resetDataKeyframe(model, data, model.key("hanging_down").id)
        >>> mujoco.mj_kinematics(model, data)
        >>> print(data.site("tip").xpos)
        [ 0.   0.  -0.5]
    """
    chain = chain_of(plant, limits)
    plant = body_of(plant)
    root = ET.fromstring(mjcf(plant) if isinstance(plant, CartPole) else _bare(chain))
    world = root.find("worldbody")
    assert world is not None
    window = Window.of(chain, size)
    _add(
        root, LOOK, width=size[0], height=size[1], x=window.centre[0],
        extent=max(window.room) / 2, head=_cone(HEAD, 0.07),
    )  # fmt: skip
    _add_keyframes(root, plant, chain)
    _dress(list(world.iter("body")), chain)
    _furnish(world, chain, window)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _add(parent: ET.Element, text: str, **values: Any) -> None:
    """Put MJCF into an element."""
    filled = text.format(**values, BEHIND=BEHIND, RAIL=RAIL, CART=CART)
    parent.extend(ET.fromstring(f"<all>{filled}</all>"))


def _bare(chain: Chain) -> str:
    """The joints of a chain; its masses mean nothing."""
    root = ET.fromstring('<mujoco><compiler angle="radian"/><worldbody/></mujoco>')
    kinds = [("slide", "1 0 0")] * (chain.track is not None)
    kinds += [("hinge", "0 -1 0")] * len(chain.lengths)
    above = [0.0] * (chain.n_q - len(chain.lengths) + 1) + list(chain.lengths[:-1])
    parent = root[1]
    for (kind, axis), below in zip(kinds, above, strict=True):
        _add(parent, BODY, kind=kind, axis=axis, below=below)
        parent = parent[-1]
    return ET.tostring(root, encoding="unicode")


def _add_keyframes(root: ET.Element, plant: Any, chain: Chain) -> None:
    keys = ET.SubElement(root, "keyframe")
    for name, rest in (("hanging_down", plant.hanging()), ("upright", plant.upright())):
        q = np.asarray(rest.x, np.float64)[: chain.n_q]
        ET.SubElement(keys, "key", name=name, qpos=_text(q))


def _text(numbers: np.ndarray) -> str:
    return " ".join(map(repr, numbers.tolist()))


def _cone(length: float, radius: float, corners: int = 24) -> str:
    """Points of a cone along x whose tip is in the origin."""
    turn = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    rim = [np.full(corners, -length), radius * np.sin(turn), radius * np.cos(turn)]
    return _text(np.concatenate([np.zeros(3), np.stack(rim, axis=-1).ravel()]))


def _dress(bodies: list[ET.Element], chain: Chain) -> None:
    """Something to look at on the bodies of the model."""
    if chain.track is not None:
        _add(bodies[0], CARRIAGE)
    links = bodies[-len(chain.lengths) :]
    for i, (body, length) in enumerate(zip(links, chain.lengths, strict=True)):
        _add(body, LINK, i=i, length=length, thick=0.032 * 0.85**i)
    _add(links[-1], TIP, length=chain.lengths[-1])


def _furnish(world: ET.Element, chain: Chain, window: Window) -> None:
    """Floor, light and camera; rail, marks and posts, or the stand of a hinge."""
    floor = -chain.reach - FLOOR
    place, *across = window.camera
    _add(
        world, STUDIO, floor=floor, x=window.centre[0] - 1.0, place=_text(place),
        opening=np.degrees(window.opening), across=_text(np.concatenate(across)),
    )  # fmt: skip
    if chain.track is None:
        _add(world, STAND, floor=floor)
        return
    low, high = chain.span[0] - 0.03, chain.span[1] + 0.03
    tall, middle = (0.1 - floor) / 2, (0.1 + floor) / 2
    _add(world, TRACK, low=low, high=high, tall=tall, middle=middle)
    _add(world, FORCE)
    for i, x in enumerate(chain.marks(0.5)):
        tall = 0.05 if x == round(x) else 0.03
        _add(world, MARK, i=i, x=x, tall=tall, z=RAIL - tall)
