"""MuJoCo's forward dynamics in JAX (MJX), for any values of the parameters.

MuJoCo derives constants from a model when it compiles it: inverse weights, which
scale the stiffness of every limit, contact and friction; lengths; anchors. MJX takes
them as they are. Here they are computed anew from the parameters, in JAX, so that
they follow parameters that are traced.
"""

import copy
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail
from hybridctl.plants.mujoco.mjcf import Model, import_mjx, import_mujoco
from hybridctl.precision import float64_on_host

TINY = 1e-15  # mjMINVAL
SLIDES = 2  # of body_simple
LEAST = 1e-30  # friction loss: MJX takes a row of 0 for an equality
MARK = 11  # column of a weld's data: its pose is that at the reference
Mjx = Any  # a mjx.Model or mjx.Data


def put(model: Model, friction: bool = False) -> Mjx:
    """A model as MJX takes it, arrays numpy float64.

    What does not touch the acceleration is left out: sensors, the energy flag, the
    integrator; and of the solvers, which solve the same problem, Newton's is taken.

    Args:
        model: as MuJoCo compiled it, and `check_fit` passed it.
        friction: give every joint a friction loss, whose size is a parameter.

    Raises:
        ValueError: MJX cannot run the model; with the element and the cure.
    """
    mujoco = import_mujoco()
    bare, off = copy.copy(model), mujoco.mjtDisableBit
    bare.sensor_type[:] = mujoco.mjtSensor.mjSENS_CLOCK
    bare.opt.disableflags |= off.mjDSBL_SENSOR
    bare.opt.enableflags = 0
    bare.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4
    bare.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
    if friction:
        bare.dof_frictionloss[:] = 1.0
    if bare.opt.disableflags & (off.mjDSBL_CONSTRAINT | off.mjDSBL_CONTACT):
        bare.geom_type[:] = mujoco.mjtGeom.mjGEOM_SPHERE  # any that MJX knows
    for name in (quiet := silent(model)):
        getattr(bare, name)[...] = 0.0
    if quiet:
        bare.opt.disableflags &= ~(off.mjDSBL_SPRING | off.mjDSBL_DAMPER)
    try:
        with jax.ensure_compile_time_eval(), float64_on_host():
            return jax.tree.map(np.asarray, import_mjx().put_model(bare, impl="jax"))
    except NotImplementedError as error:
        fail(f"MJX cannot run this model: {error}; leave that out of the model")


def silent(model: Model) -> tuple[str, ...]:
    """Fields that do nothing, as springs or dampers alone are off.

    MJX would leave out both then, and the compensation of gravity with them.

    Source: mujoco/mjx/_src/passive.py, which returns where either flag is set, and
    MuJoCo's engine_passive.c, which returns where both are.
    """
    bits, flags = import_mujoco().mjtDisableBit, model.opt.disableflags
    springs = bool(flags & bits.mjDSBL_SPRING)
    if springs == bool(flags & bits.mjDSBL_DAMPER):
        return ()
    if springs:
        return "jnt_stiffness", "tendon_stiffness"
    return "dof_damping", "tendon_damping"


def acceleration(
    host: Mjx, parameters: Mapping[str, Array], q: Array, dq: Array, u: Array
) -> Array:
    """Acceleration q̈ [n_q], in the precision of q.

    Args:
        host: from `put`.
        parameters: what replaces the model's own, by name.
        q: positions [n_q].
        dq: velocities [n_q].
        u: input [n_u].
    """
    mjx = import_mjx()

    def to_dtype(leaf):
        real = np.issubdtype(leaf.dtype, np.floating)
        return jnp.asarray(leaf, q.dtype) if real else leaf

    model = jax.tree.map(to_dtype, host.tree_replace(dict(parameters)))
    loss = jnp.maximum(model.dof_frictionloss, LEAST)
    model = model.replace(dof_frictionloss=loss)
    data = mjx.make_data(model, impl="jax").replace(ctrl=u)
    if data._impl.efc_J.shape[0] or _has_muscle(host):
        model = model.tree_replace(constants(host, model))
    return mjx.forward(model, data.replace(qpos=q, qvel=dq)).qacc


def _has_muscle(model: Mjx) -> bool:
    muscle = int(import_mujoco().mjtGain.mjGAIN_MUSCLE)
    kinds = (model.actuator_gaintype, model.actuator_biastype)
    return any(bool(np.any(np.asarray(kind) == muscle)) for kind in kinds)


def constants(host: Mjx, model: Mjx) -> dict[str, Array]:
    """What MuJoCo's mj_setConst derives from the parameters, as far as q̈ needs it.

    With the inertia M and the Jacobians J at the reference position: M⁻¹ seen by
    joints, bodies and tendons (J M⁻¹ Jᵀ), the acceleration of a unit force, the
    lengths of tendons and the anchors of equality constraints.

    Args:
        host: the model before it was traced, for its structure.
        model: with the parameters.

    Source: MuJoCo, src/engine/engine_setconst.c.
    """
    from mujoco.mjx._src import smooth, support

    data = import_mjx().make_data(model, impl="jax").replace(qpos=model.qpos0)
    for step in ("kinematics", "com_pos", "tendon", "crb", "tendon_armature"):
        data = getattr(smooth, step)(model, data)
    data: Mjx = smooth.transmission(model, smooth.factor_m(model, data))
    inverse = jnp.linalg.inv(support.full_m(model, data))

    def seen(J):
        """Diagonal of J M⁻¹ Jᵀ."""
        return jnp.sum((J @ inverse) * J, axis=-1)

    def body(i):
        moves, turns = support.jac(model, data, data.xipos[i], i)
        return jnp.stack([jnp.mean(seen(J.T)) for J in (moves, turns)])

    joints, bodies = jnp.diag(inverse), jax.vmap(body)(jnp.arange(model.nbody))
    moment = data._impl.actuator_moment
    return _weights(host, model, joints, bodies) | {
        "tendon_invweight0": seen(data._impl.ten_J),
        "tendon_length0": data.ten_length,
        "actuator_acc0": jnp.sqrt(jnp.sum((moment @ inverse) ** 2, axis=-1)),
        "eq_data": _anchors(host, model, data),
    }


def _weights(host: Mjx, model: Mjx, joints: Array, bodies: Array) -> dict[str, Array]:
    """The inverse weights with MuJoCo's two exceptions.

    A body that only slides, alone, has that of its mass. Where a body cannot turn, or
    cannot move, some versions give it the other weight for both; whether this one
    does is seen in the model.
    """
    slides = np.asarray(host.body_simple) == SLIDES
    mass = jnp.maximum(model.body_mass, TINY)
    alone = jnp.stack([1.0 / mass, jnp.zeros_like(mass)], axis=1)
    other = (bodies < TINY) & (np.asarray(host.body_invweight0) > 0.0)
    bodies = jnp.where(other, bodies[:, ::-1], bodies)
    of = np.asarray(host.dof_bodyid)
    return {
        "dof_invweight0": jnp.where(slides[of], alone[of, 0], joints),
        "body_invweight0": jnp.where(slides[:, None], alone, bodies),
    }


def _anchors(host: Mjx, model: Mjx, data: Mjx) -> Array:
    """Data of the equality constraints between bodies, as they are at the reference.

    A connection has an anchor in the first body, from which that in the second
    follows; a weld without a pose of its own keeps the one at the reference.
    """
    mujoco, eq_data = import_mujoco(), jnp.asarray(model.eq_data)
    ours = np.asarray(host.eq_objtype) == int(mujoco.mjtObj.mjOBJ_BODY)
    connects = ours & (np.asarray(host.eq_type) == int(mujoco.mjtEq.mjEQ_CONNECT))
    welds = ours & (np.asarray(host.eq_type) == int(mujoco.mjtEq.mjEQ_WELD))
    welds &= np.asarray(host.eq_data)[:, MARK:].any(axis=1)
    ends = np.stack([host.eq_obj1id, host.eq_obj2id])
    for rows, (a, b) in ((connects, ends), (welds, ends[::-1])):
        rows = np.flatnonzero(rows)
        a, b = a[rows], b[rows]
        there = _seen_from(data, a, b, eq_data[rows, :3])
        eq_data = eq_data.at[rows, 3:6].set(there)
    turn = jax.vmap(_turn)(data.xquat[ends[0]], data.xquat[ends[1]])
    rows = np.flatnonzero(welds)
    return eq_data.at[rows, 6:10].set(turn[rows])


def _seen_from(data: Mjx, a: np.ndarray, b: np.ndarray, points: Array) -> Array:
    """Points [n, 3] of the bodies a in the frames of the bodies b."""
    at = data.xpos[a] + jnp.einsum("nij,nj->ni", data.xmat[a], points)
    return jnp.einsum("nji,nj->ni", data.xmat[b], at - data.xpos[b])


def _turn(a: Array, b: Array) -> Array:
    """The rotation from a to b, seen from a: a⁻¹ b, quaternions."""
    from mujoco.mjx._src import math

    return math.quat_mul(math.quat_inv(a), b)
