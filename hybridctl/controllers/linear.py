"""A linear controller with memory: any state-space compensator."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, finite, places, require, row
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import deviation, total
from hybridctl.ports import Names, Ports, named, unnamed


class LinearController(Controller):
    """u = u0 + C z + D e, then z⁺ = A z + B e, with e = y - x0, angles wrapped.

    With names it finds its measurements by them among all that is measured.

    Args:
        A: shape [n_z, n_z].
        B: shape [n_z, n_y].
        C: shape [n_u, n_z].
        D: shape [n_u, n_y].
        x0: measurement at rest, shape [n_y].
        u0: input at rest, shape [n_u].
        angles: coordinates of y that are angles.
        dt: control period [s] that it was designed for; None: any.
        measures: names and units of y; () where they are not known.

    Raises:
        ValueError: shapes do not fit, or a value is not finite.

    Example:
        >>> C, D = [[1.0]], [[-2.0, 0.0]]
        >>> LinearController([[0.9]], [[0.1, 0.0]], C, D, [0.0, 0.0], [0.0], dt=0.02).A
        array([[0.9]])
    """

    A: Float[Array, "n_z n_z"] = eqx.field(converter=as_float)
    B: Float[Array, "n_z n_y"] = eqx.field(converter=as_float)
    C: Float[Array, "n_u n_z"] = eqx.field(converter=as_float)
    D: Float[Array, "n_u n_y"] = eqx.field(converter=as_float)
    x0: Float[Array, " n_y"] = eqx.field(converter=as_float)
    u0: Float[Array, " n_u"] = eqx.field(converter=as_float)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)
    measures: Names = eqx.field(static=True, default=())

    @property
    def ports(self) -> Ports:
        """Its measurements, and inputs without names."""
        n_y, n_u = np.shape(self.x0)[-1], np.shape(self.u0)[-1]
        y = named(self.measures, n_y, self.angles)
        return Ports(y, (), unnamed(n_u), self.dt, by_name=bool(self.measures))

    def __check_init__(self):
        for name in ("A", "x0", "u0"):
            row(name, getattr(self, name))
        n_z, n_y, n_u = (np.shape(v)[-1] for v in (self.A, self.x0, self.u0))
        shapes = {"A": (n_z, n_z), "B": (n_z, n_y), "C": (n_u, n_z), "D": (n_u, n_y)}
        for name, expected in shapes.items():
            given = np.shape(getattr(self, name))
            require(
                given[-2:] == expected,
                f"{name} has shape {given}, expected {expected} for {n_z} states of "
                f"the controller, {n_y} measurements (x0) and {n_u} inputs (u0)",
            )
        require(
            len(self.measures) in (0, n_y),
            f"measures={self.measures} name {len(self.measures)} of {n_y} measurements",
        )
        places("angles", self.angles, n_y, "coordinates")
        for name in (*shapes, "x0", "u0"):
            finite(name, getattr(self, name))

    def init(self, tick: Tick) -> State:
        """At rest."""
        return jnp.zeros(np.shape(self.A)[-1], tick.y.dtype)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """One step of the compensator; a measurement acts on u in the same period."""
        e = deviation(tick.y, self.x0, self.angles)
        u = [
            self.u0[i] + _row(self.C, self.D, i, state, e) for i in range(len(self.u0))
        ]
        z = [_row(self.A, self.B, i, state, e) for i in range(len(self.A))]
        return jnp.stack(z) if z else state, jnp.stack(u)


def _row(M: Array, N: Array, i: int, z: Array, e: list[Array]) -> Array:
    """Row i of M z + N e."""
    memory = [M[i, j] * z[j] for j in range(len(z))]
    return total([*memory, *(N[i, j] * error for j, error in enumerate(e))])
