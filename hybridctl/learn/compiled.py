"""An environment's reset and step, compiled once for all that are equal."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.cache import kept_programs
from hybridctl.controllers.machine import mode_of
from hybridctl.learn.alike import Alike
from hybridctl.learn.gymnasium.spaces import observation_limits
from hybridctl.learn.lane import Decision, Lane
from hybridctl.tasks import Box, holds


class Seen(NamedTuple):
    """What a decision shows, or the start of an episode.

    Attributes:
        obs: observation inside its limits, float32 [n].
        reward: of the decision.
        terminated: failed, not finite, or the goal reached.
        truncated: at the task's horizon, and not terminated.
        x: state of the plant [n_x].
        u: input applied in the last control period [n_u].
        mode: index of the active mode; None where the template has none.
        failed: of the decision.
        not_finite: of the decision.
        success: inside `task.settled`, and not failed.
    """

    obs: Any
    reward: Any
    terminated: Any
    truncated: Any
    x: Any
    u: Any
    mode: Any
    failed: Any
    not_finite: Any
    success: Any

    def fetched(self) -> "Seen":
        """As NumPy arrays that nobody else holds."""
        return Seen(*(None if v is None else np.array(v) for v in self))


class Compiled:
    """Reset and step of one lane and of many; each is compiled when first used.

    An episode is handed on as a flat list of arrays, which is quicker to dispatch
    than the tree that it stands for.

    Args:
        env: one lane, not batched.
    """

    def __init__(self, env: Lane):
        self.env, self.limits = env, observation_limits(env)
        shapes = jax.eval_shape(env.begin, jax.random.PRNGKey(0)).episode
        self.tree = jax.tree.structure(shapes)
        self.reset, self.step = _kept(self._reset), _kept(self._step)
        self.reset_all = _kept(jax.vmap(self._reset))
        self.step_all = _kept(self._step_all)

    def _reset(self, seed: Array, x0: Array | None = None) -> tuple[list, Seen]:
        """The episode that a seed stands for, from x0 where that is given."""
        env = self.env if x0 is None else _starting_at(self.env, x0)
        return self._shown(env.begin(jax.random.PRNGKey(seed)))

    def _step(self, episode: list, action: Array) -> tuple[list, Seen]:
        """One decision. What is not finite stays so, and ends the episode."""
        inside = jnp.clip(action, -1.0, 1.0)
        action = jnp.where(jnp.isfinite(action), inside, action)
        before = jax.tree.unflatten(self.tree, episode)
        return self._shown(self.env.decide(before, action))

    def _step_all(
        self, episodes: list, actions: Array, seeds: Array, over: Array | None = None
    ) -> tuple[list, Seen, Seen]:
        """One decision in every lane; lanes whose episode is over begin anew.

        Args:
            episodes: of all lanes.
            actions: shape [lanes, n].
            seeds: of the next episode of every lane, uint32 [lanes].
            over: lanes that were over before, which begin anew instead of deciding;
                None: lanes begin anew as soon as their decision ends them.

        Returns:
            The episodes, what the decision showed, and the same with new starts.
        """
        after = jax.vmap(self._step)(episodes, actions)
        ended = after[1].terminated | after[1].truncated if over is None else over
        renew = functools.partial(self._renew, ended, seeds)
        now = jax.lax.cond(jnp.any(ended), renew, lambda same: same, after)
        return now[0], after[1], now[1]

    def _renew(self, ended: Array, seeds: Array, old: Any) -> Any:
        """New episodes where they ended."""
        fresh = jax.vmap(self._reset)(seeds)
        put = jax.vmap(jnp.where)
        return jax.tree.map(lambda new, same: put(ended, new, same), fresh, old)

    def _shown(self, state: Decision) -> tuple[list, Seen]:
        """The episode as a flat list, and what it shows."""
        env, loop = self.env, state.episode.loop
        terminated, failed = state.done > 0, state.failed > 0
        late = loop.k >= env.episode_length * env.every
        seen = Seen(
            obs=jnp.clip(state.obs, *self.limits).astype(jnp.float32),
            reward=state.reward,
            terminated=terminated,
            truncated=late & ~terminated,
            x=loop.x,
            u=loop.u,
            mode=mode_of(loop.controller),
            failed=failed,
            not_finite=state.not_finite > 0,
            success=holds(env.task.settled, loop.x) & ~failed,
        )
        return jax.tree.leaves(state.episode), seen


def _kept(f: Callable) -> Callable:
    """Compiled when first used; the program is kept."""
    return kept_programs()(jax.jit(f))


def _starting_at(env: Lane, x0: Array) -> Lane:
    task = dataclasses.replace(env.task, start=Box(x0, x0), train_start=None)
    return Lane(task, env.template, env.features, training=env.training)


def compiled(env: Lane) -> Compiled:
    """The programs of an environment, shared by all that are equal."""
    return _compiled(Alike(env))


@functools.lru_cache(maxsize=32)
def _compiled(alike: Alike) -> Compiled:
    return Compiled(alike.lane)
