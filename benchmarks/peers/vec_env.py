"""The `balance` task as a vectorized environment of stable-baselines3."""
# pyright: reportMissingImports=false

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env import VecEnv

from benchmarks.peers.cartpole import FORCE, PERIODS, UP, draw, failed, period


class Balance(VecEnv):
    """Episodes side by side; a lane that is done starts again at once."""

    def __init__(self, lanes: int, seed: int):
        observation = Box(-np.inf, np.inf, (4,), np.float64)
        super().__init__(lanes, observation, Box(-1.0, 1.0, (1,), np.float32))
        self.rng = np.random.default_rng(seed)
        self.blank: list[dict[str, Any]] = [{} for _ in range(lanes)]

    def reset(self) -> np.ndarray:
        """New episodes in all lanes."""
        self.x, self.age = draw(self.rng, self.num_envs), np.zeros(self.num_envs, int)
        return (self.x - UP).T

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions."""
        self.u = FORCE * actions[:, 0]

    def step_wait(self) -> tuple:
        """Observations, rewards, which lanes are done, and how those ended."""
        self.x = period(self.x, self.u)
        self.age += 1
        down, infos = failed(self.x), self.blank
        done = down | (self.age >= PERIODS)
        if done.any():
            infos = self.again(done, down)
        return (self.x - UP).T, 1.0 - down, done, infos

    def again(self, done: np.ndarray, down: np.ndarray) -> list[dict[str, Any]]:
        """Start the lanes anew that are done."""
        infos, last = self.blank.copy(), (self.x - UP).T
        for i in np.flatnonzero(done):
            cut = not down[i]
            infos[i] = {"terminal_observation": last[i], "TimeLimit.truncated": cut}
        self.x[:, done] = draw(self.rng, int(done.sum()))
        self.age[done] = 0
        return infos

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """SB3 asks for the render mode: none."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Lanes have no attributes."""

    def env_method(self, method_name: str, *args: Any, **options: Any) -> list[Any]:
        """Lanes have no methods."""
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No lane is wrapped."""
        return [False] * self.num_envs
