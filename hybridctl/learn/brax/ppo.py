"""PPO through brax: settings in, an offer after every epoch."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from brax.envs import base
from brax.training.acme import running_statistics, specs
from jax import Array

from hybridctl.learn.brax.compat import ppo, ppo_networks, trainable
from hybridctl.learn.brax.networks import (
    Idle,
    activation_of,
    learning_rate,
    on_host,
    policy_of,
)
from hybridctl.learn.brax.tally import KEY, NAMES, STATE, Tallied, totals
from hybridctl.learn.brax.wrappers import wrap
from hybridctl.learn.checkpoint import Checkpoint, flatten, unflatten
from hybridctl.learn.config import Config
from hybridctl.learn.devices import devices
from hybridctl.learn.engine import Offer, Take
from hybridctl.learn.env import Env
from hybridctl.learn.lane import Lane

_SAME = (  # settings that brax knows by the same names
    "num_envs entropy_cost unroll_length batch_size "
    "num_minibatches num_updates_per_batch normalize_observations "
    "normalize_observations_std_eps normalize_observations_mode normalize_until_count "
    "reward_scaling clipping_epsilon clipping_epsilon_value gae_lambda max_grad_norm "
    "normalize_advantage vf_loss_coefficient desired_kl learning_rate_schedule "
    "learning_rate_schedule_min_lr learning_rate_schedule_max_lr num_evals"
).split()


def engine(
    lane: Lane, config: Config, seed: int, take: Take, start: Checkpoint | None
) -> None:
    """Run `brax.training.agents.ppo.train`; see `hybridctl.learn.engine`."""
    env = Env(lane.task, lane.template, lane.features)
    done = 0 if start is None else start.steps

    def offer(steps: int, _: Any, params: Any) -> None:
        normalizer, policy, value = params
        mean, std = normalizer.mean[STATE], normalizer.std[STATE]
        found = policy_of(mean, std, policy, env, config)
        arrays = flatten((normalizer, policy, value))
        take(Offer(done + int(steps), found, arrays, totals(normalizer)))

    with trainable():
        ppo.train(
            environment=env,
            eval_env=Idle(env),
            wrap_env_fn=_wrap,
            num_timesteps=config.steps - done,
            max_devices_per_host=devices(config),
            episode_length=config.episode_length or env.episode_length,
            learning_rate=learning_rate(config, done),
            discounting=config.gamma(env.dt),
            network_factory=functools.partial(networks_of, config),  # type: ignore[arg-type]
            seed=seed,
            run_evals=False,
            policy_params_fn=offer,
            restore_params=None if start is None else _restored(env, config, start),
            **{name: getattr(config, name) for name in _SAME},
        )


def _wrap(env: base.Env, **options: Any) -> base.Env:
    return env if isinstance(env, Idle) else Tallied(wrap(env, **options))


def networks_of(config: Config, sizes: Any, actions: int, **options: Any) -> Any:
    """Brax's networks of policy and value, which start on the host."""
    networks = ppo_networks.make_ppo_networks(
        sizes,
        actions,
        policy_hidden_layer_sizes=config.hidden,
        value_hidden_layer_sizes=config.value_hidden or config.hidden,
        activation=activation_of(config),
        policy_obs_key=STATE,
        value_obs_key=STATE,
        **options,
    )
    both = {"policy": networks.policy_network, "value": networks.value_network}
    on_host(both, actions)
    return networks


def parameters(env: Env, config: Config, key: Array) -> Any:
    """Brax's (normalizer, policy, value) before a training."""
    shapes = {STATE: (env.observation_size,), KEY: (len(NAMES),)}
    networks = networks_of(config, shapes, env.action_size)
    float32 = jnp.dtype("float32")
    normalizer = running_statistics.init_state(
        {name: specs.Array(shape, float32) for name, shape in shapes.items()},
        std_eps=config.normalize_observations_std_eps,
        mode=config.normalize_observations_mode,
    )
    both = networks.policy_network, networks.value_network
    return normalizer, *(network.init(key) for network in both)


def _restored(env: Env, config: Config, start: Checkpoint) -> Any:
    """The same from the arrays of a checkpoint."""
    like = parameters(env, config, jax.random.PRNGKey(0))
    return unflatten(like, start.arrays)
