"""Static blocks: gain, saturation, dead zone, look-up table."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, finite, is_concrete, not_negative, require
from hybridctl.plants.diagram.block import Static
from hybridctl.plants.diagram.matrices import weighted


class Gain(Static):
    """y = K u.

    Args:
        K: a scalar, one factor for each signal [n], or a matrix [n_y, n_u].

    Example:
        >>> float(Gain(2.0)(1.5))
        3.0
    """

    K: Array = eqx.field(converter=as_float)

    def __check_init__(self):
        finite("K", self.K)
        require(
            np.ndim(self.K) < 3,
            f"K has shape {np.shape(self.K)}; give a number, [n] or [n_y, n_u]",
        )

    def __call__(self, u: Array) -> Array:
        """K u."""
        if np.ndim(self.K) < 2:
            return self.K * u
        columns, u = np.shape(self.K)[1], jnp.atleast_1d(u)
        if len(u) != columns:
            raise ValueError(f"K takes {columns} signals")
        return weighted(self.K, u)


class Junction(Static):
    """A sum of its arguments u1, u2, …, each with a sign.

    Args:
        signs: one for each argument, such as "+-" for u1 - u2.

    Raises:
        ValueError: something else than signs.

    Example:
        >>> float(Junction("+-")(3.0, 1.0))
        2.0
    """

    signs: str = eqx.field(static=True, default="+-")

    def __check_init__(self):
        require(
            len(self.signs) > 0 and set(self.signs) <= set("+-"),
            f"signs={self.signs!r} must be of + and -, one for each argument: '+-'",
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """u1, u2, …: one for each sign."""
        return tuple(f"u{i + 1}" for i in range(len(self.signs)))

    def __call__(self, *arguments: Array) -> Array:
        """Their sum."""
        whole = None
        for sign, u in zip(self.signs, arguments, strict=True):
            if whole is None:
                whole = u if sign == "+" else -u
            else:
                whole = whole + u if sign == "+" else whole - u
        return jnp.asarray(whole)


class Saturation(Static):
    """y = u, but no less than low and no more than high.

    Args:
        low: least output, a scalar or [n], in the unit of the signal.
        high: largest output, scalar or [n]; None: Saturation(5.0) is ±5.

    Raises:
        ValueError: low above high, or not a number.

    Example:
        >>> float(Saturation(-1.0, 2.0)(3.0)), float(Saturation(5.0)(-7.0))
        (2.0, -5.0)
    """

    low: Array = eqx.field(converter=as_float)
    high: Array = eqx.field(converter=as_float)

    def __init__(self, low: Array | float, high: Array | float | None = None):
        if high is None:
            not_negative("the limit of a Saturation", as_float(low))
            low, high = -as_float(low), low
        self.low, self.high = low, high  # pyright: ignore[reportAttributeAccessIssue]

    def __check_init__(self):
        _ordered(self.low, self.high)

    def __call__(self, u: Array) -> Array:
        """U within the limits."""
        return jnp.clip(u, self.low, self.high)


class DeadZone(Static):
    """y = 0 from low to high; beyond them what u exceeds them by.

    Args:
        low: begin of the zone, a scalar or [n], in the unit of the signal.
        high: its end, scalar or [n]; None: DeadZone(0.1) is ±0.1.

    Raises:
        ValueError: low above high, or not a number.

    Example:
        >>> float(DeadZone(0.5)(2.0)), float(DeadZone(0.5)(-0.2))
        (1.5, 0.0)
    """

    low: Array = eqx.field(converter=as_float)
    high: Array = eqx.field(converter=as_float)

    def __init__(self, low: Array | float, high: Array | float | None = None):
        if high is None:
            not_negative("the width of a DeadZone", as_float(low))
            low, high = -as_float(low), low
        self.low, self.high = low, high  # pyright: ignore[reportAttributeAccessIssue]

    def __check_init__(self):
        _ordered(self.low, self.high)

    def __call__(self, u: Array) -> Array:
        """What u exceeds the zone by."""
        return jnp.maximum(u - self.high, 0.0) + jnp.minimum(u - self.low, 0.0)


def _ordered(low: Array, high: Array) -> None:
    finite("low", low)
    finite("high", high)
    if is_concrete(low, high):
        ok = bool(np.all(np.asarray(low) <= np.asarray(high)))
        require(ok, f"low={low} exceeds high={high}; swap them")


class LookupTable(Static):
    """y = f(u) by straight lines between points; beyond the ends it stays.

    Args:
        x: where the points are, increasing, shape [n].
        y: their values, shape [n].

    Raises:
        ValueError: other shapes, or points that do not increase.

    Example:
        >>> float(LookupTable([0, 1, 3], [0, 10, 14])(2.0))
        12.0
    """

    x: Float[Array, " n"] = eqx.field(converter=as_float)
    y: Float[Array, " n"] = eqx.field(converter=as_float)

    def __check_init__(self):
        finite("x", self.x)
        finite("y", self.y)
        sizes = np.shape(self.x), np.shape(self.y)
        require(
            sizes[0] == sizes[1] and np.ndim(self.x) == 1 and np.size(self.x) > 1,
            f"x and y have shapes {sizes[0]} and {sizes[1]}; give two or more points, "
            "one y for each x",
        )
        if is_concrete(self.x):
            ok = bool(np.all(np.diff(np.asarray(self.x)) > 0))
            require(ok, f"x={self.x} must increase from point to point; sort it")

    def __call__(self, u: Array) -> Array:
        """The value at u."""
        u = jnp.asarray(u)
        x, y = (jnp.asarray(v, u.dtype) for v in (self.x, self.y))
        return jnp.interp(u, x, y)
