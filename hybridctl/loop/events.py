"""Events between the steps of an adaptive solver, and chattering told to the user."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail, is_concrete
from hybridctl.loop.loop import Loop
from hybridctl.plants import HybridPlant
from hybridctl.plants.flow import Moved
from hybridctl.plants.hybrid.plant import Hits, due, instant, jump, look

MOST = 64  # events in a control period
ROW = 128  # events in a row, each within two substeps of the last: chattering

Solve = Callable[..., Any]  # (ode, start, end, x, u, **options) -> diffrax.Solution


class _Way(NamedTuple):
    """How far a plant got within a control period."""

    s: Array  # time since its begin [s]
    x: Array
    count: Array  # of events
    hits: Hits


def travel(
    solve: Solve,
    plant: HybridPlant,
    t: Array,
    x: Array,
    u: Array,
    end: Array,
    dt: float,
) -> Moved:
    """A plant with events over a control period or a part of one, adaptively.

    From event to event: integrate until the first guard falls through zero, locate
    that by bisection on the solver's own interpolant (to a thousandth of an
    `instant`, where the period's begin is time 0), reset, go on. `MOST` events fit;
    with more the state is NaN.

    Args:
        solve: a diffrax solver.
        plant: with events.
        t: begin [s].
        x: state [n_x].
        u: input [n_u], held.
        end: how long [s].
        dt: control period [s], which says what is simultaneous.
    """
    full = jnp.full(MOST, -1, jnp.int32)
    zero = jnp.zeros((), x.dtype)
    start = _Way(zero, x, jnp.int32(0), Hits(full, jnp.zeros(MOST, x.dtype)))

    begun = jnp.all(jnp.isfinite(u))

    def under_way(way: _Way) -> Array:
        return begun & (way.s < end) & (way.count < MOST) & jnp.all(jnp.isfinite(way.x))

    def leg(way: _Way) -> _Way:  # a lane that is done waits for the others of its batch
        until = jnp.where(under_way(way), end, way.s)
        return _leg(solve, plant, t, u, until, way, instant(x.dtype, dt))

    way = jax.lax.while_loop(under_way, leg, start)
    through = begun & (way.count < MOST) & jnp.all(jnp.isfinite(way.x))
    x = jnp.where(through, way.x, jnp.nan)
    return Moved(x, way.hits)


def _leg(
    solve: Solve,
    plant: HybridPlant,
    t: Array,
    u: Array,
    end: Array,
    way: _Way,
    slack: float,
) -> _Way:
    """To the next event and through it, or to the end of the period."""
    now = due(plant, t + way.s, way.x, u, look(plant, t + way.s, way.x, u))
    until = jnp.where(jnp.any(now), way.s, end)
    s, x, fell = _flow(solve, plant, t, u, until, way, 1e-3 * slack)
    then = look(plant, t + s, x, u)
    ready = due(plant, t + s, x, u, then, slack=slack)
    nearest = jnp.where(jnp.any(ready), jnp.argmax(ready), jnp.argmin(then.g))
    index = jnp.where(jnp.any(now) | fell, nearest, -1).astype(jnp.int32)
    hits = Hits(
        way.hits.index.at[way.count].set(index), way.hits.offset.at[way.count].set(s)
    )
    x = jump(plant, t + s, x, u, index)
    return _Way(s, x, way.count + (index >= 0), hits)


def _flow(
    solve: Solve,
    plant: HybridPlant,
    begin: Array,
    u: Array,
    until: Array,
    way: _Way,
    tolerance: float,
) -> tuple[Array, Array, Array]:
    """Integrate until a guard falls through zero: time, state, whether one did."""
    import diffrax
    import optimistix

    above = look(plant, begin + way.s, way.x, u).g > 0

    def first(t: Array, y: Array, args: Any, **_: Any) -> Array:
        """Falls through zero with the first guard that does; one that rests waits."""
        seen = look(plant, begin + t, y, u)
        falls = jnp.maximum(seen.g, seen.rate)
        falls = jnp.where(falls == 0, 1.0, falls)  # else a fall of others is none
        return jnp.min(jnp.where(above, seen.g, falls))

    # `flip` is given: to detect it fails in every lane of a batch without an event
    finder = optimistix.Bisection(rtol=0.0, atol=tolerance, flip=True)
    ode = lambda s, x, u: plant.ode(begin + s, x, u)  # noqa: E731
    event = diffrax.Event(first, finder, direction=False)
    found = solve(ode, way.s, until, way.x, u, event=event)
    codes = diffrax.RESULTS
    fell = found.result == codes.event_occurred
    fell |= found.result == codes.nonlinear_max_steps_reached  # halved to the last bit
    ok = fell | (found.result == codes.successful)
    return found.ts[0], jnp.where(ok, found.ys[0], jnp.nan), fell


def settle_chatter(
    x: Array, hits: Hits | None, loop: Loop, solver: str, names: tuple[str, ...]
) -> Array:
    """The states, where events do not follow one another without end.

    A single run that chatters is refused. In a batch [N, T+1, n_x] it is not finite
    from there on, in its lane only; so it is where nothing can be raised, by an
    adaptive solver.

    Raises:
        ValueError: names the event, the time and the cure.
    """
    if hits is None or not is_concrete(hits):
        return x
    index = np.asarray(hits.index)
    first = _crowded if solver == "rk4" else _full
    if index.ndim == 2:
        _refuse(index, first(index), loop.dt, names)
        return x
    at = [first(row) for row in index]
    lost = {i: k // index.shape[-1] for i, k in enumerate(at) if k is not None}
    if not lost:
        return x
    after = np.array(x)
    for lane, period in lost.items():
        after[lane, period + 1 :] = np.nan
    return jnp.asarray(after)


def _refuse(row: np.ndarray, at: int | None, dt: float, names: tuple[str, ...]) -> None:
    if at is not None:
        fail(
            f"event {names[row.flat[at]]!r} chatters (Zeno) from "
            f"t={at // row.shape[1] * dt:.6g} s on; its reset must leave its "
            "guard rising, or let the plant rest there (as BouncingBall does with "
            "rest=0.001), or give a shorter dt"
        )


def _full(index: np.ndarray) -> int | None:
    """First slot of the first period that is full of events [T, n]; None: none is."""
    full = np.flatnonzero((index >= 0).all(axis=1))
    return int(full[0]) * index.shape[1] if len(full) else None


def _crowded(index: np.ndarray) -> int | None:
    """First of `ROW` events two substeps apart or less [T, n]; None: no such."""
    where = np.flatnonzero(index >= 0)
    apart = np.flatnonzero(np.diff(where, prepend=-3, append=index.size + 3) > 2)
    runs = np.diff(apart)
    return int(where[apart[np.argmax(runs >= ROW)]]) if (runs >= ROW).any() else None
