"""MuJoCo's own engine over one control period, called from compiled code."""

import functools
import threading
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail
from hybridctl.plants import MuJoCoPlant, Plant
from hybridctl.plants.flow import Motion, Moved
from hybridctl.plants.mujoco.host import write
from hybridctl.plants.mujoco.mjcf import import_mujoco
from hybridctl.plants.mujoco.source import Source

Shapes = dict[str, tuple[int, ...]]


def engine(dt: float, substeps: int) -> Motion:
    """`mj_step` with Runge-Kutta steps of dt / substeps [s], the input held.

    Every period starts from the state alone, without MuJoCo's warm start, so that
    it is a function of its arguments. It has no derivative, and a batch runs one
    after the other.
    """

    def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
        del t  # autonomous
        if not isinstance(plant, MuJoCoPlant):
            fail(
                f'solver="mujoco" needs a MuJoCoPlant, got {type(plant).__name__}; '
                "give one, or use hc.referee"
            )
        parts = {**plant.parameters, "x": x, "u": jnp.asarray(u, x.dtype)}
        shapes = {name: jnp.shape(value) for name, value in parts.items()}
        flat = jnp.concatenate([jnp.ravel(value) for value in parts.values()])
        bits = jax.lax.bitcast_convert_type(flat, jnp.uint32)
        out = jax.ShapeDtypeStruct((len(x), *bits.shape[1:]), jnp.uint32)

        def run(bits: Any) -> np.ndarray:
            known = _unpack(np.ravel(bits).view(flat.dtype), shapes)
            after = _advance(plant.mjcf, dt / substeps, substeps, known)
            return after.astype(flat.dtype).view(np.uint32).reshape(out.shape)

        after = jax.pure_callback(run, out, bits, vmap_method="sequential")
        return Moved(jax.lax.bitcast_convert_type(after, flat.dtype))

    return motion


def _unpack(flat: np.ndarray, shapes: Shapes) -> dict[str, np.ndarray]:
    """Arrays by name. They came as bits, for JAX rounds floats on its own threads."""
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes.values()])
    rows = zip(shapes.items(), np.split(flat, ends[:-1]), strict=True)
    return {name: part.reshape(shape) for (name, shape), part in rows}


class _Bench(NamedTuple):
    model: Any
    data: Any
    lock: Any


@functools.lru_cache(maxsize=16)
def _bench(mjcf: Source) -> _Bench:
    """A model to write parameters into, and its data."""
    mujoco = import_mujoco()
    model = MuJoCoPlant(mjcf).to_mujoco()
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_RK4
    return _Bench(model, mujoco.MjData(model), threading.Lock())


def _advance(mjcf: Source, h: float, substeps: int, known: dict) -> np.ndarray:
    mujoco = import_mujoco()
    model, data, lock = _bench(mjcf)
    with lock:
        q, dq = np.split(known.pop("x"), 2)
        u = known.pop("u")
        write(model, known)
        model.opt.timestep = h
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, dq, u
        mujoco.mj_step(model, data, nstep=substeps)
        return np.concatenate([data.qpos, data.qvel])
