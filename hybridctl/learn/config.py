"""How to train: one frozen dataclass."""

import dataclasses
import math
from typing import Any

import numpy as np

from hybridctl.checks import one_of, require
from hybridctl.describe import Shown
from hybridctl.names import ACTIVATIONS

ENGINES = {"jax": ("ppo", "hjb"), "brax": ("ppo", "sac")}  # what each can train
ALGORITHMS = ("ppo", "sac", "hjb")
_POSITIVE = (
    "num_envs", "unroll_length", "batch_size", "num_minibatches",
    "num_updates_per_batch", "learning_rate", "final_learning_rate", "horizon",
    "clipping_epsilon", "reward_scaling", "num_evals", "num_eval_envs",
    "vf_loss_coefficient", "desired_kl", "learning_rate_schedule_min_lr",
    "learning_rate_schedule_max_lr", "action_repeat", "tau", "grad_updates_per_step",
    "taught",
)  # fmt: skip
_POSITIVE_OR_NONE = (
    "max_grad_norm", "clipping_epsilon_value", "normalize_until_count",
    "max_devices_per_host", "episode_length", "max_replay_size", "lock",
    "recurrent",
)  # fmt: skip
_NOT_NEGATIVE = (
    "steps", "entropy_cost", "final_entropy_cost", "normalize_observations_std_eps",
    "min_replay_size",
)  # fmt: skip
_OURS = {"final_entropy_cost": 1.0, "critic_features": None, "recurrent": None}
_UNUSED = {  # what an algorithm would take no notice of
    "hjb": (
        "activation", "value_hidden", "discounting", "learning_rate_schedule",
        "episode_length", "normalize_observations", "clipping_epsilon_value",
    ),
    "sac": (
        "value_hidden", "final_learning_rate", "gae_lambda", "learning_rate_schedule",
        "clipping_epsilon_value",
    ),
}  # fmt: skip
_FLAGS = ("normalize_advantage", "normalize_observations")
_CHOICES = {
    "algorithm": ALGORITHMS,
    "engine": tuple(ENGINES),
    "critic_features": ("state",),
    "activation": ACTIVATIONS,
    "learning_rate_schedule": ("ADAPTIVE_KL",),
    "normalize_observations_mode": ("welford", "ema"),
}


def _pythons(value: Any) -> Any:
    """Numbers of NumPy as Python's, lists as tuples."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        return tuple(_pythons(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _number(value: Any) -> float:
    """As a float; NaN where it is no number."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if real else math.nan


def _is_layers(value: Any) -> bool:
    whole = isinstance(value, tuple) and all(type(n) is int for n in value)
    return whole and len(value) > 0 and min(value) > 0


@dataclasses.dataclass(frozen=True, repr=False)
class Config(Shown):
    """Settings of a training run; the names are brax's and the field's own.

    Attributes:
        algorithm: what is learned, and how: "ppo", "sac", or "hjb", which learns the
            value.
        engine: who trains: "jax" (ours), or "brax"; None: the first that can.
        steps: decisions at most (brax's num_timesteps); 0: only the clone of a teacher.
        num_envs: environments side by side.
        episode_length: decisions until truncation; None: the task's horizon.
        action_repeat: how often each decision is repeated: the Slots of the template
            are trained, and deployed, inside a `Hold(…, every=action_repeat)`.
        max_devices_per_host: devices to use at most, of which as many are used as
            divide num_envs, and of brax batch_size; None: all, of our PPO one. Of hjb
            it is always one.
        unroll_length: decisions that each environment makes per update.
        batch_size: unrolls in a minibatch; of SAC, transitions; of hjb, states.
        num_minibatches: minibatches per epoch.
        num_updates_per_batch: epochs over the same data.
        learning_rate: of Adam, at the start.
        final_learning_rate: as a share of the first, reached linearly at the end, of
            hjb along a cosine.
        final_entropy_cost: likewise, of the weight of the entropy bonus.
        learning_rate_schedule: "ADAPTIVE_KL" adapts the rate to `desired_kl`.
        learning_rate_schedule_min_lr: smallest adapted rate.
        learning_rate_schedule_max_lr: largest adapted rate.
        desired_kl: KL divergence per update that the adapted rate aims at.
        discounting: γ per decision; None: exp(-decision time / horizon).
        horizon: time constant [s] of the discount where none is given; a preset's is
            in the own seconds of the plant, as its reward_scaling is.
        gae_lambda: λ of the advantage estimate; of hjb, of the TD(λ) targets.
        entropy_cost: weight of the entropy bonus.
        clipping_epsilon: of PPO's ratio.
        clipping_epsilon_value: of the value's change; None: not clipped.
        normalize_advantage: to mean 0 and deviation 1.
        vf_loss_coefficient: weight of the value's loss.
        reward_scaling: factor on all rewards.
        max_grad_norm: gradient clipping; None: none.
        normalize_observations: to mean 0 and deviation 1.
        normalize_observations_std_eps: added under the root of the variance.
        normalize_observations_mode: "welford" or "ema".
        normalize_until_count: observations after which "ema" stands still.
        hidden: widths of the policy's hidden layers.
        value_hidden: of the value's; None: as the policy's.
        critic_features: what the critic sees beside the policy's observation:
            "state", the true state, the applied input and the parameters of the plant
            that vary; None: nothing. The policy is the same kind either way.
        recurrent: units of a GRU through which the policy remembers what it observed;
            its critic sees as with critic_features="state". None: no memory.
        activation: of the hidden layers.
        tau: SAC and hjb: how fast the network that gives the targets follows.
        grad_updates_per_step: SAC: updates after every step of all environments.
        min_replay_size: SAC: decisions before the first update.
        max_replay_size: SAC: decisions that are remembered; None: all.
        taught: states that a teacher's student meets before it learns on by itself.
        num_evals: validations, the one before training included.
        num_eval_envs: episodes of each validation.
        target: validation score at which training stops early, once confirmed on
            other episodes; inf: never; None: of "alive" tasks 99.5 % of the
            horizon, of others never. The score is the mean return of an "alive"
            task, and minus the mean cost J of any other.
        lock: end a training episode well where the cost-to-go V of the template's
            LQR is below this share of the largest level on which that LQR does not
            saturate; None: never.
    """

    algorithm: str = "ppo"
    engine: str | None = None
    steps: int = 500_000
    num_envs: int = 256
    episode_length: int | None = None
    action_repeat: int = 1
    max_devices_per_host: int | None = None
    unroll_length: int = 16
    batch_size: int = 64
    num_minibatches: int = 4
    num_updates_per_batch: int = 4
    learning_rate: float = 3e-3
    final_learning_rate: float = 1.0
    final_entropy_cost: float = 1.0
    learning_rate_schedule: str | None = None
    learning_rate_schedule_min_lr: float = 1e-5
    learning_rate_schedule_max_lr: float = 1e-2
    desired_kl: float = 0.01
    discounting: float | None = None
    horizon: float = 4.0
    gae_lambda: float = 0.95
    entropy_cost: float = 1e-2
    clipping_epsilon: float = 0.3
    clipping_epsilon_value: float | None = None
    normalize_advantage: bool = True
    vf_loss_coefficient: float = 0.5
    reward_scaling: float = 0.1
    max_grad_norm: float | None = 1.0
    normalize_observations: bool = True
    normalize_observations_std_eps: float = 0.0
    normalize_observations_mode: str = "welford"
    normalize_until_count: int | None = None
    hidden: tuple[int, ...] = (32, 32)
    value_hidden: tuple[int, ...] | None = None
    critic_features: str | None = None
    recurrent: int | None = None
    activation: str = "tanh"
    tau: float = 0.005
    grad_updates_per_step: int = 1
    min_replay_size: int = 0
    max_replay_size: int | None = None
    taught: int = 524_288
    num_evals: int = 26
    num_eval_envs: int = 128
    target: float | None = None
    lock: float | None = None

    @property
    def short(self) -> str:
        """The settings that say most: what learns, how long, and with what."""
        layers = "-".join(map(str, self.hidden))
        return (
            f"{self.algorithm} by {self.trained_by}, up to {self.steps:,} decisions in "
            f"{self.num_envs} environments, {layers} {self.activation}, learning rate "
            f"{self.learning_rate:g}"
        )

    def __post_init__(self):
        for field in dataclasses.fields(self):  # arrays' numbers are no Python's
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, _pythons(value))
        for name, choices in _CHOICES.items():
            if getattr(self, name) is not None or name == "algorithm":
                one_of(name, getattr(self, name), choices)
        for name in (*_POSITIVE, *_POSITIVE_OR_NONE, *_NOT_NEGATIVE):
            self._check(name, getattr(self, name))
        self._check_shares()
        self._check_layers()
        self._check_engine()
        self._check_batches()

    def _check_shares(self) -> None:
        """Refuse shares and ranges that are none."""
        gamma, share, target = self.discounting, self.gae_lambda, self.target
        require(
            gamma is None or 0 < _number(gamma) <= 1,
            f"discounting={gamma!r} must be in (0, 1]",
        )
        require(0 <= _number(share) <= 1, f"gae_lambda={share!r} must be in [0, 1]")
        require(self.tau <= 1, f"tau={self.tau!r} must be in (0, 1]")
        require(
            target is None or not math.isnan(_number(target)),
            f"target={target!r} is no score",
        )
        slowest = self.learning_rate_schedule_min_lr
        fastest = self.learning_rate_schedule_max_lr
        require(
            slowest <= fastest,
            f"learning_rate_schedule_min_lr={slowest!r} is above "
            f"learning_rate_schedule_max_lr={fastest!r}; exchange them",
        )
        for name in _FLAGS:
            value = getattr(self, name)
            require(type(value) is bool, f"{name}={value!r} must be True or False")

    def _check_layers(self) -> None:
        """Refuse widths of which no network can be made."""
        for name in ("hidden", "value_hidden"):
            layers = getattr(self, name)
            require(
                _is_layers(layers) or (layers is None and name == "value_hidden"),
                f"{name}={layers!r} needs whole numbers above 0, at least one layer, "
                "as (32, 32)",
            )

    def _check_batches(self) -> None:
        """Refuse what cannot be shared out evenly."""
        batch = self.batch_size * self.num_minibatches
        require(
            self.algorithm != "ppo" or batch % self.num_envs == 0,
            f"batch_size * num_minibatches = {batch} "
            f"must be a multiple of num_envs = {self.num_envs}",
        )
        states = self.num_envs * self.unroll_length
        require(
            self.algorithm != "hjb" or states % self.batch_size == 0,
            f"num_envs * unroll_length = {states} states of an update must be a "
            f"multiple of batch_size = {self.batch_size}",
        )
        if self.algorithm == "sac":
            self._check_replay()

    def _check(self, name: str, value: Any) -> None:
        if value is None and name in _POSITIVE_OR_NONE:
            return
        number = _number(value)
        zero = name in _NOT_NEGATIVE
        least = "of at least 0" if zero else "above 0"
        ok = math.isfinite(number) and (number > 0 or (zero and number == 0))
        require(ok, f"{name}={value!r} must be a finite number {least}")
        whole = next(f.type for f in dataclasses.fields(self) if f.name == name)
        require(
            whole not in (int, int | None) or isinstance(value, int),
            f"{name}={value!r} must be a whole number",
        )

    def _check_engine(self) -> None:
        """Refuse what an engine cannot do."""
        able = [name for name, known in ENGINES.items() if self.algorithm in known]
        require(
            self.trained_by in able,
            f"engine={self.engine!r} has no {self.algorithm!r}; give engine="
            f"{able[0]!r}, or leave it out",
        )
        for name, usual in _OURS.items():
            value = getattr(self, name)
            require(
                (self.trained_by, self.algorithm) == ("jax", "ppo") or value == usual,
                f"{name}={value!r} is for PPO by our own engine; give "
                'algorithm="ppo", engine="jax", or leave it out',
            )

        usual = {field.name: field.default for field in dataclasses.fields(self)}
        for name in _UNUSED.get(self.algorithm, ()):
            value = getattr(self, name)
            require(
                value == usual[name],
                f"{name}={value!r} means nothing to algorithm={self.algorithm!r}; "
                "leave it out",
            )

    @property
    def trained_by(self) -> str:
        """The engine that is meant."""
        able = (name for name, known in ENGINES.items() if self.algorithm in known)
        return self.engine or next(able)

    def _check_replay(self) -> None:
        """What brax's SAC asserts of its memory."""
        filled = -(-self.min_replay_size // self.num_envs) * self.num_envs
        require(
            filled < self.steps,
            f"min_replay_size={self.min_replay_size} takes {filled} decisions before "
            f"the first update, so steps={self.steps} is too few; give more steps, or "
            "a smaller min_replay_size",
        )
        size = self.max_replay_size or self.steps
        least = max(filled, self.num_envs)
        require(
            size >= least,
            f"a memory of {size} decisions does not hold the {least} that "
            f"num_envs={self.num_envs} and min_replay_size={self.min_replay_size} put "
            f"in at first; give max_replay_size={least} or more steps",
        )

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
