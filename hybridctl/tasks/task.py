"""What counts as good: start, cost, failure, goal and horizon of an episode."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import (
    as_float,
    finite,
    is_concrete,
    is_tracer,
    not_negative,
    one_of,
    plain,
    positive,
    require,
)
from hybridctl.controllers import Controller, Guard, Quadratic, Tick
from hybridctl.controllers.controller import check_again
from hybridctl.controllers.guards import Near, Not
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, real_number
from hybridctl.loop import Loop, LoopState, begin
from hybridctl.loop.fit import steps_of
from hybridctl.loop.loop import Sample
from hybridctl.plants import Equilibrium, Plant
from hybridctl.plants.vary import Vary
from hybridctl.tasks.cost import Cost
from hybridctl.tasks.hints import Hints
from hybridctl.tasks.start import Curriculum, Start

REWARDS = ("alive", "cost")
HUGE = 1e15  # a state beyond this counts as not finite; its square still is
START, PLANT, LOOP = 11, 12, 13  # streams of an episode's key


class Goal(Shown, eqx.Module):
    """Where a training episode may end well: V(x) < rho, charged V as cost-to-go.

    Args:
        V: cost-to-go of what takes over there.
        rho: largest V, in the unit of the cost, scalar.
    """

    V: Quadratic
    rho: Array = eqx.field(converter=as_float)


class Task(Shown, eqx.Module):
    """What counts as good on a plant in a loop.

    Attributes:
        name: of the task.
        plant: nominal plant.
        loop: sensor, actuator, disturbance and timing.
        target: equilibrium to reach.
        start: where evaluation episodes start.
        cost: running cost, whose integral J is what benchmarks charge.
        failure: guard on the state that ends an episode.
        settled: guard on the state; an episode settles if it ends inside it and
            never failed. Whether that is a success, `criterion` says.
        seconds: horizon [s]; reaching it truncates an episode.
        train_start: where training episodes start; None: as in evaluation.
        reward: "alive" (1 a period) or "cost" (minus the cost of the period).
        failure_reward: reward of the period in which the episode fails, scalar.
        failure_cost: J that a failed episode is charged, scalar.
        vary: a random plant for every episode; None: the nominal one.
        goal: where training may end well; None: nowhere.
        cost_after: time [s] from which J counts, where reaching the target is not
            what is compared.
        hints: what the toolkit's own strategies and presets know of it.
    """

    CURE: ClassVar[str] = '; for example hc.tasks.get("swingup")'

    name: str = eqx.field(static=True)
    plant: Plant
    loop: Loop
    target: Equilibrium
    start: Start
    cost: Any  # a `Cost`, or any other callable of x and u
    failure: Guard
    settled: Guard
    seconds: float = eqx.field(static=True, converter=real_number, default=20.0)
    train_start: Start | None = None
    reward: str = eqx.field(static=True, default="cost")
    failure_reward: Array = eqx.field(converter=as_float, default=-200.0)
    failure_cost: Array = eqx.field(converter=as_float, default=600.0)
    vary: Vary | None = None
    goal: Goal | None = None
    cost_after: float = eqx.field(static=True, converter=real_number, default=0.0)
    hints: Hints = eqx.field(static=True, default=Hints())

    def __check_init__(self):
        check_fields(self)
        require(
            callable(self.cost) and not isinstance(self.cost, type),
            f"cost of Task is {plain(repr(self.cost), 60)}; expected a Cost, or "
            "another object that is called with x and u",
        )
        if isinstance(self.cost, Cost):
            self.cost.check(self.plant.n_x, self.plant.n_u)
        self._check_sizes()
        one_of("reward", self.reward, REWARDS)
        finite("failure_reward", self.failure_reward)
        finite("failure_cost", self.failure_cost)
        require(
            self.target.angles == self.plant.angles,
            f"target does not know the angles of {type(self.plant).__name__}; give "
            "plant.equilibrium(target.x, target.u)",
        )
        positive("seconds", self.seconds)
        not_negative("cost_after", self.cost_after)
        require(
            self.cost_after < self.seconds,
            f"cost_after={self.cost_after} leaves nothing of {self.seconds} s to count",
        )
        if self.vary is not None and is_concrete(self.plant, self.vary):
            for plant in self.vary.ends(self.plant):
                check_again(plant)

    def _check_sizes(self) -> None:
        """Guards and starts of this plant's states, and of no other's."""
        n_x = self.plant.n_x
        for name in ("failure", "settled"):
            needed = getattr(self, name).n_y
            require(
                needed <= n_x,
                f"{name} looks at {needed} states, the plant has {n_x}: "
                f"{', '.join(self.plant.states)}; make the guard for this plant",
            )
        goal = n_x if self.goal is None else np.shape(self.goal.V.x0)[-1]
        require(
            goal == n_x,
            f"the V of goal is of {goal} states, the plant has {n_x}: "
            f"{', '.join(self.plant.states)}; give the cost-to-go of this plant's LQR",
        )
        for name in ("start", "train_start"):
            given = getattr(self, name) and getattr(self, name).n_x
            require(
                given in (None, n_x),
                f"{name} gives {given} states, the plant has {n_x}: "
                f"{', '.join(self.plant.states)}; give one number for each",
            )

    @property
    def criterion(self) -> str:
        """What makes an episode a success.

        "survived": it did not fail before its end, where being alive is what is
        rewarded; "settled" elsewhere: it also ended inside `settled`.
        """
        return "survived" if self.reward == "alive" else "settled"

    @property
    def limits(self) -> dict[str, float]:
        """Largest |deviation| from the target that is no failure, by state.

        Known where the failure guard is `beyond(...)`; of the plant where not.
        """
        inner = self.failure.a if isinstance(self.failure, Not) else None
        if not isinstance(inner, Near):
            known = self.plant.limits
            return {name: known[name] for name in self.plant.states if name in known}
        names = (self.plant.states[c] for c in inner.columns)
        return dict(zip(names, np.asarray(inner.tolerance).tolist(), strict=True))

    @property
    def limited(self) -> bool:
        """Whether the input has a limit: the actuator's, or else the plant's."""
        actuator = self.loop.actuator
        known = actuator is not None and actuator.limit is not None
        return known or self.plant.inputs[0] in self.plant.limits

    @property
    def input_limit(self) -> float:
        """Largest |input| of the actuator, of the plant where that has no limit.

        Raises:
            ValueError: neither has one.
        """
        actuator, first = self.loop.actuator, self.plant.inputs[0]
        require(
            self.limited,
            f"task {self.name!r} has no limit of {first!r}; give the plant one, or "
            "the loop an Actuator(limit=...)",
        )
        if actuator is None or actuator.limit is None:
            return float(self.plant.limits[first])
        return float(np.max(actuator.limit))

    @property
    def input_limits(self) -> np.ndarray:
        """Largest |input| of every input [n_u]; inf where one has none.

        Raises:
            ValueError: no input has a limit.
        """
        self.input_limit  # noqa: B018  (or its sentence)
        actuator, plant = self.loop.actuator, self.plant
        limit = None if actuator is None else actuator.limit
        if limit is None:
            limit = [plant.limits.get(name, np.inf) for name in plant.inputs]
        return np.array(np.broadcast_to(np.asarray(limit, float), plant.n_u))

    @property
    def steps(self) -> int:
        """Control periods in an episode."""
        return steps_of(self.seconds, self.loop.dt)


class Outcome(NamedTuple):
    """How one control period counts.

    Attributes:
        cost: running cost times dt, scalar.
        reward: of the period, scalar.
        failed: whether it ended the episode, bool scalar.
        finite: whether state and input are numbers still, bool scalar.
    """

    cost: Array
    reward: Array
    failed: Array
    finite: Array


def holds(guard: Guard, x: Array) -> Array:
    """Whether a guard holds at a state.

    Args:
        guard: that asks for no more than the state.
        x: state [n_x].
    """
    return guard(Tick(jnp.zeros(()), jnp.int32(0), x), jnp.int32(0))


def start_episode(
    task: Task,
    controller: Controller,
    key: Array,
    training: bool = False,
    number: Array | None = None,
) -> LoopState:
    """The closed loop at the start of the episode that a key stands for.

    Args:
        task: what counts.
        controller: whose memory begins.
        key: of the episode [2].
        training: start where training does.
        number: how many episodes the environment had before, int scalar, for a
            curriculum.

    Returns:
        The state before the first control period.
    """
    start = task.train_start if training and task.train_start else task.start
    if isinstance(start, Curriculum) and number is not None:
        start = start.at(number)
    plant = task.plant
    if task.vary is not None:
        plant = task.vary(jax.random.fold_in(key, PLANT), plant)
    x0 = start(jax.random.fold_in(key, START))
    noise = jax.random.fold_in(key, LOOP) if task.loop.random else None
    own = jax.tree.map(is_tracer, plant)  # of the task, or of the episode
    if task.vary is not None:
        own = task.vary.marked(own)
    return begin(task.loop, controller, plant, x0, noise, carried=own)


def judge(task: Task, x: Array, sample: Sample, after: Array) -> Outcome:
    """Cost, reward and failure of a control period.

    The cost is the trapezoidal integral of the running cost over the period. A
    period that ends in a state that is not finite, or so large that its square
    would not be, or whose cost is not finite, is a failure.

    Args:
        task: what counts.
        x: state before the period [n_x].
        sample: what was applied in it.
        after: state after the period [n_x].

    Returns:
        Scalars; all are finite.
    """
    rate = task.cost(x, sample.u) + task.cost(after, sample.u)
    cost = 0.5 * task.loop.dt * rate
    finite = jnp.abs(cost) < jnp.inf
    for i in range(len(task.target.x)):
        finite &= jnp.abs(after[i]) < HUGE
    failed = ~finite | holds(task.failure, after)
    cost = jnp.where(finite, cost, 0.0)
    good = jnp.ones_like(cost) if task.reward == "alive" else -cost
    reward = jnp.where(failed, jnp.asarray(task.failure_reward, cost.dtype), good)
    return Outcome(cost, reward, failed, finite)
