"""Networks of the trainers: initialized on the host, and read as a Policy."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from brax.envs import base

from hybridctl.checks import require
from hybridctl.controllers import Features, Policy
from hybridctl.learn.config import Config
from hybridctl.learn.env import Env
from hybridctl.learn.observe import check_observed


def activation_of(config: Config) -> Callable:
    """The activation function by its name."""
    return getattr(nn, config.activation)


def on_host(networks: dict[str, Any], actions: int) -> None:
    """Let networks initialize without compiling forty small programs.

    The policy's last layer starts with a mean action of zero: an untrained
    template is its base, exactly.

    Args:
        networks: brax's networks by name; "policy" is the policy's.
        actions: number of actions.
    """
    for i, (name, network) in enumerate(networks.items()):
        silent = actions if name == "policy" else 0
        network.init = functools.partial(_lecun_uniform, network.init, i, silent)


def _lecun_uniform(init: Any, i: int, silent: int, key: Any) -> Any:
    """What brax's init draws, U(±√(3 / n_in)), but for silent outputs of zero."""
    rng = np.random.default_rng([*np.asarray(key).tolist(), i])

    def draw(leaf: Any) -> np.ndarray:
        if len(leaf.shape) == 1:
            return np.zeros(leaf.shape, leaf.dtype)
        bound = np.sqrt(3.0 / leaf.shape[-2])
        return rng.uniform(-bound, bound, leaf.shape).astype(leaf.dtype)

    tree = jax.tree.map(draw, jax.eval_shape(init, key))
    if silent:
        layers = tree["params"]
        layers[f"hidden_{len(layers) - 1}"]["kernel"][:, :silent] = 0.0
    return jax.tree.map(jnp.asarray, tree)


def policy_of(mean: Any, std: Any, parameters: Any, env: Env, config: Config) -> Policy:
    """The deterministic policy of brax's parameters.

    Args:
        mean: of the observations.
        std: of the observations.
        parameters: of the policy network.
        env: what it was trained in.
        config: settings of the training.

    Returns:
        A controller whose outputs are the actions.
    """
    scale = (mean, std) if config.normalize_observations else None
    return brax_policy(
        env.features, parameters, scale, config.activation, float(env.dt)
    )


def brax_policy(
    features: Features,
    parameters: Any,
    scale: tuple[Any, Any] | None,
    activation: str,
    dt: float | None,
) -> Policy:
    """The mode of brax's tanh-normal distribution as a controller: tanh of the mean.

    Args:
        features: what is observed.
        parameters: of brax's policy network, an MLP.
        scale: mean and std of the observations; None: they are not normalized.
        activation: of the hidden layers.
        dt: period [s] between two decisions.

    Raises:
        ValueError: no such network, or it observes another number of features.
    """
    named = parameters["params"]
    names = [f"hidden_{i}" for i in range(len(named))]
    require(
        set(named) == set(names)
        and all({"kernel", "bias"} == set(named[n]) for n in names),
        f"this network has the parts {sorted(named)}, expected an MLP of hidden_0, "
        "hidden_1, ...; call it from Python instead: hc.Foreign(f, features)",
    )
    weights = [np.asarray(named[name]["kernel"]) for name in names]
    biases = [np.asarray(named[name]["bias"]) for name in names]
    outputs = len(biases[-1])
    require(
        outputs % 2 == 0,
        f"this network has {outputs} outputs, expected mean and spread of every "
        "action; call it from Python instead: hc.Foreign(f, features)",
    )
    n = outputs // 2
    weights[-1], biases[-1] = weights[-1][:, :n], biases[-1][:n]
    seen = len(weights[0])
    check_observed(features, seen)
    mean, std = scale or (np.zeros(seen), np.ones(seen))
    return Policy(
        features, weights, biases, np.asarray(mean), np.asarray(std), activation, dt
    )


class Idle(base.Wrapper):
    """Stands in for the evaluation environment, which brax resets but never runs."""

    def reset(self, rng: Any) -> base.State:
        """A state of zeros: quick to compile."""
        zero = jnp.zeros(())
        return base.State(rng, jnp.zeros(self.observation_size), zero, zero)  # type: ignore[call-arg]


class Rate(float):
    """A falling learning rate that optax calls and brax reports as a number."""

    start: float  # share at the first update
    end: float  # share at the last one
    updates: int

    def __call__(self, count: Any) -> Any:
        """The rate at an update."""
        share = np.float32(self.start) - (self.start - self.end) * count / self.updates
        return float(self) * share.clip(self.end, 1.0)


def learning_rate(config: Config, done: int) -> float:
    """The rate that falls linearly from where `done` decisions have left it."""
    if config.final_learning_rate == 1.0:
        return config.learning_rate
    rate = Rate(config.learning_rate)
    share = min(done / config.steps, 1.0)
    rate.end = config.final_learning_rate
    rate.start = 1.0 - (1.0 - rate.end) * share
    per_update = config.batch_size * config.num_minibatches * config.unroll_length
    passes = config.num_minibatches * config.num_updates_per_batch
    rate.updates = max((config.steps - done) * passes // per_update, 1)
    return rate
