"""A task with a template as an environment of brax."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from hybridctl.learn.brax.compat import base
from hybridctl.learn.lane import Decision, EpisodeState, Lane

METRICS = ("failed", "not_finite")


class Env(Lane, base.Env):
    """A task with a template whose Slots the agent's action fills.

    One `step` is one decision: where every Slot is held for n periods it advances
    n periods and sums their reward. `done` means terminated (failed, not finite,
    or the goal reached); time limits are the wrapper's.

    Args:
        task: plant, loop, start, cost and failure.
        template: a controller with at least one Slot.
        features: what the agent observes of the root tick; see `default_features`.
        training: start as in training (wider) rather than as in evaluation.

    Attributes:
        sees: the signals that the features are of, by name.

    Raises:
        ValueError: no Slot, a wrong number of inputs, or another dt.
    """

    @property
    def backend(self) -> str:
        """Name of the physics: ours."""
        return "hybridctl"

    def reset(self, rng: Any) -> base.State:
        """Start the episode that a key (`jax.random.PRNGKey`) or a seed stands for."""
        return self.start(rng, jnp.int32(0))

    def start(self, rng: Any, number: Array) -> base.State:
        """Start an episode in a lane that had `number` episodes before."""
        told = _told(self.begin(rng, number))
        return base.State(told.pop("pipeline_state"), **told)

    def step(self, state: Any, action: Array) -> base.State:
        """Advance by one decision with action [action_size]."""
        episode: EpisodeState = state.pipeline_state
        told = _told(self.decide(episode, action))
        return state.replace(**told | {"metrics": {**state.metrics, **told["metrics"]}})


def _told(decision: Decision) -> dict[str, Any]:
    """What brax's state says of a decision."""
    return {
        "pipeline_state": decision.episode,
        "obs": decision.obs,
        "reward": decision.reward,
        "done": decision.done,
        "metrics": {name: getattr(decision, name) for name in METRICS},
    }
