"""The running cost of a task."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    finite,
    is_concrete,
    not_negative,
    optional_float,
    places,
    positive,
    require,
    row,
    shape,
)
from hybridctl.controllers.error import total
from hybridctl.describe import Shown
from hybridctl.kinds import as_row

STEEP = 300.0  # how much steeper a fence is than the cost that it stands in


class Cost(Shown, eqx.Module):
    """c(x, u) = Σ qᵢ d(xᵢ - x0ᵢ) + Σ rⱼ uⱼ², with d(e) = e², or 1 - cos e of angles.

    Args:
        x0: state that costs nothing, shape [n_x].
        q: state weights, shape [n_x].
        r: input weights, shape [n_u].
        angles: which states are angles.

    Raises:
        ValueError: sizes that do not fit, a weight below 0, a number that is not
            finite, or an angle that is no place of a state.
    """

    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    q: Float[Array, " n_x"] = eqx.field(converter=as_float)
    r: Float[Array, " n_u"] = eqx.field(converter=as_float)
    angles: tuple[int, ...] = eqx.field(static=True, converter=as_row, default=())

    def __check_init__(self):
        for name in ("x0", "q", "r"):
            row(name, getattr(self, name))
        finite("x0", self.x0)
        places("angles", self.angles, np.shape(self.x0)[-1], "states")
        require(
            np.shape(self.x0) == np.shape(self.q),
            f"q has shape {np.shape(self.q)}, expected {np.shape(self.x0)} as x0",
        )
        not_negative("q", self.q)
        not_negative("r", self.r)

    def check(self, n_x: int, n_u: int) -> None:
        """Refuse a plant of other sizes, where entries would be left out or repeated.

        Args:
            n_x: states of the plant.
            n_u: inputs of the plant.

        Raises:
            ValueError: q or r has another length.
        """
        for name, n, of in (("q", n_x, "states"), ("r", n_u, "inputs")):
            given = np.shape(getattr(self, name))[-1]
            require(
                given == n,
                f"{name} of the Cost has {given} weights, the plant has {n} {of}; "
                f"give one for each",
            )

    @property
    def quadratic(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights Q [n_x] and R [n_u] of the cost near x0, where 1 - cos e is e²/2."""
        turned = np.isin(np.arange(len(self.q)), self.angles)
        return np.where(turned, 0.5, 1.0) * np.asarray(self.q), np.asarray(self.r)

    def __call__(self, x: Array, u: Array) -> Array:
        """Cost rate [1/s] at state x [n_x] and applied input u [n_u]."""
        rate = total([self.r[j] * u[j] ** 2 for j in range(len(self.r))])
        for i in range(len(self.q)):
            apart = self._turn if i in self.angles else self._square
            rate = rate + self.q[i] * apart(x[i], self.x0[i])
        return rate

    def residuals(self, x: Array, u: Array) -> list[Array]:
        """Scalars whose squares add up to c: what Gauss-Newton methods start from."""
        effort = [jnp.sqrt(self.r[j]) * u[j] for j in range(len(self.r))]
        roots = [
            jnp.sqrt(2.0) * jnp.sin(0.5 * (x[i] - self.x0[i]))
            if i in self.angles
            else x[i] - self.x0[i]
            for i in range(len(self.q))
        ]
        weighted = [jnp.sqrt(self.q[i]) * root for i, root in enumerate(roots)]
        return weighted + effort

    def _square(self, x: Array, x0: Array) -> Array:
        return (x - x0) ** 2

    def _turn(self, x: Array, x0: Array) -> Array:
        """1 - cos(x - x0), from the sin x and cos x that the dynamics need anyway."""
        return 1.0 - (jnp.cos(x) * jnp.cos(x0) + jnp.sin(x) * jnp.sin(x0))


class Fenced(eqx.Module):
    """A cost with a soft fence: + (weight (|x - x0| - bound))² beyond the bound.

    For planners, which must feel the end of the track before it ends an episode.

    Args:
        inner: the cost.
        columns: which states are fenced.
        bounds: where the fence begins, distances from x0, shape [n].
        weight: steepness, in roots of cost per unit of the state, one or [n]; None:
            `STEEP` times that of the cost itself, whatever the units.

    Raises:
        ValueError: bounds that do not fit, or no weight where the cost has none.
    """

    inner: Cost
    columns: tuple[int, ...] = eqx.field(static=True, converter=as_row)
    bounds: Float[Array, " n"] = eqx.field(converter=as_float)
    weight: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        positive("bounds", self.bounds)
        shape("bounds", self.bounds, (len(self.columns),))
        places("columns", self.columns, np.shape(self.inner.q)[-1], "states")
        if self.weight is not None:
            positive("weight", self.weight)
        elif is_concrete(self.inner.q):
            ok = all(self.inner.q[c] > 0 for c in self.columns)
            require(ok, "a fenced state has no weight in the cost; give weight=")

    def _bounds(self) -> list[Array]:
        return [self.bounds[i] for i in range(len(self.columns))]

    def residuals(self, x: Array, u: Array) -> list[Array]:
        """Those of the cost, and one for each fence."""
        apart = [jnp.abs(x[c] - self.inner.x0[c]) for c in self.columns]
        steep: Any = self.weight
        if steep is None:
            steep = jnp.stack([STEEP * jnp.sqrt(self.inner.q[c]) for c in self.columns])
        steep = jnp.broadcast_to(steep, (len(self.columns),))
        fences = [
            steep[i] * jnp.maximum(a - b, 0.0)
            for i, (a, b) in enumerate(zip(apart, self._bounds(), strict=True))
        ]
        return self.inner.residuals(x, u) + fences
