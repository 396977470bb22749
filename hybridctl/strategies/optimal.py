"""A task as an optimal-control problem, which a value of the state solves."""

import dataclasses
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, fail, require
from hybridctl.controllers import Family, Guard
from hybridctl.controllers.adaptive import designed
from hybridctl.controllers.error import wrap
from hybridctl.controllers.guards import Level
from hybridctl.describe import Shown
from hybridctl.loop import Loop
from hybridctl.plants import Plant
from hybridctl.plants.flow import rk4
from hybridctl.plants.hybrid.plant import has_events
from hybridctl.plants.sampled import has_clocks
from hybridctl.plants.scales import natural_units, own_second
from hybridctl.strategies.adaptive import family, uncertain
from hybridctl.strategies.reference import locked
from hybridctl.tasks import Beside, Box, Cost, Start, Task, holds

MARGIN, LEAST, MOST = 1 / 6, 0.1, 0.25  # share of a limit behind the soft fence, of
# one that is an own unit wide, and at least and at most: a short track is needed whole
EDGE = 15.0  # rate of the fence at the limit itself, in worths per own second
LEFT = 4.0  # charged for a failure, in worths
INSIDE = 0.8  # share of the limits that wide starts fill
SPIN, PACE = 7.0, 3.0  # fastest wide starts of angles and of others, in own units
WORTH = 1.25  # mean cost of wide starts for an own second, times this, is one worth
DRAWS = 1024  # wide starts that are looked at to tell it


class OptimalControl(Shown, eqx.Module):
    """Minimize ∫ c(x, u) dt until the lock, from where the LQR's cost-to-go is known.

    Parameters that are estimated are states as the others.

    Attributes:
        plant: nominal, undisturbed.
        cost: running cost c.
        x0: target.
        lock: level set in which an episode ends, charged its V; one for all parameters.
        failure: guard on the state that ends an episode badly.
        limit: largest |u|, shape [n_u].
        start: where the task starts in training.
        wide: box of starts that also reaches what the task only passes through.
        columns: states with a limit.
        bounds: their limits, as distances from the target, shape [n].
        second: the plant's own [s].
        worth: a typical cost-to-go, in the unit of J.
        fence: share of each limit at which a soft fence begins, shape [n_limits].
    """

    plant: Plant
    cost: Cost
    x0: Array = eqx.field(converter=as_float)
    lock: Level | Family
    failure: Guard
    limit: Array = eqx.field(converter=as_float)
    start: Start
    wide: Box
    columns: tuple[int, ...] = eqx.field(static=True)
    bounds: Array = eqx.field(converter=as_float)
    second: Array = eqx.field(converter=as_float)
    worth: Array = eqx.field(converter=as_float)
    fence: Array = eqx.field(converter=as_float)

    @property
    def left(self) -> Array:
        """J charged where an episode fails: a cliff that a network can fit."""
        return LEFT * self.worth

    def rate(self, x: Array, u: Array) -> Array:
        """Cost rate with a soft fence before the limits, scalar."""
        rate, edge = self.cost(x, u), EDGE * self.worth / self.second
        for i, column in enumerate(self.columns):
            e = x[column] - self.cost.x0[column]
            e = wrap(e) if column in self.plant.angles else e
            begin = self.fence[i]
            over = (jnp.abs(e) / self.bounds[i] - begin) / (1.0 - begin)
            rate = rate + edge * jnp.maximum(over, 0.0) ** 2
        return rate

    def ode(self, t: Array, z: Array, u: Array) -> Array:
        """Rates of the state and of the cost so far, the last of z [n_x + 1]."""
        x = z[:-1]
        return jnp.append(self.plant.ode(t, x, u), self.rate(x, u))

    def advance(self, x: Array, u: Array, h: Any) -> tuple[Array, Array]:
        """State after h [s] of an input that is held, and what that cost."""
        now, z = jnp.zeros((), x.dtype), jnp.append(x, 0.0)
        z = rk4(cast(Plant, self), now, z, u, h)
        return z[:-1], z[-1]

    def locked(self, x: Array) -> Array:
        """Whether a state lies in the lock."""
        lock = designed(self.lock, x)
        return lock.V(x) < lock.rho

    def end(self, x: Array) -> Array:
        """What is still to be paid from a state in the lock on."""
        return designed(self.lock, x).V(x)

    def failed(self, x: Array) -> Array:
        """Whether a state ends an episode badly."""
        return holds(self.failure, x) | ~jnp.all(jnp.isfinite(x))


def optimal_control(
    task: Task, *, undisturbed: bool = True, estimated: bool = False
) -> OptimalControl:
    """The optimal-control problem that a task poses.

    Args:
        task: with a `Cost` of inputs, an LQR about its target, and an input limit.
        undisturbed: refuse a task whose loop a value of the state cannot know; False:
            whoever asks sees to that, by observers and predictors.
        estimated: whoever asks is told the parameters that vary, behind the state.

    Returns:
        The problem of the nominal plant, or of every plant that there may be.

    Raises:
        ValueError: says what stands in the way.

    Example:
        >>> from hybridctl import tasks
        >>> optimal_control(tasks.get("global")).columns
        (0,)
    """
    cost = _checked_cost(task)
    _check_plant(task)
    if undisturbed:
        check_known(task, estimated=estimated)
    limits, states = task.limits, task.plant.states
    wide, second = _wide(task), own_second(task.plant)
    problem = OptimalControl(
        plant=task.plant,
        cost=cost,
        x0=cost.x0,
        lock=locked(task),
        failure=task.failure,
        limit=task.input_limits,
        start=task.train_start or task.start,
        wide=wide,
        columns=tuple(states.index(name) for name in limits),
        bounds=list(limits.values()),
        second=second,
        fence=_fences(task),
        worth=WORTH * second * float(_mean_rate(cost, wide)),
    )
    return _estimated(task, problem) if estimated and task.vary else problem


def _estimated(task: Task, problem: OptimalControl) -> OptimalControl:
    """The problem of every plant that there may be, its parameters states."""
    plant = uncertain(task)
    ends, wide = np.ones(plant.n_p), problem.wide
    parameters = Box(-ends, ends)
    return dataclasses.replace(
        problem,
        plant=plant,
        x0=np.append(problem.x0, 0.0 * ends),
        lock=family(task, locked),
        start=Beside(problem.start, parameters),
        wide=Box(np.append(wide.low, -ends), np.append(wide.high, ends)),
    )


def _checked_cost(task: Task) -> Cost:
    cost = task.cost
    if not isinstance(cost, Cost):
        fail(
            f"the cost of {task.name!r} is a {type(cost).__name__}; the best input "
            "follows from a value in closed form for an hc.tasks.Cost"
        )
    require(
        bool(np.all(np.asarray(cost.r) > 0)),
        f"the inputs of {task.name!r} cost nothing (r={np.asarray(cost.r)}), so that "
        "the best one is at its limit always; give r above 0",
    )
    return cost


def _check_plant(task: Task) -> None:
    """No events, and a limit; `Greedy` asks whether it is affine in its inputs."""
    plant = task.plant
    require(
        not (has_events(plant) or has_clocks(plant)),
        f"{type(plant).__name__} has events or sampled parts, where its state jumps; "
        'learn a policy instead: algorithm="ppo"',
    )
    task.input_limit  # noqa: B018  (or its sentence)


def check_known(task: Task, undisturbed: bool = True, estimated: bool = False) -> None:
    """Refuse a loop or a plant of which the state does not tell everything.

    Args:
        task: to look at.
        undisturbed: refuse what observers and predictors can help with, too.
        estimated: allow parameters that vary.

    Raises:
        ValueError: says what it is that a value of the state cannot know.
    """
    hidden = unknown_parts(task) if undisturbed else []
    unknown = task.vary is not None and not estimated
    hidden += ["varied parameters"] if unknown else []
    require(
        not hidden,
        f"a value of the state cannot know the {', '.join(hidden)} of {task.name!r}; "
        'train hc.template("hybrid", task), which estimates them, or learn a policy: '
        'hc.template("residual", task) with algorithm="ppo"',
    )


def unknown_parts(task: Task) -> list[str]:
    """What an observer or predictor has to tell: a sensor's state, a late input."""
    loop: Loop = task.loop
    sensor, actuator = loop.sensor, loop.actuator
    late = actuator is not None and actuator.slow
    found = {"sensor": sensor is not None, "late actuator": late}
    return [name for name, there in found.items() if there]


def _fences(task: Task) -> np.ndarray:
    """Share of each limit at which the soft fence begins, shape [n_limits]."""
    units = dict(zip(task.plant.states, natural_units(task.plant), strict=True))
    wide = [bound / units[name] for name, bound in task.limits.items()]
    return 1.0 - np.clip(MARGIN * np.array(wide), LEAST, MOST)


def _wide(task: Task) -> Box:
    """Positions all over the limits, at speeds that can still be stopped there."""
    plant, n = task.plant, task.plant.n_x // 2
    unit = np.asarray(natural_units(plant), float)
    second, limits = own_second(plant), task.limits
    half = np.zeros(plant.n_x)
    for i, name in enumerate(plant.states):
        turns = i in plant.angles
        free = np.pi if turns else PACE * unit[i]
        half[i] = INSIDE * limits[name] if name in limits else free
    for i in range(n) if 2 * n == plant.n_x else ():
        turns = i in plant.angles
        fast = (SPIN if turns else PACE) * unit[n + i]
        half[n + i] = min(fast, SPIN / np.pi * half[i] / second if turns else fast)
    return Box.around(task.target.x, half)


@jax.jit
def _mean_rate(cost: Cost, starts: Box) -> Array:
    """Of the cost without an input, over starts."""
    keys = jax.random.split(jax.random.PRNGKey(0), DRAWS)
    still = jnp.zeros(np.shape(cost.r))
    return jnp.mean(jax.vmap(lambda key: cost(starts(key), still))(keys))
