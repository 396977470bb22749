"""Time limits, batching and fresh resets for training, as brax expects them."""

from typing import Any

import jax
import jax.numpy as jnp
from brax.envs import base
from brax.envs.wrappers import training
from jax import Array

from hybridctl.checks import require

NEXT = 21  # stream of an episode's key that leads to the next episode
MANY = 1024  # lanes from which drawing for some of them is worth its compile time
SHARE = 16  # draw new episodes for one lane in so many, as a rule


class Episodes(base.Wrapper):
    """Count decisions, truncate at the time limit, add up an episode's metrics.

    The bookkeeping of `brax.envs.training.EpisodeWrapper`, for one lane: under
    `vmap` it fuses with the step, which brax's own does not.

    Args:
        env: one lane, not batched.
        episode_length: decisions until an episode is truncated.
    """

    def __init__(self, env: base.Env, episode_length: int):
        super().__init__(env)
        self.episode_length = episode_length

    def reset(self, rng: Array) -> base.State:
        """Everything at zero."""
        state = self.env.reset(rng)
        zero = jnp.zeros_like(state.reward)
        for name in ("steps", "truncation", "episode_done"):
            state.info[name] = zero
        sums = dict.fromkeys(("sum_reward", "length", *state.metrics), zero)
        state.info["episode_metrics"] = sums
        return state

    def step(self, state: Any, action: Array) -> base.State:
        """Step; a lane that was done has been given a new episode."""
        before, state = state, self.env.step(state, action)
        going = 1 - before.info["episode_done"]
        count = before.info["steps"]
        steps = (going * count + 1).astype(count.dtype)
        over = (steps >= self.episode_length).astype(going.dtype)
        done = jnp.maximum(over, state.done)
        gains = {"sum_reward": state.reward, "length": 1, **state.metrics}
        sums = before.info["episode_metrics"]
        info = {
            "steps": steps,
            "truncation": over * (1 - state.done),
            "episode_done": done,
            "episode_metrics": {n: going * sums[n] + gains[n] for n in sums},
        }
        return state.replace(done=done, info={**before.info, **info})


class FreshReset(base.Wrapper):
    """Start a new episode (state, plant, noise) in every lane that is done.

    Brax's own wrapper would put a lane back to its first start for ever. The
    observation of the done step is the new episode's, as in brax. Drawing starts
    is most of a reset's cost, so where there are many lanes only a sixteenth of
    them draw, and all only when more than that ended together.
    """

    def step(self, state: Any, action: Array) -> base.State:
        """Step, and begin anew where that ended an episode."""
        state = self.env.step(state, action)
        done, old = state.done > 0, (state.pipeline_state, state.obs)
        lanes = done.shape[0]
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
        pick = lambda values: values.at[lanes].get(mode="clip")  # noqa: E731
        fresh = jax.vmap(self._next)(pick(old[0].key), pick(old[0].number))
        put = lambda new, old: old.at[lanes].set(new, mode="drop")  # noqa: E731
        return jax.tree.map(put, (fresh.pipeline_state, fresh.obs), old)

    def _next(self, key: Array, number: Array) -> base.State:
        return self.unwrapped.start(jax.random.fold_in(key, NEXT), number + 1)  # type: ignore[attr-defined]


def wrap(
    env: base.Env,
    episode_length: int = 1000,
    action_repeat: int = 1,
    randomization_fn: Any = None,
) -> base.Env:
    """What brax's trainers take as `wrap_env_fn`: time limit, batch, fresh resets.

    Args:
        env: an `Env`.
        episode_length: decisions until an episode is truncated.
        action_repeat: 1: a decision that lasts longer is part of the template.
        randomization_fn: not used, because a Task varies its own plant.

    Returns:
        The batched environment.

    Raises:
        ValueError: an action_repeat, which the trained controller would not know of.
    """
    del randomization_fn
    require(
        action_repeat == 1,
        f"action_repeat={action_repeat} would be lost: the trained policy decides in "
        "every period; hold the Slots in the template of the Env instead: "
        f"Hold(Slot(1), every={action_repeat})",
    )
    return FreshReset(training.VmapWrapper(Episodes(env, episode_length)))
