"""How to train: one frozen dataclass, and values of it that work unattended."""

import dataclasses
import math
from typing import Any

from hybridctl.checks import one_of, require
from hybridctl.controllers.policy import ACTIVATIONS

ALGORITHMS = ("ppo",)
_POSITIVE = (
    "steps", "num_envs", "unroll_length", "batch_size", "num_minibatches",
    "num_updates_per_batch", "learning_rate", "final_learning_rate", "horizon",
    "clipping_epsilon", "reward_scaling", "max_grad_norm", "evals", "eval_episodes",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a training run; the names are brax's and the field's own.

    Attributes:
        algorithm: the trainer.
        steps: decisions at most.
        num_envs: environments side by side.
        unroll_length: decisions that each environment makes per update.
        batch_size: unrolls in a minibatch.
        num_minibatches: minibatches per epoch.
        num_updates_per_batch: epochs over the same data.
        learning_rate: of Adam, at the start.
        final_learning_rate: as a share of the first, reached linearly at the end.
        discounting: γ per decision; None: exp(-decision time / horizon).
        horizon: time constant [s] of the discount where none is given.
        gae_lambda: λ of the advantage estimate.
        entropy_cost: weight of the entropy bonus.
        clipping_epsilon: of PPO's ratio.
        reward_scaling: factor on all rewards.
        max_grad_norm: gradient clipping.
        hidden: widths of the hidden layers of policy and value.
        activation: of the hidden layers.
        evals: validations during training.
        eval_episodes: episodes of each validation.
        target: validation score at which training stops early, once confirmed on
            other episodes; None: train to the end. The score is the mean return
            of an "alive" task, and minus the mean cost J of any other.
        lock: end a training episode well where the cost-to-go of the template's
            LQR falls below this; None: never.
    """

    algorithm: str = "ppo"
    steps: int = 500_000
    num_envs: int = 256
    unroll_length: int = 16
    batch_size: int = 64
    num_minibatches: int = 4
    num_updates_per_batch: int = 4
    learning_rate: float = 3e-3
    final_learning_rate: float = 1.0
    discounting: float | None = None
    horizon: float = 4.0
    gae_lambda: float = 0.95
    entropy_cost: float = 1e-2
    clipping_epsilon: float = 0.3
    reward_scaling: float = 0.1
    max_grad_norm: float = 1.0
    hidden: tuple[int, ...] = (32, 32)
    activation: str = "tanh"
    evals: int = 25
    eval_episodes: int = 128
    target: float | None = None
    lock: float | None = None

    def __post_init__(self):
        one_of("algorithm", self.algorithm, ALGORITHMS)
        one_of("activation", self.activation, ACTIVATIONS)
        for name in _POSITIVE:
            value = getattr(self, name)
            ok = isinstance(value, (int, float)) and math.isfinite(value) and value > 0
            require(ok, f"{name}={value!r} must be a finite number above 0")
        require(
            self.batch_size * self.num_minibatches % self.num_envs == 0,
            f"batch_size * num_minibatches = {self.batch_size * self.num_minibatches} "
            f"must be a multiple of num_envs = {self.num_envs}",
        )
        gamma = self.discounting
        require(
            gamma is None or 0 < gamma <= 1, f"discounting={gamma} must be in (0, 1]"
        )
        require(len(self.hidden) > 0, "hidden needs at least one layer, as (32, 32)")

    def replace(self, **changes: Any) -> "Config":
        """A copy with other values; an unknown name is refused with the list."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            one_of("setting", name, known)
        return dataclasses.replace(self, **changes)

    def gamma(self, dt: float) -> float:
        """Discount per decision of dt [s]."""
        given = self.discounting
        return math.exp(-dt / self.horizon) if given is None else given


PRESETS = {
    "balance": Config(),
    "swing": Config(
        steps=2_000_000,
        unroll_length=32,
        batch_size=32,
        num_minibatches=8,
        learning_rate=2e-3,
        final_learning_rate=0.05,
        entropy_cost=1e-3,
        hidden=(64, 64),
        evals=11,
        eval_episodes=256,
        lock=1.0,
    ),
}


def preset(name: str) -> Config:
    """A preset by name.

    Raises:
        ValueError: an unknown name.
    """
    one_of("preset", name, PRESETS)
    return PRESETS[name]
