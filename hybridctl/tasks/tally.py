"""What is counted over an episode, period by period."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from hybridctl.loop import LoopState
from hybridctl.loop.loop import Sample
from hybridctl.tasks.margin import distance
from hybridctl.tasks.task import Task, holds, judge


class Tally(NamedTuple):
    """Running sums of one episode."""

    live: Any
    unsettled: Any  # last tick outside the settling box
    cost: Any
    effort: Any
    peak_x: Any
    length: Any
    reward: Any
    finite: Any
    peak: Any = None
    rest: Any = None


def nothing_yet(task: Task, x: Array, margins: bool) -> Tally:
    """Nothing counted yet, of an episode that starts at x [n_x]."""
    zero = jnp.zeros((), x.dtype)
    unsettled = jnp.where(holds(task.settled, x), -1, 0)
    return Tally(
        jnp.asarray(True), unsettled, zero, zero, jnp.nan_to_num(jnp.abs(x[0])),
        jnp.int32(0), zero, jnp.asarray(True), *((zero, zero) if margins else ()),
    )  # fmt: skip


def count(
    task: Task, tally: Tally, state: LoopState, sample: Sample, after: LoopState
) -> Tally:
    """The sums after a period; nothing counts once the episode failed."""
    outcome = judge(task, state.x, sample, after.x)
    live = tally.live
    add = lambda total, value: total + jnp.where(live, value, 0.0)  # noqa: E731
    effort = task.loop.dt * jnp.sum(jnp.where(outcome.finite, sample.u, 0.0) ** 2)
    x, outside = after.x, ~holds(task.settled, after.x)
    far = jnp.where(live & outcome.finite, jnp.abs(x[0]), 0.0)
    return Tally(
        live=live & ~outcome.failed,
        unsettled=jnp.where(outside, after.k, tally.unsettled),
        cost=add(tally.cost, _counted(task, state.k, outcome.cost)),
        effort=add(tally.effort, effort),
        peak_x=jnp.maximum(tally.peak_x, far),
        length=tally.length + live,
        reward=add(tally.reward, outcome.reward),
        finite=tally.finite & (outcome.finite | ~live),
        **_margins(task, x, tally),
    )


def _margins(task: Task, x: Array, tally: Tally) -> dict[str, Array]:
    """How near to failing and how far from settled, where it is asked for."""
    if tally.peak is None:
        return {}
    peak, rest = 1.0 / distance(task.failure, x), distance(task.settled, x)
    return {
        "peak": jnp.maximum(tally.peak, jnp.where(tally.live, peak, 0.0)),
        "rest": jnp.where(tally.live, rest, tally.rest),
    }


def _counted(task: Task, k: Array, cost: Array) -> Array:
    """The cost of period k where J counts, 0 before."""
    first = round(task.cost_after / task.loop.dt)
    return jnp.where(k >= first, cost, 0.0) if first else cost
