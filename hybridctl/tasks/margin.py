"""How near a state is to a guard, as a number: what a search can climb."""

import functools

import jax.numpy as jnp
from jax import Array

from hybridctl.controllers import Guard
from hybridctl.controllers.error import deviation
from hybridctl.controllers.feedback import Demands
from hybridctl.controllers.guards import And, Level, Near, Not, Or
from hybridctl.tasks.task import holds

LEAST, MOST = 1e-6, 1e6  # so that no guard is infinitely near or far


def distance(guard: Guard, x: Array) -> Array:
    """A positive number that is at most 1 where a guard holds, and grows outside.

    Of `near` the largest |eᵢ| / toleranceᵢ, of `level` √(V / ρ), of `demands` limit /
    |u|; of `a & b` the larger one, of `a | b` the smaller one, of `~a` the inverse. Any
    other guard only tells yes, ½, or no, 2.

    Args:
        guard: a condition.
        x: state [n_x].

    Returns:
        Scalar, from 1e-6 to 1e6.

    Source: G. Fainekos, G. Pappas, *Robustness of temporal logic specifications for
    continuous-time signals*, TCS 410 (2009); here by ratios, which need no units.

    Example:
        >>> import numpy as np
        >>> from hybridctl.controllers import beyond, near
        >>> from hybridctl.plants import CartPole
        >>> up = CartPole().upright()
        >>> guard = near(up, x=0.1, theta=0.2) & beyond(up, dtheta=1.0)
        >>> print(distance(guard, np.array([0.05, np.pi + 0.1, 0.0, 4.0])))
        0.5
    """
    if isinstance(guard, And | Or):
        both = distance(guard.a, x), distance(guard.b, x)
        return jnp.maximum(*both) if isinstance(guard, And) else jnp.minimum(*both)
    if isinstance(guard, Not):
        return 1.0 / distance(guard.a, x)
    return jnp.nan_to_num(jnp.clip(_own(guard, x), LEAST, MOST), nan=MOST)


def _own(guard: Guard, x: Array) -> Array:
    if isinstance(guard, Near):
        errors = deviation([x[c] for c in guard.columns], guard.centre, guard.angles)
        shares = [jnp.abs(e) / guard.tolerance[i] for i, e in enumerate(errors)]
        return functools.reduce(jnp.maximum, shares)
    if isinstance(guard, Level):
        return jnp.sqrt(jnp.maximum(guard.V(x) / guard.rho, 0.0))
    if isinstance(guard, Demands):
        asked = [jnp.abs(u) for u in guard.feedback.demand(x)]
        return jnp.max(guard.limit) / functools.reduce(jnp.maximum, asked)
    return jnp.where(holds(guard, x), 0.5, 2.0)
