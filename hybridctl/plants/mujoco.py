"""Any model of hinges and slides in MuJoCo's format, as a plant."""

import copy
import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, fail, finite, is_concrete, require, shape
from hybridctl.plants.cartpole import CartPole
from hybridctl.plants.fitness import check_fit
from hybridctl.plants.mjcf import (
    Model,
    Signals,
    import_mujoco,
    mjcf,
    name_of,
    signals,
)
from hybridctl.plants.mjsource import Assets, Source, read, source
from hybridctl.plants.mjx import acceleration, put, silent
from hybridctl.plants.plant import Equilibrium, Plant

PARAMETERS = """body_mass body_inertia body_ipos body_pos qpos_spring jnt_stiffness
dof_damping dof_armature dof_frictionloss actuator_gear actuator_gainprm
actuator_biasprm geom_friction pair_friction opt.gravity""".split()
FRICTION = "dof_frictionloss"  # of which each joint that has it costs a constraint


class MuJoCoPlant(Plant):
    """A MuJoCo model as a plant: ẋ = [q̇, q̈], x = [q, q̇], u = ctrl.

    The acceleration is MJX's forward dynamics, so it is pure JAX: the plant
    simulates, linearizes, vmaps and trains like any other. States are named as the
    joints, their rates with a d in front, inputs as the actuators; limits are their
    ranges. Without constraints (contacts, limits, friction loss) it costs some
    microseconds a call; with them MJX runs a solver, which on a CPU is slow: there
    simulate with `solver="mujoco"`, which is MuJoCo's own engine.

    Any parameter can differ from lane to lane and from episode to episode: what
    MuJoCo derives from them (inverse weights, lengths, anchors) follows. Friction
    loss is a parameter where the XML has some, or where it is given here.

    Args:
        mjcf: XML as text or bytes, the path of a file, a `mujoco.MjSpec` or a
            `mujoco.MjModel`; what a file holds is read here and now.
        parameters: arrays of the model by MuJoCo's name, such as "body_mass" or
            "opt.gravity"; what is not given is as in the XML.
        assets: files that the XML includes or refers to, by name.

    Raises:
        ValueError: MuJoCo or MJX cannot run the model, it has a free or ball joint,
            no actuator or one with a state; a parameter is unknown, of another
            shape or not finite.

    Source: E. Todorov, T. Erez, Y. Tassa, "MuJoCo: A physics engine for model-based
    control", IROS 2012.

    Example:
        >>> plant = MuJoCoPlant.cartpole(CartPole(m_p=0.2))
        >>> plant.states, plant.units["force"], plant.parameters["body_mass"]
        (('x', 'theta', 'dx', 'dtheta'), 'N', array([0. , 1. , 0.2]))
    """

    mjcf: Source = eqx.field(static=True)
    parameters: dict[str, Array]

    def __init__(
        self,
        mjcf: Source | bytes | os.PathLike | Model,
        parameters: Mapping[str, Any] | None = None,
        assets: Assets | None = None,
    ):
        self.mjcf = source(mjcf, assets)
        known, given = _compiled(self.mjcf).parameters, dict(parameters or {})
        unknown = sorted(set(given) - set(known))
        require(
            not unknown,
            f"unknown parameters {', '.join(unknown)}; choose of: {', '.join(known)}",
        )
        self.parameters = {
            name: as_float(given.get(name, value))
            for name, value in known.items()
            if name != FRICTION or name in given or np.any(value)
        }

    def __check_init__(self):
        known = _compiled(self.mjcf).parameters
        for name, value in self.parameters.items():
            shape(name, value, known[name].shape)
            finite(name, value)
        _check_simple(_compiled(self.mjcf).model, self.parameters["body_ipos"])

    @classmethod
    def cartpole(cls, plant: CartPole | None = None) -> "MuJoCoPlant":
        """The cart-pole by MuJoCo: the same equations, derived by other code."""
        return cls(mjcf(plant or CartPole()))

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [q̇, q̈] at state x [2 n_q] under input u [n_u]."""
        del t  # autonomous
        x = jnp.asarray(x)
        u = jnp.asarray(u, x.dtype)
        return _rates(self.mjcf, self.parameters, x, u)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the joints, then of their rates."""
        return _compiled(self.mjcf).signals.states

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the actuators."""
        return _compiled(self.mjcf).signals.inputs

    @property
    def units(self) -> Mapping[str, str]:
        """Units by name; "" for the input of a geared or servo actuator."""
        return _compiled(self.mjcf).signals.units

    @property
    def angles(self) -> tuple[int, ...]:
        """Hinges without a range."""
        return _compiled(self.mjcf).signals.angles

    @property
    def limits(self) -> Mapping[str, float]:
        """Largest magnitude in each range of a joint or actuator."""
        return _compiled(self.mjcf).signals.limits

    def to_mujoco(self) -> Model:
        """The model with this plant's parameters, for MuJoCo's own engine."""
        require(
            is_concrete(self.parameters),
            "this plant is traced by jit, vmap or grad; call it outside of them",
        )
        model = copy.copy(_compiled(self.mjcf).model)
        write(model, {n: np.asarray(v) for n, v in self.parameters.items()})
        return model

    def rest(self, **positions: float) -> Equilibrium:
        """The equilibrium with these joint positions, and the least input for it.

        Args:
            **positions: by joint name [m or rad]; the others are as in the XML.

        Returns:
            State and input at rest.

        Raises:
            ValueError: no such joint, or no input holds the plant there.

        Example:
            >>> MuJoCoPlant.cartpole().rest(theta=np.pi).x.round(3)
            array([0.   , 3.142, 0.   , 0.   ])
        """
        n = self.n_x // 2
        joints = self.states[:n]
        for name in positions:
            require(name in joints, f"no joint {name!r}; there are {', '.join(joints)}")
        model = self.to_mujoco()
        start = zip(joints, model.qpos0, strict=True)
        q = np.array([positions.get(name, value) for name, value in start])
        u, acceleration = _holding(model, q)
        require(
            bool(np.all(np.abs(acceleration) <= 1e-6)),
            f"no input of ({', '.join(self.inputs)}) holds {positions}: it leaves the "
            f"acceleration {acceleration}; give positions in balance",
        )
        return Equilibrium(np.append(q, np.zeros(n)), u, self.states, self.angles)


class _Compiled(NamedTuple):
    model: Any
    parameters: dict[str, np.ndarray]
    signals: Signals


@functools.lru_cache(maxsize=64)
def _compiled(source: Source) -> _Compiled:
    """Everything that is fixed by a model's content; arrays are numpy float64."""
    model = read(source)
    names = signals(model)
    check_fit(model)
    found = {name: np.array(_at(model, name)) for name in PARAMETERS}
    return _Compiled(model, {n: v for n, v in found.items() if v.size}, names)


@functools.lru_cache(maxsize=64)
def _on_mjx(source: Source, friction: bool, free: bool) -> tuple[Any, tuple[str, ...]]:
    model = _compiled(source).model
    return put(model, friction, free), silent(model)


@functools.partial(jax.jit, static_argnames=("source", "free"))
def _rates(
    source: Source, parameters: dict[str, Array], x: Array, u: Array, free: bool = False
) -> Array:
    """Jitted apart, so that a Runge-Kutta step traces it once and not four times."""
    q, dq = jnp.split(x, 2)
    model, quiet = _on_mjx(source, FRICTION in parameters, free)
    loud = {n: v for n, v in parameters.items() if n not in quiet}
    return jnp.concatenate([dq, acceleration(model, loud, q, dq, u)])


def _check_simple(model: Model, ipos: Any) -> None:
    """Refuse to move a centre of mass where MuJoCo compiled that it is the origin."""
    if not is_concrete(ipos):
        return
    moved = np.any(np.asarray(ipos) != model.body_ipos, axis=1)
    for i in np.flatnonzero(moved & (model.body_simple > 0)):
        fail(
            f"body_ipos of body {name_of(model, 'body', int(i))!r} is fixed: MuJoCo "
            "compiled the body as a simple one, which has its centre of mass there; "
            'give the <body> simple="false", or the XML another centre of mass'
        )


def write(model: Model, parameters: Mapping[str, np.ndarray]) -> None:
    """Put parameters into a model, and what MuJoCo derives from them."""
    same = [np.array_equal(_at(model, n), value) for n, value in parameters.items()]
    if all(same):
        return
    for name, value in parameters.items():
        _at(model, name)[...] = value
    mujoco = import_mujoco()
    mujoco.mj_setConst(model, mujoco.MjData(model))


def _at(model: Any, name: str) -> np.ndarray:
    return functools.reduce(getattr, name.split("."), model)


def _holding(model: Model, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least input at rest at q, and the acceleration that it leaves."""
    mujoco = import_mujoco()
    data = mujoco.MjData(model)

    def acceleration(u):
        data.qpos[:], data.qvel[:], data.ctrl[:] = q, 0.0, u
        mujoco.mj_forward(model, data)
        return data.qacc.copy()

    flags = model.opt.disableflags
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CLAMPCTRL
    free = acceleration(np.zeros(model.nu))
    columns = [acceleration(unit) - free for unit in np.eye(model.nu)]
    u = np.linalg.lstsq(np.stack(columns, axis=1), -free, rcond=None)[0] + 0.0
    model.opt.disableflags = flags
    return u, acceleration(u)
