"""Proximal policy optimization of one batch of decisions."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.learn.adam import TINY, Adam
from hybridctl.learn.config import Config
from hybridctl.learn.ppo.networks import Networks, Spread


class Seen(NamedTuple):
    """What networks see; shapes begin with [n], for a memory with [n, length].

    Attributes:
        z: normalized: the actor's observation first [m].
        began: whether an episode began with the decision; None without a memory.
        kept: what was remembered before each sequence [n, k], likewise.
    """

    z: Array
    began: Any = None
    kept: Any = None


class Samples(NamedTuple):
    """What is learned from; shapes begin with [n], for a memory with [n, length].

    Attributes:
        seen: by the networks.
        drawn: actions before tanh [n_a].
        noise: of which they were made [n_a].
        old: the spread that they were drawn from, before the normalizer moved on.
        value: the critic's estimate before the update.
        advantage: of the action.
        gain: what the critic should have estimated.
    """

    seen: Seen
    drawn: Array
    noise: Array
    old: Spread
    value: Array
    advantage: Array
    gain: Array


def advantages(
    reward: Array, value: Array, after: Array, terminated: Array, truncated: Array,
    gamma: float, mix: float,
) -> Array:  # fmt: skip
    """Generalized advantages [decisions, lanes].

    With the value of what came after a decision, also where the time limit ended the
    episode there, and nothing where it terminated:

        δ = r + γ (1 - terminated) V(after) - V,
        A = δ + γ λ (1 - terminated) (1 - truncated) A'.

    Args:
        reward: of the decisions [decisions, lanes], as all others.
        value: V before.
        after: V afterwards, before another episode began.
        terminated: whether the decision ended the episode for good.
        truncated: whether its time limit ended it.
        gamma: γ, discount of a decision.
        mix: λ.

    Source: J. Schulman et al., "High-dimensional continuous control using generalized
        advantage estimation", ICLR 2016.
    """
    error = reward + gamma * jnp.where(terminated, 0.0, after) - value
    carry = jnp.where(terminated | truncated, 0.0, gamma * mix)

    def back(later: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        found = now[0] + now[1] * later
        return found, found

    last = jnp.zeros_like(reward[0])
    return jax.lax.scan(back, last, (error, carry), reverse=True)[1]


def spread_of(networks: Networks, at: Array, seen: Seen) -> Spread:
    """Of the actions, with what is remembered on the way."""
    if not networks.kept:
        return networks.spread(at, seen.z)
    kept = networks.recalled(at, seen.kept, seen.z, seen.began)
    return networks.spread(at, seen.z, kept)


def loss(
    networks: Networks, config: Config, at: Array, batch: Samples, bonus: Array
) -> tuple[Array, Array]:
    """PPO's clipped surrogate, the critic's error and the entropy bonus.

    Returns:
        The loss, and how far the actions' spread is from the old one (KL).
    """
    now = spread_of(networks, at, batch.seen)
    value = networks.value(at, batch.seen.z)
    ratio = jnp.exp(now.log_density(batch.drawn) - batch.old.log_density(batch.drawn))
    advantage, clip = batch.advantage, config.clipping_epsilon
    if config.normalize_advantage:
        middle = advantage - jnp.mean(advantage)
        advantage = middle / (jnp.sqrt(jnp.mean(middle**2)) + TINY)
    held = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
    gain = jnp.mean(jnp.minimum(ratio * advantage, held * advantage))
    error = (batch.gain - value) ** 2
    if (most := config.clipping_epsilon_value) is not None:
        near = batch.value + jnp.clip(value - batch.value, -most, most)
        error = jnp.maximum(error, (batch.gain - near) ** 2)
    error = 0.5 * config.vf_loss_coefficient * jnp.mean(error)
    entropy = jnp.mean(now.entropy(batch.noise))
    apart = jnp.mean(now.divergence(batch.old))
    return error - gain - bonus * entropy, apart


def improved(
    networks: Networks,
    config: Config,
    adam: Adam,
    samples: Samples,
    judge: Callable[[Array], tuple[Array, Array]],
    orders: Array,
    rate: Array,
    bonus: Array,
) -> tuple[Adam, Array]:
    """Pass several times over the samples, in minibatches.

    Args:
        networks: of actor and critic.
        config: settings.
        adam: parameters before.
        samples: of which advantage and gain are judged anew before every pass.
        judge: parameters to advantages and gains.
        orders: rows of the samples [passes, minibatches, n].
        rate: learning rate.
        bonus: weight of the entropy.

    Returns:
        Parameters with their moments, and the rate, which may have adapted.
    """

    def over(carry: tuple[Adam, Array], order: Array) -> tuple:
        advantage, gain = judge(carry[0].at)
        judged = samples._replace(advantage=advantage, gain=gain)
        return jax.lax.scan(functools.partial(step, judged), carry, order)

    def step(samples: Samples, carry: tuple[Adam, Array], rows: Array) -> tuple:
        adam, rate = carry
        part = jax.tree.map(lambda values: values[rows], samples)
        slope = lambda at: loss(networks, config, at, part, bonus)  # noqa: E731
        gradient, apart = jax.grad(slope, has_aux=True)(adam.at)
        if config.learning_rate_schedule is not None:
            rate = adapted(config, rate, apart)
        return (adam.stepped(gradient, rate, config.max_grad_norm), rate), None

    return jax.lax.scan(over, (adam, rate), orders)[0]


def adapted(config: Config, rate: Array, apart: Array) -> Array:
    """A rate that aims at the desired KL divergence of an update."""
    aim = config.desired_kl
    slower = jnp.where(apart > 2.0 * aim, rate / 1.5, rate)
    rate = jnp.where((apart < aim / 2.0) & (apart > 0.0), rate * 1.5, slower)
    least = config.learning_rate_schedule_min_lr
    return jnp.clip(rate, least, config.learning_rate_schedule_max_lr)
