"""Many Gymnasium environments as the lanes of one compiled program."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from hybridctl.checks import one_of, require
from hybridctl.controllers import Controller, Features
from hybridctl.learn.compiled import Seen
from hybridctl.learn.gymnasium.env import ENDS, Adapter, Draw, GymEnv, draw_seed
from hybridctl.learn.gymnasium.spaces import checked_action, checked_start
from hybridctl.learn.lane import Lane
from hybridctl.tasks import Task

MODES = {
    mode.value: mode for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)
}


class GymVectorEnv(Adapter, VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Many `GymEnv`s as lanes of one compiled program.

    The same, bit for bit, as Gymnasium's `SyncVectorEnv` of that many `GymEnv`s.

    A lane whose episode is over begins anew in the next step, which shows its start
    with reward 0: Gymnasium's default, and what its wrappers of observations ask
    for. With `AutoresetMode.SAME_STEP` it begins anew within the step, so that no
    decision is spent on it, as in training with brax; how it ended is then in
    `infos["final_obs"]` and `infos["final_info"]`.

    Args:
        task: plant, loop, start, cost, failure and horizon.
        template: a controller with at least one Slot.
        num_envs: number of lanes.
        features: what the agent observes; see `default_features`.
        training: start as in training (wider) rather than as in evaluation.
        render_mode: "rgb_array", or None for no pictures.
        draw: the picture, uint8 [H, W, 3], of a state and an input.
        autoreset_mode: an `AutoresetMode` or its value, "NextStep" or "SameStep".

    Raises:
        ValueError: parts that do not fit together.
    """

    metadata: dict[str, Any] = GymEnv.metadata | {
        "autoreset_mode": AutoresetMode.NEXT_STEP
    }

    def __init__(
        self,
        task: Task,
        template: Controller,
        num_envs: int,
        features: Features | None = None,
        *,
        training: bool = False,
        render_mode: str | None = None,
        draw: Draw | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ):
        whole = isinstance(num_envs, (int, np.integer)) and num_envs > 0
        require(whole, f"num_envs={num_envs!r} must be a whole number above 0")
        mode = str(getattr(autoreset_mode, "value", autoreset_mode))
        one_of("autoreset_mode", mode, MODES)
        env = Lane(task, template, features, training=training)
        self._adapt(env, render_mode, draw)
        self.metadata["autoreset_mode"] = MODES[mode]
        self.num_envs = n = int(num_envs)
        self.single_observation_space = Box(*self._programs.limits)
        self.single_action_space = Box(-1.0, 1.0, (env.action_size,))
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self._random: list[Any] = [None] * n  # generator and seed of every lane
        self._next = np.zeros(n, np.uint32)  # seeds of the lanes' next episodes
        self._over = np.zeros(n, bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode in every lane.

        Args:
            seed: lane i has seed + i; or one for each lane; None: the next ones.
            options: {"x0": ...} starts there: [n_x], or [num_envs, n_x].

        Returns:
            Observations and infos.

        Raises:
            ValueError: another number of seeds, an unknown option, or an x0 that is
                no start.
        """
        x0 = checked_start(self.inner.task, options, (self.num_envs,))
        self._reseed(seed)
        self._episode, shown = self._programs.reset_all(self._next, x0)
        self._seen = shown.fetched()
        self._over = np.zeros(self.num_envs, bool)
        self._draw_seeds(range(self.num_envs))
        return self._seen.obs, _laid_out(self._info(self._seen))

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take one decision in every lane.

        Args:
            actions: shape [num_envs, n], within ±1.

        Returns:
            Observations, rewards, terminated, truncated and infos.

        Raises:
            ValueError: actions of another shape.
            ResetNeeded: no episode has begun.
        """
        self._last()
        same = self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        expected, before = (self.num_envs, self.inner.action_size), self._over
        actions = checked_action(actions, expected, self._dtype)
        over = None if same else before
        results = self._programs.step_all(self._episode, actions, self._next, over)
        self._episode, self._seen = results[0], results[2].fetched()
        seen = results[1].fetched() if same else self._seen
        self._over = seen.terminated | seen.truncated
        self._draw_seeds(np.flatnonzero(self._over if same else before))
        infos = _laid_out(self._info(self._seen))
        if self._over.any():
            infos |= self._ends(seen, same)
        rewards = seen.reward.astype(np.float64)
        return self._seen.obs, rewards, seen.terminated, seen.truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The picture of every lane as it is now; None without a render_mode."""
        seen = self._last()
        if not self.render_mode or not self._draw:
            return None
        return tuple(self._draw(x, u) for x, u in zip(seen.x, seen.u, strict=True))

    @property
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The random generator of every lane."""
        self._reseed(None)
        return tuple(generator for generator, _ in self._random)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of every lane's generator."""
        self._reseed(None)
        return tuple(seed for _, seed in self._random)

    def _reseed(self, seed: int | Sequence[int | None] | None) -> None:
        """Generators of the lanes that are given a seed, or have none yet."""
        n = self.num_envs
        seeds = seed if isinstance(seed, Sequence) else [seed] * n
        require(len(seeds) == n, f"{len(seeds)} seeds for {n} lanes; give one each")
        if isinstance(seed, int):
            seeds = range(seed, seed + n)
        new = [i for i in range(n) if seeds[i] is not None or self._random[i] is None]
        for i in new:
            self._random[i] = seeding.np_random(seeds[i])
        self._draw_seeds(new)

    def _draw_seeds(self, lanes: Iterable[int]) -> None:
        """Seeds of the episodes after those that have just begun."""
        self._next = self._next.copy()  # JAX may still read the old one
        for i in lanes:
            self._next[i] = draw_seed(self._random[i][0])

    def _ends(self, seen: Seen, same: bool) -> dict[str, Any]:
        """How the lanes that are over ended."""
        over, ends = self._over, {name: getattr(seen, name) for name in ENDS}
        if not same:
            return _laid_out(ends, over)
        final_obs = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(over):
            final_obs[i] = seen.obs[i]
        final_info = _laid_out(self._info(seen) | ends, over)
        final = {"final_obs": final_obs, "final_info": final_info}
        return final | {f"_{name}": over.copy() for name in final}


def _laid_out(
    values: dict[str, np.ndarray], lanes: np.ndarray | None = None
) -> dict[str, Any]:
    """Values of some lanes as Gymnasium lays them out: beside each whose they are."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        mask = np.ones(len(value), bool) if lanes is None else lanes.copy()
        blank = np.full(value.shape, None if value.dtype == object else 0, value.dtype)
        blank[mask] = value[mask]
        out |= {name: blank, f"_{name}": mask}
    return out
