"""Lanes of an environment under a policy; those that are over begin anew."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.learn.lane import Decision, EpisodeState, Lane, blank, put_where
from hybridctl.learn.ppo.networks import Spread

# Leads to the next episode's key: counted ones are as good as drawn ones, and cost less
NEXT = np.array([0, 1], np.uint32)


class Lanes(NamedTuple):
    """Episodes under way.

    Attributes:
        episode: of the environments.
        obs: what is seen of them, the policy's observation first [lanes, m].
        age: decisions since the start of each, int32 [lanes].
        over: whether it begins anew before the next decision [lanes].
        counts: reward, ended, failed and not finite since the start [4, lanes].
        kept: what the policy remembers [lanes, k].
    """

    episode: EpisodeState
    obs: Array
    age: Array
    over: Array
    counts: Array
    kept: Array

    def each(self, f: Callable[["Lanes"], "Lanes"]) -> "Lanes":
        """A function of all of it where every array begins with the lanes."""
        found = f(self._replace(counts=self.counts.T))
        return found._replace(counts=found.counts.T)


class Batch(NamedTuple):
    """Decisions of all lanes; shapes begin with [decisions, lanes].

    Attributes:
        obs: seen before [m].
        began: whether an episode began with the decision.
        spread: of the actions, from what was known then.
        drawn: action before tanh [n_a].
        reward: of the decision.
        terminated: whether it ended the episode, but not by its time limit.
        truncated: whether the time limit ended it.
    """

    obs: Array
    began: Array
    spread: Spread
    drawn: Array
    reward: Array
    terminated: Array
    truncated: Array


See = Callable[[Decision], Array]


def seeing(lane: Lane, truth: bool) -> See:
    """What is seen after a decision: the observation, and the truth where asked."""

    def see(after: Decision) -> Array:
        return jnp.concatenate([after.obs, lane.truth(after.episode)])

    return see if truth else lambda after: after.obs


def unborn(lane: Lane, see: See, keys: np.ndarray, kept: int) -> Lanes:
    """Lanes of which each is about to begin its first episode.

    Args:
        lane: one of them.
        see: what is seen of it.
        keys: one a lane, uint32 [lanes, 2].
        kept: numbers that the policy remembers.
    """
    begin = jax.vmap(functools.partial(_begun, lane, see))
    none, obs = blank(jax.eval_shape(begin, keys, np.zeros(len(keys), np.int32)))
    first = dataclasses.replace(none, key=keys, number=none.number - 1)
    n = len(keys)
    age, over = np.zeros(n, np.int32), np.ones(n, bool)
    parts: Any = age, over, np.zeros((4, n)), np.zeros((n, kept))
    return Lanes(first, obs, *parts)


def unrolled(
    lane: Lane,
    see: See,
    act: Callable[[Array, Array], tuple[Array, Spread]],
    limit: int,
    lanes: Lanes,
    noise: Array,
) -> tuple[Lanes, tuple[Batch, Array]]:
    """Advance all lanes, by at most as many decisions as an episode has.

    The next episode of every lane is drawn once, before: drawing one is dear. A lane
    that is over twice in an unroll begins it twice.

    Args:
        lane: one of them.
        see: what is seen of it.
        act: memory and what is seen to memory and a spread of actions,
            [lanes, …] each.
        limit: decisions until an episode is truncated.
        lanes: before.
        noise: standard normal [decisions, lanes, n_a].

    Returns:
        The lanes, the decisions, and what was observed where an episode was
        truncated, before another began [lanes, m].
    """
    key = lanes.episode.key + NEXT
    spare = jax.vmap(functools.partial(_begun, lane, see))(
        key, lanes.episode.number + 1
    )

    def decide(carry: tuple[Lanes, Array], noise: Array) -> tuple:
        lanes, cut = carry
        episode, obs = put_where(lanes.over, spare, (lanes.episode, lanes.obs))
        kept = jnp.where(lanes.over[:, None], 0.0, lanes.kept)
        kept, spread = act(kept, obs)
        drawn = spread.drawn(noise)
        after = jax.vmap(lane.decide)(episode, jnp.tanh(drawn))
        seen = jax.vmap(see)(after)
        age = jnp.where(lanes.over, 0, lanes.age) + 1
        terminated = after.done > 0
        truncated = (age >= limit) & ~terminated
        over = terminated | truncated
        told = after.reward, over, after.failed, after.not_finite
        counts = lanes.counts + jnp.stack([part.astype(obs.dtype) for part in told])
        ends = terminated, truncated
        row = Batch(obs, lanes.over, spread, drawn, after.reward, *ends)
        cut = jnp.where(truncated[:, None], seen, cut)
        return (Lanes(after.episode, seen, age, over, counts, kept), cut), row

    begun = lanes, jnp.zeros_like(lanes.obs)
    (lanes, cut), batch = jax.lax.scan(decide, begun, noise)
    return lanes, (batch, cut)


def _begun(
    lane: Lane, see: See, key: Array, number: Array
) -> tuple[EpisodeState, Array]:
    """An episode that begins, and what is seen of it."""
    begun = lane.begin(key, number)
    return begun.episode, see(begun)
