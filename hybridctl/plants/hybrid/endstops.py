"""End stops around the actuated coordinate of a mechanical plant."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import (
    as_float,
    is_concrete,
    not_negative,
    require,
    shape,
    share,
)
from hybridctl.plants.hybrid.contact import held, rebound
from hybridctl.plants.hybrid.plant import HybridPlant
from hybridctl.plants.plant import Equilibrium, MechanicalPlant


def pair(ends: Any) -> Any:
    """Both ends from one number, ±."""
    ends = as_float(ends)
    return np.stack([-ends, ends]) if np.ndim(ends) == 0 else ends


class EndStops(MechanicalPlant, HybridPlant):
    """A mechanical plant whose actuated coordinate is stopped by walls.

    A wall's impulse λ acts on the actuated coordinate a alone, so the other speeds
    change with it as the mass matrix wants, M(q)(q̇⁺ - q̇) = eₐ λ::

        q̇ₐ⁺ = -e q̇ₐ,    q̇⁺ = q̇ + (q̇ₐ⁺ - q̇ₐ) M⁻¹eₐ / (eₐᵀM⁻¹eₐ)

    M⁻¹eₐ is read off the plant's `ode`, affine in the force. With e = 1 the energy
    stays. With e < 1 it comes to rest at a wall that it is pushed against, from a
    rebound of at most `rest` on; the wall then carries the push until that turns.

    Args:
        plant: with one actuated coordinate, for example a `CartPole`.
        ends: lowest and highest coordinate [m or rad]; one number: ±.
        e: restitution, scalar, 0 (sticks) … 1 (elastic).
        rest: rebounds up to this speed are none [m/s or rad/s].

    Raises:
        ValueError: no such plant, ends in the wrong order, or e out of range.

    Source: W. J. Stronge, *Impact Mechanics*, 2nd ed. 2018, chapter 8 (generalized
        coordinates).

    Example:
        >>> import hybridctl as hc
        >>> plant = EndStops(hc.CartPole(), ends=1.0, e=0.5)
        >>> trace = hc.simulate(plant, hc.Constant([2.0]), [0, 0, 0, 0], 1.5)
        >>> [(round(t, 2), name) for t, name in trace.events]
        [(1.03, 'high end')]
    """

    plant: MechanicalPlant
    ends: Array = eqx.field(converter=as_float)
    e: Array = eqx.field(converter=as_float)
    rest: Array = eqx.field(converter=as_float)

    events: ClassVar[tuple[str, ...]] = ("low end", "high end")

    def __init__(self, plant: Any, ends: Any = 2.4, e: Any = 1.0, rest: Any = 1e-3):
        self.plant, self.ends, self.e, self.rest = plant, pair(ends), e, rest

    def __check_init__(self):
        require(
            isinstance(self.plant, MechanicalPlant)
            and len(self.plant.actuated) == 1
            and not isinstance(self.plant, HybridPlant),
            "EndStops needs a mechanical plant with one actuated coordinate and "
            f"without events, got {type(self.plant).__name__}; such as hc.CartPole()",
        )
        shape("ends", self.ends, (2,))
        share("e", self.e)
        not_negative("rest", self.rest)
        if is_concrete(self.ends):
            low, high = np.asarray(self.ends)
            require(bool(low < high), f"ends={self.ends} must be low, high; swap them")

    @property
    def states(self) -> tuple[str, ...]:
        """As those of the plant within."""
        return self.plant.states

    @property
    def inputs(self) -> tuple[str, ...]:
        """As those of the plant within."""
        return self.plant.inputs

    @property
    def units(self) -> Mapping[str, str]:
        """As those of the plant within."""
        return self.plant.units

    @property
    def angles(self) -> tuple[int, ...]:
        """As those of the plant within."""
        return self.plant.angles

    @property
    def limits(self) -> Mapping[str, float]:
        """As those of the plant within."""
        return self.plant.limits

    @property
    def actuated(self) -> tuple[int, ...]:
        """As that of the plant within."""
        return self.plant.actuated

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative; a wall that it rests at carries the push."""
        rates, lever = self._response(t, x, u)
        _, i = self._indices
        push = rates[i]
        stuck = held(*self._towards(x, push, 0)) | held(*self._towards(x, push, 1))
        carried = jnp.where(stuck, push, 0.0)
        return jnp.stack(
            [
                jnp.where(stuck, 0.0, r) if k == i else r - carried * lever[k]
                for k, r in enumerate(rates)
            ]
        )

    def guards(self, t: Array, x: Array, u: Array) -> Array:
        """Distances to the low and the high end [2]."""
        del t, u
        q = x[self._indices[0]]
        return jnp.stack([q - self.ends[0], self.ends[1] - q])

    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """At an end, away from it [2, n_x]."""
        rates, lever = self._response(t, x, u)
        push = rates[self._indices[1]]
        return jnp.stack([self._impact(x, push, lever, side) for side in (0, 1)])

    def kinetic(self, q: Array, dq: Array) -> Array:
        """As that of the plant within [J]."""
        return self.plant.kinetic(q, dq)

    def potential(self, q: Array) -> Array:
        """As that of the plant within [J]."""
        return self.plant.potential(q)

    def upright(self) -> Equilibrium:
        """As that of the plant within."""
        return self.plant.upright()

    @property
    def _indices(self) -> tuple[int, int]:
        """Where the actuated coordinate and its speed stand in the state."""
        (driven,) = self.actuated
        return driven, self.n_x // 2 + driven

    def _response(self, t: Array, x: Array, u: Array) -> tuple[Array, list[Array]]:
        """ẋ without walls, and its change per unit of actuated acceleration."""
        ode = lambda u: self.plant.ode(t, x, u)  # noqa: E731
        rates, gain = jax.jvp(ode, (u,), (jnp.ones_like(u),))
        return rates, [gain[k] / gain[self._indices[1]] for k in range(self.n_x)]

    def _towards(self, x: Array, push: Array, side: int) -> tuple[Array, Array, Array]:
        """Speed and acceleration towards an end, and depth beyond it."""
        q, dq = self._indices
        sign = (-1.0, 1.0)[side]
        return sign * x[dq], sign * push, sign * (x[q] - self.ends[side])

    def _impact(self, x: Array, push: Array, lever: list[Array], side: int) -> Array:
        """State after an impact at an end."""
        q, dq = self._indices
        away = rebound(*self._towards(x, push, side), self.e, self.rest)
        after = away if side == 0 else -away
        new = [x[k] + (after - x[dq]) * lever[k] for k in range(self.n_x)]
        new[q], new[dq] = jnp.broadcast_to(self.ends[side], after.shape), after
        return jnp.stack(new)
