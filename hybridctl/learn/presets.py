"""Settings that work unattended: values of `Config`."""

import math

from hybridctl.checks import one_of
from hybridctl.learn.config import Config
from hybridctl.plants.scales import own_second
from hybridctl.tasks import Task

GENTLE = 0.1  # share of the learning rate with which a clone learns on

balance = Config()
quick = Config(
    steps=2_000_000,
    unroll_length=32,
    batch_size=32,
    num_minibatches=8,
    learning_rate=2e-3,
    final_learning_rate=0.05,
    entropy_cost=1e-3,
    hidden=(64, 64),
    num_evals=12,
    num_eval_envs=256,
    lock=1.0,
)
swing = quick.replace(steps=8_000_000, num_envs=512, num_minibatches=16, num_evals=17)
weak = swing.replace(horizon=8.0)  # a swing-up that takes longer
sac = Config(
    algorithm="sac",
    engine="brax",
    steps=800_000,
    num_envs=64,
    batch_size=256,
    learning_rate=1e-3,
    reward_scaling=1.0,
    tau=0.02,
    grad_updates_per_step=8,
    min_replay_size=4096,
    num_evals=81,
)
hjb = Config(
    algorithm="hjb",
    steps=5_324_800,
    num_envs=512,
    unroll_length=8,
    batch_size=256,
    num_updates_per_batch=1,
    learning_rate=6e-3,
    final_learning_rate=0.03,
    gae_lambda=0.95,
    tau=0.3,
    hidden=(64, 64),
    num_evals=6,
    num_eval_envs=256,
)
seed = Config(  # the tutorial's short run, number by number
    engine="brax",
    steps=100,
    num_envs=1,
    unroll_length=5,
    batch_size=1,
    num_minibatches=1,
    num_updates_per_batch=4,
    learning_rate=3e-4,
    discounting=0.97,
    entropy_cost=1e-2,
    reward_scaling=10.0,
    max_grad_norm=None,
    hidden=(32,) * 4,
    value_hidden=(256,) * 5,
    activation="swish",
    num_evals=20,
    target=math.inf,
)
seed_long = seed.replace(  # and its long one
    steps=20_000_000, num_envs=2048, batch_size=1024, num_minibatches=32
)

PRESETS = {
    "balance": balance,
    "swing": swing,
    "quick": quick,
    "weak": weak,
    "sac": sac,
    "hjb": hjb,
    "seed": seed,
    "seed_long": seed_long,
}

ABOUT = {
    "balance": "PPO where the pole must stay up.",
    "swing": "PPO for a swing-up.",
    "quick": "As swing, with a quarter of the decisions: for a first look.",
    "weak": "As swing, for a swing-up that takes longer.",
    "sac": "SAC: few decisions, many updates.",
    "hjb": "The optimal value of a known plant, and the input in closed form.",
    "seed": "The tutorial's short run, number by number; it learns nothing.",
    "seed_long": "The tutorial's long run.",
}


def meant_for(task: Task, algorithm: str) -> Config:
    """The preset that works unattended on a task: what its reward says, or its hint."""
    if algorithm in ("sac", "hjb"):
        return PRESETS[algorithm]
    if task.reward == "alive":
        return balance
    found = preset(task.hints.preset or "swing")
    return found.replace(steps=task.hints.steps or found.steps)


def told(config: Config, task: Task) -> Config:
    """A preset's times in the own seconds of a task's plant.

    Costs are summed over time, so a reward of "cost" is told in seconds, too.
    """
    second = own_second(task.plant)
    scaling = config.reward_scaling / (second if task.reward == "cost" else 1.0)
    return config.replace(horizon=config.horizon * second, reward_scaling=scaling)


def gently(config: Config) -> Config:
    """A preset for networks that know something, which its own rate would undo."""
    return config.replace(learning_rate=GENTLE * config.learning_rate)


def preset(name: str) -> Config:
    """A preset by name.

    Args:
        name: a key of `PRESETS`.

    Raises:
        ValueError: an unknown name.
    """
    one_of("preset", name, PRESETS)
    return PRESETS[name]
