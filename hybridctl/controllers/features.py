"""What a policy observes: chosen columns of a tick as one vector."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.controllers.controller import Tick
from hybridctl.plants import Plant


class Features(eqx.Module):
    """Map a Tick to an observation vector.

    Args:
        n_y: number of measurements that are expected.
        columns: which measurements are used, in order.
        angles: which of those are given as (sin, cos) instead of the angle.
        n_u: number of applied inputs appended (0: none).
        n_modes: length of the one-hot active mode appended (0: none).

    Example:
        >>> from hybridctl.plants import CartPole
        >>> Features.of(CartPole()).names(CartPole().states)
        ('x', 'sin theta', 'cos theta', 'dx', 'dtheta')
    """

    n_y: int = eqx.field(static=True)
    columns: tuple[int, ...] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    n_u: int = eqx.field(static=True, default=0)
    n_modes: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        require(
            all(0 <= c < self.n_y for c in self.columns),
            f"Features columns {self.columns} reach beyond {self.n_y} measurements",
        )
        require(self.size > 0, "Features is empty; choose at least one column")

    @staticmethod
    def of(
        plant: Plant, *, trig: bool = True, applied: bool = False, n_modes: int = 0
    ) -> "Features":
        """All states of a plant, its angles as sin and cos.

        Args:
            plant: whose states are measured.
            trig: angles as (sin, cos); False: the measurement as it is.
            applied: append the applied input.
            n_modes: append the active mode, one-hot.

        Returns:
            Features of a full state measurement.
        """
        angles = plant.angles if trig else ()
        n_u = plant.n_u if applied else 0
        return Features(plant.n_x, tuple(range(plant.n_x)), angles, n_u, n_modes)

    @property
    def size(self) -> int:
        """Length of the observation."""
        turned = sum(c in self.angles for c in self.columns)
        return len(self.columns) + turned + self.n_u + self.n_modes

    def names(self, states: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the observation's columns, from the names of the states."""
        out: list[str] = []
        for c in self.columns:
            name = states[c]
            out += [f"sin {name}", f"cos {name}"] if c in self.angles else [name]
        applied = (f"applied {i}" for i in range(self.n_u))
        return (*out, *applied, *(f"mode {i}" for i in range(self.n_modes)))

    def __call__(self, tick: Tick) -> Array:
        """Observation, shape [size]."""
        out = []
        for c in self.columns:
            value = tick.y[c]
            turned = c in self.angles
            out += [jnp.sin(value), jnp.cos(value)] if turned else [value]
        if self.n_u:
            if tick.u_applied is None:
                fail("this tick has no applied input; give u_applied, or n_u=0")
            out += [tick.u_applied[i] for i in range(self.n_u)]
        if self.n_modes:
            mode = jnp.int32(0) if tick.mode is None else tick.mode
            out += list(jax.nn.one_hot(mode, self.n_modes))
        return jnp.stack(out)
