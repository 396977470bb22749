"""A mechanical plant from its energies alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, finite, optional_float, require, shape
from hybridctl.plants.callables import title, traced
from hybridctl.plants.plant import Equilibrium, MechanicalPlant
from hybridctl.plants.signals import Table, columns, limits_of, names, units_of

Row = tuple[float, ...]


class LagrangianPlant(MechanicalPlant):
    """A plant from its energies alone, by automatic differentiation.

    M(q) q̈ = B u - friction - ∂V/∂q + ∂T/∂q - (∂p/∂q) q̇, where T(q, q̇) is the kinetic
    and V(q) the potential energy, p = ∂T/∂q̇ the momentum and M = ∂p/∂q̇. The state is
    [q, q̇]; rates are named after their coordinate: "dx".

    Energies and friction are module-level functions, kept by their identity, so
    define them once. A plant made of functions cannot be saved.

    Args:
        kinetic_energy: T(q, dq, parameters) [J], quadratic in dq.
        potential_energy: V(q, parameters) [J].
        input_map: B [n_q, n_u], forces on the coordinates for a unit of each input.
        coordinates: names of q.
        inputs: names of the inputs.
        parameters: numbers in a dict, tuple or module.
        units: unit by name of a coordinate or input; a rate's follows.
        angles: names of the coordinates that are angles.
        limits: default limit by name, for tasks and plots.
        friction: viscous coefficients of the coordinates [n_q], or None.
        drag: force that friction takes, drag(q, dq, parameters) [n_q], or None.
        top: coordinates of the upright equilibrium [n_q].
        bottom: coordinates of the hanging one [n_q].

    Raises:
        ValueError: names or shapes that do not fit, or a function that takes or
            returns something else; found before anything compiles.

    Source: H. Goldstein, *Classical Mechanics*, "Lagrange's equations".

    Example:
        >>> def kinetic(q, dq, p):
        ...     return 0.5 * p["m"] * dq[0] ** 2
        >>> def potential(q, p):
        ...     return -p["m"] * 9.81 * jnp.cos(q[0])
        >>> plant = LagrangianPlant(
        ...     kinetic, potential, [[1.0]], ["theta"], ["torque"], {"m": 2.0},
        ...     angles=["theta"], top=[np.pi],
        ... )
        >>> print(plant.ode(0.0, np.array([np.pi / 2, 1.0]), np.array([2.0])).round(1))
        [ 1.  -8.8]
    """

    kinetic_energy: Callable[..., Any] = eqx.field(static=True)
    potential_energy: Callable[..., Any] = eqx.field(static=True)
    input_map: tuple[Row, ...] = eqx.field(static=True)
    coordinates: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    parameters: Any
    units: Mapping[str, str] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True)
    limits: Mapping[str, float] = eqx.field(static=True)
    friction: Array | None
    drag: Callable[..., Any] | None = eqx.field(static=True)
    top: Row = eqx.field(static=True)
    bottom: Row = eqx.field(static=True)

    def __init__(
        self,
        kinetic_energy: Callable[..., Any],
        potential_energy: Callable[..., Any],
        input_map: Any,
        coordinates: Sequence[str],
        inputs: Sequence[str],
        parameters: Any = None,
        *,
        units: Mapping[str, str] | None = None,
        angles: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        friction: Any = None,
        drag: Callable[..., Any] | None = None,
        top: Any = None,
        bottom: Any = None,
    ):
        self.kinetic_energy, self.potential_energy = kinetic_energy, potential_energy
        self.coordinates = names("coordinates", coordinates)
        self.inputs = names("inputs", inputs)
        n = len(self.coordinates)
        shape("input_map", input_map, (n, len(self.inputs)))
        self.input_map = tuple(_row(row) for row in input_map)
        signals = (*names("states", self.states), *self.inputs)
        self.units = _with_rates(units, self.coordinates, self.inputs)
        self.limits = limits_of(limits, signals)
        self.angles = columns("angles", angles, self.coordinates)
        self.parameters = jax.tree.map(as_float, parameters)
        self.friction, self.drag = optional_float(friction), drag
        rest = [0.0] * n
        self.top, self.bottom = (_row(rest if q is None else q) for q in (top, bottom))

    def __check_init__(self):
        n = len(self.coordinates)
        for name in ("top", "bottom", "friction"):
            if getattr(self, name) is not None:
                shape(name, getattr(self, name), (n,))
                finite(name, getattr(self, name))
        finite("input_map", self.input_map)
        q = jnp.zeros(n)
        self._returns(self.kinetic_energy, "T(q, dq", (q, q), ())
        self._returns(self.potential_energy, "V(q", (q,), ())
        if self.drag is not None:
            self._returns(self.drag, "drag(q, dq", (q, q), (n,))

    def _returns(self, f: Any, call: str, arguments: tuple, expected: tuple) -> None:
        """Refuse a function that takes or returns something else."""
        rest = "" if self.parameters is None else ", parameters"
        arguments = self._with_parameters(*arguments)
        given = traced(f, arguments, f"{call}{rest})")
        require(
            given.shape == expected,
            f"{title(f)} returns shape {given.shape}, expected {expected} of "
            f"{call}{rest})",
        )

    def _with_parameters(self, *arguments: Any) -> tuple:
        return arguments if self.parameters is None else (*arguments, self.parameters)

    @property
    def states(self) -> tuple[str, ...]:
        """The coordinates and their rates."""
        return (*self.coordinates, *(f"d{name}" for name in self.coordinates))

    @property
    def actuated(self) -> tuple[int, ...]:
        """The coordinate that each input pushes alone.

        Raises:
            ValueError: an input pushes several.
        """
        columns = np.array(self.input_map).T
        pushed = [np.flatnonzero(column) for column in columns]
        require(
            all(len(rows) == 1 for rows in pushed),
            f"input_map={self.input_map} has an input that does not push exactly one "
            "coordinate; choose coordinates that do, such as relative angles",
        )
        return tuple(int(rows[0]) for rows in pushed)

    def kinetic(self, q: Array, dq: Array) -> Array:
        """T(q, q̇) [J]."""
        return jnp.asarray(self.kinetic_energy(*self._with_parameters(q, dq)))

    def potential(self, q: Array) -> Array:
        """V(q) [J]."""
        return jnp.asarray(self.potential_energy(*self._with_parameters(q)))

    def upright(self) -> Equilibrium:
        """At rest at `top`."""
        return self._rest(self.top)

    def hanging(self) -> Equilibrium:
        """At rest at `bottom`."""
        return self._rest(self.bottom)

    def _rest(self, q: Row) -> Equilibrium:
        return self.equilibrium([*q, *[0.0] * len(q)])

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative [q̇, q̈] at state x [2 n_q] under input u [n_u]."""
        del t  # autonomous
        q, dq = jnp.split(jnp.asarray(x), 2)
        momentum = jax.grad(self.kinetic, 1)
        mass = jax.jacfwd(momentum, 1)(q, dq)
        _, turning = jax.jvp(lambda q: momentum(q, dq), (q,), (dq,))
        slope = jax.grad(lambda q: self.kinetic(q, dq) - self.potential(q))(q)
        force = self._pushed(u) + slope - turning
        if self.friction is not None:
            force = force - self.friction * dq
        if self.drag is not None:
            force = force - jnp.asarray(self.drag(*self._with_parameters(q, dq)))
        return jnp.concatenate([dq, solved(mass, force)])

    def _pushed(self, u: Array) -> Array:
        """B u, without the products with 0."""
        u, rows = jnp.asarray(u), self.input_map
        force = [sum(b * u[j] for j, b in enumerate(row) if b) for row in rows]
        return jnp.stack([jnp.asarray(f, u.dtype) for f in force])


def solved(mass: Array, force: Array) -> Array:
    """M⁻¹ f of a symmetric positive definite M, by elimination.

    Unrolled: batches of LAPACK calls do not fuse under vmap.
    """
    n = len(force)
    M = [[mass[i, j] for j in range(n)] for i in range(n)]
    f = [force[i] for i in range(n)]
    for k in range(n):
        for i in range(k + 1, n):
            share = M[i][k] / M[k][k]
            M[i] = [M[i][j] - share * M[k][j] for j in range(n)]
            f[i] = f[i] - share * f[k]
    for k in reversed(range(n)):
        f[k] = (f[k] - sum(M[k][j] * f[j] for j in range(k + 1, n))) / M[k][k]
    return jnp.stack(f)


def _row(values: Any) -> Row:
    return tuple(float(value) for value in values)


def _with_rates(
    given: Mapping[str, str] | None, coordinates: tuple[str, ...], inputs: tuple
) -> Mapping[str, str]:
    """Units of all signals: a rate has its coordinate's per second."""
    base = units_of(given, (*coordinates, *inputs))
    rates = {f"d{name}": f"{base[name] or 1}/s" for name in coordinates}
    return Table(dict(base) | rates)
