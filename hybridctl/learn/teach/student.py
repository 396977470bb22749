"""A network that is taught in the loop, on the states that it meets itself there."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.learn.adam import Adam, cosine
from hybridctl.learn.chunks import QUICK
from hybridctl.learn.config import Config
from hybridctl.learn.engine import Offer
from hybridctl.learn.ppo.engine import Trainer
from hybridctl.learn.ppo.normalizer import Normalizer
from hybridctl.learn.teach.lesson import Lesson
from hybridctl.learn.teach.visits import Lanes, Visits, nowhere, visit

LANES, DECISIONS = 256, 32  # advanced together, and between two rounds of fitting
BATCH, PASSES = 256, 10  # states of a step, and how often each state is used
RATE, LAST = 5e-3, 0.03  # of Adam, and what is left of it in the end
BETAS = (0.9, 0.95)  # of Adam
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
        self.trainer = Trainer(env, config)
        self.networks, self.learner = self.trainer.networks, self.trainer.begin(seed)
        at = self.networks.exploring(self.learner.adam.at, EXPLORE)
        self.adam, self.normalizer = Adam.at_rest(at), self.learner.normalizer
        self.key, self.memory, self.begun = self.learner.key, None, False
        self.rounds = -(-config.taught // (LANES * DECISIONS))
        self.lanes = nowhere(env, LANES)
        quickly = functools.partial(jax.jit, compiler_options=QUICK)
        self.visit, self.fit = quickly(self._visit), quickly(self._fit)

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
        begun = self.learner._replace(
            adam=Adam.at_rest(np.asarray(self.adam.at)), normalizer=self.normalizer
        )
        return self.trainer.offer(begun)._replace(totals=None)

    def error(self) -> float:
        """How far its inputs are from the teacher's on the way that it now takes.

        Root of the mean square, as a share of the limit, where a Slot acts.
        """
        visits, answer = self._meet(self.key)
        theirs = np.asarray(self.lesson.inputs(visits, answer))
        moved = np.einsum("dlij,dlj->dli", visits.gain, visits.action)
        limit = self.lesson.env.task.input_limits
        apart = (np.clip(visits.base + moved, -limit, limit) - theirs) / limit
        acts = np.any(np.asarray(visits.gain) != 0, (-2, -1))
        return float(np.sqrt(np.nanmean(apart[acts] ** 2)))

    def _room(self, samples: Samples) -> Samples:
        """For those of all rounds."""
        shape = lambda part: (self.rounds * len(part), *part.shape[1:])  # noqa: E731
        return jax.tree.map(lambda part: jnp.zeros(shape(part), part.dtype), samples)

    def _act(self, at: Array, normalizer: Normalizer, obs: Array) -> Array:
        """Actions [n, n_a] at observations [n, m]."""
        z = normalizer(obs, self.config)
        return jnp.tanh(self.networks.spread(at, z).mean)

    def _visit(
        self, at: Array, normalizer: Normalizer, lanes: Lanes, key: Array
    ) -> tuple[Lanes, Visits]:
        act = functools.partial(self._act, at, normalizer)
        return visit(self.lesson.env, act, lanes, key, DECISIONS)

    def _loss(self, at: Array, normalizer: Normalizer, samples: Samples) -> Array:
        action = self._act(at, normalizer, samples.obs)
        u = samples.base + jnp.einsum("bij,bj->bi", samples.gain, action)
        losses = jax.vmap(self.lesson.loss)(samples.x, u, samples.answer)
        total = jnp.sum(samples.counts * losses)
        return total / jnp.maximum(jnp.sum(samples.counts), 1.0)

    def _fit(
        self, adam: Adam, normalizer: Normalizer, kept: Samples, new: Samples, i: Array,
        key: Array,
    ) -> tuple[Adam, Normalizer, Samples]:  # fmt: skip
        """Take in what is new, and make some steps on all that was met so far."""
        n = len(new.obs)
        normalizer = normalizer.after(new.obs, self.config)
        kept = jax.tree.map(functools.partial(_written, at=i * n), kept, new)
        steps = PASSES * n // BATCH
        rows = jax.random.randint(key, (steps, BATCH), 0, (i + 1) * n)
        done = (i + jnp.arange(steps) / steps) / self.rounds

        def step(adam: Adam, now: tuple[Array, Array]) -> tuple[Adam, None]:
            rows, done = now
            part = Samples(*(values[rows] for values in kept))
            slope = jax.grad(self._loss)(adam.at, normalizer, part)
            rate = cosine(RATE, LAST, done)
            return adam.stepped(slope, rate, self.config.max_grad_norm, BETAS), None

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
