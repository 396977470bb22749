"""A control period as one function of arrays, that also begins the memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hybridctl.deploy.jaxprs import exact, example, verbs
from hybridctl.deploy.program import Program
from hybridctl.precision import float64_on_host

TICK = ("t", "k", "y", "r", "applied", "asked")


@dataclass
class Whole:
    """A period: (memory, t, k, y, r, applied, asked) -> (memory, u).

    At k = 0 the memory that is given does not count: it begins anew, with this
    measurement. Where the program is guarded, the memory ends with the last good u and
    the number of periods without a measurement, and begins with the first good one.

    Attributes:
        period: the function; `memory` is a list of arrays, `r` None without reference.
        memory: shapes and kinds of the memory.
        tick: an example of the other arguments, by name.
        names: of the arrays in the memory.
        used: which of the other arguments matter; y and r always count.
    """

    period: Callable
    memory: list[jax.ShapeDtypeStruct]
    tick: dict[str, Any]
    names: list[str]
    used: list[str]


def precision(real: str) -> AbstractContextManager:
    """JAX with numbers of one kind, "double" or "float", whatever the process has."""
    return float64_on_host() if real == "double" else jax.enable_x64(False)


def whole(program: Program, real: str = "double") -> Whole:
    """The controller's verbs as one function.

    Args:
        program: of the controller.
        real: "double" or "float".

    Example:
        >>> from hybridctl.controllers import Constant, Hold
        >>> from hybridctl.deploy.program import program
        >>> made = whole(program(Hold(Constant([1.5]), every=3), 0.02))
        >>> [leaf.shape for leaf in made.memory]
        [(1,), ()]
    """
    begin, step = verbs(program.traced.rest)
    tree = jax.tree.structure(program.traced.memory)
    leaves = [rounded(exact(leaf), real) for leaf in program.traced.leaves]
    tick = {
        n: rounded(v, real) for n, v in zip(TICK, example(program.sizes), strict=True)
    }
    rest = tick["applied"]

    def period(
        memory: Any, t: Any, k: Any, y: Any, r: Any, applied: Any, asked: Any,
        age: Any = None,
    ):  # fmt: skip
        zero, age = (tick["t"], tick["k"]), k if age is None else age
        new = jax.tree.leaves(begin(leaves, *zero, y, r, rest, rest))
        pairs = zip(new, memory, strict=True)
        memory = [jnp.where(age == 0, a, b) for a, b in pairs]
        given = t, k, y, r, applied, asked
        after, u = step(leaves, jax.tree.unflatten(tree, memory), *given)
        return jax.tree.leaves(after), u

    def guarded(memory: Any, t: Any, k: Any, y: Any, r: Any, applied: Any, asked: Any):
        *memory, held, missed = memory
        held, missed = (jnp.where(k == 0, 0, v).astype(v.dtype) for v in (held, missed))
        applied = jnp.where(_finite(applied), applied, asked)
        good, late = _finite(y) & (r is None or _finite(r)), k - missed
        after, u = period(memory, t, k, y, r, applied, asked, late)
        pairs = zip(after, memory, strict=True)
        after = [jnp.where(good, a, b) for a, b in pairs]
        u = jnp.where(good, u, held)
        return [*after, u, missed + jnp.where(good, 0, 1).astype(missed.dtype)], u

    with precision(real):
        memory = jax.eval_shape(begin, leaves, *tick.values())
    shapes = [jax.ShapeDtypeStruct(m.shape, m.dtype) for m in jax.tree.leaves(memory)]
    if program.guarded:
        held = jax.ShapeDtypeStruct((program.sizes.n_out,), tick["y"].dtype)
        shapes += [held, jax.ShapeDtypeStruct((), np.int32)]
    run = guarded if program.guarded else period
    return Whole(run, shapes, tick, _names(program), _used(program))


def _finite(row: Any) -> Any:
    good = jnp.asarray(True)
    for value in row:
        good &= jnp.abs(value) < jnp.inf
    return good


def _names(program: Program) -> list[str]:
    names = [leaf.name for leaf in program.memory]
    for wanted in ("held", "missed") * program.guarded:
        names.append(wanted if wanted not in names else f"{wanted}_by_the_guard")
    return names


def _used(program: Program) -> list[str]:
    step, guarded = program.step, program.guarded
    seen = {
        "t": step.needs([step.t]),
        "k": bool(program.memory) or guarded or step.needs([step.k]),
        "y": True,
        "r": program.sizes.n_r > 0,
        "applied": step.needs(step.applied),
        "asked": step.needs(step.asked) or (guarded and step.needs(step.applied)),
    }
    return [name for name in TICK if seen[name]]


def rounded(value: Any, real: str) -> Any:
    """Real numbers in float32 where that is asked for; all else as it is."""
    if value is None or real == "double" or value.dtype.kind != "f":
        return value
    return value.astype(np.float32)
