"""Numbers for what a network's equations leave: linear forms, ports, rest."""

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import require
from hybridctl.plants.network.component import Component
from hybridctl.plants.network.symbols import Form, Symbol
from hybridctl.plants.plant import MechanicalPlant

Values = dict[Symbol, Any]
Coefficients = Mapping[Symbol, Any]
Numbers = dict[Symbol, dict[Symbol, Any]]


def numbers(forms: Mapping[Symbol, Form], parameters: Sequence[Any]) -> Numbers:
    """Coefficients of linear forms for the values of the parameters."""
    known: dict[int, Any] = {}
    return {
        key: {k: c.value(parameters, known) for k, c in form.terms.items()}
        for key, form in forms.items()
    }


def check_solved(known: Numbers) -> None:
    """Refuse parameters for which a pivot of the elimination is zero."""
    require(
        all(np.all(np.isfinite(value)) for value in jax.tree.leaves(known)),
        "with these parameters the network has no unique solution; look for zeros, "
        "and for gears in a loop",
    )


def at(form: Coefficients, values: Mapping[Symbol, Any]) -> Any:
    """Value of a linear form; variables without a value count as zero."""
    terms = [c * values[key] for key, c in form.items() if key in values]
    return functools.reduce(operator.add, terms) if terms else 0.0


def at_all(known: Numbers, values: Values) -> Values:
    """Values of linear forms by their names."""
    return {key: at(form, values) for key, form in known.items()}


def port_values(
    parts: Mapping[str, Component], ends: Mapping[str, str], known: Numbers, values: Any
) -> dict[str, Any]:
    """Across and through variable of all ports, such as "motor.shaft.speed"."""
    found = {}
    for name, part in parts.items():
        for flow, kind in zip(part.flows(name), part.ports.values(), strict=True):
            across = known.get(Symbol("across", ends[flow.name]), {})  # {}: the ground
            found[f"{flow.name}.{kind.across}"] = at(across, values)
            found[f"{flow.name}.{kind.through}"] = at(known[flow], values)
    return found


def accelerate(
    plant: MechanicalPlant,
    t: Any,
    x: Array,
    forces: Sequence[Coefficients],
    values: Values,
    rates: Sequence[Symbol],
) -> Array:
    """Rates of a plant whose inputs may hold inertias: forces D a of its own a = v̇.

    With the plant's ẋ = b + G Δu at the other forces, and v its actuated velocities::

        (1 - G_v D) a = b_v,    ẋ = b + G D a

    Args:
        plant: affine in its inputs where D is not zero.
        t: time [s].
        x: its state [n_x].
        forces: form of every input, of states, inputs and rates.
        values: of states and inputs.
        rates: symbols of the plant's rates.

    Returns:
        ẋ [n_x].
    """
    rows = [plant.n_x // 2 + i for i in plant.actuated]
    D = [[form.get(rates[row], 0.0) for row in rows] for form in forces]
    u = jnp.stack([jnp.asarray(at(form, values), x.dtype) for form in forces])
    if not any(key.kind == "rate" for form in forces for key in form):
        return plant.ode(t, x, u)
    b, slope = jax.linearize(lambda u: plant.ode(t, x, u), u)
    if len(rows) == 1:  # no solver and no vectors: those would not fuse
        ((D,),), (row,) = D, rows
        G = slope(jnp.ones_like(u))
        push = D * b[row] / (1.0 - G[row] * D)
        return jnp.stack([b[i] + G[i] * push for i in range(plant.n_x)])
    D, rows = jnp.asarray(D, x.dtype), jnp.asarray(rows)
    G = jax.vmap(slope)(jnp.eye(len(u), dtype=x.dtype)).T
    a = jnp.linalg.solve(jnp.eye(len(u)) - G[rows] @ D, b[rows])
    return b + G @ D @ a


def settle(
    numbers: Numbers, targets: Values, known: Values, names: Sequence[Symbol]
) -> Values:
    """Values at which forms reach their targets: least squares, scaled.

    Args:
        numbers: coefficients of the forms.
        targets: value that a form must have; those without numbers are left out.
        known: values that are given.
        names: all variables.

    Returns:
        Values of all variables; those that nothing determines are as near to zero
        as they can be.

    Raises:
        ValueError: no values reach the targets.
    """
    unknown = [name for name in names if name not in known]
    wanted = {key: value for key, value in targets.items() if key in numbers}
    A = np.array([[numbers[k].get(n, 0.0) for n in unknown] for k in wanted], float)
    b = np.array([v - at(numbers[k], known) for k, v in wanted.items()], float)
    A = A.reshape(len(b), len(unknown))
    size = np.abs(A).max(axis=1, initial=0.0)
    size = np.where(size > 0, size, 1.0)
    A, b = A / size[:, None], b / size
    width = np.abs(A).max(axis=0, initial=0.0)
    width = np.where(width > 0, width, 1.0)
    found = np.linalg.lstsq(A / width, b, rcond=1e-12)[0] / width
    wrong = np.abs(A @ found - b) > 1e-9 * (1e-3 + np.abs(b).max(initial=0.0))
    stuck = [key.name for key, bad in zip(wanted, wrong, strict=True) if bad]
    require(
        not stuck,
        f"nothing rests with what is given: {', '.join(stuck)} cannot be still; "
        "leave more states and inputs free",
    )
    return known | dict(zip(unknown, found.tolist(), strict=True))
