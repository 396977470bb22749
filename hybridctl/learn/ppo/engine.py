"""PPO in one compiled program: settings in, an offer after every chunk of updates."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.controllers import Policy
from hybridctl.learn.adam import Adam
from hybridctl.learn.checkpoint import Checkpoint, flatten, unflatten
from hybridctl.learn.chunks import Chunked, run_in_chunks, trainer_of
from hybridctl.learn.config import Config
from hybridctl.learn.devices import crew
from hybridctl.learn.engine import Offer, Take, Totals
from hybridctl.learn.lane import Lane
from hybridctl.learn.ppo.networks import Networks, Spread
from hybridctl.learn.ppo.normalizer import Normalizer
from hybridctl.learn.ppo.rollout import Batch, Lanes, seeing, unborn, unrolled
from hybridctl.learn.ppo.update import Samples, Seen, advantages, improved

MIXES = 32  # orders of a batch, of which every update takes some


class Learner(NamedTuple):
    """All that a training goes on from, bit for bit.

    Attributes:
        adam: parameters of actor and critic, and their moments.
        normalizer: of the observations.
        lanes: episodes under way.
        key: of the random stream, uint32 [2].
        rate: learning rate, where it adapts.
        updates: that were made, int32 scalar.
    """

    adam: Adam
    normalizer: Normalizer
    lanes: Lanes
    key: Array
    rate: Array
    updates: Array


def engine(
    lane: Lane, config: Config, seed: int, take: Take, start: Checkpoint | None
) -> None:
    """Train by PPO; see `hybridctl.learn.engine`."""
    trainer: Trainer = trainer_of(Trainer, lane, config)
    learner = trainer.begin(seed)
    if start is not None:
        learner = unflatten(learner, start.arrays)
    run_in_chunks(trainer, learner, take, trainer.orders)


class Trainer(Chunked):
    """Updates of actor and critic, compiled as few and flat operations.

    Args:
        lane: one of those that are advanced side by side.
        config: settings.
    """

    def __init__(self, lane: Lane, config: Config):
        super().__init__()
        self.lane, self.config, self.crew = lane, config, crew(config)
        self.limit = config.episode_length or lane.episode_length
        hidden = config.critic_features is not None or config.recurrent is not None
        self.see = seeing(lane, hidden)
        self.sizes = lane.observation_size, self._judged_by()
        self.networks = Networks(config, *self.sizes, lane.action_size)
        unrolls = config.batch_size * config.num_minibatches // config.num_envs
        length = config.unroll_length
        if length > self.limit:  # at most one time limit in an unroll
            part = max(n for n in range(1, self.limit + 1) if length % n == 0)
            unrolls, length = unrolls * length // part, part
        self.shape = (unrolls, length, config.num_envs, lane.action_size)
        self.decisions = int(np.prod(self.shape[:3]))  # of an update
        self.updates = -(-config.steps // self.decisions)
        self.chunk = -(-self.updates // max(config.num_evals - 1, 1))
        mixed = np.random.default_rng(0)
        rows = self.decisions // (self.shape[1] if self.networks.kept else 1)
        orders = [mixed.permutation(rows) for _ in range(MIXES)]
        self.orders = np.stack(orders).astype(np.int32)

    def _judged_by(self) -> int:
        """Numbers that the critic sees."""
        see = lambda key: self.see(self.lane.begin(key))  # noqa: E731
        return jax.eval_shape(see, np.zeros(2, np.uint32)).shape[0]

    def begin(self, seed: int) -> Learner:
        """Random parameters, and lanes that are about to begin."""
        config, at = self.config, self.networks.random(seed)
        draw = np.random.default_rng([seed, 1])
        keys = draw.integers(2**32, size=(config.num_envs + 1, 2), dtype=np.uint32)
        rate: Any = np.asarray(config.learning_rate)
        none: Any = np.int32(0)
        lanes = unborn(self.lane, self.see, keys[1:], self.networks.kept)
        normalizer = Normalizer.of(self.sizes[1])
        return Learner(Adam.at_rest(at), normalizer, lanes, keys[0], rate, none)

    def run(self, learner: Learner, updates: Array, orders: Array) -> Learner:
        """So many updates, with decisions (or sequences) mixed in these orders."""

        def run(learner: Learner, updates: Array, orders: Array) -> Learner:
            update = lambda _, now: self._update(now, orders)  # noqa: E731
            return jax.lax.fori_loop(0, updates, update, learner)

        return self.crew.program(run)(learner, updates, orders)

    def _update(self, learner: Learner, orders: Array) -> Learner:
        """Advance the lanes, and learn from what they met."""
        config = self.config
        made = learner.updates.astype(jnp.uint32)
        key = learner.key + jnp.stack([jnp.zeros_like(made), made])
        noise = jax.random.normal(key, self.shape)
        lanes, batch, obs, kept = self._rollout(learner, noise)
        normalizer = learner.normalizer.after(obs[: self.decisions], config)
        z = normalizer(obs, config)
        samples = self._samples(learner.adam.at, z, batch, noise, kept)
        judge = functools.partial(self._judged, z, batch)
        passes = config.num_updates_per_batch
        which = (learner.updates * passes + np.arange(passes)) % MIXES
        shape = passes, config.num_minibatches, -1
        orders = orders[which].reshape(shape)
        rate, along = learner.rate, learner.updates / self.updates
        if config.learning_rate_schedule is None:
            rate = rate * _left(config.final_learning_rate, along)
        bonus = config.entropy_cost * _left(config.final_entropy_cost, along)
        adam, rate = improved(
            self.networks, config, learner.adam, samples, judge, orders, rate, bonus
        )
        rate = learner.rate if config.learning_rate_schedule is None else rate
        return Learner(adam, normalizer, lanes, learner.key, rate, learner.updates + 1)

    def _rollout(
        self, learner: Learner, noise: Array
    ) -> tuple[Lanes, Batch, Array, Array]:
        """The decisions of an update [decisions, lanes], and observations of it all.

        Returns:
            The lanes; the decisions; what was seen before each of them, at every
            truncation, and after the last one [n, m]; and what the policy remembered
            before each unroll [unrolls, lanes, k].
        """
        at, normalizer, config = learner.adam.at, learner.normalizer, self.config
        crew = self.crew

        def act(kept: Array, obs: Array) -> tuple[Array, Spread]:
            z, kept = crew.amid((normalizer(obs, config), kept))
            kept = self.networks.remembered(at, kept, z)
            return crew.own((kept, self.networks.spread(at, z, kept)))

        unroll = functools.partial(unrolled, self.lane, self.see, act, self.limit)
        told = lambda lanes, noise: _with(lanes.kept, unroll(lanes, noise))  # noqa: E731
        own = learner.lanes.each(crew.own)
        own, (kept, (batch, cut)) = jax.lax.scan(told, own, crew.own(noise, 2))
        lanes, batch = own.each(crew.whole), crew.whole(batch, 2)
        kept, cut = crew.whole((kept, cut), 1)
        batch = jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:]), batch)
        parts = batch.obs, cut, lanes.obs
        flat = [part.reshape(-1, part.shape[-1]) for part in parts]
        return lanes, batch, jnp.concatenate(flat), kept

    def _samples(
        self, at: Array, z: Array, batch: Batch, noise: Array, kept: Array
    ) -> Samples:
        """Every decision, or sequences of them for a memory; not yet judged."""
        own = z[: self.decisions].reshape(*batch.drawn.shape[:2], -1)
        noise = noise.reshape(batch.drawn.shape)
        parts = own, batch.began, batch.drawn, noise, batch.spread
        z, began, drawn, noise, old = jax.tree.map(self._rows, parts)
        value, seen = self.networks.value(at, z), Seen(z)
        if self.networks.kept:
            seen = Seen(z, began, kept.reshape(len(z), -1))
        return Samples(seen, drawn, noise, old, value, value, value)

    def _rows(self, part: Array) -> Array:
        """What minibatches are made of: decisions, or sequences for a memory."""
        if not self.networks.kept:
            return part.reshape(self.decisions, *part.shape[2:])
        unrolls, length, lanes, _ = self.shape
        sequences = jnp.moveaxis(part.reshape(unrolls, length, *part.shape[1:]), 1, 2)
        return sequences.reshape(unrolls * lanes, length, *part.shape[2:])

    def _judged(self, z: Array, batch: Batch, at: Array) -> tuple[Array, Array]:
        """Advantages and what the critic should have estimated, one a decision."""
        config, n, lanes = self.config, self.decisions, self.config.num_envs
        V = self.networks.value(at, z)
        value, cut, last = V[:n].reshape(-1, lanes), V[n:-lanes], V[-lanes:]
        cut = jnp.repeat(cut.reshape(-1, lanes), self.shape[1], 0)
        later = jnp.concatenate([value[1:], last[None]])
        later = jnp.where(batch.truncated, cut, later)
        advantage = advantages(
            config.reward_scaling * batch.reward, value, later, batch.terminated,
            batch.truncated, config.gamma(self.lane.dt), config.gae_lambda,
        )  # fmt: skip
        return self._rows(advantage), self._rows(value + advantage)

    def offer(self, learner: Learner) -> Offer:
        """The policy so far."""
        steps = min(int(learner.updates) * self.decisions, self.config.steps)
        totals = Totals(*np.asarray(learner.lanes.counts, float).sum(1).tolist())
        return Offer(steps, self.policy(learner), flatten(learner), totals)

    def policy(self, learner: Learner) -> Policy:
        """The deterministic policy: tanh of the mean."""
        config, n = self.config, self.lane.action_size
        at = np.array(learner.adam.at)
        layers = self.networks.unravel(at)[0]
        weights, biases = map(list, zip(*layers, strict=True))
        weights[-1], biases[-1] = weights[-1][:, :n], biases[-1][:n]
        mean, std = np.zeros(self.sizes[0]), np.ones(self.sizes[0])
        if config.normalize_observations:
            mean, std = (
                np.asarray(part)[: len(mean)]
                for part in (learner.normalizer.mean, learner.normalizer.std)
            )
        return Policy(
            self.lane.features, weights, biases, mean, std, config.activation,
            float(self.lane.dt), memory=self.networks.memory(at),
        )  # fmt: skip


def _left(last: float, along: Array) -> Array:
    """What is left of a setting that falls linearly to a share of itself."""
    return 1.0 - (1.0 - last) * along


def _with(before: Array, told: tuple[Lanes, Any]) -> tuple[Lanes, Any]:
    """An unroll that also tells what was remembered before it."""
    return told[0], (before, told[1])
