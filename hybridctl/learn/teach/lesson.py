"""What a teacher asks of a student: little cost-to-go, or the teacher's own input."""

import dataclasses
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.controllers import Argmax, Controller, Guard, Policy, Tick
from hybridctl.controllers.bind import bind
from hybridctl.controllers.controller import walk
from hybridctl.controllers.fill import action_size
from hybridctl.controllers.foreign import asks
from hybridctl.controllers.greedy import Greedy
from hybridctl.controllers.value import Value, check_value
from hybridctl.learn.lane import Lane
from hybridctl.learn.teach.answers import Answers, HostedAnswers
from hybridctl.learn.teach.visits import Visits
from hybridctl.loop.fit import check_fit
from hybridctl.strategies.model import observing
from hybridctl.strategies.optimal import optimal_control
from hybridctl.tasks.start import Either

WIDE = 0.5  # share of the starts that are wide, where a value knows what to do


class Lesson(Protocol):
    """What a student is taught, and where.

    Attributes:
        env: in which the student is met.
        teacher: the controller whose score a student's is compared with.
    """

    env: Lane
    teacher: Controller

    def told(self, memory: Any, visits: Visits) -> tuple[Any, Array]:
        """The teacher's memory, and its answers [decisions, lanes, k]."""
        ...

    def inputs(self, visits: Visits, answer: Array) -> Array:
        """What the teacher would do [decisions, lanes, n_u], for comparison."""
        ...

    def loss(self, x: Array, u: Array, answer: Array) -> Array:
        """What an input u [n_u] loses at a state x [n_x], scalar."""
        ...


def lesson_of(teacher: Value | Controller, env: Lane) -> Lesson:
    """What a teacher has to say to the agent of an environment.

    Raises:
        ValueError: it is for another plant, or nothing that the agent does follows
            from its action.
    """
    _check_follows(env.template)
    if isinstance(teacher, Value):
        check_value(teacher, env.task.plant)
        return Descent(teacher, env)
    _check_controller(teacher)
    try:
        check_fit(env.task.plant, teacher, env.task.loop)
    except ValueError as error:
        raise ValueError(
            f"this teacher does not fit {env.task.name!r}: {error}"
        ) from error
    return Imitation(teacher, env)


def _check_follows(template: Controller) -> None:
    """Refuse a template whose Slots only choose, so that no slope leads to them."""
    choosers: Any = (n for n in walk(template) if isinstance(n, (Guard, Argmax)))
    choosing = sum(action_size(node) for node in choosers)
    require(
        choosing < action_size(template),
        "the Slots of this template choose among modes, which a teacher does not say "
        "anything of; give a template with a Slot in the input, such as "
        "task.input_limit * Slot(task.plant.n_u)",
    )


def _check_controller(teacher: Any) -> None:
    """Refuse what is no controller of the whole input."""
    if not isinstance(teacher, Controller):
        fail(
            f"teacher is a {type(teacher).__name__}, expected a Value or a Controller; "
            "of a run, run.controller"
        )
    require(
        not isinstance(teacher, Policy),
        "teacher is a Policy, whose outputs are actions; give the controller that it "
        "is part of, run.controller",
    )
    require(
        not action_size(teacher),
        "this teacher has an empty Slot, so that it does not know what to do there; "
        "fill it first: hc.fill(template, policy)",
    )


class Descent:
    """Little Q(x, u) = ∫ c dt + V(x') over a decision; how far u is does not matter.

    Args:
        value: V.
        env: of a task that poses an optimal-control problem.
    """

    def __init__(self, value: Value, env: Lane):
        task = env.task
        self.problem = optimal_control(task, undisturbed=False)
        self.value, self.decision = value, float(env.dt)
        usual = task.train_start or task.start
        starts = Either(self.problem.wide, usual, WIDE)
        wide = dataclasses.replace(task, train_start=starts)
        self.env = Lane(wide, env.template, env.features)
        self.greedy = Greedy(
            task.plant, task.cost, value, limit=self.problem.limit,
            ahead=0.5 * task.loop.dt, dt=task.loop.dt,
        )  # fmt: skip
        self.teacher = observing(task, self.greedy)

    def told(self, memory: Any, visits: Visits) -> tuple[Any, Array]:
        """Nothing: the value is asked about the student's own inputs."""
        return memory, visits.base[..., :0]

    def inputs(self, visits: Visits, answer: Array) -> Array:
        """Greedy in the value, at the true states."""
        del answer
        return jax.jit(jax.vmap(jax.vmap(self._best)))(visits.x)

    def _best(self, x: Array) -> Array:
        tick = Tick(jnp.zeros((), x.dtype), jnp.int32(0), x)
        return self.greedy.step(self.greedy.init(tick), tick)[1]

    def loss(self, x: Array, u: Array, answer: Array) -> Array:
        """Q(x, u) over the length of the decision, so that it is one for any."""
        del answer
        u = _within(u, self.problem.limit)
        after, cost = self.problem.advance(x, u, self.decision)
        return (cost + self.value(after)) / self.decision


@jax.custom_vjp
def _within(u: Array, limit: Array) -> Array:
    """Within ±limit; outside, a gradient gets through that leads back."""
    return jnp.clip(u, -limit, limit)


def _forward(u: Array, limit: Array) -> tuple[Array, Array]:
    return _within(u, limit), jnp.where(jnp.abs(u) > limit, jnp.sign(u), 0.0)


def _backward(side: Array, slope: Array) -> tuple[Array, None]:
    return jnp.where(side * slope < 0, 0.0, slope), None


_within.defvjp(_forward, _backward)


class Imitation:
    """The teacher's own input, or what of it the limit leaves.

    Args:
        teacher: asked in every control period, on the ticks that the student meets.
        env: where the student is met.
    """

    def __init__(self, teacher: Controller, env: Lane):
        task = env.task
        self.env, self.teacher, self.limit = env, teacher, task.input_limits
        asked = bind(teacher, task.loop.measured(task.plant))
        self.answers = HostedAnswers(asked) if asks(asked) else Answers(asked)

    def told(self, memory: Any, visits: Visits) -> tuple[Any, Array]:
        """The teacher's input at every decision."""
        memory, u = self.answers(memory, visits.ticks, visits.began)
        return memory, jnp.clip(u, -self.limit, self.limit)

    def inputs(self, visits: Visits, answer: Array) -> Array:
        """What it has told."""
        del visits
        return answer

    def loss(self, x: Array, u: Array, answer: Array) -> Array:
        """Mean squared distance, as a share of the limit, of what would be applied."""
        del x
        return jnp.mean(((_within(u, self.limit) - answer) / self.limit) ** 2)
