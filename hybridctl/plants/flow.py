"""A plant over one control period with its input held: fixed-step Runge-Kutta."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import fail
from hybridctl.plants.clocks import beats, check_pace
from hybridctl.plants.hybrid.crossing import crossing_step
from hybridctl.plants.hybrid.plant import Hits, HybridPlant, has_events
from hybridctl.plants.plant import Plant
from hybridctl.plants.sampled import SampledPlant, has_clocks, held


class Moved(NamedTuple):
    """A plant after a control period: its state, and its events (None: has none)."""

    x: Array
    hits: Hits | None = None


Flow = Callable[[Plant, Array, Array, Array], Array]
Motion = Callable[[Plant, Array, Array, Array], Moved]


def rk4(plant: Plant, t: Array, x: Array, u: Array, h: float | Array) -> Array:
    """One classical Runge-Kutta step of length h [s], u held."""
    k1 = plant.ode(t, x, u)
    k2 = plant.ode(t + h / 2, x + h / 2 * k1, u)
    k3 = plant.ode(t + h / 2, x + h / 2 * k2, u)
    k4 = plant.ode(t + h, x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def fixed_step(dt: float, substeps: int) -> Flow:
    """RK4 with equal substeps of a control period dt [s]: from state to state."""
    motion = fixed_motion(dt, substeps)
    return lambda plant, t, x, u: motion(plant, t, x, u).x


def fixed_motion(dt: float | Array, substeps: int) -> Motion:
    """`fixed_step` that also tells the events, at most one a substep.

    A plant with sampled parts samples at the substeps on which its clocks tick.
    """
    h = dt / substeps

    def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
        check_pace(plant.steps_every, dt)
        if has_clocks(plant):
            if not isinstance(dt, float):
                fail(
                    f"{type(plant).__name__} has sampled parts, whose instants are "
                    "not those of a loop with jitter; give Loop(jitter=None)"
                )
            return _with_samples(cast(SampledPlant, plant), t, x, u, dt, substeps)
        return _steps(plant, t, x, u, h, jnp.arange(substeps))

    return motion


def _steps(
    plant: Plant, t: Array, x: Array, u: Array, h: float | Array, at: Array
) -> Moved:
    """Steps of h [s] that begin at t + at h."""
    if has_events(plant):
        return _with_events(cast(HybridPlant, plant), t, x, u, h, at)

    still = held(plant)
    flowing: Any = plant
    if still:
        values = [v if i in still else None for i, v in enumerate(x)]
        flowing = Flowing(plant, values)

    def body(x: Array, i: Array) -> tuple[Array, None]:
        return rk4(flowing, t + i.astype(x.dtype) * h, x, u, h), None

    if not still:
        return Moved(jax.lax.scan(body, x, at)[0])
    moved, _ = jax.lax.scan(body, flowing.part(x), at)
    return Moved(flowing.whole(moved))


class Flowing(NamedTuple):
    """A plant of which some coordinates stand still, over the others.

    Attributes:
        plant: the plant.
        still: for each coordinate its value, or None: it moves. Apart, because what a
            program loops with should be no more than it needs.
    """

    plant: Plant
    still: list[Array | None]

    def ode(self, t: Array, part: Array, u: Array) -> Array:
        """Rate of what moves."""
        return self.part(self.plant.ode(t, self.whole(part), u))

    def part(self, x: Array) -> Array:
        """What moves, of a whole state."""
        rows = [x[i] for i, still in enumerate(self.still) if still is None]
        return jnp.stack(rows) if rows else x[:0]

    def whole(self, part: Array) -> Array:
        """The state of which this is what moves."""
        moving = iter(range(len(part)))
        return jnp.stack([part[next(moving)] if v is None else v for v in self.still])


def _with_events(
    plant: HybridPlant, t: Array, x: Array, u: Array, h: float | Array, at: Array
) -> Moved:
    def body(x: Array, i: Array) -> tuple[Array, Hits]:
        length, since = jnp.asarray(h, x.dtype), i.astype(x.dtype) * h
        x, index, at = crossing_step(rk4, plant, t + since, x, u, length)
        return x, Hits(index, since + at)

    return Moved(*jax.lax.scan(body, x, at))


def _with_samples(
    plant: SampledPlant, t: Array, x: Array, u: Array, dt: float, substeps: int
) -> Moved:
    """Substeps in legs, at whose begins a clock may tick.

    Which clocks tick is known before anything runs where their period divides dt.
    """
    h, rows = dt / substeps, beats(plant.clocks, dt / substeps)
    long = math.gcd(substeps, *(step for row in rows for step in row))
    k = jnp.round(t / dt).astype(jnp.int32)
    starts = np.arange(0, substeps, long)
    plans = [[row.due(0, substeps, int(i)) for i in starts]
             if substeps % row.every == 0 else None for row in rows]  # fmt: skip

    def leg(x: Array, begun: tuple[Array, Array]) -> tuple[Array, Any]:
        i, ticks = begun
        due: list[Any] = [
            row.due(k, substeps, i) if plan is None
            else plan[0] if len(set(plan)) == 1 else ticks[c]
            for c, (row, plan) in enumerate(zip(rows, plans, strict=True))
        ]  # fmt: skip
        count = [row.count(k, substeps, i) for row in rows]
        x = plant.sample(t + i.astype(x.dtype) * h, x, u, due, count)
        moved = _steps(plant, t, x, u, h, i + jnp.arange(long))
        return moved.x, moved.hits

    ticks = np.array([plan or [False] * len(starts) for plan in plans]).T
    begun = jnp.asarray(starts, jnp.int32), jnp.asarray(ticks)
    if len(starts) == 1:
        return Moved(*leg(x, (begun[0][0], begun[1][0])))
    x, hits = jax.lax.scan(leg, x, begun)
    return Moved(x, jax.tree.map(jnp.ravel, hits))
