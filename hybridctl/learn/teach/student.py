"""A network that is taught in the loop, on the states that it meets itself there."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from brax.training.acme import running_statistics
from jax import Array
from jax.flatten_util import ravel_pytree

from hybridctl.learn.brax.networks import policy_of
from hybridctl.learn.brax.ppo import networks_of, parameters
from hybridctl.learn.checkpoint import flatten
from hybridctl.learn.config import Config
from hybridctl.learn.engine import Offer
from hybridctl.learn.hjb.fit import Adam, cosine
from hybridctl.learn.tally import KEY, NAMES, STATE
from hybridctl.learn.teach.lesson import Lesson
from hybridctl.learn.teach.visits import Lanes, Visits, nowhere, visit

LANES, DECISIONS = 256, 32  # advanced together, and between two rounds of fitting
BATCH, PASSES = 256, 10  # states of a step, and how often each state is used
RATE, LAST = 5e-3, 0.03  # of Adam, and what is left of it in the end
EXPLORE = 0.2  # spread of the actions with which a clone begins to learn on


class Samples(NamedTuple):
    """States that were met, with what the teacher says; shapes begin with [n]."""

    obs: Array
    x: Array
    base: Array
    gain: Array
    answer: Array
    counts: Array


class Student:
    """Meets states and is told what to do there, again and again: DAgger.

    Args:
        lesson: what is taught.
        config: settings; of networks, of normalizing, and how many states.
        seed: of networks and episodes.

    Source: S. Ross, G. Gordon, D. Bagnell, "A reduction of imitation learning and
        structured prediction to no-regret online learning", AISTATS 2011.
    """

    def __init__(self, lesson: Lesson, config: Config, seed: int):
        self.lesson, self.config, env = lesson, config, lesson.env
        net, self.key = jax.random.split(jax.random.PRNGKey(seed))
        self.normalizer, policy, self.critic = parameters(env, config, net)
        self.size, self.memory, self.begun = env.action_size, None, False
        at, self.unravel = ravel_pytree(_exploring(policy, self.size))
        self.adam = Adam(at, 0.0 * at, 0.0 * at, jnp.zeros(()))
        shapes = {STATE: (env.observation_size,)}
        self.network = networks_of(config, shapes, self.size).policy_network
        self.rounds = -(-config.taught // (LANES * DECISIONS))
        self.lanes = nowhere(env, LANES)
        self.visit, self.fit = jax.jit(self._visit), jax.jit(self._fit)

    def rounds_taught(self) -> Iterator[float]:
        """Learn; after every round, the share of what is done."""
        kept = None
        for i in range(self.rounds):
            self.key, meet, pick = jax.random.split(self.key, 3)
            new = _samples(*self._meet(meet))
            kept = self._room(new) if kept is None else kept
            learned = self.fit(self.adam, self.normalizer, kept, new, i, pick)
            (self.adam, self.normalizer, kept), self.begun = learned, True
            yield (i + 1) / self.rounds

    def _meet(self, key: Array) -> tuple[Visits, Array]:
        """States on its way, and what the teacher says there."""
        at = self.adam.at, self.normalizer
        self.lanes, visits = self.visit(*at, self.lanes, key)
        self.memory, answer = self.lesson.told(self.memory, visits)
        return visits, answer

    def offer(self) -> Offer:
        """The clone so far, as a trainer offers a policy."""
        normalizer, policy = self.normalizer, self.unravel(self.adam.at)
        mean, std = normalizer.mean[STATE], normalizer.std[STATE]
        found = policy_of(mean, std, policy, self.lesson.env, self.config)
        return Offer(0, found, flatten((normalizer, policy, self.critic)), None)

    def error(self) -> float:
        """How far its inputs are from the teacher's on the way that it now takes.

        Root of the mean square, as a share of the limit, where a Slot acts.
        """
        visits, answer = self._meet(self.key)
        theirs = np.asarray(self.lesson.inputs(visits, answer))
        moved = np.einsum("dlij,dlj->dli", visits.gain, visits.action)
        limit = self.lesson.env.task.input_limit
        apart = np.clip(visits.base + moved, -limit, limit) - theirs
        acts = np.any(np.asarray(visits.gain) != 0, (-2, -1))
        return float(np.sqrt(np.nanmean(apart[acts] ** 2)) / limit)

    def _room(self, samples: Samples) -> Samples:
        """For those of all rounds."""
        shape = lambda part: (self.rounds * len(part), *part.shape[1:])  # noqa: E731
        return jax.tree.map(lambda part: jnp.zeros(shape(part), part.dtype), samples)

    def _act(self, at: Array, normalizer: Any, obs: Array) -> Array:
        """Actions [n, n_a] at observations [n, m]."""
        if self.config.normalize_observations:
            obs = (obs - normalizer.mean[STATE]) / normalizer.std[STATE]
        out = self.network.apply(None, self.unravel(at), obs)
        return jnp.tanh(out[..., : self.size])

    def _visit(
        self, at: Array, normalizer: Any, lanes: Lanes, key: Array
    ) -> tuple[Lanes, Visits]:
        act = functools.partial(self._act, at, normalizer)
        return visit(self.lesson.env, act, lanes, key, DECISIONS)

    def _loss(self, at: Array, normalizer: Any, samples: Samples) -> Array:
        action = self._act(at, normalizer, samples.obs)
        u = samples.base + jnp.einsum("bij,bj->bi", samples.gain, action)
        losses = jax.vmap(self.lesson.loss)(samples.x, u, samples.answer)
        total = jnp.sum(samples.counts * losses)
        return total / jnp.maximum(jnp.sum(samples.counts), 1.0)

    def _fit(
        self, adam: Adam, normalizer: Any, kept: Samples, new: Samples, i: Array,
        key: Array,
    ) -> tuple[Adam, Any, Samples]:  # fmt: skip
        """Take in what is new, and make some steps on all that was met so far."""
        n = len(new.obs)
        seen = {STATE: new.obs, KEY: jnp.zeros((n, len(NAMES)))}
        normalizer = running_statistics.update(normalizer, seen)
        kept = jax.tree.map(functools.partial(_written, at=i * n), kept, new)
        steps = PASSES * n // BATCH
        rows = jax.random.randint(key, (steps, BATCH), 0, (i + 1) * n)
        done = (i + jnp.arange(steps) / steps) / self.rounds

        def step(adam: Adam, now: tuple[Array, Array]) -> tuple[Adam, None]:
            rows, done = now
            part = Samples(*(values[rows] for values in kept))
            slope = jax.grad(self._loss)(adam.at, normalizer, part)
            rate = cosine(RATE, LAST, done)
            return adam.stepped(slope, rate, self.config.max_grad_norm), None

        return jax.lax.scan(step, adam, (rows, done))[0], normalizer, kept


def _written(kept: Array, new: Array, at: Array) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(kept, new, at, 0)


@jax.jit
def _samples(visits: Visits, answer: Array) -> Samples:
    """Flat, with nothing counted that is not finite or where no Slot acts."""
    parts = visits.obs, visits.x, visits.base, visits.gain, answer
    n = visits.began.size
    flat = [part.reshape(n, *part.shape[2:]) for part in parts]
    finite = [jnp.isfinite(part.reshape(n, part[0].size)).all(-1) for part in flat]
    ok = jnp.stack(finite).all(0)
    acts = (flat[3].reshape(n, flat[3][0].size) != 0).any(-1)
    safe = [
        jnp.where(ok.reshape(-1, *[1] * (part.ndim - 1)), part, 0.0) for part in flat
    ]
    return Samples(*safe, counts=(ok & acts).astype(answer.dtype))


def _exploring(policy: Any, actions: int) -> Any:
    """The same network, whose actions spread by `EXPLORE`."""
    layers = policy["params"]
    last = layers[f"hidden_{len(layers) - 1}"]
    last["kernel"] = last["kernel"].at[:, actions:].set(0.0)
    last["bias"] = last["bias"].at[actions:].set(np.log(np.expm1(EXPLORE)))
    return policy
