"""What happens in training, counted without leaving the compiled loop."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.learn.brax.compat import base
from hybridctl.learn.engine import Totals
from hybridctl.learn.env import METRICS

KEY, STATE = "tally", "state"
NAMES = ("reward", "ended", *METRICS)


class Tallied(base.Wrapper):
    """Observations as {"state": what networks see, "tally": what is counted}.

    Brax keeps running means of all observations, also of those that no network
    looks at. So the tally's mean times its count are totals, without a callback
    from the compiled loop (which could not be kept in the compilation cache).
    """

    def reset(self, rng: Array) -> base.State:
        """Nothing happened yet."""
        state = self.env.reset(rng)
        zero = jnp.zeros((*state.reward.shape, len(NAMES)), state.reward.dtype)
        return state.replace(obs={STATE: state.obs, KEY: zero})  # type: ignore[attr-defined]

    def step(self, state: Any, action: Array) -> base.State:
        """Step; the tally is what this step did."""
        after: Any = self.env.step(state.replace(obs=state.obs[STATE]), action)
        values = [after.reward, after.done, *(after.metrics[n] for n in METRICS)]
        return after.replace(obs={STATE: after.obs, KEY: jnp.stack(values, -1)})


def totals(normalizer: Any) -> Totals:
    """Totals from the normalizer that brax trained on tallied observations."""
    count = np.float64(normalizer.count.hi) * 2.0**32 + np.float64(normalizer.count.lo)
    means = np.asarray(normalizer.mean[KEY], np.float64)
    return Totals(*(means * count).tolist())
