"""A plain function as a plant."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, fail, require
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


def title(f: Any) -> str:
    """What a sentence calls a function."""
    return f"the function {getattr(f, '__name__', type(f).__name__)}"


def check_call(f: Any, arguments: tuple, meaning: str) -> None:
    """Refuse what cannot be called with so many arguments."""
    if not callable(f):
        fail(f"{meaning} needs a function, got {type(f).__name__}")
    expected = ("t, x, u", "t, x, u, parameters")[len(arguments) - 3]
    try:
        signature = inspect.signature(f)
        signature.bind(*arguments)
    except TypeError:
        fail(
            f"{title(f)} takes {inspect.signature(f)}, expected ({expected}); "
            "parameters are passed where some are given"
        )
    except ValueError:  # a builtin that does not tell its signature
        return


def traced(f: Callable, arguments: tuple, meaning: str) -> jax.ShapeDtypeStruct:
    """Shape and dtype of what f returns, found without computing it.

    Raises:
        ValueError: f fails, or returns something else than real numbers.
    """
    try:
        given = jax.eval_shape(lambda *a: jnp.asarray(f(*a)), *arguments)
    except Exception as error:  # the user's function may raise anything
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{title(f)} does not give {meaning} in JAX: {type(error).__name__}: "
            f"{reason}; write it with jax.numpy, and return an array"
        ) from error
    real = not jnp.issubdtype(given.dtype, jnp.complexfloating)
    require(real, f"{title(f)} returns {given.dtype}, expected real numbers")
    return given
