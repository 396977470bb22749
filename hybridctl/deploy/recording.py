"""What the jitted controller does, period by period: what an export is held against."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl.deploy.jaxprs import exact, verbs
from hybridctl.deploy.program import Program
from hybridctl.plants.flow import fixed_step
from hybridctl.plants.plant import Upright
from hybridctl.precision import float64, float64_on_host

SUBSTEPS, LARGE, FADE, REFERENCE = 2, 1e6, 0.9, 0.1


class Recording(NamedTuple):
    """Runs of a controller, [runs, periods, ...] each.

    Attributes:
        y: measurements.
        r: reference, [runs, n_r].
        u: what was asked for.
        applied: what was applied.
        memory: the memory before every period, its arrays in order.
        after: the memory after the last period of every run.
    """

    y: NDArray
    r: NDArray
    u: NDArray
    applied: NDArray
    memory: list[NDArray]
    after: list[NDArray]


def record(
    program: Program, closed: int, random: int, periods: int, seed: int = 0
) -> Recording:
    """Run the jitted controller in float64.

    Args:
        program: the controller's graphs.
        closed: runs in closed loop: with its plant, or a stable linear system where
            none is known.
        random: runs on random measurements.
        periods: length of each.
        seed: of starts and measurements.
    """
    rng, sizes = np.random.default_rng(seed), program.sizes
    runs = closed + random
    is_open = np.arange(runs) >= closed
    y = rng.standard_normal((runs, periods, sizes.n_y))
    x0 = rng.standard_normal((runs, _n_x(program)))
    x0[::2] = _rest(program) + 0.1 * x0[::2]
    r = REFERENCE * rng.standard_normal((runs, sizes.n_r))
    other = rng.standard_normal((runs, periods, sizes.n_u))
    leaves = [exact(leaf) for leaf in program.traced.leaves]
    with float64_on_host():
        run = jax.jit(jax.vmap(_run(program), (None, 0, 0, 0, 0, 0)))
        rows = run(leaves, is_open, x0, y, r, other)
    ys, us, applied = map(np.asarray, rows[:3])
    memory, after = (
        [np.asarray(m) for m in jax.tree.leaves(part)] for part in rows[3:]
    )
    return Recording(ys, r, us, applied, memory, after)


def stepper(program: Program) -> Callable:
    """One period of the jitted controller, over a batch of memories and ticks."""
    step = verbs(program.traced.rest)[1]
    tree = jax.tree.structure(program.traced.memory)
    leaves = [exact(leaf) for leaf in program.traced.leaves]

    def one(memory: Any, t: Any, k: Any, y: Any, r: Any, applied: Any, asked: Any):
        r = r if program.sizes.n_r else None
        memory = jax.tree.unflatten(tree, memory)
        after, u = step(leaves, memory, t, k, y, r, applied, asked)
        return jax.tree.leaves(after), u

    batch = jax.jit(jax.vmap(one))

    def run(*arguments: Any) -> tuple[list[NDArray], NDArray]:
        with float64_on_host():
            after, u = batch(*arguments)
        return [np.asarray(a) for a in after], np.asarray(u)

    return run


def _run(program: Program) -> Callable:
    begin, step = verbs(program.traced.rest)
    sizes, dt, ahead = program.sizes, program.dt, _plant(program)
    fed, limit = program.fed, _limit(program)

    def run(leaves: Any, is_open: Any, x0: Any, ys: Any, r: Any, others: Any) -> Any:
        r = r if sizes.n_r else None
        rest = jnp.zeros(sizes.n_u)

        def body(carry: Any, row: Any) -> Any:
            (x, memory, applied, asked), (k, y, other) = carry, row
            y = jnp.where(is_open, y, x[: sizes.n_y])
            t = k.astype(float) * dt
            after, u = step(leaves, memory, t, k, y, r, applied, asked)
            asked = u if fed else asked
            put = jnp.clip(u if fed else other, -limit, limit)
            new = jnp.clip(jnp.nan_to_num(ahead(t, x, put)), -LARGE, LARGE)
            return (new, after, put, asked), (y, u, put, memory)

        start = jnp.where(is_open, ys[0], x0[: sizes.n_y])
        memory = begin(leaves, 0.0, jnp.int32(0), start, r, rest, rest)
        ticks = jnp.arange(len(ys), dtype=jnp.int32), ys, others
        carry = (x0, memory, rest, rest)
        (_, after, _, _), rows = jax.lax.scan(body, carry, ticks)
        return *rows, after

    return run


def _plant(program: Program) -> Callable:
    """From state and input to the next state."""
    plant, sizes = program.plant, program.sizes
    if plant is not None and plant.n_u == sizes.n_u and plant.n_x >= sizes.n_y:
        flow, wide = fixed_step(program.dt, SUBSTEPS), float64(plant)
        return lambda t, x, u: flow(wide, t, x, u)
    rng = np.random.default_rng(1)
    B = 0.1 * rng.standard_normal((sizes.n_y, sizes.n_u))
    return lambda t, x, u: FADE * x + B @ jnp.tanh(u)


def _n_x(program: Program) -> int:
    return program.sizes.n_y if program.plant is None else program.plant.n_x


def _rest(program: Program) -> Any:
    plant = program.plant
    return np.asarray(plant.upright().x) if isinstance(plant, Upright) else 0.0


def _limit(program: Program) -> NDArray:
    """What the actuator can do, where the plant says it."""
    plant, n_u = program.plant, program.sizes.n_u
    if plant is None or plant.n_u != n_u:
        return np.full(n_u, np.inf)
    return np.array([plant.limits.get(name, np.inf) for name in plant.inputs])
