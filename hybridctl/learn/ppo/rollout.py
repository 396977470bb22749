"""Lanes of an environment under a policy; those that are over begin anew."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.learn.lane import EpisodeState, Lane, blank, put_where

NEXT = 21  # stream of an episode's key that leads to the next episode


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
        after: observed afterwards, before another episode began [m].
        noise: standard normal [n_a].
        drawn: action before tanh [n_a].
        reward: of the decision.
        terminated: whether it ended the episode, but not by its time limit.
        over: whether another episode begins after it.
        counts: reward, ended, failed and not finite [4].
    """

    obs: Array
    after: Array
    noise: Array
    drawn: Array
    reward: Array
    terminated: Array
    over: Array
    counts: Array


def unborn(lane: Lane, key: Array, n: int) -> Lanes:
    """So many lanes of which each is about to begin its first episode."""
    keys = jax.random.split(key, n)
    shapes = jax.eval_shape(jax.vmap(lane.begin), keys)
    none = blank(shapes)
    episode = dataclasses.replace(
        none.episode, key=keys, number=none.episode.number - 1
    )
    return Lanes(episode, none.obs, jnp.zeros(n, jnp.int32), jnp.ones(n, bool))


def unrolled(
    lane: Lane,
    act: Callable[[Array, Array], Array],
    limit: int,
    lanes: Lanes,
    noise: Array,
) -> tuple[Lanes, Batch]:
    """Advance all lanes.

    The next episode of every lane is drawn once, before: drawing one is dear. A lane
    that is over twice in an unroll begins it twice.

    Args:
        lane: one of them.
        act: observations and noise to actions before tanh, [lanes, …] each.
        limit: decisions until an episode is truncated.
        lanes: before.
        noise: standard normal [decisions, lanes, n_a].
    """
    spare = jax.vmap(functools.partial(_next, lane))(lanes.episode)

    def decide(lanes: Lanes, noise: Array) -> tuple[Lanes, Batch]:
        episode, obs = put_where(lanes.over, spare, (lanes.episode, lanes.obs))
        drawn = act(obs, noise)
        after = jax.vmap(lane.decide)(episode, jnp.tanh(drawn))
        age = jnp.where(lanes.over, 0, lanes.age) + 1
        terminated = after.done > 0
        over = terminated | (age >= limit)
        told = after.reward, over, after.failed, after.not_finite
        counts = jnp.stack([value.astype(obs.dtype) for value in told], -1)
        row = Batch(
            obs, after.obs, noise, drawn, after.reward, terminated, over, counts
        )
        return Lanes(after.episode, after.obs, age, over), row

    return jax.lax.scan(decide, lanes, noise)


def _next(lane: Lane, episode: EpisodeState) -> tuple[EpisodeState, Array]:
    """The episode after one, and what is observed first."""
    key = jax.random.fold_in(episode.key, NEXT)
    return lane.begin(key, episode.number + 1)[:2]
