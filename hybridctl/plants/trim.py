"""A trim point by Newton's method: a state and input at which a plant rests."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, finite_entries, is_concrete, require, shape
from hybridctl.plants.linearize import Dynamics, Equilibrium
from hybridctl.plants.linearize import slopes as slopes_of

STEPS, HALVINGS = 50, 20
RANK = 1e-7  # directions that move nothing more than that are left alone
AT_REST = 1e-9  # rest: a change of z by that share of the limits makes as much of ẋ
NOTHING = 1e-12  # of the limits: what rounding leaves of zero

Slopes = Callable[[NDArray, NDArray], Any]
Rate = Callable[[NDArray, NDArray], NDArray]


def trim(
    plant: Dynamics,
    near: Any = None,
    held: Mapping[str, float] | None = None,
    slopes: Slopes | None = None,
    rate: Rate | None = None,
) -> Equilibrium:
    """The equilibrium that Newton's method finds from a guess.

    With f(x, u) = ẋ, A = ∂f/∂x, B = ∂f/∂u and P = I - B B⁺, which leaves what no input
    can do: Δx = -(P A)⁺ P f and Δu = -B⁺ (f + A Δx). So the state stays as near to the
    guess as it can, and then the input, measured in the plant's limits; the step halves
    until |f| falls.

    Args:
        plant: ẋ = f(t, x, u), at t = 0 s.
        near: the guess: a state [n_x], an `Equilibrium`, or values by name of states
            and inputs; what is not given starts at 0.
        held: states and inputs by name that stay at these values.
        slopes: gives ẋ and (∂ẋ/∂x, ∂ẋ/∂u); None: those of `linearize`.
        rate: gives ẋ alone, sooner.

    Raises:
        ValueError: a guess that does not fit, an unknown name, or no rest near it.
    """
    require(
        is_concrete(plant, near, held),
        "rest was given numbers traced by jit, vmap or grad; call it outside of them",
    )
    names, held = (*plant.states, *plant.inputs), dict(held or {})
    _check_names(names, held)
    z = _guess(plant, near)
    free = np.array([name not in held for name in names])
    z[~free] = [held[name] for name in names if name in held]
    finite_entries("the guess", z)
    width = np.array([plant.limits.get(name, 1.0) for name in names]) * free
    slopes = slopes or functools.partial(slopes_of, plant)
    z, left, size = _newton(
        z, width, plant.n_x, slopes, rate or (lambda x, u: slopes(x, u)[0])
    )
    require(
        bool(np.all(np.abs(left) <= AT_REST * size)),
        f"no rest found near this guess: the nearest is {_told(names, z)}, where the "
        f"state still changes at {left}; guess nearer, or hold less",
    )
    z = np.where(np.abs(z) < NOTHING * width, 0.0, z)
    x, u = np.split(z + 0.0, [plant.n_x])
    return plant.equilibrium(x, u)


def _newton(
    z: NDArray, width: NDArray, n_x: int, slopes: Slopes, rate: Rate
) -> tuple[NDArray, NDArray, NDArray]:
    """Where the steps end, the rate that is left there, and its size by the limits."""
    left, size = np.zeros(n_x), np.ones(n_x)
    for _ in range(STEPS):
        left, (A, B) = slopes(*np.split(z, [n_x]))
        J = np.hstack([A, B]) * width
        size = np.abs(J).max(axis=1, initial=0.0)
        size = np.where(size > 0, size, 1.0)
        step = width * _step(*np.hsplit(J / size[:, None], [n_x]), left / size)
        for part in 0.5 ** np.arange(HALVINGS):
            there = rate(*np.split(z + part * step, [n_x]))
            if np.linalg.norm(there / size) < np.linalg.norm(left / size):
                z, left = z + part * step, there
                break
        else:  # no part of the step is better: this is the end
            break
    return z, left, size


def _step(A: NDArray, B: NDArray, f: NDArray) -> NDArray:
    """What brings f + A Δx + B Δu to zero: Δx only for what Δu cannot, [n_x + n_u]."""
    inverse = np.linalg.pinv(B, rcond=RANK)
    P = np.eye(len(f)) - B @ inverse
    dx = -np.linalg.pinv(P @ A, rcond=RANK) @ (P @ f)
    return np.append(dx, -inverse @ (f + A @ dx))


def _guess(plant: Dynamics, near: Any) -> NDArray:
    """State and input of a guess, [n_x + n_u]."""
    names = (*plant.states, *plant.inputs)
    if isinstance(near, Mapping):
        _check_names(names, near)
        return np.array([float(near.get(name, 0.0)) for name in names])
    if near is None:
        near = np.zeros(plant.n_x)
    if not isinstance(near, Equilibrium):
        near = Equilibrium(near, np.zeros(plant.n_u))
    shape("near", near.x, (plant.n_x,))
    shape("near.u", near.u, (plant.n_u,))
    return np.concatenate([near.x, near.u]).astype(np.float64)


def _check_names(names: tuple[str, ...], given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in names:
            fail(f"no state or input {name!r}; there are {', '.join(names)}")


def _told(names: tuple[str, ...], z: NDArray) -> str:
    return ", ".join(f"{name}={v:.4g}" for name, v in zip(names, z, strict=True))
