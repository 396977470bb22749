"""An environment that asks a controller what it would have decided."""

import copy
from typing import Any

import gymnasium
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.controllers import Controller, Tick
from hybridctl.learn.gymnasium.env import GymEnv


class Witness(gymnasium.Wrapper):
    """A copy of an environment that notes actions, and what a controller would do.

    Args:
        env: one of ours; it stays as it is.
        controller: in the agent's place.
    """

    def __init__(self, env: GymEnv, controller: Controller):
        super().__init__(copy.copy(env))
        self.controller, self.memory = controller, None
        self.theirs: list[NDArray] = []
        self.ours: list[NDArray] = []

    def reset(self, **options: Any) -> Any:
        """Begin an episode, for both."""
        begun = self.env.reset(**options)
        self.memory = self.controller.init(self._tick())
        return begun

    def step(self, action: Any) -> Any:
        """Take the decision of the agent, and note both."""
        self.memory, u = _decide(self.controller, self.memory, self._tick())
        self.theirs.append(np.clip(np.asarray(action, np.float64), -1.0, 1.0))
        self.ours.append(np.asarray(u))
        return self.env.step(action)

    def _tick(self) -> Tick:
        return self.env.unwrapped.tick()  # type: ignore[attr-defined]


@jax.jit
def _decide(controller: Controller, memory: Any, tick: Tick) -> Any:
    return controller.step(memory, tick)
