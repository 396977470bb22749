"""Functions of users, asked with shapes alone before anything compiles."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from hybridctl.checks import fail, require


def title(f: Any) -> str:
    """What a sentence calls a function."""
    return f"the function {getattr(f, '__name__', type(f).__name__)}"


def check_law(
    f: Any,
    arguments: tuple,
    told: str,
    meaning: str,
    gives: str,
    states: tuple[str, ...],
) -> None:
    """Refuse a function that does not give a number for every state.

    Args:
        f: the user's.
        arguments: it is called with; shapes count.
        told: what those are called, but for parameters.
        meaning: of f, such as "ẋ = f".
        gives: what it returns.
        states: names.

    Raises:
        ValueError: with the cure.
    """
    check_call(f, arguments, told, meaning)
    given = traced(f, arguments, meaning)
    require(
        given.shape == (len(states),),
        f"{title(f)} returns a {gives} of shape {given.shape}, expected "
        f"({len(states)},), one entry for each of {', '.join(states)}",
    )


def check_call(f: Any, arguments: tuple, told: str, meaning: str) -> None:
    """Refuse what cannot be called with so many arguments."""
    if not callable(f):
        fail(f"{meaning} needs a function, got {type(f).__name__}")
    expected = told + ", parameters" * (len(arguments) > len(told.split(",")))
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
        given = eqx.filter_eval_shape(lambda *a: jnp.asarray(f(*a)), *arguments)
    except Exception as error:  # the user's function may raise anything
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{title(f)} does not give {meaning} in JAX: {type(error).__name__}: "
            f"{reason}; write it with jax.numpy, and return an array"
        ) from error
    real = not jnp.issubdtype(given.dtype, jnp.complexfloating)
    require(real, f"{title(f)} returns {given.dtype}, expected real numbers")
    return given
