"""A trim point by Newton's method: a state and input at which a plant rests."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, finite_entries, is_concrete, require, shape
from hybridctl.plants.linearize import slopes
from hybridctl.plants.plant import Equilibrium, Plant

STEPS, HALVINGS = 100, 30
RANK = 1e-7  # directions that move nothing more than that are left alone
AT_REST = 1e-9  # rest: a change of z by that share of the limits makes as much of ẋ

Slopes = Callable[[Plant, NDArray, NDArray], Any]


def trim(
    plant: Plant,
    near: Any = None,
    held: Mapping[str, float] | None = None,
    slopes: Slopes = slopes,
) -> Equilibrium:
    """The equilibrium that Newton's method finds from a guess.

    With z = (x, u) and f(z) = ẋ: z ← z - α J⁺ f, J = ∂f/∂z, the step with the least
    change of z, measured in the plant's limits; α halves until |f| falls.

    Args:
        plant: ẋ = f(t, x, u), at t = 0 s.
        near: the guess: a state [n_x], an `Equilibrium`, or values by name of states
            and inputs; what is not given starts at 0.
        held: states and inputs by name that stay at these values.
        slopes: gives ẋ and (∂ẋ/∂x, ∂ẋ/∂u).

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
    z, rate, size = _newton(plant, z, width, slopes)
    require(
        bool(np.all(np.abs(rate) <= AT_REST * size)),
        f"no rest found near this guess: the nearest is {_told(names, z)}, where the "
        f"state still changes at {rate}; guess nearer, or hold less",
    )
    x, u = np.split(z + 0.0, [plant.n_x])
    return plant.equilibrium(x, u)


def _newton(
    plant: Plant, z: NDArray, width: NDArray, slopes: Slopes
) -> tuple[NDArray, NDArray, NDArray]:
    """Where the steps end, the rate that is left there, and its size by the limits."""

    def at(z):
        rate, (A, B) = slopes(plant, *np.split(z, [plant.n_x]))
        return rate, np.hstack([A, B]) * width

    def size_of(J):
        size = np.abs(J).max(axis=1, initial=0.0)
        return np.where(size > 0, size, 1.0)

    rate, J = at(z)
    size = size_of(J)
    for _ in range(STEPS):
        size = size_of(J)
        if not np.any(rate):
            break
        step = np.linalg.lstsq(J / size[:, None], -rate / size, rcond=RANK)[0] * width
        for part in 0.5 ** np.arange(HALVINGS):
            there, slope = at(z + part * step)
            if np.linalg.norm(there / size) < np.linalg.norm(rate / size):
                z, rate, J = z + part * step, there, slope
                break
        else:  # no part of it is better: this is the end
            break
    return z, rate, size


def _guess(plant: Plant, near: Any) -> NDArray:
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
