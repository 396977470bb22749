"""Which MuJoCo models the equations of a plant can hold: what is refused, and why."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hybridctl.checks import fail
from hybridctl.plants.mujoco.mjcf import Model, import_mjx, import_mujoco, name_of

DELAYED = "give the loop an Actuator(delay=...) in its place"
BARE = (  # field of a model, its element, what MJX leaves out, the cure
    ("actuator_armature", "actuator", "armature", "add gear² armature to its joint's"),
    ("actuator_damping", "actuator", "damping", "give its joint the damping"),
    ("actuator_dampingpoly", "actuator", "polynomial damping", "make it linear"),
    ("actuator_delay", "actuator", "delay", DELAYED),
    ("jnt_stiffnesspoly", "joint", "polynomial stiffness", "make it linear"),
    ("dof_dampingpoly", "joint", "polynomial damping", "make it linear"),
    ("tendon_stiffnesspoly", "tendon", "polynomial stiffness", "make it linear"),
    ("tendon_dampingpoly", "tendon", "polynomial damping", "make it linear"),
)
KINDS = (  # field, element, MuJoCo's enumeration, MJX's, the cure
    ("actuator_trntype", "actuator", "mjtTrn", "TrnType", "drive a joint or tendon"),
    ("actuator_gaintype", "actuator", "mjtGain", "GainType", 'write gaintype="fixed"'),
    ("actuator_biastype", "actuator", "mjtBias", "BiasType", 'write biastype="none"'),
    ("eq_type", "equality", "mjtEq", "EqType", "connect, weld, or tie joints"),
    ("wrap_type", "", "mjtWrap", "WrapType", "lead it by sites, spheres"),
)  # fmt: skip


def check_fit(model: Model) -> None:
    """Refuse what MJX does not compute, or leaves out without a word.

    Raises:
        ValueError: with the element and the cure.
    """
    import_mjx()  # once, quietly
    for what, cure in _unfit(model):
        fail(f"MJX, which computes a plant's accelerations, has no {what}; {cure}")


def _unfit(model: Model) -> Iterator[tuple[str, str]]:
    """What MJX has not, of what a model has, and the cure."""
    if model.nflex:
        yield "flexes (soft bodies)", "build the model of rigid bodies"
    if model.nplugin:
        yield "plugins", "leave the plugin out, or write its force as an actuator"
    for field, kind, what, cure in BARE:
        values = np.asarray(getattr(model, field, np.zeros(0)))
        for row in np.flatnonzero(values.any(axis=tuple(range(1, values.ndim)))):
            yield f"{what} of {kind} {name_of(model, kind, int(row))!r}", cure
    for field, kind, ours, theirs, cure in KINDS:
        yield from _kinds(model, field, kind, (ours, theirs), cure)
    yield from _inputs(model)
    yield from _fluid(model)
    if _has_contacts(model) or np.any(model.dof_frictionloss):
        yield from _solver(model)
    yield from _collisions(model)


def _kinds(
    model: Model, field: str, kind: str, enums: tuple[str, str], cure: str
) -> Iterator[tuple[str, str]]:
    from mujoco.mjx._src import types

    every, known = getattr(import_mujoco(), enums[0]), getattr(types, enums[1])
    for row, value in enumerate(getattr(model, field).tolist()):
        if value not in {int(member) for member in known}:
            where = f" as of {kind} {name_of(model, kind, row)!r}" if kind else ""
            yield f"{every(value).name.removeprefix('mj')}{where}", cure


def _inputs(model: Model) -> Iterator[tuple[str, str]]:
    if getattr(model, "nactuator", model.nu) != model.nu:
        yield "actuators with several controls", "split them"
    off = model.opt.disableactuator
    for i, group in enumerate(model.actuator_group.tolist()):
        if 0 <= group < 31 and off >> group & 1:
            name = name_of(model, "actuator", i)
            yield f"groups that are off, as that of actuator {name!r}", "delete it"


def _fluid(model: Model) -> Iterator[tuple[str, str]]:
    if not (model.opt.density or model.opt.viscosity):
        return
    for i in np.flatnonzero(np.asarray(model.geom_fluid)[:, 0]):
        name = name_of(model, "geom", int(i))
        yield f"ellipsoids in a fluid, as geom {name!r}", 'give it fluidshape="none"'


def _solver(model: Model) -> Iterator[tuple[str, str]]:
    """Options that change the forces of constraints."""
    bits = import_mujoco().mjtEnableBit
    for name in ("OVERRIDE", "DIAGEXACT", "SPECULATIVE"):
        if model.opt.enableflags & int(getattr(bits, f"mjENBL_{name}", 0)):
            yield f"flag {name.lower()}", f'set <flag {name.lower()}="disable"/>'
    if model.opt.noslip_iterations:
        yield "noslip solver", 'set noslip_iterations="0" in <option>'


def _has_contacts(model: Model) -> bool:
    return next(_pairs(model), None) is not None


def _pairs(model: Model) -> Iterator[tuple[int, int, int]]:
    """Geoms that can touch, where contacts are on, and the explicit pair or -1."""
    from mujoco.mjx._src.collision_driver import geom_pairs

    bits = import_mujoco().mjtDisableBit
    off = int(bits.mjDSBL_CONTACT) | int(bits.mjDSBL_CONSTRAINT)
    if not model.opt.disableflags & off:
        yield from geom_pairs(model)


def _collisions(model: Model) -> Iterator[tuple[str, str]]:
    from mujoco.mjx._src.collision_driver import has_collision_fn

    shape = import_mujoco().mjtGeom
    for first, second, _ in _pairs(model):
        kinds = [model.geom_type[first], model.geom_type[second]]
        if not has_collision_fn(*kinds):
            told = " and ".join(
                f"{_shape(shape(int(kind)))} {name_of(model, 'geom', int(i))!r}"
                for i, kind in zip((first, second), kinds, strict=True)
            )
            cure = (
                'make one a capsule or sphere, or give it contype="0" conaffinity="0"'
            )
            yield f"contact between {told}", cure


def _shape(kind: Any) -> str:
    return kind.name.removeprefix("mjGEOM_").lower()
