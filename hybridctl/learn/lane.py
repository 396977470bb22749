"""Decisions of an agent in the Slots of a template, on any task."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl import ports
from hybridctl.checks import as_key, cast, fail, require
from hybridctl.controllers import Controller, Features, Tick
from hybridctl.controllers.bind import agent_sees
from hybridctl.controllers.fill import engage, observed, opening
from hybridctl.controllers.foreign import refuse_foreign
from hybridctl.describe import Shown
from hybridctl.loop import LoopState, step
from hybridctl.loop.fit import check_fit
from hybridctl.ports import Signals, words
from hybridctl.tasks import Task, judge, start_episode


class EpisodeState(eqx.Module):
    """What a lane carries between decisions.

    Attributes:
        loop: the closed loop.
        key: the episode's.
        number: episodes that this lane had before.
        seen: memory of the features.
    """

    loop: LoopState
    key: Array
    number: Array
    seen: Any = None

    @property
    def x(self) -> Array:
        """State of the plant [n_x]."""
        return self.loop.x


class Decision(NamedTuple):
    """What a decision led to, or the start of an episode.

    Attributes:
        episode: as it goes on.
        obs: what the agent observes next [n].
        reward: of the decision.
        done: terminated: failed, not finite, or the goal reached.
        failed: badly.
        not_finite: because of something that is not finite.
    """

    episode: EpisodeState
    obs: Array
    reward: Array
    done: Array
    failed: Array
    not_finite: Array


class Lane(Shown):
    """A task with a template whose Slots the agent's action fills.

    One decision advances as many periods as every Slot is held for, and sums their
    reward. Time limits are the trainer's.

    Args:
        task: plant, loop, start, cost and failure.
        template: a controller with at least one Slot.
        features: what the agent observes of the root tick; see `default_features`.
        training: start as in training (wider) rather than as in evaluation.

    Attributes:
        sees: the signals that the features are of, by name.

    Raises:
        ValueError: no Slot, a wrong number of inputs, or another dt.
    """

    def __init__(
        self,
        task: Task,
        template: Controller,
        features: Features | None = None,
        *,
        training: bool = True,
    ):
        if not isinstance(task, Task):
            fail(f"expected a Task, got {type(task).__name__}; see hc.tasks.get")
        if not isinstance(template, Controller):
            fail(f"expected a Controller, got {type(template).__name__}")
        if not isinstance(features, Features | None):
            fail(f"expected hc.Features, got features={features!r}")
        size, self.every = opening(template)
        require(size > 0, "the template has no Slot for the agent; add 5.0 * Slot(1)")
        refuse_foreign(template)
        bound = check_fit(task.plant, template, task.loop).controller
        self.sees = _sees(task, template)
        known = features or default_features(task, template)
        self.features = known.on(self.sees)
        given, n = self.features.n_y, len(self.sees)
        require(
            given == n,
            f"the features are of {given} measurements, the agent sees {n}: "
            f"{words(self.sees)}; give hc.Features.of(plant, "
            "measured=loop.measured(plant))",
        )
        self.task, self.template = cast(task, "task"), cast(template, "template")
        self._bound = cast(bound)
        self.training = training
        self._action_size = size

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self.features.size

    @property
    def action_size(self) -> int:
        """Length of an action; each entry is meant to lie within ±1."""
        return self._action_size

    @property
    def dt(self) -> float:
        """Time of one decision [s]."""
        return self.every * self.task.loop.dt

    @property
    def episode_length(self) -> int:
        """Decisions until the task's horizon."""
        return -(-self.task.steps // self.every)

    def begin(self, rng: Any, number: Array | int | None = None) -> Decision:
        """Start the episode of a key (or seed) in a lane that had `number` before.

        Without a number it is one of the hardest that a curriculum leads to.
        """
        key, many = as_key(rng), number if self.training else None
        number = jnp.asarray(0 if number is None else number, jnp.int32)
        many = None if many is None else number
        loop = start_episode(self.task, self._bound, key, self.training, many)
        seen, obs = self._observe(self.features.init(self._tick(loop)), loop)
        zero = jnp.zeros((), loop.x.dtype)
        episode = EpisodeState(loop, key, number, seen)
        return Decision(episode, obs, zero, zero, zero, zero)

    def decide(self, episode: EpisodeState, action: Array) -> Decision:
        """Advance by one decision with action [action_size]."""
        return self._decide(episode, action, watched=False)[0]

    def decide_seen(
        self, episode: EpisodeState, action: Array
    ) -> tuple[Decision, Tick]:
        """As `decide`, and what a controller in the template's place saw meanwhile.

        Returns:
            The decision, and the ticks of its periods; their shapes begin with
            [periods].
        """
        return self._decide(episode, action, watched=True)

    def _decide(
        self, before: EpisodeState, action: Array, watched: bool
    ) -> tuple[Decision, Any]:
        usable = jnp.all(jnp.isfinite(action))
        controller = engage(self._bound, jnp.where(usable, action, 0.0))

        def advance(carry: tuple[LoopState, tuple], _: None) -> tuple:
            loop, total = carry
            after, period = self._period(controller, loop)
            tick = loop.tick(self.task.loop.dt) if watched else None
            return (after, _then(total, period)), tick

        begun = before.loop, _nothing(before.loop.x.dtype)
        (loop, total), ticks = jax.lax.scan(advance, begun, None, self.every)
        reward, failed, finite, over = total
        usable &= self._seen_finite(loop)
        failed, broken = failed | ~usable, ~(finite & usable)
        reward = jnp.where(usable, reward, self.task.failure_reward)
        seen, obs = self._observe(before.seen, loop)
        values = (reward, over | failed, failed, broken)
        told = (value.astype(loop.x.dtype) for value in values)
        episode = EpisodeState(loop, before.key, before.number, seen)
        return Decision(episode, obs, *told), ticks

    def truth(self, episode: EpisodeState) -> Array:
        """What no sensor tells: state, applied input, and what varies of the plant."""
        loop, vary = episode.loop, self.task.vary
        whole = Features.of(self.task.plant)
        tick = Tick(jnp.zeros(()), loop.k, loop.x)
        parts = [whole.step(whole.init(tick), tick)[1], loop.u]
        parts += [] if vary is None else [vary.of(loop.plant)]
        known = jnp.concatenate(parts)
        return jnp.where(jnp.isfinite(known), known, 0.0)

    def asked(self, episode: EpisodeState, action: Array) -> Array:
        """The input [n_u] that the template asks for first with an action."""
        loop = episode.loop
        tick = loop.tick(self.task.loop.dt)
        return engage(self._bound, action).step(loop.controller, tick)[1]

    def _period(self, controller: Controller, loop: LoopState) -> tuple:
        after, sample = step(self.task.loop, controller, loop)
        outcome = judge(self.task, loop.x, sample, after.x)
        reward, over = outcome.reward, outcome.failed
        if self.task.goal is not None:
            V = self.task.goal.V(after.x)
            reached = (self.task.goal.rho > V) & ~outcome.failed
            reward = jnp.where(reached, reward - V, reward)
            over = over | reached
        return after, (reward, outcome.failed, outcome.finite, over)

    def _seen_finite(self, loop: LoopState) -> Array:
        """Whether the measurement is; without a sensor the state was judged."""
        if loop.measured is None:
            return jnp.asarray(True)
        return jnp.all(jnp.isfinite(loop.measured))

    def tick_of(self, episode: EpisodeState) -> Tick:
        """What a controller in the agent's place would be told."""
        return self._tick(episode.loop)

    def _tick(self, loop: LoopState) -> Tick:
        tick = loop.tick(self.task.loop.dt)
        return observed(self._bound, loop.controller, tick)

    def _observe(self, seen: Any, loop: LoopState) -> tuple[Any, Array]:
        """Features of the coming tick; never anything that is not finite."""
        seen, obs = self.features.step(seen, self._tick(loop))
        return seen, jnp.where(jnp.isfinite(obs), obs, 0.0)


def default_features(task: Task, template: Controller) -> Features:
    """What an agent observes by default.

    All that the loop measures, or an observer in front estimates, angles as sin and
    cos; the mode where the template has modes; the applied input where the actuator
    delays or lags it.
    """
    actuator = task.loop.actuator
    slow = actuator is not None and actuator.slow
    seen, n_modes = _sees(task, template), len(ports.of(template).mode)
    return Features.of(task.plant, measured=seen, applied=slow, n_modes=n_modes)


def _sees(task: Task, template: Controller) -> Signals:
    """What an agent in the template's Slots sees, by name."""
    seen = agent_sees(template, task.loop.measured(task.plant))
    return seen or task.plant.ports.y or ()


def _nothing(dtype: Any) -> tuple:
    """A decision before its first period."""
    no = jnp.zeros((), bool)
    return jnp.zeros((), dtype), no, ~no, no


def _then(total: tuple, period: tuple) -> tuple:
    """Add a period to a decision, unless the decision was over before it."""
    reward, failed, finite, over = total
    return (
        reward + jnp.where(over, 0.0, period[0]),
        failed | (period[1] & ~over),
        finite & (period[2] | over),
        over | period[3],
    )


def blank(shapes: Any) -> Any:
    """Zeros of these shapes."""
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


def put_where(lanes: Array, new: Any, old: Any) -> Any:
    """A tree with the new values in those lanes; all shapes begin with [lanes]."""

    def put(new: Array, old: Array) -> Array:
        return jnp.where(lanes.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(put, new, old)
