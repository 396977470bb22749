"""Planes through the state space, and what a controller answers on them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import cast, one_of, require
from hybridctl.controllers.controller import Controller, Tick
from hybridctl.controllers.machine import mode_of
from hybridctl.plants import Equilibrium


def plane(
    centre: Equilibrium, states: tuple[str, str], a: NDArray, b: NDArray
) -> NDArray:
    """States on a grid of two of them, the others at an equilibrium.

    Args:
        centre: which names the states.
        states: across and up.
        a: values of the first [m].
        b: values of the second [n].

    Returns:
        [n, m, n_x].

    Raises:
        ValueError: an unknown state, or the same one twice.
    """
    for name in states:
        one_of("state", name, centre.states)
    require(states[0] != states[1], f"two times {states[0]!r}; choose two states")
    x = np.tile(np.asarray(centre.x, np.float64), (len(b), len(a), 1))
    x[..., centre.states.index(states[0])] = a
    x[..., centre.states.index(states[1])] = b[:, None]
    return x


@kept_programs()
def answers(
    controller: Controller, n_u: int, x: NDArray
) -> tuple[NDArray, NDArray | None]:
    """First of n_u inputs, and mode, of a controller at states [n, m, n_x]."""
    rows = cast(x.reshape(-1, x.shape[-1]))
    u, modes = _answers(cast(controller), rows, jnp.zeros(n_u))
    shape = x.shape[:-1]
    first = np.asarray(u, np.float64)[:, 0].reshape(shape)
    return first, None if modes is None else np.asarray(modes).reshape(shape)


@eqx.filter_jit
def _answers(controller: Controller, rows: Any, rest: Any) -> Any:
    def one(x: Any) -> Any:
        tick = Tick(jnp.zeros((), x.dtype), jnp.int32(0), x, None, rest, u_asked=rest)
        memory, u = controller.step(controller.init(tick), tick)
        return u, mode_of(memory)

    return jax.vmap(one)(rows)
