"""SAC through brax: settings in, an offer after every epoch."""

import functools
import types
from typing import Any

from brax.training import acting
from brax.training.agents.sac import networks as sac_networks
from brax.training.agents.sac import train as sac

from hybridctl.checks import fail
from hybridctl.learn.brax.compat import lent, trainable
from hybridctl.learn.brax.networks import Idle, activation_of, on_host, policy_of
from hybridctl.learn.brax.wrappers import wrap
from hybridctl.learn.checkpoint import Checkpoint, flatten
from hybridctl.learn.config import Config
from hybridctl.learn.devices import devices
from hybridctl.learn.engine import Offer, Take
from hybridctl.learn.env import Env
from hybridctl.learn.lane import Lane

_SAME = (  # settings that brax knows by the same names
    "num_envs learning_rate batch_size "
    "normalize_observations reward_scaling tau min_replay_size max_replay_size "
    "grad_updates_per_step num_evals"
).split()


def engine(
    lane: Lane, config: Config, seed: int, take: Take, start: Checkpoint | None
) -> None:
    """Run `brax.training.agents.sac.train`; see `hybridctl.learn.engine`.

    Raises:
        ValueError: a checkpoint is given, which brax's SAC cannot go on from.
    """
    if start is not None:
        fail("brax's SAC cannot go on from a checkpoint; train anew, or use PPO")
    env = Env(lane.task, lane.template, lane.features)
    seen = _Seen(env)

    def offer(steps: int, _: Any) -> None:
        normalizer, policy = seen.params
        found = policy_of(normalizer.mean, normalizer.std, policy, env, config)
        take(Offer(int(steps), found, flatten(seen.params), None))

    parts = types.SimpleNamespace(actor_step=acting.actor_step, Evaluator=_Evaluator)
    with trainable(), lent(sac, "acting", parts):
        sac.train(
            environment=env,
            eval_env=seen,
            wrap_env_fn=_wrap,
            num_timesteps=config.steps,
            max_devices_per_host=devices(config),
            episode_length=config.episode_length or env.episode_length,
            discounting=config.gamma(env.dt),
            network_factory=functools.partial(_networks, config),  # type: ignore[arg-type]
            seed=seed,
            progress_fn=offer,
            **{name: getattr(config, name) for name in _SAME},
        )


class _Seen(Idle):
    """Keeps the parameters that were last to be evaluated."""

    params: Any = None


class _Evaluator:
    """Brax's SAC shows its parameters to nobody but its evaluator."""

    def __init__(self, eval_env: _Seen, *_: Any, **__: Any):
        self.seen = eval_env

    def run_evaluation(self, params: Any, training_metrics: Any) -> dict:
        """Keep them; validation is the session's."""
        del training_metrics
        self.seen.params = params
        return {}


def _wrap(env: Any, **options: Any) -> Any:
    return env if isinstance(env, Idle) else wrap(env, **options)


def _networks(
    config: Config, observation_size: int, action_size: int, **options: Any
) -> Any:
    networks = sac_networks.make_sac_networks(
        observation_size,
        action_size,
        hidden_layer_sizes=config.hidden,
        activation=activation_of(config),
        **options,
    )
    on_host({"policy": networks.policy_network, "q": networks.q_network}, action_size)
    return networks
