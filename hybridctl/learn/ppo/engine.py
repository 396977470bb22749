"""PPO in one compiled program: settings in, an offer after every chunk of updates."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.controllers import Policy
from hybridctl.learn.adam import Adam
from hybridctl.learn.checkpoint import Checkpoint, flatten, unflatten
from hybridctl.learn.config import Config
from hybridctl.learn.engine import Offer, Take, Totals
from hybridctl.learn.lane import Lane
from hybridctl.learn.ppo.networks import Networks
from hybridctl.learn.ppo.normalizer import Normalizer
from hybridctl.learn.ppo.rollout import Batch, Lanes, unborn, unrolled
from hybridctl.learn.ppo.update import Samples, advantages, improved

QUICK = {"xla_backend_optimization_level": 1}  # as fast, and compiled in less time
MIXES = 32  # orders of a batch, of which every update takes some


class Learner(NamedTuple):
    """All that a training goes on from, bit for bit.

    Attributes:
        adam: parameters of actor and critic, and their moments.
        normalizer: of the observations.
        lanes: episodes under way.
        key: of the random stream [2].
        rate: learning rate, where it adapts.
        updates: that were made, int32 scalar.
        totals: reward, ended, failed and not finite so far [4].
    """

    adam: Adam
    normalizer: Normalizer
    lanes: Lanes
    key: Array
    rate: Array
    updates: Array
    totals: Array


def engine(
    lane: Lane, config: Config, seed: int, take: Take, start: Checkpoint | None
) -> None:
    """Train by PPO; see `hybridctl.learn.engine`."""
    trainer = Trainer(lane, config)
    learner = trainer.begin(seed)
    if start is not None:
        learner = unflatten(learner, start.arrays)
    run = jax.jit(trainer.run).lower(learner, jnp.int32(1))
    take(trainer.offer(learner))
    compiled = run.compile(QUICK)
    while (left := trainer.updates - int(learner.updates)) > 0:
        count = jnp.int32(min(left, trainer.chunk))
        learner = jax.block_until_ready(compiled(learner, count))
        take(trainer.offer(learner))


class Trainer:
    """Updates of actor and critic, compiled as few and flat operations.

    Args:
        lane: one of those that are advanced side by side.
        config: settings.
    """

    def __init__(self, lane: Lane, config: Config):
        self.lane, self.config = lane, config
        self.limit = config.episode_length or lane.episode_length
        seen = lane.observation_size
        self.networks = Networks(config, seen, seen, lane.action_size)
        unrolls = config.batch_size * config.num_minibatches // config.num_envs
        self.shape = (unrolls, config.unroll_length, config.num_envs, lane.action_size)
        self.decisions = int(np.prod(self.shape[:3]))  # of an update
        self.updates = -(-config.steps // self.decisions)
        self.chunk = -(-self.updates // max(config.num_evals - 1, 1))
        mixed = np.random.default_rng(0)
        orders = [mixed.permutation(self.decisions) for _ in range(MIXES)]
        self.orders = jnp.asarray(np.stack(orders))

    def begin(self, seed: int) -> Learner:
        """Random parameters, and lanes that are about to begin."""
        config, at = self.config, self.networks.random(seed)
        first, key = jax.random.split(jax.random.PRNGKey(seed))
        return Learner(
            Adam.at_rest(at),
            Normalizer.of(self.lane.observation_size),
            unborn(self.lane, first, config.num_envs),
            key,
            jnp.asarray(config.learning_rate),
            jnp.zeros((), jnp.int32),
            jnp.zeros(4),
        )

    def run(self, learner: Learner, updates: Array) -> Learner:
        """So many updates."""
        return jax.lax.fori_loop(0, updates, lambda _, now: self._update(now), learner)

    def _update(self, learner: Learner) -> Learner:
        """Advance the lanes, and learn from what they met."""
        config = self.config
        key, draw, mix = jax.random.split(learner.key, 3)
        lanes, batch = self._rollout(learner, jax.random.normal(draw, self.shape))
        flat = batch.obs.reshape(self.decisions, -1)
        normalizer = learner.normalizer.after(flat, config)
        samples = self._samples(learner.adam.at, normalizer, batch)
        which = jax.random.randint(mix, (config.num_updates_per_batch,), 0, MIXES)
        order = self.orders[which].reshape(-1, self.decisions // config.num_minibatches)
        rate, along = learner.rate, learner.updates / self.updates
        if config.learning_rate_schedule is None:
            rate = rate * _left(config.final_learning_rate, along)
        bonus = config.entropy_cost * _left(config.final_entropy_cost, along)
        adam, rate = improved(
            self.networks, config, learner.adam, samples, order, rate, bonus
        )
        rate = learner.rate if config.learning_rate_schedule is None else rate
        totals = learner.totals + jnp.sum(batch.counts, (0, 1))
        return Learner(adam, normalizer, lanes, key, rate, learner.updates + 1, totals)

    def _rollout(self, learner: Learner, noise: Array) -> tuple[Lanes, Batch]:
        """The decisions of an update [decisions, lanes]."""
        at, normalizer, config = learner.adam.at, learner.normalizer, self.config

        def act(obs: Array, noise: Array) -> Array:
            return self.networks.spread(at, normalizer(obs, config)).drawn(noise)

        unroll = functools.partial(unrolled, self.lane, act, self.limit)
        if len(noise) == 1:
            return unroll(learner.lanes, noise[0])
        lanes, batch = jax.lax.scan(unroll, learner.lanes, noise)
        joined = lambda part: part.reshape(-1, *part.shape[2:])  # noqa: E731
        return lanes, jax.tree.map(joined, batch)

    def _samples(self, at: Array, normalizer: Normalizer, batch: Batch) -> Samples:
        """Every decision with what it was worth."""
        config = self.config
        z, after = (normalizer(obs, config) for obs in (batch.obs, batch.after))
        value, later = (self.networks.value(at, z) for z in (z, after))
        advantage = advantages(
            config.reward_scaling * batch.reward, value, later, batch.terminated,
            batch.over, config.gamma(self.lane.dt), config.gae_lambda,
        )  # fmt: skip
        old = self.networks.spread(at, z)
        samples = Samples(
            z, z, batch.drawn, batch.noise, old, value, advantage, value + advantage
        )
        flat = lambda part: part.reshape(self.decisions, *part.shape[2:])  # noqa: E731
        return jax.tree.map(flat, samples)

    def offer(self, learner: Learner) -> Offer:
        """The policy so far."""
        steps = min(int(learner.updates) * self.decisions, self.config.steps)
        totals = Totals(*np.asarray(learner.totals, float).tolist())
        return Offer(steps, self.policy(learner), flatten(learner), totals)

    def policy(self, learner: Learner) -> Policy:
        """The deterministic policy: tanh of the mean."""
        config, n = self.config, self.lane.action_size
        layers = jax.tree.map(np.asarray, self.networks.unravel(learner.adam.at)[0])
        weights, biases = map(list, zip(*layers, strict=True))
        weights[-1], biases[-1] = weights[-1][:, :n], biases[-1][:n]
        mean, std = np.zeros(len(weights[0])), np.ones(len(weights[0]))
        if config.normalize_observations:
            mean = np.asarray(learner.normalizer.mean)
            std = np.asarray(learner.normalizer.std(config))
        return Policy(
            self.lane.features, weights, biases, mean, std, config.activation,
            float(self.lane.dt),
        )  # fmt: skip


def _left(last: float, along: Array) -> Array:
    """What is left of a setting that falls linearly to a share of itself."""
    return 1.0 - (1.0 - last) * along
