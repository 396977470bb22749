"""Systems of python-control as blocks."""

import sys
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import require
from hybridctl.plants.callables import traced
from hybridctl.plants.diagram.block import Static
from hybridctl.plants.diagram.linear import state_space, transfer
from hybridctl.plants.diagram.named import Named


def is_system(value: Any) -> bool:
    """Whether something is a system of python-control, which nobody need have."""
    control = sys.modules.get("control")
    return control is not None and isinstance(value, control.InputOutputSystem)


def from_system(system: Any) -> Any:
    """A system of python-control as a block.

    Args:
        system: linear or not, continuous or with its dt [s]; functions in it are
            written with `jax.numpy`. An interconnection of nonlinear systems becomes
            one plant of the same equations.

    Returns:
        What `hc.transfer` and `hc.state_space` give; of a nonlinear system a `Plant`,
        or a static block where it has no state. What `plant.to_control()` gave is
        that plant again.

    Raises:
        ValueError: it cannot be traced by JAX, or is sampled where its dt or its
            equations are not linear.
    """
    import control

    plant = getattr(getattr(system, "updfcn", None), "plant", None)
    if plant is not None:
        return plant
    require(
        system.dt is not True,
        f"the system {system.name} of python-control is sampled, its dt is not known; "
        "give it one",
    )
    if isinstance(system, control.StateSpace | control.TransferFunction):
        return _linear(system)
    return _nonlinear(system)


def _linear(system: Any) -> Any:
    import control

    dt = float(system.dt or 0.0) if system.isdtime(strict=True) else None
    if isinstance(system, control.TransferFunction) and system.issiso():
        rows = (np.asarray(p[0][0]) for p in (system.num, system.den))
        return transfer(*rows, dt=dt)
    known: Any = control.ss(system)
    names = {"inputs": known.input_labels, "outputs": known.output_labels}
    return state_space(known.A, known.B, known.C, known.D, dt=dt, **names)


def _nonlinear(system: Any) -> Any:
    require(
        not system.isdtime(strict=True),
        f"the system {system.name} of python-control is nonlinear and sampled with "
        f"dt={system.dt}; write it as a Controller: hc.Sampled(controller, dt)",
    )
    f, h = _equations(system)
    names = [tuple(n.replace(".", "_") for n in row) for row in (
        system.state_labels, system.input_labels, system.output_labels)]  # fmt: skip
    if system.nstates:
        return ControlSystem(f, h, *names)  # pyright: ignore  # units are none
    return Given(h, names[1])


def _equations(system: Any) -> tuple[Callable, Callable]:
    """ẋ = f(t, x, u) and y = h(t, x, u) in JAX, of all levels of an interconnection."""
    params = dict(system.params)
    if not hasattr(system, "syslist"):
        out = system.outfcn or (lambda t, x, u, params: x)
        return (
            lambda t, x, u: system.updfcn(t, x, u, params),
            lambda t, x, u: out(t, x, u, params),
        )
    parts = [_equations(part) for part in system.syslist]

    def cut(row: Array, name: str) -> list[Array]:
        ends = np.cumsum([getattr(part, name) for part in system.syslist])
        return jnp.split(row, ends[:-1])

    maps = (np.asarray(m) for m in
            (system.connect_map, system.input_map, system.output_map))  # fmt: skip
    connected, entering, leaving = maps

    def inside(t: Any, x: Array, u: Array) -> tuple[Array, Array]:
        """Inputs and outputs of all parts, settled one after the other."""
        states, taken = cut(x, "nstates"), jnp.asarray(entering, x.dtype) @ u
        inputs = taken
        for _ in parts:  # as many turns as feedthrough can take without a loop
            rows = zip(parts, states, cut(inputs, "ninputs"), strict=True)
            given = [jnp.atleast_1d(h(t, x, u)) for (_, h), x, u in rows]
            inputs = taken + jnp.asarray(connected, x.dtype) @ jnp.concatenate(given)
        rows = zip(parts, states, cut(inputs, "ninputs"), strict=True)
        given = [jnp.atleast_1d(h(t, x, u)) for (_, h), x, u in rows]
        return inputs, jnp.concatenate(given)

    def update(t: Any, x: Array, u: Array) -> Array:
        inputs, _ = inside(t, x, u)
        rows = zip(parts, cut(x, "nstates"), cut(inputs, "ninputs"), strict=True)
        rates = [jnp.asarray(f(t, x, u)) for (f, _), x, u in rows if len(x)]
        return jnp.concatenate(rates)

    def give(t: Any, x: Array, u: Array) -> Array:
        inputs, outputs = inside(t, x, u)
        return jnp.asarray(leaving, x.dtype) @ jnp.concatenate([outputs, inputs])

    return update, give


class ControlSystem(Named):
    """A nonlinear system of python-control; a diagram makes one of every such system.

    Attributes:
        f: f(t, x, u), the state derivative [n_x].
        h: h(t, x, u), what it gives [n_y].
        states: names of the states.
        inputs: names of the inputs.
        measures: names of what it gives.
    """

    f: Callable[..., Any] = eqx.field(static=True)
    h: Callable[..., Any] = eqx.field(static=True)
    states: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    measures: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        f: Callable[..., Any],
        h: Callable[..., Any],
        states: tuple[str, ...],
        inputs: tuple[str, ...],
        measures: tuple[str, ...],
    ):
        self.f, self.h = f, h
        self.states, self.inputs, self.measures = states, inputs, measures

    def __check_init__(self):
        now = tuple(jnp.zeros(n) for n in ((), self.n_x, self.n_u))
        traced(self.f, now, "ẋ = f(t, x, u)")
        traced(self.h, now, "y = h(t, x, u)")

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """F of time, state and input [n_x]."""
        return jnp.asarray(self.f(t, x, u), x.dtype)

    def output(self, t: Array, x: Array, u: Array) -> Array:
        """H of time, state and input [n_y]."""
        return jnp.atleast_1d(jnp.asarray(self.h(t, x, u), x.dtype))


class Given(Static):
    """A system of python-control without a state; made as `ControlSystem` is."""

    h: Callable[..., Any] = eqx.field(static=True)
    taken: tuple[str, ...] = eqx.field(static=True)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Its inputs by name."""
        return self.taken

    def __call__(self, *arguments: Array) -> Any:
        """H of the inputs."""
        u = jnp.stack([jnp.asarray(a) for a in arguments])
        given = jnp.asarray(self.h(0.0, jnp.zeros(0, u.dtype), u))
        return given[0] if given.shape == (1,) else given
