"""What a controller answered when it was saved, asked again when it is loaded."""

import contextlib
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.cache import kept_programs
from hybridctl.checks import Rest, cast, fail, on_numbers, require, split
from hybridctl.controllers import Controller, Tick
from hybridctl.controllers.bind import on_its_own
from hybridctl.controllers.machine import age_of, mode_of
from hybridctl.controllers.trial import Sizes, blank_tick, output_of, running, sizes
from hybridctl.ports import Ports
from hybridctl.store.encode import Arrays

TICKS, LONGEST, DRAWS = 32, 1000, 8
WIDEST = 256  # measurements and outputs: laws are unrolled
LARGEST = 2**26  # numbers in one array: a file could ask for any
EQUATIONS, WORK = 10_000, 2**31  # to compile and to compute; an MPC has 3,500 and 6e7
TOLERANCE = 1e-4  # of the largest output: another machine rounds float32 otherwise
NUDGE = np.float32(1 + 1e-6)
DT = 0.02  # [s], where no part knows its period
REFERENCE = 0.1  # every reference, where the controller follows some
Y, U = "test.y", "test.u"  # names of the arrays


def record(controller: Controller, ports: Ports, seed: int) -> Arrays:
    """Random measurements and the controller's outputs on them.

    A draw that lies on an edge (of a guard, of a saturation) would fail on a machine
    that rounds otherwise, so a draw is taken whose outputs a nudge leaves alone, or
    changes least.

    Args:
        controller: the controller.
        ports: what is known of it.
        seed: of the measurements.

    Returns:
        Measurements "test.y" [T, n_y] and outputs "test.u" [T, ...].

    Raises:
        ValueError: the controller does not run, or its output is not finite.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> constant = Constant([1.5])
        >>> record(constant, constant.ports, seed=0)["test.u"][:2].tolist()
        [[1.5], [1.5]]
    """
    asked, dt = on_its_own(controller, ports), ports.dt or DT
    known, random = sizes(asked, ports), np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(DRAWS):
        y = random.standard_normal((TICKS, known.n_y), np.float32)
        u, nudged = (replay(asked, known, row, dt) for row in (y, y * NUDGE))
        _check_width(y, u)
        off = _distance(u, nudged)
        if np.isfinite(u).all() and (best is None or off < least):
            best, least = {Y: y, U: u}, off
        if least <= TOLERANCE / 2:
            break
    return best or fail(
        "the controller's output is not finite, so it is not saved; look for NaN in "
        "its parameters"
    )


def _check_width(y: np.ndarray, u: np.ndarray) -> None:
    for what, array in (("measurements", y), ("outputs", u)):
        size = array[:1].size
        require(size <= WIDEST, f"{size} {what}, at most {WIDEST} can be saved")


def verify(controller: Controller, ports: Ports, arrays: Arrays) -> None:
    """Ask again.

    Raises:
        ValueError: the controller does not run, or answers otherwise.
    """
    require(Y in arrays and U in arrays, "it has no self-test")
    y, u = arrays[Y], arrays[U]
    require(
        y.dtype == np.float32 and y.ndim == 2 and 0 < y.size and len(y) <= LONGEST,
        f"the self-test has measurements of shape {y.shape}, expected [T, n_y]",
    )
    _check_width(y, u)
    asked, dt = on_its_own(controller, ports), ports.dt or DT
    known = sizes(asked, ports, y.shape[1])
    off = _distance(u, replay(asked, known, y, dt, u.shape))
    require(
        off <= TOLERANCE,
        f"the self-test failed: outputs are off by {off:.1e} of the largest one, "
        f"expected at most {TOLERANCE:g}; load it with the hybridctl that saved it",
    )


@kept_programs()
def replay(
    controller: Controller,
    known: Sizes,
    y: np.ndarray,
    dt: float,
    shape: tuple[int, ...] = (),
) -> np.ndarray:
    """Outputs [T, ...] on measurements y [T, n_y], from a fresh memory, on the CPU.

    Args:
        controller: the controller.
        known: how many numbers it takes and gives.
        y: measurements.
        dt: control period [s].
        shape: that the outputs have to have, where it is known.

    Raises:
        ValueError: the controller does not run, is too large, or has other outputs.
    """
    host, rest = split(on_numbers(np.asarray, controller))
    with _cpu(), jax.default_matmul_precision("highest"):
        with running():
            arguments = cast(host), rest, known, jnp.asarray(y, float), dt
            program = _replay.trace(*arguments)
        given = program.out_info.shape
        require(
            shape in ((), given),
            f"the self-test has outputs of shape {shape}, the controller gives {given}",
        )
        _check_size(_size(program.jaxpr))
        with running():
            return np.asarray(_replay(*arguments))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _replay(numbers: list[Any], rest: Rest, known: Sizes, y: Array, dt: float) -> Array:
    controller = rest(numbers)
    out = output_of(controller, blank_tick(y.shape[1], known.n_u, known.n_r))
    r = jnp.full(known.n_r, REFERENCE) if known.n_r else None

    def body(carry: Any, row: Any) -> Any:
        (memory, applied), (k, y) = carry, row
        mode, age = mode_of(memory), age_of(memory)
        tick = Tick(k * dt, k, y, r, applied, mode, age, applied)
        memory, u = controller.step(memory, tick)
        return (memory, u if known.fed else applied), u

    idle = jnp.zeros(known.n_u, out.dtype if known.fed else None)
    start = jnp.int32(0)
    first = Tick(jnp.zeros(()), start, y[0], r, idle, start, start, idle)
    memory = controller.init(first)
    return jax.lax.scan(body, (memory, idle), (jnp.arange(len(y)), y))[1]


class Size(NamedTuple):
    """Of a program, before it is compiled.

    Attributes:
        largest: numbers in the largest array that it makes.
        equations: of it and of what it calls.
        work: numbers that it makes, each turn of a loop of known length counted.
    """

    largest: int
    equations: int
    work: int


def _check_size(size: Size) -> None:
    """Refuse what would fill the memory, or compile or run for minutes."""
    for found, most, what in (
        (size.largest, LARGEST, "arrays of {} numbers"),
        (size.equations, EQUATIONS, "a program of {} steps"),
        (size.work, WORK, "{} numbers in all"),
    ):
        text = what.format(found)
        require(
            found <= most,
            f"the controller makes {text}; at most {most} are tested: save what was "
            "designed or learned with its model, and build what holds the model anew",
        )


def _size(program: Any) -> Size:
    """How large a program is, without running it."""
    steps = getattr(program, "jaxpr", program).eqns
    largest, equations, work = 0, len(steps), 0
    for step in steps:
        made = [int(getattr(v.aval, "size", 0)) for v in step.outvars]
        values = jax.tree.leaves(list(step.params.values()))
        inner = [_size(v) for v in values if hasattr(getattr(v, "jaxpr", v), "eqns")]
        turns = step.params.get("length", 1) if step.primitive.name == "scan" else 1
        largest = max([largest, *made, *(i.largest for i in inner)])
        equations += sum(i.equations for i in inner)
        work += sum(made) + turns * sum(i.work for i in inner)
    return Size(largest, equations, work)


def _distance(u: np.ndarray, other: np.ndarray) -> float:
    """Largest difference, as a share of the largest output; NaN counts as infinite."""
    u, other = np.asarray(u, np.float64), np.asarray(other, np.float64)
    off = np.max(np.abs(u - other), initial=0.0)
    share = off / max(np.max(np.abs(u), initial=0.0), 1e-30)
    return float(share) if np.isfinite(share) else np.inf


def _cpu() -> Any:
    try:
        return jax.default_device(jax.devices("cpu")[0])
    except RuntimeError:  # JAX_PLATFORMS leaves the CPU out
        return contextlib.nullcontext()
