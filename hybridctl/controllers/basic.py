"""The controllers with nothing inside: Constant, Sequence, Slot."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, finite, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.ports import Ports, unnamed


class Constant(Controller):
    """Always the same input.

    Args:
        u: input, shape [n_u].

    Example:
        >>> Constant([1.5]).u
        array([1.5])
    """

    u: Float[Array, " n_u"] = eqx.field(converter=as_float)

    def __check_init__(self):
        require(
            np.ndim(self.u) == 1,
            f"Constant takes an input of shape [n_u], got shape {np.shape(self.u)}; "
            "write Constant([0.0]) for one input",
        )
        if not isinstance(self.u, Array):  # an action that was computed may be NaN
            finite("u", self.u)

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    @property
    def ports(self) -> Ports:
        """It looks at nothing."""
        return Ports(r=(), u=unnamed(np.shape(self.u)[-1]), applied=())

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The constant."""
        del tick
        return state, jnp.asarray(self.u)


class Sequence(Controller):
    """Open loop: replay u[k] at tick k, and 0 once the sequence is over.

    Args:
        u: inputs, shape [T, n_u].

    Raises:
        ValueError: u has another number of dimensions or is not finite.
    """

    u: Float[Array, "T n_u"] = eqx.field(converter=as_float)

    def __check_init__(self):
        require(
            np.ndim(self.u) == 2,
            f"Sequence takes inputs of shape [T, n_u], got shape {np.shape(self.u)}; "
            "use u[:, None] for one input",
        )
        require(np.shape(self.u)[0] > 0, "Sequence is empty; give at least one input")
        finite("u", self.u)

    @property
    def ports(self) -> Ports:
        """It looks at nothing but the clock."""
        return Ports(r=(), u=unnamed(np.shape(self.u)[-1]), applied=())

    def init(self, tick: Tick) -> State:
        """No memory: the tick's number is the place in the sequence."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """The input of this tick."""
        u = jnp.asarray(self.u)
        return state, u.at[tick.k].get(mode="fill", fill_value=0)


class Slot(Controller):
    """The empty controller: an agent's action fills it, or `fill` does for good.

    Empty, it outputs 0, so `lqr + 5.0 * Slot(1)` is the LQR until filled.

    Args:
        size: number of outputs.
        algorithm: of `train`, that fills it best; None: any.

    Example:
        >>> 5.0 * Slot(1)
        5 * Slot(1)
    """

    size: int = eqx.field(static=True, default=1)
    algorithm: str | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        require(
            isinstance(self.size, int) and self.size > 0,
            f"Slot size={self.size!r} must be a whole number above 0; write Slot(1)",
        )

    @property
    def ports(self) -> Ports:
        """It gives what an agent will give."""
        return Ports(r=(), u=unnamed(self.size), applied=())

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Zeros."""
        del tick
        return state, jnp.zeros(self.size)
