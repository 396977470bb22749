"""Sampled blocks of the plants' own: a delay, and a linear system in z."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, number, optional_float, positive, require
from hybridctl.kinds import real_number
from hybridctl.plants.diagram.block import Argument, SampledBlock, check_clock
from hybridctl.plants.diagram.matrices import check_matrices, measured, weighted
from hybridctl.ports import Signals, signals


class Delay(SampledBlock):
    """y(t) = u(t - seconds), sampled every dt and held; 0 before the first came.

    Args:
        seconds: how late it is [s], a multiple of dt.
        dt: period [s] in which it samples.
        size: how many signals it takes.
        offset: first instant [s].

    Raises:
        ValueError: seconds is no whole number of periods above 0.

    Example:
        >>> Delay(0.03, dt=0.01).steps
        3
    """

    seconds: float = eqx.field(static=True, converter=real_number)
    dt: float = eqx.field(static=True, converter=real_number)
    size: int = eqx.field(static=True, default=1)
    offset: float = eqx.field(static=True, converter=real_number, default=0.0)
    stores: ClassVar[bool] = True

    def __check_init__(self):
        check_clock(self.dt, self.offset)
        positive("size", self.size)
        off = abs(self.steps * self.dt - number("seconds", self.seconds))
        require(
            self.steps > 0 and off <= 1e-9 * self.dt,
            f"seconds={self.seconds:g} is no multiple of dt={self.dt:g}; give a delay "
            "of whole periods",
        )

    @property
    def steps(self) -> int:
        """Periods by which it is late."""
        return round(self.seconds / self.dt)

    @property
    def takes(self) -> tuple[Argument, ...]:
        """What is delayed."""
        names = ("u",) if self.size == 1 else [f"u{i + 1}" for i in range(self.size)]
        return (Argument("u", signals(names, {})),)

    @property
    def gives(self) -> Signals:
        """What was taken before."""
        names = ("y",) if self.size == 1 else [f"y{i + 1}" for i in range(self.size)]
        return signals(names, {})

    @property
    def memory(self) -> tuple[str, ...]:
        """What is on its way, the oldest first."""
        return tuple(f"late{i + 1}" for i in range(self.steps * self.size))

    @property
    def through(self) -> tuple[bool, ...]:
        """What it takes acts later."""
        return (False,)

    def step(self, t: Array, k: Any, x: Array, *arguments: Array) -> Array:
        """Hold the oldest."""
        del t, k, arguments
        return jnp.concatenate([x[: -self.size], x[: self.size]])

    def store(self, x: Array, *arguments: Array) -> Array:
        """Take what came."""
        (u,) = arguments
        return jnp.concatenate([x[self.size : -self.size], u, x[-self.size :]])


class DiscreteStateSpace(SampledBlock):
    """y = C z + D u, then z⁺ = A z + B u, every dt; made by `hc.state_space(dt=...)`.

    Attributes:
        A: shape [n_z, n_z].
        B: shape [n_z, n_u].
        C: shape [n_y, n_z].
        D: shape [n_y, n_u], or None: u does not act on y at once.
        dt: period [s].
        offset: first instant [s].
        states: names of the states.
        inputs: names of the inputs.
        measures: names of the outputs.
    """

    A: Float[Array, "n_z n_z"] = eqx.field(converter=as_float)
    B: Float[Array, "n_z n_u"] = eqx.field(converter=as_float)
    C: Float[Array, "n_y n_z"] = eqx.field(converter=as_float)
    D: Float[Array, "n_y n_u"] | None = eqx.field(converter=optional_float)
    dt: float = eqx.field(static=True, converter=real_number)
    offset: float = eqx.field(static=True, converter=real_number, default=0.0)
    states: tuple[str, ...] = eqx.field(static=True, default=())
    inputs: tuple[str, ...] = eqx.field(static=True, default=("u",))
    measures: tuple[str, ...] = eqx.field(static=True, default=("y",))
    stores: ClassVar[bool] = True

    def __check_init__(self):
        check_clock(self.dt, self.offset)
        check_matrices(self)

    @property
    def takes(self) -> tuple[Argument, ...]:
        """Its inputs."""
        return (Argument("u", signals(self.inputs, {})),)

    @property
    def gives(self) -> Signals:
        """Its outputs."""
        return signals(self.measures, {})

    @property
    def memory(self) -> tuple[str, ...]:
        """Its states."""
        n = np.shape(self.A)[-1]
        return self.states or tuple(f"z{i + 1}" for i in range(n))

    @property
    def through(self) -> tuple[bool, ...]:
        """Whether D is there."""
        return (self.D is not None,)

    def step(self, t: Array, k: Any, x: Array, *arguments: Array) -> Array:
        """Hold C z + D u."""
        del t, k
        z = x[: len(self.memory)]
        return jnp.concatenate([z, measured(self.C, self.D, z, arguments[0])])

    def store(self, x: Array, *arguments: Array) -> Array:
        """A z + B u."""
        n = len(self.memory)
        z = weighted(self.A, x[:n]) + weighted(self.B, arguments[0])
        return jnp.concatenate([z, x[n:]])
