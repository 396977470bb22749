"""A plant near an equilibrium is a linear model."""

import functools
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import finite_entries, is_concrete, require, shape
from hybridctl.kinds import checked
from hybridctl.plants.plant import Equilibrium, Plant
from hybridctl.plants.sizes import sizes
from hybridctl.precision import float64, float64_on_host

Slopes = tuple[NDArray, tuple[NDArray, NDArray]]
RESTS = 1e-6  # share of the rates that states of their size cause


@checked
def linearize(plant: Plant, equilibrium: Equilibrium) -> tuple[NDArray, NDArray]:
    """Linear model of a plant at an equilibrium, by automatic differentiation.

    With e = x - x₀ and v = u - u₀: ė = A e + B v, where A = ∂f/∂x and B = ∂f/∂u at
    (x₀, u₀). In float64 on the host, whatever the precision of the process.

    Args:
        plant: the plant ẋ = f(t, x, u), taken at t = 0 s.
        equilibrium: where it rests: x₀ [n_x] and u₀ [n_u].

    Returns:
        A [n_x, n_x] and B [n_x, n_u], numpy float64.

    Raises:
        ValueError: the plant does not rest there, a shape does not fit, a
            derivative is not finite, or a number is traced by jit, vmap or grad.

    Example:
        >>> from hybridctl.plants import CartPole
        >>> plant = CartPole(m_c=1.0, m_p=0.1, L=1.0, g=10.0)
        >>> A, B = linearize(plant, plant.upright())
        >>> print(A[2:].round(6), B.T.round(6))
        [[ 0.  1.  0.  0.]
         [ 0. 11.  0.  0.]] [[0. 0. 1. 1.]]
    """
    require(
        is_concrete(plant, equilibrium),
        "linearize was given a plant or equilibrium traced by jit, vmap or grad; "
        "call it outside of them, where the numbers are known",
    )
    x, u = _rest(plant, equilibrium)
    dx, (A, B) = slopes(plant, x, u)
    shape(f"the derivative of {type(plant).__name__}", dx, (plant.n_x,))
    for name, matrix in (("A", A), ("B", B)):
        finite_entries(f"{name} of {type(plant).__name__} at this equilibrium", matrix)
    _at_rest(plant, dx, np.abs(A) @ _sizes(plant, equilibrium, A, B) + np.abs(B @ u))
    return A + 0.0, B + 0.0  # no negative zeros


@functools.singledispatch
def slopes(plant: Plant, x: NDArray, u: NDArray) -> Slopes:
    """ẋ and (∂ẋ/∂x, ∂ẋ/∂u) at t = 0 s, in float64 on the host.

    A kind of plant that has a better way than to differentiate all of its equations
    registers it here.
    """
    with float64_on_host():
        return jax.tree.map(np.asarray, derivatives(float64(plant), x, u))


@eqx.filter_jit
def derivatives(plant: Plant, x: Any, u: Any) -> Any:
    """ẋ and (∂ẋ/∂x, ∂ẋ/∂u) at t = 0 s, compiled, in the precision around it."""

    def rate(x, u):
        return plant.ode(0.0, x, u)  # pyright: ignore[reportArgumentType]

    return rate(x, u), jax.jacfwd(rate, (0, 1))(x, u)


def _rest(plant: Plant, equilibrium: Equilibrium) -> tuple[NDArray, NDArray]:
    x, u = (np.asarray(v, np.float64) for v in (equilibrium.x, equilibrium.u))
    for name, value, n in (("x", x, plant.n_x), ("u", u, plant.n_u)):
        shape(f"equilibrium.{name}", value, (n,))
        finite_entries(f"equilibrium.{name}", value)
    return x, u


def _sizes(plant: Plant, at: Equilibrium, A: NDArray, B: NDArray) -> NDArray:
    return np.nan_to_num(sizes(plant, at, A, B), nan=1.0)


def _at_rest(plant: Plant, dx: NDArray, moved: NDArray) -> None:
    """Refuse a derivative that is no rounding of those of states of that size."""
    name = type(plant).__name__
    moved = np.where(moved > 0, moved, 1.0)
    require(
        bool(np.all(np.abs(dx) <= RESTS * moved)),
        f"{name} does not rest at this equilibrium: its derivative there is {dx}, "
        f"expected 0 within {RESTS * moved}; correct x and u",
    )
