"""PPO through brax: settings in, parameters out after every epoch."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from brax.envs import base

from hybridctl.controllers import Policy
from hybridctl.learn.brax import ppo, ppo_networks, trainable
from hybridctl.learn.config import Config
from hybridctl.learn.env import Env
from hybridctl.learn.wrappers import wrap

OnPolicy = Callable[[int, Any], None]


class _Decay(float):
    """A learning rate that optax calls and brax reports as a number."""

    end: float
    updates: int

    def __call__(self, count: Any) -> Any:
        share = np.float32(1.0) - (1 - self.end) * count / self.updates
        return float(self) * share.clip(self.end, 1.0)


def train_ppo(env: Env, config: Config, seed: int, on_policy: OnPolicy) -> None:
    """Run `brax.training.agents.ppo.train`.

    Args:
        env: the environment, not wrapped.
        config: settings.
        seed: of networks, episodes and exploration.
        on_policy: called with (decisions so far, Policy) before training and after
            every epoch; raise in it to stop.
    """
    with trainable():
        ppo.train(
            environment=env,
            eval_env=_Idle(env),
            num_timesteps=config.steps,
            num_envs=config.num_envs,
            episode_length=env.episode_length,
            wrap_env_fn=wrap,
            learning_rate=_learning_rate(config),
            entropy_cost=config.entropy_cost,
            discounting=config.gamma(env.dt),
            unroll_length=config.unroll_length,
            batch_size=config.batch_size,
            num_minibatches=config.num_minibatches,
            num_updates_per_batch=config.num_updates_per_batch,
            normalize_observations=True,
            reward_scaling=config.reward_scaling,
            clipping_epsilon=config.clipping_epsilon,
            gae_lambda=config.gae_lambda,
            max_grad_norm=config.max_grad_norm,
            network_factory=functools.partial(_networks, config),
            seed=seed,
            num_evals=config.evals + 1,
            run_evals=False,
            policy_params_fn=lambda steps, _, params: on_policy(
                int(steps), policy_of(params, env, config)
            ),
        )


def policy_of(params: Any, env: Env, config: Config) -> Policy:
    """The deterministic policy of brax's (normalizer, policy, …) parameters."""
    normalizer, policy = params[0], params[1]["params"]
    layers = [policy[f"hidden_{i}"] for i in range(len(config.hidden) + 1)]
    weights = [np.asarray(layer["kernel"]) for layer in layers]
    biases = [np.asarray(layer["bias"]) for layer in layers]
    n = env.action_size  # the last layer gives mean and spread of every action
    weights[-1], biases[-1] = weights[-1][:, :n], biases[-1][:n]
    mean, std = np.asarray(normalizer.mean), np.asarray(normalizer.std)
    return Policy(
        env.features, weights, biases, mean, std, config.activation, float(env.dt)
    )


def _networks(config: Config, *sizes: Any, **options: Any) -> Any:
    """Brax's networks, initialized without compiling forty small programs."""
    networks = ppo_networks.make_ppo_networks(
        *sizes,
        policy_hidden_layer_sizes=config.hidden,
        value_hidden_layer_sizes=config.hidden,
        activation=getattr(nn, config.activation),
        **options,
    )
    for i, network in enumerate((networks.policy_network, networks.value_network)):
        network.init = functools.partial(_lecun_uniform, network.init, i)
    return networks


def _lecun_uniform(init: Any, i: int, key: Any) -> Any:
    """What brax's init draws, U(±√(3 / n_in)), on the host: nothing to compile."""
    rng = np.random.default_rng([*np.asarray(key).tolist(), i])

    def draw(leaf: Any) -> Any:
        if len(leaf.shape) == 1:
            return jnp.zeros(leaf.shape, leaf.dtype)
        bound = np.sqrt(3.0 / leaf.shape[0])
        return jnp.asarray(rng.uniform(-bound, bound, leaf.shape), leaf.dtype)

    return jax.tree.map(draw, jax.eval_shape(init, key))


class _Idle(base.Wrapper):
    """Stands in for the evaluation environment, which brax resets but never runs."""

    def reset(self, rng: Any) -> base.State:
        """A state of zeros: quick to compile."""
        zero = jnp.zeros(())
        return base.State(rng, jnp.zeros(self.observation_size), zero, zero)  # type: ignore[call-arg]


def _learning_rate(config: Config) -> float:
    if config.final_learning_rate == 1.0:
        return config.learning_rate
    rate = _Decay(config.learning_rate)
    rate.end = config.final_learning_rate
    per_update = config.batch_size * config.num_minibatches * config.unroll_length
    passes = config.num_minibatches * config.num_updates_per_batch
    rate.updates = max(config.steps * passes // per_update, 1)
    return rate
