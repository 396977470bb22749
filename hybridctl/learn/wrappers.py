"""Batching, time limits and fresh resets for training."""

from typing import Any

import jax
import jax.numpy as jnp
from brax.envs import base
from brax.envs.wrappers import training
from jax import Array

NEXT = 21  # stream of an episode's key that leads to the next episode
MANY = 1024  # lanes from which drawing for some of them is worth its compile time
SHARE = 16  # draw new episodes for one lane in so many, as a rule


class FreshReset(base.Wrapper):
    """Start a new episode (state, plant, noise) in every lane that is done.

    Brax's own wrapper would put a lane back to its first start for ever. The
    observation of the done step is the new episode's, as in brax. Drawing starts
    is most of a reset's cost, so where there are many lanes only a sixteenth of
    them draw, and all only when more than that ended together.
    """

    def step(self, state: Any, action: Array) -> base.State:
        """Step, and begin anew where that ended an episode."""
        steps = jnp.where(state.done > 0, 0.0, state.info["steps"])
        state.info.update(steps=steps)
        state = self.env.step(state.replace(done=jnp.zeros_like(state.done)), action)
        done = state.done > 0
        lanes, old = done.shape[0], (state.pipeline_state, state.obs)
        ended = jnp.where(done, jnp.arange(lanes), lanes)
        if lanes < MANY:
            episode, obs = self._renew(old, ended)
        else:
            few = lanes // SHARE
            first = jnp.nonzero(done, size=few, fill_value=lanes)[0]
            episode, obs = jax.lax.cond(
                jnp.sum(done) <= few,
                lambda old: self._renew(old, first),
                lambda old: self._renew(old, ended),
                old,
            )
        return state.replace(pipeline_state=episode, obs=obs)

    def _renew(self, old: tuple[Any, Array], lanes: Array) -> tuple[Any, Array]:
        """New episodes in these lanes; a lane past the end is nobody's."""
        fresh = jax.vmap(self._next)(old[0].key.at[lanes].get(mode="clip"))
        put = lambda new, old: old.at[lanes].set(new, mode="drop")  # noqa: E731
        return jax.tree.map(put, (fresh.pipeline_state, fresh.obs), old)

    def _next(self, key: Array) -> base.State:
        return self.unwrapped.reset(jax.random.fold_in(key, NEXT))


def wrap(
    env: base.Env,
    episode_length: int = 1000,
    action_repeat: int = 1,
    randomization_fn: Any = None,
) -> base.Env:
    """What brax's trainers take as `wrap_env_fn`: batch, time limit, fresh resets."""
    del randomization_fn  # a Task varies its own plant
    env = training.VmapWrapper(env)
    env = training.EpisodeWrapper(env, episode_length, action_repeat)
    return FreshReset(env)
