"""A task for any plant: bring it to an equilibrium and hold it there."""

import dataclasses
from typing import Any

import numpy as np

from hybridctl.checks import as_float, fail, require, shape
from hybridctl.controllers import Guard, after, beyond, near
from hybridctl.kinds import checked
from hybridctl.loop import Actuator, Loop
from hybridctl.plants import Equilibrium, MechanicalPlant, Plant
from hybridctl.plants.sampled import held
from hybridctl.tasks.cost import Cost
from hybridctl.tasks.start import Box, Start
from hybridctl.tasks.task import Task

DT = 0.02  # control period [s]
ANGLE, OTHER = 10.0, 1.0  # weights of a state, where none are given
EFFORT = 10.0  # cost rate of an input at its limit [1/s]
CLOSE, NEAR = 0.05, 0.1  # settled: an angle [rad], any other state in its unit
SPREAD = 1.0  # starts: half width of a state without limit, in its unit


@checked
def reach(
    plant: Plant,
    target: Equilibrium | None = None,
    *,
    start: Start | Equilibrium | None = None,
    Q: Any = None,
    R: Any = None,
    loop: Loop | None = None,
    failure: Guard | None = None,
    settled: Guard | None = None,
    **changes: Any,
) -> Task:
    """Bring any plant to an equilibrium and hold it there.

    The running cost is eᵀ diag(Q) e + uᵀ diag(R) u with e = x - target, where an angle
    counts 2(1 - cos e) for e²; the reward is minus that.

    What sampled parts of a plant remember is no distance: it starts as in the target,
    costs nothing and need not settle.

    Numbers that are not given are in SI, whatever the plant. A plant in other units, or
    one whose own second is far from ours, needs its own: start, Q, R, loop, settled,
    seconds.

    Args:
        plant: any plant.
        target: where to; the upright equilibrium of a mechanical plant by default.
        start: a distribution, or an equilibrium to start from at rest; by default
            uniform about the target: any angle, half of every other state's limit, ±1
            where there is none.
        Q: state weights [n_x]; 10 for an angle and 1 for any other state by default.
        R: input weights [n_u]; 10 / limit² by default, 0.1 where there is no limit.
        loop: 20 ms, or the period of a discrete plant, and inputs clipped at the
            plant's limits where every input has one, by default.
        failure: what ends an episode; by default a state further from the target than
            its limit is from 0.
        settled: where it succeeds; by default angles within 0.05 and every other
            state within 0.1 of the target.
        **changes: any other field of `Task`: name, seconds, reward, …

    Returns:
        The task, named after the plant's class.

    Raises:
        ValueError: no target for this plant, or a weight or field that does not fit.

    Example:
        >>> from hybridctl.plants import Pendulum
        >>> task = reach(Pendulum(), seconds=10.0)
        >>> task.name, task.steps, task.input_limit
        ('pendulum', 500, 3.0)
    """
    target = _target(plant, target)
    task = Task(
        name=type(plant).__name__.lower(),
        plant=plant,
        loop=_loop(plant) if loop is None else loop,
        target=target,
        start=_start(plant, target, start),
        cost=_cost(plant, target, Q, R),
        failure=_failure(plant, target) if failure is None else failure,
        settled=near(target, **_close(plant)) if settled is None else settled,
    )
    return changed(task, changes)


def changed(task: Task, changes: dict[str, Any]) -> Task:
    """A task with other fields.

    Raises:
        ValueError: a field that a Task does not have.
    """
    known = {field.name for field in dataclasses.fields(Task)}
    unknown = sorted(set(changes) - known)
    require(not unknown, f"a Task has no {unknown}; it has {', '.join(sorted(known))}")
    return dataclasses.replace(task, **changes)


def _target(plant: Plant, target: Equilibrium | None) -> Equilibrium:
    if target is None:
        if not isinstance(plant, MechanicalPlant):
            name = type(plant).__name__
            fail(f"reach needs a target for {name}; give plant.equilibrium(x, u)")
        return plant.upright()
    shape("target.x", target.x, (plant.n_x,))
    shape("target.u", target.u, (plant.n_u,))
    # an equilibrium made by hand may lack the names
    return plant.equilibrium(target.x, target.u)


def _remembered(plant: Plant) -> tuple[int, ...]:
    """States of a plant's sampled parts; of a discrete plant they are its own."""
    return held(plant) if plant.steps_every is None else ()


def _loop(plant: Plant) -> Loop:
    dt = plant.steps_every or DT
    limits = [plant.limits.get(name) for name in plant.inputs]
    if any(limit is None for limit in limits):
        return Loop(dt)
    return Loop(dt, actuator=Actuator(limit=limits[0] if len(limits) == 1 else limits))


def _start(
    plant: Plant, target: Equilibrium, start: Start | Equilibrium | None
) -> Start:
    if isinstance(start, Start):
        return start
    if start is not None:
        return Box.around(start.x, np.zeros(plant.n_x))
    half = [0.5 * plant.limits.get(name, 2.0 * SPREAD) for name in plant.states]
    for i in plant.angles:
        half[i] = np.pi
    for i in _remembered(plant):
        half[i] = 0.0
    return Box.around(target.x, half)


def _cost(plant: Plant, target: Equilibrium, Q: Any, R: Any) -> Cost:
    turned = np.isin(np.arange(plant.n_x), plant.angles)
    free = ~np.isin(np.arange(plant.n_x), _remembered(plant))
    Q = np.where(turned, ANGLE, OTHER) * free if Q is None else as_float(Q)
    limits = [plant.limits.get(name, np.sqrt(EFFORT / 0.1)) for name in plant.inputs]
    R = EFFORT / np.square(limits) if R is None else as_float(R)
    shape("Q (a task's weights are a diagonal)", Q, (plant.n_x,))
    shape("R (a task's weights are a diagonal)", R, (plant.n_u,))
    return Cost(target.x, np.where(turned, 2.0, 1.0) * Q, R, plant.angles)


def _failure(plant: Plant, target: Equilibrium) -> Guard:
    limits = {name: plant.limits[name] for name in plant.states if name in plant.limits}
    return beyond(target, **limits) if limits else ~after(0)  # no limit: never


def _close(plant: Plant) -> dict[str, float]:
    angles = [plant.states[i] for i in plant.angles]
    free = [n for i, n in enumerate(plant.states) if i not in _remembered(plant)]
    return {name: CLOSE if name in angles else NEAR for name in free}
