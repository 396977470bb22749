"""Fitted value iteration: the value is learned, the input follows in closed form."""

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from hybridctl.checks import cast
from hybridctl.controllers import Controller
from hybridctl.controllers.controller import Scaled, Series
from hybridctl.controllers.feedback import within
from hybridctl.controllers.greedy import Greedy, descent, drift
from hybridctl.controllers.value_network import (
    Layers,
    NetworkValue,
    Physical,
    value_and_slope,
)
from hybridctl.learn.adam import Adam, cosine
from hybridctl.learn.checkpoint import Checkpoint, flatten, unflatten
from hybridctl.learn.chunks import Chunked, run_in_chunks, trainer_of
from hybridctl.learn.config import Config
from hybridctl.learn.engine import Offer, Take, Totals
from hybridctl.learn.hjb.fit import Batch, fitted
from hybridctl.learn.hjb.rollout import (
    RESTART,
    Estimate,
    Lanes,
    Path,
    rollout,
    starts,
    targets,
)
from hybridctl.learn.hjb.template import adapts, check_template
from hybridctl.learn.lane import Lane
from hybridctl.strategies.optimal import OptimalControl, check_known, optimal_control

DECISION = 0.04  # between two inputs in training, in the plant's own seconds
UNIT = 0.55  # size of a state, as a share of how far wide starts reach
NEAR = 0.6  # share of the limits at which the soft fence begins at first
MOVED = 0.6  # share of a training after which it stands where it belongs
HOPE = -3.0  # bias of the last layer at the start: what is unknown looks cheap

MANY = (
    "the value of a plant with more than one angle is not always found: compare what "
    "was learned with hc.reference('machine', task)"
)


class Learner(NamedTuple):
    """All that a training goes on from, bit for bit.

    Attributes:
        adam: parameters and their moments.
        target: parameters that give the targets [p].
        lanes: episodes under way.
        key: of the random stream [2].
        updates: that were made, int32 scalar.
        totals: reward, ended, failed and not finite so far [4].
    """

    adam: Adam
    target: Array
    lanes: Lanes
    key: Array
    updates: Array
    totals: Array


def engine(
    env: Lane, config: Config, seed: int, take: Take, start: Checkpoint | None
) -> None:
    """Learn the value of the task's plant; see `hybridctl.learn.engine`."""
    check_template(env.task, env.template)
    hidden, told = isinstance(env.template, Series), adapts(env.template)
    check_known(env.task, not hidden, told)
    trainer: Trainer = trainer_of(_made, env, config)
    if len(trainer.problem.plant.angles) > 1:
        warnings.warn(MANY, stacklevel=2)
    learner = trainer.begin(seed)
    if start is not None:
        learner = unflatten(learner, start.arrays)
    run_in_chunks(trainer, learner, take)


def _made(env: Lane, config: Config) -> "Trainer":
    told = adapts(env.template)
    problem = optimal_control(env.task, undisturbed=False, estimated=told)
    return Trainer(cast(problem, "problem"), config, env.dt)


class Trainer(Chunked):
    """Updates of a value, compiled as few and flat operations.

    Args:
        problem: whose value is learned.
        config: settings.
        dt: time of a decision in the task [s].
    """

    def __init__(self, problem: OptimalControl, config: Config, dt: float):
        super().__init__()
        self.problem, self.config, self.dt = problem, config, dt
        self.decision = max(round(DECISION * float(problem.second) / dt), 1) * dt
        self.states = config.num_envs * config.unroll_length  # of an update
        self.updates = -(-config.steps // self.states)
        self.chunk = -(-self.updates // max(config.num_evals - 1, 1))
        x0 = jnp.asarray(problem.x0)
        self.draw = jax.jit(functools.partial(starts, problem), static_argnums=1)
        usual = self.draw(jax.random.PRNGKey(0), 4096)
        self.features = Physical.told_on(problem.plant, problem.x0, usual)
        self.unit = UNIT * (jnp.asarray(problem.wide.high) - x0)
        self.layers, self.unravel = self._networks()
        mixed = np.random.default_rng(0)  # lanes differ, so the same order will do
        epochs = range(config.num_updates_per_batch)
        order = np.concatenate([mixed.permutation(self.states) for _ in epochs])
        self.order = jnp.asarray(order.reshape(-1, config.batch_size))

    def _networks(self) -> tuple[Callable[[Array], Array], Callable[[Array], Layers]]:
        """Random parameters from a key, and layers from parameters."""
        widths = [len(self.features.size), *self.config.hidden, 1]

        def random(key: Array) -> Layers:
            keys = jax.random.split(key, len(widths) - 1)
            sizes = zip(keys, widths[:-1], widths[1:], strict=True)
            hidden = [
                (jax.random.normal(k, (n, m)) / np.sqrt(n), jnp.zeros(m))
                for k, n, m in sizes
            ]
            w, b = hidden.pop()
            return (*hidden, (0.3 * w, b + HOPE))

        unravel = ravel_pytree(random(jax.random.PRNGKey(0)))[1]
        return lambda key: ravel_pytree(random(key))[0], unravel

    def begin(self, seed: int) -> Learner:
        """Random parameters, and lanes at their starts."""
        net, first, key = jax.random.split(jax.random.PRNGKey(seed), 3)
        at, n = self.layers(net), self.config.num_envs
        lanes = Lanes(self.draw(first, n), jnp.zeros(n, jnp.int32))
        adam, none = Adam.at_rest(at), jnp.zeros((), jnp.int32)
        return Learner(adam, at, lanes, key, none, jnp.zeros(4))

    def run(self, learner: Learner, updates: Array) -> Learner:
        """So many updates."""
        return jax.lax.fori_loop(0, updates, lambda _, now: self._update(now), learner)

    def _update(self, learner: Learner) -> Learner:
        """Advance the lanes, look back at what V should have been, fit it."""
        config, problem = self.config, self._fenced(learner.updates)
        key, fresh, quit = jax.random.split(learner.key, 3)
        shape = (config.unroll_length + 1, config.num_envs, problem.plant.n_x)
        new = starts(problem, fresh, shape[0] * shape[1]).reshape(shape)
        leave = jax.random.uniform(quit, shape[1:2]) < RESTART
        lanes = Lanes(
            jnp.where(leave[:, None], new[0], learner.lanes.x),
            jnp.where(leave, 0, learner.lanes.age),
        )
        estimate = self._estimate(self.unravel(learner.target))
        act = self._act(estimate)
        lanes, path = rollout(problem, act, self.decision, lanes, new[1:])
        batch = self._batch(problem, path, estimate)
        adam = fitted(
            learner.adam, batch, self.order, self.unravel, self.unit,
            self._rate(learner.updates), config.max_grad_norm,
        )  # fmt: skip
        target = learner.target + config.tau * (adam.at - learner.target)
        totals = learner.totals + _counted(path)
        return Learner(adam, target, lanes, key, learner.updates + 1, totals)

    def _estimate(self, layers: Layers) -> Estimate:
        """V and ∇V of states [n, n_x]."""

        def estimate(x: Array) -> tuple[Array, Array]:
            z, back = jax.vjp(jax.vmap(self.features), x)
            V, slope = value_and_slope(layers, self.problem.worth, z)
            return V, back(slope)[0]

        return estimate

    def _seen(self, x: Array) -> tuple[Array, Array]:
        """Features of states [n, n_x], and their Jacobians."""
        return jax.vmap(lambda x: (self.features(x), jax.jacfwd(self.features)(x)))(x)

    def _act(self, estimate: Estimate) -> Callable[[Array], Array]:
        """The greedy input, from the gradient half a decision ahead."""
        plant, r, now = self.problem.plant, self.problem.cost.r, jnp.zeros(())
        soon = jax.vmap(lambda x: drift(plant, now, x, 0.5 * self.decision))
        best = jax.vmap(functools.partial(descent, plant, r, now))

        def act(x: Array) -> Array:
            x = soon(x)
            return within(best(x, estimate(x)[1]), self.problem.limit)

        return act

    def _batch(self, problem: OptimalControl, path: Path, estimate: Estimate) -> Batch:
        """Every state on the way with its targets, those not finite left out."""
        mix, worth = self.config.gae_lambda, problem.worth
        V, slope = targets(problem, path, estimate, self.decision, mix)
        x = path.x.reshape(self.states, -1)
        V, slope = V.reshape(-1) / worth, slope.reshape(x.shape) * self.unit / worth
        return jax.vmap(_finite)(Batch(*self._seen(x), V, slope, jnp.ones_like(V)))

    def _fenced(self, updates: Array) -> OptimalControl:
        """The problem with a fence that moves out: far from the limits at first."""
        along = jnp.minimum(updates / (MOVED * self.updates), 1.0)
        near = jnp.minimum(self.problem.fence, NEAR)
        fence = near + (self.problem.fence - near) * along
        return dataclasses.replace(self.problem, fence=fence)

    def _rate(self, updates: Array) -> Array:
        """Learning rate: along a cosine from the first to the last."""
        first, last = self.config.learning_rate, self.config.final_learning_rate
        return cosine(first, last, updates / self.updates)

    def offer(self, learner: Learner) -> Offer:
        """The controller that the value gives so far."""
        steps = min(int(learner.updates) * self.states, self.config.steps)
        totals = Totals(*np.asarray(learner.totals, float).tolist())
        agent = self.agent(self.unravel(learner.target))
        return Offer(steps, agent, flatten(learner), totals)

    def agent(self, layers: Layers) -> Controller:
        """Greedy in the value, as the action of a Slot: within ±1."""
        problem = self.problem
        layers = jax.tree.map(np.asarray, layers)
        weights, biases = zip(*layers, strict=True)
        value = NetworkValue(
            self.features, weights, biases, problem.worth, problem.lock
        )
        limit = np.asarray(problem.limit)
        greedy = Greedy(problem.plant, problem.cost, value, limit=limit, dt=self.dt)
        return Scaled(1.0 / limit, greedy)


def _finite(row: Batch) -> Batch:
    """A row of a batch; zeros, which count nothing, where it is not finite."""
    ok = jnp.all(jnp.isfinite(ravel_pytree(row)[0]))
    return jax.tree.map(lambda part: jnp.where(ok, part, 0.0), row)


def _counted(path: Path) -> Array:
    """Reward, episodes that ended, that failed, and that were not finite [4]."""
    broken = ~jnp.all(jnp.isfinite(path.after), -1)
    cost = jnp.sum(jnp.where(broken, 0.0, path.cost))
    sums = [jnp.sum(part) for part in (path.over, path.failed, broken)]
    return jnp.stack([-cost, *(part.astype(cost.dtype) for part in sums)])
