"""Any model of hinges and slides in MuJoCo's format, as a plant."""

import copy
import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, finite, is_concrete, require, shape
from hybridctl.plants.bodies.cartpole import CartPole
from hybridctl.plants.linearize import Slopes, slopes
from hybridctl.plants.mujoco.fitness import check_fit
from hybridctl.plants.mujoco.host import (
    Bench,
    at,
    check_simple,
    holding,
    unclamp,
    within_limits,
    write,
)
from hybridctl.plants.mujoco.mjcf import (
    Model,
    Signals,
    mjcf,
    name_of,
    signals,
)
from hybridctl.plants.mujoco.mjx import acceleration, put, silent
from hybridctl.plants.mujoco.source import Assets, Source, read, source
from hybridctl.plants.plant import Equilibrium, Plant
from hybridctl.plants.trim import trim

PARAMETERS = """body_mass body_inertia body_ipos body_pos qpos_spring jnt_stiffness
dof_damping dof_armature dof_frictionloss actuator_gear actuator_gainprm
actuator_biasprm geom_friction pair_friction opt.gravity""".split()
FRICTION = "dof_frictionloss"  # of which each joint that has it costs a constraint


KINDS = {
    "body": ("body", "nbody"),
    "jnt": ("joint", "njnt"),
    "dof": ("joint", "njnt"),  # hinges and slides have one each
    "actuator": ("actuator", "nu"),
    "geom": ("geom", "ngeom"),
}  # of a parameter's name: what its rows are of, and the model's number of those


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

    MJX computes two things otherwise than MuJoCo's own engine: where shapes touch in
    several points it picks its own, and equality constraints between bodies lack
    the term J̇ q̇ of closed chains that move.

    Args:
        mjcf: XML as text or bytes, the path of a file, a `mujoco.MjSpec` or a
            `mujoco.MjModel`; what a file holds is read here and now.
        parameters: arrays of the model by MuJoCo's name, such as "body_mass" or
            "opt.gravity"; what is not given is as in the XML.
        assets: files that the XML includes or refers to, by name.

    Raises:
        ValueError: MuJoCo or MJX cannot run the model, it has no joint, a free or ball
            joint, or an actuator with a state; a parameter is unknown, of another
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
        if is_concrete(self.parameters):
            model = _compiled(self.mjcf).model
            check_simple(model, np.asarray(self.parameters["body_ipos"]))

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

    def place(self, parameter: str, label: str) -> int:
        """Where a body, joint, actuator or geom has its row in a parameter.

        Args:
            parameter: such as "body_mass" or "dof_damping".
            label: name of the body or joint.

        Raises:
            ValueError: the model has none of that name.

        Example:
            >>> MuJoCoPlant.cartpole().place("body_mass", "pole")
            2
        """
        model, kind = _compiled(self.mjcf).model, parameter.partition("_")[0]
        known: list[str] = []
        if kind in KINDS:
            element, size = KINDS[kind]
            known = [name_of(model, element, i) for i in range(getattr(model, size))]
        require(
            label in known,
            f"{parameter} has no {label!r}; there are {', '.join(known) or 'no names'}",
        )
        return known.index(label)

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

    def rest(self, near: Any = None, **held: float) -> Equilibrium:
        """The equilibrium with these joint positions, or one near a guess.

        Args:
            near: a guess, from which Newton's method searches a rest in positions and
                input (a trim point): a state [n_x], positions [n_q], an `Equilibrium`,
                or values by name; what is not given is as in the XML. None: the
                positions stay as told.
            **held: positions by joint name [m or rad] that are to be met; without a
                guess the others are as in the XML.

        Returns:
            State and input at rest; where the positions are told, the least input.

        Raises:
            ValueError: an unknown name, no input that holds the plant there, or only
                one beyond its range.

        Example:
            >>> MuJoCoPlant.cartpole().rest(theta=np.pi).x.round(3)
            array([0.   , 3.142, 0.   , 0.   ])
            >>> MuJoCoPlant.cartpole().rest(near={"theta": 3.0}).x.round(3)
            array([0.   , 3.142, 0.   , 0.   ])
        """
        n, model = self.n_x // 2, self.to_mujoco()
        joints = self.states[:n]
        start = dict(zip(joints, model.qpos0.tolist(), strict=True))
        if near is None:
            for name in held:
                known = ", ".join(joints)
                require(name in joints, f"no joint {name!r}; there are {known}")
            found = self._held(start | held, held)
        else:
            bench = Bench(self.to_mujoco())
            unclamp(bench.model)
            guess = start | dict(near) if isinstance(near, Mapping) else near
            if not isinstance(guess, Mapping | Equilibrium) and np.shape(guess) == (n,):
                guess = np.append(guess, np.zeros(n))
            found = trim(self, guess, held, bench.slopes, bench.rate)
        within_limits(model, self.inputs, np.asarray(found.u))
        return found

    def _held(self, positions: Mapping[str, float], told: Any) -> Equilibrium:
        q = np.array([positions[name] for name in self.states[: self.n_x // 2]])
        u, acceleration = holding(self.to_mujoco(), q)
        require(
            bool(np.all(np.abs(acceleration) <= 1e-6)),
            f"no input of ({', '.join(self.inputs)}) holds {told}: it leaves the "
            f"acceleration {acceleration}; give positions in balance, or a guess, "
            "rest(near=...)",
        )
        return self.equilibrium(np.append(q, 0.0 * q), u)


@slopes.register
def _(plant: MuJoCoPlant, x: np.ndarray, u: np.ndarray) -> Slopes:
    """By MuJoCo's own engine: MJX's solver of constraints takes long to compile."""
    return Bench(plant.to_mujoco()).slopes(x, u)


def check_written(parts: Iterable[Any], told: str) -> None:
    """Refuse a controller that would be written down with a MuJoCo model in it.

    MJX's forward dynamics are some 8000 operations on arrays of any size, four times a
    Runge-Kutta step: as code, or as a program that a file has to be tested by, that
    takes minutes to compile.

    Args:
        parts: of the controller.
        told: what cannot be done with it.

    Raises:
        ValueError: with the cure.
    """
    require(
        not any(isinstance(part, MuJoCoPlant) for part in parts),
        f"a controller with a MuJoCo model inside cannot be {told}: MJX takes tens of "
        "thousands of operations a period; give the observer, predictor or planner the "
        "same rig as equations, such as hc.CartPole, whose numbers hc.identify finds "
        "from a log of the model",
    )


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
    found = {name: np.array(at(model, name)) for name in PARAMETERS}
    return _Compiled(model, {n: v for n, v in found.items() if v.size}, names)


@functools.lru_cache(maxsize=64)
def _on_mjx(source: Source, friction: bool) -> tuple[Any, tuple[str, ...]]:
    model = _compiled(source).model
    return put(model, friction), silent(model)


@functools.partial(jax.jit, static_argnames="source")
def _rates(source: Source, parameters: dict[str, Array], x: Array, u: Array) -> Array:
    """Jitted apart, so that a Runge-Kutta step traces it once and not four times."""
    q, dq = jnp.split(x, 2)
    model, quiet = _on_mjx(source, FRICTION in parameters)
    loud = {n: v for n, v in parameters.items() if n not in quiet}
    return jnp.concatenate([dq, acceleration(model, loud, q, dq, u)])
