"""Plants that are difference equations: x⁺ = f(x, u) from instant to instant."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, fail, on_numbers, positive
from hybridctl.kinds import real_number
from hybridctl.plants.callables import check_law, title
from hybridctl.plants.clocks import Clock
from hybridctl.plants.sampled import SampledPlant, where_due
from hybridctl.plants.signals import Table, columns, limits_of, names, units_of


def _fixed(f: Any) -> Any:
    """A function that can be a static field: one without arrays."""
    try:
        hash(f)
    except TypeError:
        fail(
            f"{title(f)} holds arrays; give what it holds as parameters: "
            "hc.Plant.discrete(lambda x, u, net: net(x, u), ..., parameters=net)"
        )
    return f


class DiscretePlant(SampledPlant):
    """x⁺ = f(x, u) or f(x, u, parameters) every dt; made by `Plant.discrete`.

    Between two instants its state stands still.

    Attributes:
        f: the function; compiled programs are kept by its identity, so define it
            once and not anew for every plant. Registered, files can hold it.
        dt: from instant to instant [s]; that of every loop that it runs in.
        states: names of the states.
        inputs: names of the inputs.
        told: units by name, as pairs.
        turned: names of the states that are angles.
        bounds: limits by name, as pairs.
        parameters: the last argument of f, any pytree of numbers, or None.
    """

    f: Callable[..., Any] = eqx.field(static=True, converter=_fixed)
    dt: float = eqx.field(static=True, converter=real_number)
    states: tuple[str, ...] = eqx.field(static=True, converter=partial(names, "states"))
    inputs: tuple[str, ...] = eqx.field(static=True, converter=partial(names, "inputs"))
    told: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    turned: tuple[str, ...] = eqx.field(static=True, converter=tuple, default=())
    bounds: tuple[tuple[str, float], ...] = eqx.field(static=True, default=())
    parameters: Any = eqx.field(converter=partial(on_numbers, as_float), default=None)

    def __check_init__(self):
        positive("dt", self.dt)
        names("states and inputs together", (*self.states, *self.inputs))
        _ = self.units, self.limits, self.angles  # or what is wrong with them
        x, u = jnp.zeros(self.n_x), jnp.zeros(self.n_u)
        check_law(self.f, self._arguments(x, u), "x, u", "x⁺ = f", "state", self.states)

    @property
    def units(self) -> Table:  # pyright: ignore
        """A unit for every signal, "" where none is known."""
        return units_of(dict(self.told), (*self.states, *self.inputs))

    @property
    def limits(self) -> Table:  # pyright: ignore
        """Limits by name."""
        return limits_of(dict(self.bounds), (*self.states, *self.inputs))

    @property
    def angles(self) -> tuple[int, ...]:  # pyright: ignore
        """Which states are angles."""
        return columns("angles", self.turned, self.states)

    @property
    def clocks(self) -> tuple[Clock, ...]:  # pyright: ignore
        """One."""
        return (Clock("the plant", self.dt),)

    @property
    def steps_every(self) -> float:  # pyright: ignore
        """From step to step [s]."""
        return self.dt

    @property
    def held(self) -> tuple[int, ...]:  # pyright: ignore
        """All states."""
        return tuple(range(self.n_x))

    @property
    def whole(self) -> tuple[int, ...]:  # pyright: ignore
        """None."""
        return ()

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """It does not flow: 0 [n_x]."""
        del t, u
        return jnp.zeros_like(x)

    def sample(
        self, t: Array, x: Array, u: Array, due: Sequence[Any], k: Sequence[Any]
    ) -> Array:
        """f(x, u) [n_x], where it is due."""
        del t, k
        return where_due(due[0], lambda x: self.after(x, u), x)

    def after(self, x: Array, u: Array) -> Array:
        """f(x, u) [n_x]."""
        return jnp.asarray(self.f(*self._arguments(x, u)), x.dtype)

    def _arguments(self, x: Any, u: Any) -> tuple:
        rest = () if self.parameters is None else (self.parameters,)
        return x, u, *rest
