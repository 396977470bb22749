"""The cost-to-go on a grid, by dynamic programming."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import positive, require
from hybridctl.controllers import GridValue
from hybridctl.controllers.guards import Level
from hybridctl.plants import Plant
from hybridctl.ports import Names
from hybridctl.progress import Bar, Bars

MOST = 4  # states of a plant; every further one takes some thirty times the nodes
LARGEST = 2e9  # bytes that are asked for, at most
CHUNK = 2**14  # nodes whose inputs are tried at a time
SETTLED = 2e-4  # mean change of V by a sweep, as a share of its mean, that ends it
SWEEPS, ROUNDS = 200, 50  # at most: with inputs that stay, and of trying them all
LESS = 0.1  # of a round's change, to which sweeps bring it down before the next


class Problem(Protocol):
    """What to minimize: a cost until the lock, and a charge for a failure."""

    plant: Plant
    lock: Level

    @property
    def left(self) -> Array:
        """Charged for a failure, scalar."""
        ...

    def advance(self, x: Array, u: Array, h: Any) -> tuple[Array, Array]:
        """State after h [s] of an input that is held, and what that cost."""
        ...

    def failed(self, x: Array) -> Array:
        """Whether a state ends it badly."""
        ...


class Backup(NamedTuple):
    """Of some nodes n: the best input's cost and where it leads.

    Attributes:
        value: V, shape [n].
        places: of the nodes around where it leads, shape [n, 2^n_x].
        shares: of those nodes, shape [n, 2^n_x]; 0 where it ends.
        paid: on the way, shape [n].
    """

    value: Any
    places: Any
    shares: Any
    paid: Any


@kept_programs()
def value_iteration(
    problem: Any,
    low: Any,
    high: Any,
    nodes: Sequence[int],
    tried: Any,
    hold: float,
    *,
    progress: bool = True,
) -> GridValue:
    """The cost-to-go of a problem on a grid, by semi-Lagrangian dynamic programming.

    V(x) = min_u ∫ c dt + V(x(h)) over inputs u that are held for h seconds, V linear
    between the nodes of the grid; eᵀXe within the lock. A round tries every input at
    every node; the sweeps after it keep the best ones, so that they are one product
    with a sparse matrix each (policy iteration). A grid of half the nodes in every
    state comes first.

    Args:
        problem: plant, cost, lock and failure; see `Problem`.
        low: state of the first node, shape [n_x].
        high: state of the last one, shape [n_x]; a whole turn away for angles.
        nodes: their number in every state, odd.
        tried: inputs, shape [n_tried, n_u].
        hold: for how long each is held [s].
        progress: whether a bar is drawn.

    Returns:
        The value.

    Raises:
        ValueError: too many states, or more nodes than there is memory for.

    Source: M. Falcone, R. Ferretti, *Semi-Lagrangian Approximation Schemes for Linear
        and Hamilton-Jacobi Equations*, SIAM 2014.
    """
    plant: Plant = problem.plant
    need = _needed(plant, nodes)
    positive("hold", hold)
    tried = np.asarray(tried, np.float32)
    signals = plant.ports.y or ()
    names: Names = tuple((signal.name, signal.unit) for signal in signals)
    value, sizes = None, _levels(nodes)
    with Bars(progress, passing=True) as bars:
        for size in sizes:
            told = " x ".join(map(str, size))
            bar = bars.bar(f"value on {told} nodes, {need / 1e6:.0f} MB", 1.0)
            start = np.zeros(size, np.float32) if value is None else _finer(value)
            grid = GridValue(start, low, high, plant.angles, names)
            value = _solved(problem, grid, tried, hold, bar)
    return GridValue(value, low, high, plant.angles, names)


def _needed(plant: Plant, nodes: Sequence[int]) -> float:
    """Bytes of the largest grid, checked."""
    n, name = plant.n_x, type(plant).__name__
    require(
        n <= MOST,
        f"{name} has {n} states and a grid serves {MOST} at most; learn the value "
        'instead: hc.train(task, hc.template("hybrid", task))',
    )
    fits = len(nodes) == n and all(m >= 3 and m % 2 for m in nodes)
    require(fits, f"nodes={tuple(nodes)}; give {n} odd numbers from 3, one a state")
    need = float(np.prod(nodes, dtype=float)) * (8 * 2**n + 40)
    require(
        need <= LARGEST,
        f"nodes={tuple(nodes)} would take {need / 1e9:.1f} GB, and {LARGEST / 1e9:g} "
        "is the limit; give fewer",
    )
    return need


def _levels(nodes: Sequence[int]) -> list[tuple[int, ...]]:
    """A grid with half the nodes, and the one that is asked for."""
    halves = [(m - 1) // 2 + 1 for m in nodes]
    coarse = len(nodes) > 2 and min(halves) > 2
    return [tuple(halves), tuple(nodes)] if coarse else [tuple(nodes)]


def _finer(values: NDArray) -> NDArray:
    """Values with another node between every two, in every state."""
    for axis, size in enumerate(np.shape(values)):
        rows = np.moveaxis(values, axis, 0)
        out = np.empty((2 * size - 1, *rows.shape[1:]), np.float32)
        out[::2], out[1::2] = rows, 0.5 * (rows[:-1] + rows[1:])
        values = np.moveaxis(out, 0, axis)
    return np.ascontiguousarray(values)


def _solved(problem: Any, grid: GridValue, tried: Any, hold: float, bar: Bar) -> Any:
    """Values [nodes] that rounds and sweeps change no more."""
    from scipy.sparse import csr_matrix

    sizes = np.shape(grid.values)
    n, corners = int(np.prod(sizes)), 2 ** len(sizes)
    found = Backup(
        np.empty(n, np.float32), np.empty((n, corners), np.int32),
        np.empty((n, corners), np.float32), np.empty(n, np.float32),
    )  # fmt: skip
    ends = np.arange(0, corners * n + 1, corners, dtype=np.int32)
    leads = csr_matrix((found.shares.ravel(), found.places.ravel(), ends), (n, n))
    value, first = np.ravel(grid.values), 0.0
    for _ in range(ROUNDS):
        grid = dataclasses.replace(grid, values=value.reshape(sizes))
        _fill(found, problem, grid, tried, hold)  # and with it the matrix
        change = float(np.abs(found.value - value).mean())
        least = SETTLED * float(np.abs(found.value).mean())
        value, first = found.value.copy(), first or change
        bar.show(_share(first, change, least), f"changes by {change:.2g}")
        if change <= least:
            break
        value = _swept(leads, found.paid, value, LESS * change)
    return value.reshape(sizes)


def _share(first: float, now: float, last: float) -> float:
    """How much of the way down from the first change is done, in decades."""
    return float(np.log(first / now) / np.log(max(first / last, 2.0))) if now else 1.0


def _swept(leads: Any, paid: NDArray, value: NDArray, enough: float) -> NDArray:
    """V = paid + leads V, repeated until it changes by less than enough."""
    for _ in range(SWEEPS):
        after = paid + leads @ value
        change = float(np.abs(after - value).mean())
        value = after
        if change <= enough:
            break
    return value


def _fill(
    found: Backup, problem: Any, grid: GridValue, tried: Any, hold: float
) -> None:
    """The best inputs of every node, some nodes at a time."""
    n = len(found.value)
    step = min(CHUNK, n)
    for begin in range(0, n, step):
        at = np.minimum(np.arange(begin, begin + step, dtype=np.int32), n - 1)
        part = _backup(problem, grid, tried, np.float32(hold), at)
        for whole, some in zip(found, part, strict=True):
            whole[begin : begin + step] = np.asarray(some)[: n - begin]


@eqx.filter_jit
def _backup(problem: Any, grid: GridValue, tried: Any, hold: Any, at: Any) -> Backup:
    """The best of the inputs at some nodes, by their places [n]."""
    return jax.vmap(lambda place: _best(problem, grid, tried, hold, place))(at)


def _best(problem: Any, grid: GridValue, tried: Any, hold: Any, at: Array) -> Backup:
    """Try the inputs one after the other at a node, and keep the cheapest."""
    x = _node(grid, at)

    def try_one(best: Any, u: Array) -> tuple[Any, None]:
        end, paid = problem.advance(x, u, hold)
        over = problem.failed(end)
        end, paid = jnp.where(over, x, end), jnp.where(over, problem.left, paid)
        price = paid + jnp.where(over, 0.0, grid(end))
        new = (price, paid, over, end)
        return jax.tree.map(
            lambda a, b: jnp.where(price < best[0], b, a), best, new
        ), None

    never = jnp.full((), jnp.inf, x.dtype), jnp.zeros((), x.dtype), jnp.asarray(True), x
    (price, paid, over, end), _ = jax.lax.scan(try_one, never, jnp.asarray(tried))
    locked, (places, shares) = problem.lock.V(x), grid.corners(end)
    ends = locked < problem.lock.rho
    return Backup(
        jnp.where(ends, locked, price),
        jnp.stack(places),
        jnp.where(ends | over, 0.0, jnp.stack(shares)),
        jnp.where(ends, locked, paid),
    )


def _node(grid: GridValue, place: Array) -> Array:
    """State of a node [n_x] by its place in the flattened values."""
    sizes = np.shape(grid.values)
    index = jnp.stack(jnp.unravel_index(place, sizes)).astype(jnp.float32)
    spans = jnp.asarray(grid.high) - jnp.asarray(grid.low)
    return grid.low + index * (spans / (jnp.asarray(sizes, jnp.float32) - 1))
