"""MuJoCo's model format: the cart-pole in it, and what a model calls its signals."""

import contextlib
import io
import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from hybridctl.checks import fail, plain, require
from hybridctl.plants.bodies.cartpole import CartPole

Model = Any  # a mujoco.MjModel; mujoco carries no types

CARTPOLE = """<mujoco model="cart-pole">
  <compiler angle="radian"/>
  <option integrator="RK4" gravity="0 0 -{g}">
    <flag constraint="disable" clampctrl="disable"/>
  </option>
  <worldbody>
    <body name="cart">
      <joint name="x" type="slide" axis="1 0 0" damping="{cart_friction}"
             range="-{track} {track}"/>
      <inertial pos="0 0 0" mass="{m_c}" diaginertia="1e-14 1e-14 1e-14"/>
      <body name="pole">
        <joint name="theta" type="hinge" axis="0 -1 0" damping="{pole_friction}"/>
        <inertial pos="0 0 -{L}" mass="{m_p}" diaginertia="1e-14 1e-14 1e-14"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="force" joint="x" ctrlrange="-{force} {force}"/>
  </actuator>
</mujoco>
"""
ALONE = frozenset(  # elements of a model that needs no other file
    """mujoco compiler option flag size statistic visual global quality map scale
    headlight rgba default worldbody body frame inertial joint geom site camera light
    contact pair exclude equality connect weld actuator motor position velocity
    general damper sensor jointpos jointvel keyframe key""".split()
)
MOST = 400  # tags
PARAMETERS = ("m_c", "m_p", "L", "g", "cart_friction", "pole_friction")


def mjcf(plant: CartPole) -> str:
    """The cart-pole in MuJoCo's format: a point mass at L, theta = 0 hanging.

    The ranges name the plant's limits. Constraints and the clamp of the input are
    off, so that nothing acts but the plant's own equations; MuJoCo wants some
    inertia even of a point: 1e-14 kg m².

    Args:
        plant: a cart-pole, its parameters single numbers.

    Returns:
        XML in full precision.

    Example:
        >>> print(mjcf(CartPole(L=0.5)).splitlines()[12].strip())
        <inertial pos="0 0 -0.5" mass="0.1" diaginertia="1e-14 1e-14 1e-14"/>
    """
    numbers = {name: float(getattr(plant, name)) for name in PARAMETERS}
    return CARTPOLE.format(
        **numbers, track=plant.limits["x"], force=plant.limits["force"]
    )


def name_of(model: Model, kind: str, i: int) -> str:
    """Name of an element, such as "slider", or "joint0" where it has none."""
    return getattr(model, kind)(i).name or f"{kind}{i}"


def check_alone(source: Any) -> None:
    """Refuse XML that reads other files, or that makes much of little.

    What is left are bodies on hinges and slides with plain shapes and motors: a file
    with that from a stranger can do no harm.

    Args:
        source: XML of a model that is kept in a file.

    Raises:
        ValueError: no XML, an element that is not among `ALONE`, or too many.
    """
    if not isinstance(source, str) or not source.lstrip().startswith("<"):
        fail(
            "a file keeps a MuJoCo model as XML alone, not as a path or compiled; "
            "merge its files into one XML"
        )
    names = re.findall(r"<[\s/]*([^\s/>]*)", source)
    other = sorted(set(names) - ALONE)
    for name in other:
        fail(
            f"a file keeps MuJoCo models of plain parts alone, not <{plain(name, 40)}>"
        )
    require(
        len(names) <= MOST,
        f"a file keeps MuJoCo models of at most {MOST} tags, got {len(names)}",
    )


def import_mujoco() -> Any:
    """The module, late: importing it takes time."""
    import mujoco

    return mujoco


def import_mjx() -> Any:
    """`mujoco.mjx`, without its "Failed to import warp" where NVIDIA's is missing."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import mujoco.mjx.warp  # noqa: F401
        from mujoco import mjx
    return mjx


class Signals(NamedTuple):
    """What a model calls its signals; see `Plant`."""

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    units: Mapping[str, str]
    angles: tuple[int, ...]
    limits: Mapping[str, float]


def signals(model: Model) -> Signals:
    """Names, units, angles and limits out of joints and actuators.

    MuJoCo keeps the names of joints and actuators apart, a plant does not: a motor
    that is named as its joint, "elbow", is the input "elbow_input".

    Raises:
        ValueError: no joint, a free or ball joint, or an actuator with a state of
            its own.
    """
    names = _named([model.joint(i).name for i in range(model.njnt)], "joint")
    inputs = _named([model.actuator(i).name for i in range(model.nu)], "input")
    _refuse(model, names, inputs)
    hinge = [_is_hinge(model, i) for i in range(model.njnt)]
    rates = [
        rate if (rate := f"d{name}") not in names else f"{name}_rate" for name in names
    ]
    rates = _apart(rates, names, "_rate")
    inputs = _apart(inputs, [*names, *rates], "_input")
    units = {name: "rad" if hinge[i] else "m" for i, name in enumerate(names)}
    units |= {rate: f"{units[name]}/s" for rate, name in zip(rates, names, strict=True)}
    units |= {name: _unit(model, i) for i, name in enumerate(inputs)}
    limited = model.jnt_limited.astype(bool)
    limits = _largest(names, limited, model.jnt_range)
    limits |= _largest(inputs, model.actuator_ctrllimited, model.actuator_ctrlrange)
    turns = (i for i in range(model.njnt) if hinge[i] and not limited[i])
    return Signals(
        (*names, *rates), tuple(inputs), MappingProxyType(units), tuple(turns),
        MappingProxyType(limits),
    )  # fmt: skip


def _named(names: list[str], kind: str) -> list[str]:
    """Names, also for those that have none: "joint0"."""
    given = [name or f"{kind}{i}" for i, name in enumerate(names)]
    others = {name for name in names if name}
    return [
        name if names[i] else _apart([name], list(others), "_")[0]
        for i, name in enumerate(given)
    ]


def _apart(names: list[str], taken: list[str], ending: str) -> list[str]:
    """Names that none of those taken has, nor any other of these."""
    found: list[str] = []
    for name in names:
        while name in taken or name in found:
            name += ending
        found.append(name)
    return found


def _refuse(model: Model, names: list[str], inputs: list[str]) -> None:
    joint = import_mujoco().mjtJoint
    kinds = {int(joint.mjJNT_FREE): "free", int(joint.mjJNT_BALL): "ball"}
    for name, kind in zip(names, model.jnt_type.tolist(), strict=True):
        require(
            kind not in kinds,
            f"joint {name!r} is a {kinds.get(kind)} joint, whose position is no vector "
            "of its velocity's size; build it of hinge and slide joints",
        )
    for name, kind in zip(inputs, model.actuator_dyntype.tolist(), strict=True):
        require(
            kind == 0,
            f"actuator {name!r} has a state of its own (dyntype); make it a plain "
            "motor and give the loop an Actuator(lag=...)",
        )
    require(bool(names), "this MJCF has no joint, so no state; add a <joint>")


def _is_hinge(model: Model, joint: int) -> bool:
    return int(model.jnt_type[joint]) == int(import_mujoco().mjtJoint.mjJNT_HINGE)


def _unit(model: Model, i: int) -> str:
    """Of an input: known where it drives a joint with unit gear and gain."""
    drives_joint = int(import_mujoco().mjtTrn.mjTRN_JOINT)
    plain = model.actuator_gear[i, 0] == 1 and not model.actuator_biastype[i]
    if int(model.actuator_trntype[i]) != drives_joint or not plain:
        return ""
    if model.actuator_gaintype[i] or model.actuator_gainprm[i, 0] != 1:
        return ""
    return "N m" if _is_hinge(model, int(model.actuator_trnid[i, 0])) else "N"


def _largest(
    names: list[str], limited: np.ndarray, ranges: np.ndarray
) -> dict[str, float]:
    rows = zip(names, limited, np.abs(ranges).max(axis=1, initial=0.0), strict=True)
    return {name: float(largest) for name, is_limited, largest in rows if is_limited}
