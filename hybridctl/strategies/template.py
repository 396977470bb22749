"""The toolkit's own trainable templates, by name."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridctl.checks import first_line, one_of, require
from hybridctl.controllers import (
    Argmax,
    Constant,
    Controller,
    Guard,
    Hold,
    Mix,
    Slot,
    StateFeedback,
    Switch,
    chosen,
    near,
)
from hybridctl.design import linearize
from hybridctl.kinds import checked
from hybridctl.names import TEMPLATES, check_listed
from hybridctl.plants import own_units
from hybridctl.plants.scales import coordinate_units
from hybridctl.strategies.adaptive import adapting
from hybridctl.strategies.model import is_hidden
from hybridctl.strategies.reference import (
    build_balance,
    build_lqr,
    build_machine,
    build_pump,
    catches,
    leaves,
    locked,
    mechanical,
    tuned,
)
from hybridctl.tasks import Task, holds

HOLDS = 3.0  # times the level on which the LQR never saturates: where it takes over
REST = 0.05, 0.1, 0.5  # angle, its rate, other rates: a pole that stands, in own units
BRAKE = 5.0  # of the brake mode, in own units: slower by that rate [1/s]


def build_ppo(task: Task) -> Controller:
    """The agent alone: its action times the input limit, held where it must swing."""
    if _must_stay_up(task):
        return _limit(task) * Slot(task.plant.n_u)
    return _limit(task) * _held(task, task.plant.n_u)


def _limit(task: Task) -> Any:
    """Of the inputs: one number where it is the same for all."""
    limits = task.input_limits
    return float(limits[0]) if np.all(limits == limits[0]) else limits


def build_hybrid(task: Task) -> Controller:
    """The agent alone where the LQR would saturate; the LQR holds, and centres.

    Behind observers and a predictor where the task's loop hides the state, and an
    estimator of the parameters that vary.
    """
    return adapting(task, _hybrid)


def _hybrid(task: Task) -> Controller:
    """On a plant that is known, of its state."""
    agent = _limit(task) * Slot(task.plant.n_u, "hjb")
    gains = tuned(task, observed=is_hidden(task))
    if _must_stay_up(task):  # at the target all along, so its own LQR is the best
        gains = dataclasses.replace(gains, centre=1.0)
    lqr = build_lqr(task)
    catch = locked(task, HOLDS, lqr) | _rests(task)
    return build_machine(task, gains, swing=agent, catch=catch, lqr=lqr)


def _rests(task: Task) -> Guard:
    """At the target but for its place: no learned slope should have to move it on."""
    plant, (tilt, spin, pace) = mechanical(task), REST
    unit, n = coordinate_units(plant), plant.n_x // 2
    near_by = {plant.states[i]: tilt for i in plant.angles if i < n}
    for i in range(n):
        slow = spin if i in plant.angles else pace
        near_by[plant.states[n + i]] = slow * unit[n + i]
    return near(task.target, **near_by)


def build_residual(task: Task) -> Controller:
    """The agent corrects a classical controller.

    Where the pole may not fall, on top of the LQR. Elsewhere in the swing mode of the
    reference machine, where it may also put off the hand-over to the LQR until the
    lock: the level set on which the LQR never saturates.
    """
    if _must_stay_up(task):
        return build_residual_lqr(task)
    catch = locked(task) | (catches(task) & ~chosen(_held(task)))
    return build_machine(task, swing=_pump_and_agent(task), catch=catch)


def build_residual_lqr(task: Task) -> Controller:
    """The agent on top of the LQR, with half of the input limit."""
    return build_lqr(task) + 0.5 * _limit(task) * Slot(task.plant.n_u)


def build_residual_machine(task: Task) -> Controller:
    """The agent on top of the whole machine, until the lock hands over to the LQR."""
    whole = build_machine(task) + task.input_limit * _held(task, task.plant.n_u)
    names = ("machine", "lock")
    return build_machine(task, swing=whole, catch=locked(task), names=names)


def build_early_catch(task: Task) -> Controller:
    """As the residual, and the agent may hand over before the guard does, too."""
    return build_machine(task, swing=_pump_and_agent(task), catch=_moved(task))


def build_swing(task: Task) -> Controller:
    """The agent alone swings up; the LQR catches and holds."""
    return build_machine(task, swing=task.input_limit * _held(task, task.plant.n_u))


def build_modes(task: Task) -> Controller:
    """The agent chooses among pump, LQR, brake and both input limits."""
    return Switch(Hold(Argmax(Slot(5)), every=5), modes(task))


def build_gate(task: Task) -> Controller:
    """The agent only moves the hand-over: before the guard, after it, and back."""
    leave = (leaves(task) | chosen(_held(task))) & ~locked(task)
    return build_machine(task, catch=_moved(task), leave=leave)


def build_schedule(task: Task) -> Controller:
    """The agent schedules the gains of the machine's modes: each between 0 and 2."""
    if _must_stay_up(task):
        known: list[Controller] = [build_lqr(task)]
        return Mix(Constant([1.0]) + Slot(1), known)
    scheduled = Mix(Constant([1.0]) + _held(task), [build_pump(task)])
    return build_machine(task, swing=scheduled)


def modes(task: Task) -> dict[str, Controller]:
    """What a learned mode policy chooses from, by name."""
    limit, x0, plant = task.input_limit, np.asarray(task.target.x), mechanical(task)
    rate, brake = len(x0) // 2 + plant.actuated[0], np.zeros((1, len(x0)))
    gain = linearize(plant, plant.upright())[1][rate, 0]
    brake[0, rate] = own_units(plant).told(BRAKE, second=-1) / gain
    return {
        "pump": build_pump(task),
        "balance": build_balance(task),
        "brake": StateFeedback(brake, x0, [0.0], limit=limit),
        "left": Constant([-limit]),
        "right": Constant([limit]),
    }


def _moved(task: Task) -> Guard:
    """The hand-over where the agent may want it earlier, or later until the lock."""
    early, late = chosen(_held(task)), chosen(_held(task))
    return locked(task) | (catches(task) | early) & ~late


def _pump_and_agent(task: Task) -> Controller:
    agent = _held(task, task.plant.n_u)
    return build_pump(task) + 2.0 * task.input_limit * agent


def _held(task: Task, size: int = 1) -> Controller:
    return Hold(Slot(size), every=task.hints.every)


def _must_stay_up(task: Task) -> bool:
    """Whether leaving the target, cart in the middle, is already a failure."""
    turns = np.isin(np.arange(task.plant.n_x), task.target.angles)
    fallen: Any = np.where(turns, 0.0, task.target.x)
    return bool(holds(task.failure, fallen))


@dataclass(frozen=True)
class _Entry:
    """A template, and whether it needs a pole that may fall."""

    build: Callable[[Task], Controller]
    swings: bool


_TEMPLATES = {
    "hybrid": _Entry(build_hybrid, swings=False),
    "ppo": _Entry(build_ppo, swings=False),
    "residual": _Entry(build_residual, swings=False),
    "residual_lqr": _Entry(build_residual_lqr, swings=False),
    "residual_machine": _Entry(build_residual_machine, swings=True),
    "early_catch": _Entry(build_early_catch, swings=True),
    "swing": _Entry(build_swing, swings=True),
    "modes": _Entry(build_modes, swings=True),
    "gate": _Entry(build_gate, swings=True),
    "schedule": _Entry(build_schedule, swings=False),
}


def templates(task: Task | None = None) -> tuple[str, ...]:
    """Names of the toolkit's own trainable templates.

    Args:
        task: only those that fit it; None: all.
    """
    if task is None or not _must_stay_up(task):
        return tuple(_TEMPLATES)
    return tuple(name for name, entry in _TEMPLATES.items() if not entry.swings)


def about_templates() -> dict[str, str]:
    """What the agent does in each of them, in a line, by name."""
    return {name: first_line(entry.build) for name, entry in _TEMPLATES.items()}


@checked
def template(name: str, task: Task) -> Controller:
    """One of the toolkit's own trainable templates, made for a task.

    What the agent does in each:

    - "hybrid": everything until the LQR holds; made for algorithm="hjb".
    - "ppo": everything, alone.
    - "residual": corrects the LQR where the pole may not fall, and elsewhere the
      swing mode of the reference machine, with the LQR for a lock.
    - "residual_lqr", "residual_machine": corrects the LQR, the whole machine.
    - "early_catch": as "residual", and may hand over earlier, too.
    - "swing": swings up alone; the LQR catches.
    - "modes": chooses among pump, LQR, brake and both input limits.
    - "gate": only moves the hand-over between swing and balance.
    - "schedule": scales the gain of the swing mode, or of the LQR.

    Args:
        name: one of these.
        task: whose plant, input limit and control period are used.

    Returns:
        A controller with Slots, for `train`.

    Raises:
        ValueError: an unknown name, or a swing-up where the pole may not fall.

    Example:
        >>> from hybridctl import tasks
        >>> template("residual", tasks.get("swingup")).names
        ('swing', 'balance')
    """
    one_of("template", name, _TEMPLATES)
    fitting = templates(task)
    require(
        name in fitting,
        f"template {name!r} learns a swing-up, but on {task.name!r} the pole may not "
        f"fall; choose one of: {', '.join(fitting)}",
    )
    return _TEMPLATES[name].build(task)


check_listed("TemplateName", TEMPLATES, _TEMPLATES)
