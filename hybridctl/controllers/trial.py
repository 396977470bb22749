"""A controller asked once with zeros, before anything compiles: what it gives."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from hybridctl.checks import fail, require
from hybridctl.controllers.controller import Controller, Tick
from hybridctl.ports import Ports, Signals

FEW = 4  # references, where no part of a controller says how many it follows
GUESSES = 32  # measurements, where no part of a controller says how many it takes


class Sizes(NamedTuple):
    """How many numbers a controller takes and gives.

    Attributes:
        n_y: measurements.
        n_u: applied inputs.
        n_r: references.
        out: shape of what it gives.
        more: whether measurements behind the n_y first are let pass.
    """

    n_y: int
    n_u: int
    n_r: int
    out: tuple[int, ...]
    more: bool = False

    @property
    def n_out(self) -> int:
        """How many numbers it gives; a row of them."""
        require(len(self.out) == 1, f"its output has shape {self.out}, expected [n_u]")
        return self.out[0]

    @property
    def fed(self) -> bool:
        """Whether its output is an input; that of an observer is none."""
        return self.out == (self.n_u,)


def sizes(controller: Controller, ports: Ports, n_y: int | None = None) -> Sizes:
    """What its ports declare, or else the least with which a controller runs.

    Args:
        controller: what is asked.
        ports: what is known of it.
        n_y: measurements, where that is known from elsewhere.

    Raises:
        ValueError: it does not run.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> constant = Constant([1.5])
        >>> sizes(constant, constant.ports)
        Sizes(n_y=1, n_u=1, n_r=0, out=(1,), more=True)
    """
    n_u, stated = count(ports.applied), n_y if n_y or ports.y is None else len(ports.y)
    rows = range(1, GUESSES) if stated is None else [stated]
    asked = range(FEW) if ports.r is None else [len(ports.r)]
    errors = []
    for n_r, n in itertools.product(asked, rows):
        try:
            with running():
                out = output_of(controller, blank_tick(n, n_u or 1, n_r)).shape
        except ValueError as error:
            errors.append(error)
            continue
        more = stated is None and _takes_more(controller, n_u or 1, n_r)
        return Sizes(n, n_u or (out[0] if out else 1), n_r, out, more)
    raise errors[0]


def _takes_more(controller: Controller, n_u: int, n_r: int) -> bool:
    try:
        output_of(controller, blank_tick(GUESSES, n_u, n_r))
    except Exception:  # of its own code, where a shape does not fit
        return False
    return True


def count(signals: Signals | None) -> int:
    """How many there are; 0 where that is not declared."""
    return len(signals or ())


def blank_tick(n_y: int, n_u: int = 1, n_r: int = 0) -> Tick:
    """A tick of zeros, to learn shapes from."""
    zeros = (jnp.zeros(()), jnp.int32(0), jnp.zeros(n_y))
    r, start = jnp.zeros(n_r) if n_r else None, jnp.int32(0)
    u = jnp.zeros(n_u)
    return Tick(*zeros, r, u, start, start, u)


def output_of(controller: Controller, tick: Tick) -> jax.ShapeDtypeStruct:
    """Shape and dtype of a controller's output, without computing it."""
    return jax.eval_shape(lambda: controller.step(controller.init(tick), tick)[1])


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Where a controller's own code runs.

    Raises:
        ValueError: whatever that code raised, in a sentence.
    """
    try:
        yield
    except Exception as error:  # a controller's own code may raise anything
        first = (str(error).splitlines() or [""])[0]
        message = f"the controller does not run: {type(error).__name__}: {first}"
        raise ValueError(message) from error


def tried(controller: Controller, tick: Tick) -> tuple[Any, Any, Any]:
    """Shapes of a controller's memory, the memory after a step, and the output.

    Raises:
        ValueError: it does not run, or gives no array of real numbers.
    """
    name = type(controller).__name__

    def run() -> Any:
        memory = controller.init(tick)
        return memory, *controller.step(memory, tick)

    try:
        memory, after, u = eqx.filter_eval_shape(run)
        u = jax.eval_shape(lambda: jax.numpy.asarray(u)) if _is_scalar(u) else u
    except ValueError:
        raise
    except Exception as error:  # a controller's own code may raise anything
        first = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"{name} does not run in JAX: {type(error).__name__}: {first}; write it "
            "with jax.numpy, as jnp.where(...) for if"
        ) from error
    if not isinstance(u, jax.ShapeDtypeStruct):
        fail(f"{name} gives a {type(u).__name__}, expected an array; use jnp.stack")
    real = u.dtype.kind in "fiub" or jax.numpy.issubdtype(u.dtype, jax.numpy.floating)
    require(real, f"{name} gives {u.dtype}, expected real numbers")
    return memory, after, u


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float))


def check_memory(before: Any, after: Any, name: str = "memory") -> None:
    """Refuse a memory that does not keep its tree, shapes and dtypes.

    Args:
        before: shapes at the first tick.
        after: shapes after a step.
        name: of what it is.

    Raises:
        ValueError: names what changes, from what to what.
    """
    flat = jax.tree_util.tree_flatten_with_path
    (old, tree), (new, other) = flat(before), flat(after)
    require(
        tree == other,
        f"the {name} changes its structure: {tree} at the start, {other} after a step; "
        "return from step what init returns",
    )
    for (path, a), (_, b) in zip(old, new, strict=True):
        where = name + jax.tree_util.keystr(path)
        for leaf in (a, b):
            if not (_is_scalar(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)):
                fail(
                    f"{where} is a {type(leaf).__name__}, expected numbers; keep it in "
                    "a field of the controller"
                )
        told = [f"{v.dtype}{list(v.shape)}" for v in map(_shaped, (a, b))]
        require(
            told[0] == told[1],
            f"{where} is {told[0]} at the start and {told[1]} after a step; make them "
            "the same, for example 0.0 instead of 0",
        )


def _shaped(leaf: Any) -> Any:
    return jax.eval_shape(lambda: jax.numpy.asarray(leaf)) if _is_scalar(leaf) else leaf
