"""The environment as Gymnasium expects it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box

from hybridctl.checks import one_of, require
from hybridctl.controllers import Controller, Features, Tick
from hybridctl.controllers.machine import mode_names
from hybridctl.learn.compiled import Seen, compiled
from hybridctl.learn.gymnasium.spaces import checked_action, checked_start
from hybridctl.learn.lane import Lane
from hybridctl.tasks import Task

Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (x, u) -> uint8 [H, W, 3]
ENDS = ("failed", "not_finite", "success")


class Adapter:
    """What one lane and many have in common."""

    metadata: dict[str, Any]
    _spec: EnvSpec | None = None

    def _adapt(self, env: Lane, render_mode: str | None, draw: Draw | None) -> None:
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
            require(draw is not None, "render_mode needs draw; see hc.gym.make")
        self.metadata = self.metadata | {"render_fps": round(1 / env.dt)}
        self.render_mode, self._draw = render_mode, draw
        self.inner, self._programs = env, compiled(env)
        self._modes = np.array(mode_names(env.template), object)
        self._dtype = np.asarray(env.task.target.x).dtype
        self._episode, self._seen = [], None

    def __getstate__(self) -> dict[str, Any]:
        """All but the compiled programs, which are made anew where it is unpickled."""
        state = {k: v for k, v in self.__dict__.items() if k != "_programs"}
        return state | {"_episode": [np.array(leaf) for leaf in self._episode]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._programs = compiled(self.inner)

    @property
    def spec(self) -> EnvSpec | None:
        """Gymnasium's record, with the step limit that the environment has itself."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        length = self.inner.episode_length
        self._spec = spec and dataclasses.replace(spec, max_episode_steps=length)

    def _last(self) -> Seen:
        if self._seen is None:
            raise ResetNeeded("no episode has begun; call reset() first")
        return self._seen

    def _info(self, seen: Seen) -> dict[str, Any]:
        info = {"x": seen.x, "u": seen.u}
        return info if seen.mode is None else info | {"mode": self._modes[seen.mode]}


class GymEnv(Adapter, gymnasium.Env[np.ndarray, np.ndarray]):
    """A task with a template whose Slots the agent fills, for Gymnasium.

    The episodes of `Env`, bit for bit. Terminated means failed, not finite, or the
    goal reached; truncated means at the task's horizon and not terminated. Actions
    are clipped to ±1; one that is not finite ends the episode, as in `Env`.
    Observations are clipped to their space, see `observation_limits`.

    The info has "x" (state of the plant), "u" (input applied in the last control
    period), "mode" (its name, where the template has modes), and at the end of an
    episode "failed", "not_finite" and "success" (inside `task.settled`).

    Args:
        task: plant, loop, start, cost, failure and horizon.
        template: a controller with at least one Slot.
        features: what the agent observes; see `default_features`.
        training: start as in training (wider) rather than as in evaluation.
        render_mode: "rgb_array", or None for no pictures.
        draw: the picture, uint8 [H, W, 3], of a state and an input.

    Raises:
        ValueError: parts that do not fit together.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(
        self,
        task: Task,
        template: Controller,
        features: Features | None = None,
        *,
        training: bool = False,
        render_mode: str | None = None,
        draw: Draw | None = None,
    ):
        env = Lane(task, template, features, training=training)
        self._adapt(env, render_mode, draw)
        self.observation_space = Box(*self._programs.limits)
        self.action_space = Box(-1.0, 1.0, (env.action_size,))
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of this episode and those after it; None: the next one.
            options: {"x0": [...]} starts there.

        Returns:
            Observation and info.

        Raises:
            ValueError: an unknown option, or an x0 that is no start.
        """
        x0 = checked_start(self.inner.task, options)
        super().reset(seed=seed)
        self._episode, shown = self._programs.reset(draw_seed(self.np_random), x0)
        self._seen, self._over = shown.fetched(), False
        return self._seen.obs, self._info(self._seen)

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take one decision.

        Args:
            action: shape [n], within ±1.

        Returns:
            Observation, reward, terminated, truncated and info.

        Raises:
            ValueError: an action of another shape.
            ResetNeeded: no episode is under way.
        """
        if self._over:
            self._last()
            raise ResetNeeded("this episode is over; call reset() for another")
        action = checked_action(action, (self.inner.action_size,), self._dtype)
        self._episode, shown = self._programs.step(self._episode, action)
        self._seen = seen = shown.fetched()
        info, truncated = self._info(seen), bool(seen.truncated)
        self._over = terminated = bool(seen.terminated)
        if terminated or truncated:
            self._over = True
            info |= {name: bool(getattr(seen, name)) for name in ENDS}
        return seen.obs, float(seen.reward), terminated, truncated, info

    def tick(self) -> Tick:
        """What a controller in the agent's place would be told now."""
        self._last()
        episode = jax.tree.unflatten(self._programs.tree, self._episode)
        return self.inner.tick_of(episode)

    def render(self) -> np.ndarray | None:
        """The picture of the episode as it is now; None without a render_mode."""
        seen = self._last()
        return self._draw(seen.x, seen.u) if self.render_mode and self._draw else None


def draw_seed(generator: np.random.Generator) -> np.uint32:
    """Seed of a generator's next episode."""
    return generator.integers(2**32, dtype=np.uint32)
