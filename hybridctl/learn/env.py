"""One RL environment for every template on every task."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl import ports
from hybridctl.checks import as_key, cast, fail, require
from hybridctl.controllers import Controller, Features, Tick
from hybridctl.controllers.bind import agent_sees
from hybridctl.controllers.fill import engage, observed, opening
from hybridctl.controllers.foreign import refuse_foreign
from hybridctl.describe import Shown
from hybridctl.learn.brax.compat import base
from hybridctl.loop import LoopState, step
from hybridctl.loop.fit import check_fit
from hybridctl.ports import Signals, words
from hybridctl.tasks import Task, judge, start_episode

METRICS = ("failed", "not_finite")


class EpisodeState(eqx.Module):
    """What an environment carries between decisions.

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


class Env(Shown, base.Env):
    """A task with a template whose Slots the agent's action fills.

    One `step` is one decision: where every Slot is held for n periods it advances
    n periods and sums their reward. `done` means terminated (failed, not finite,
    or the goal reached); time limits are the wrapper's.

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
    def backend(self) -> str:
        """Name of the physics: ours."""
        return "hybridctl"

    @property
    def dt(self) -> float:
        """Time of one decision [s]."""
        return self.every * self.task.loop.dt

    @property
    def episode_length(self) -> int:
        """Decisions until the task's horizon."""
        return -(-self.task.steps // self.every)

    def reset(self, rng: Any) -> base.State:
        """Start the episode that a key (`jax.random.PRNGKey`) or a seed stands for."""
        return self.start(as_key(rng), jnp.int32(0))

    def start(self, rng: Array, number: Array) -> base.State:
        """Start an episode in a lane that had `number` episodes before."""
        many = number if self.training else None
        loop = start_episode(self.task, self._bound, rng, self.training, many)
        zero = jnp.zeros((), loop.x.dtype)
        metrics: Any = dict.fromkeys(METRICS, zero)
        seen, obs = self._observe(self.features.init(self._tick(loop)), loop)
        episode: Any = EpisodeState(loop, rng, number, seen)
        return base.State(episode, obs, zero, zero, metrics)

    def step(self, state: Any, action: Array) -> base.State:
        """Advance by one decision with action [action_size]."""
        return self.step_seen(state, action)[0]

    def step_seen(self, state: Any, action: Array) -> tuple[base.State, list[Tick]]:
        """As `step`, and what a controller in the template's place saw meanwhile.

        Returns:
            The state after the decision, and the tick of each of its periods.
        """
        before: EpisodeState = state.pipeline_state
        usable = jnp.all(jnp.isfinite(action))
        controller = engage(self._bound, jnp.where(usable, action, 0.0))
        loop, total, ticks = before.loop, None, []
        for _ in range(self.every):
            ticks.append(loop.tick(self.task.loop.dt))
            loop, period = self._period(controller, loop)
            total = period if total is None else _then(total, period)
        reward, failed, finite, over = total  # type: ignore[misc]
        usable &= self._seen_finite(loop)
        failed, finite, dtype = failed | ~usable, finite & usable, loop.x.dtype
        reward = jnp.where(usable, reward, self.task.failure_reward)
        values = (failed, ~finite)
        metrics = {n: v.astype(dtype) for n, v in zip(METRICS, values, strict=True)}
        seen, obs = self._observe(before.seen, loop)
        after = state.replace(
            pipeline_state=EpisodeState(loop, before.key, before.number, seen),
            obs=obs,
            reward=reward.astype(dtype),
            done=(over | failed).astype(dtype),
            metrics={**state.metrics, **metrics},
        )
        return after, ticks

    def asked(self, state: Any, action: Array) -> Array:
        """The input [n_u] that the template asks for first with an action."""
        loop = state.pipeline_state.loop
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

    def tick_of(self, state: Any) -> Tick:
        """What a controller in the agent's place would be told."""
        return self._tick(state.pipeline_state.loop)

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


def _then(total: tuple, period: tuple) -> tuple:
    """Add a period to a decision, unless the decision was over before it."""
    reward, failed, finite, over = total
    return (
        reward + jnp.where(over, 0.0, period[0]),
        failed | (period[1] & ~over),
        finite & (period[2] | over),
        over | period[3],
    )
