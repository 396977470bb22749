"""A plain function as a plant."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, require
from hybridctl.plants.callables import check_call, title, traced
from hybridctl.plants.plant import Plant
from hybridctl.plants.signals import columns, limits_of, names, units_of


class FunctionPlant(Plant):
    """ẋ = f(t, x, u) or f(t, x, u, parameters); made by `Plant.from_function`.

    Attributes:
        f: the function; compiled programs are kept by its identity, so define it
            once and not anew for every plant.
        parameters: its last argument, any pytree of numbers, or None.
    """

    f: Callable[..., Any] = eqx.field(static=True)
    states: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    units: Mapping[str, str] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True)
    limits: Mapping[str, float] = eqx.field(static=True)
    parameters: Any

    def __init__(
        self,
        f: Callable[..., Any],
        states: Sequence[str],
        inputs: Sequence[str],
        units: Mapping[str, str] | None = None,
        angles: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        parameters: Any = None,
    ):
        self.f = f
        self.states, self.inputs = names("states", states), names("inputs", inputs)
        signals = (*self.states, *self.inputs)
        names("states and inputs together", signals)
        self.units, self.limits = units_of(units, signals), limits_of(limits, signals)
        self.angles = columns("angles", angles, self.states)
        self.parameters = jax.tree.map(as_float, parameters)

    def __check_init__(self):
        check_call(self.f, self._arguments(0.0, np.zeros(0), np.zeros(0)), "ẋ = f")
        t, x, u = (jnp.zeros(n) for n in ((), self.n_x, self.n_u))
        given = traced(self.f, self._arguments(t, x, u), "ẋ = f")
        require(
            given.shape == (self.n_x,),
            f"{title(self.f)} returns a derivative of shape {given.shape}, expected "
            f"({self.n_x},), one entry for each of {', '.join(self.states)}",
        )

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative f(t, x, u) [n_x]."""
        given = jnp.asarray(self.f(*self._arguments(t, x, u)))
        real = jnp.issubdtype(given.dtype, jnp.floating)
        return given if real else given.astype(jnp.zeros(()).dtype)

    def _arguments(self, t: Any, x: Any, u: Any) -> tuple:
        rest = () if self.parameters is None else (self.parameters,)
        return t, x, u, *rest
