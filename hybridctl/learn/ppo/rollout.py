"""Lanes of an environment under a policy; those that are over begin anew."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.learn.lane import EpisodeState, Lane, blank, put_where


class Lanes(NamedTuple):
    """Episodes under way.

    Attributes:
        episode: of the environments.
        obs: what was observed last [lanes, m].
        age: decisions since the start of each, int32 [lanes].
        over: whether it begins anew before the next decision [lanes].
    """

    episode: EpisodeState
    obs: Array
    age: Array
    over: Array


class Batch(NamedTuple):
    """Decisions of all lanes; shapes begin with [decisions, lanes].

    Attributes:
        obs: observed before [m].
        noise: standard normal [n_a].
        drawn: action before tanh [n_a].
        reward: of the decision.
        terminated: whether it ended the episode, but not by its time limit.
        truncated: whether the time limit ended it.
        counts: reward, ended, failed and not finite [4].
    """

    obs: Array
    noise: Array
    drawn: Array
    reward: Array
    terminated: Array
    truncated: Array
    counts: Array


def unborn(lane: Lane, keys: np.ndarray) -> Lanes:
    """Lanes of which each is about to begin its first episode.

    Args:
        lane: one of them.
        keys: one a lane, uint32 [lanes, 2].
    """
    none = blank(jax.eval_shape(jax.vmap(lane.begin), keys))
    first = dataclasses.replace(none.episode, key=keys, number=none.episode.number - 1)
    n = len(keys)
    return Lanes(first, none.obs, np.zeros(n, np.int32), np.ones(n, bool))


def unrolled(
    lane: Lane,
    act: Callable[[Array, Array], Array],
    limit: int,
    lanes: Lanes,
    noise: Array,
) -> tuple[Lanes, tuple[Batch, Array]]:
    """Advance all lanes, by at most as many decisions as an episode has.

    The next episode of every lane is drawn once, before: drawing one is dear. A lane
    that is over twice in an unroll begins it twice.

    Args:
        lane: one of them.
        act: observations and noise to actions before tanh, [lanes, …] each.
        limit: decisions until an episode is truncated.
        lanes: before.
        noise: standard normal [decisions, lanes, n_a].

    Returns:
        The lanes, the decisions, and what was observed where an episode was
        truncated, before another began [lanes, m].
    """
    spare = jax.vmap(functools.partial(_next, lane))(lanes.episode)

    def decide(carry: tuple[Lanes, Array], noise: Array) -> tuple:
        lanes, cut = carry
        episode, obs = put_where(lanes.over, spare, (lanes.episode, lanes.obs))
        drawn = act(obs, noise)
        after = jax.vmap(lane.decide)(episode, jnp.tanh(drawn))
        age = jnp.where(lanes.over, 0, lanes.age) + 1
        terminated = after.done > 0
        truncated = (age >= limit) & ~terminated
        over = terminated | truncated
        told = after.reward, over, after.failed, after.not_finite
        counts = jnp.stack([value.astype(obs.dtype) for value in told], -1)
        row = Batch(obs, noise, drawn, after.reward, terminated, truncated, counts)
        cut = jnp.where(truncated[:, None], after.obs, cut)
        return (Lanes(after.episode, after.obs, age, over), cut), row

    begun = lanes, jnp.zeros_like(lanes.obs)
    (lanes, cut), batch = jax.lax.scan(decide, begun, noise)
    return lanes, (batch, cut)


def _next(lane: Lane, episode: EpisodeState) -> tuple[EpisodeState, Array]:
    """The episode after one, and what is observed first.

    A key that differs in one bit is as good as a drawn one, and costs nothing.
    """
    key = episode.key + np.array([0, 1], np.uint32)
    return lane.begin(key, episode.number + 1)[:2]
