"""The toolkit's own tuned controllers, by name."""

import dataclasses
from typing import Any

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.controllers import (
    Controller,
    EnergySwingUp,
    Guard,
    StateFeedback,
    Switch,
    demands,
    machine,
    near,
)
from hybridctl.controllers.guards import Level
from hybridctl.controllers.swingup import POWERS, told
from hybridctl.design import linearize
from hybridctl.design.feedback import lqr as design_lqr
from hybridctl.plants import CartPole, MechanicalPlant, own_units
from hybridctl.plants.scales import coordinate_units
from hybridctl.tasks import Cost, MachineGains, Task
from hybridctl.tasks.gains import BY_PLANT, GAINS


def tuned(task: Task, observed: bool = False) -> MachineGains:
    """Gains that the task hints at, or were tuned for its plant, else `GAINS`.

    They are told in the own units of the task's plant: on one that is lighter, smaller
    or told in other units, the machine does the same.

    Args:
        task: whose hints and plant decide.
        observed: those for a machine behind observers, where there are any.
    """
    plant, hints = mechanical(task), task.hints
    rig: Any = CartPole  # that the gains were tuned on
    found = (hints.observed if observed else None) or hints.gains
    if found is None:
        rig = type(plant) if type(plant) in BY_PLANT else CartPole
        found = BY_PLANT.get(rig, GAINS)
    units = own_units(plant).over(own_units(rig()))
    numbers = {n: v for n, v in dataclasses.asdict(found).items() if n in POWERS}
    return dataclasses.replace(found, **told(numbers, units))


def build_lqr(task: Task) -> StateFeedback:
    """Sampled-data LQR about the task's target for the task's own cost."""
    return _lqr(task, _weights(task)[0])


def _weights(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Q and R of the task's cost near its target."""
    if not isinstance(task.cost, Cost):
        fail(
            f"the cost of {task.name!r} is a {type(task.cost).__name__}, which tells "
            "no weights of an LQR; give the task an hc.tasks.Cost, or design by hc.lqr"
        )
    return task.cost.quadratic


def _lqr(task: Task, Q: Any) -> StateFeedback:
    _, R = _weights(task)
    limit = task.input_limit if task.limited else None
    return design_lqr(task.plant, task.target, Q, R, task.loop.dt, limit=limit)


def build_machine(
    task: Task,
    gains: MachineGains | None = None,
    *,
    swing: Controller | None = None,
    catch: Guard | None = None,
    leave: Guard | None = None,
    lqr: StateFeedback | None = None,
    names: tuple[str, str] = ("swing", "balance"),
) -> Switch:
    """Swing up by energy, catch by LQR, let go when the LQR cannot hold.

    Args:
        task: whose plant, limits and period are used.
        gains: of the swing-up and the guards; those tuned for the task by default.
        swing: another controller for the first mode.
        catch: another guard on the way from the first to the second.
        leave: another guard on the way back.
        lqr: the task's LQR, where it is designed already.
        names: of the modes.

    Returns:
        A machine with two modes.
    """
    mechanical(task)  # or its sentence, before another one
    gains, (first, second) = gains or tuned(task), names
    lqr = lqr or build_lqr(task)
    catch = catches(task, gains, lqr) if catch is None else catch
    leave = leaves(task, gains, lqr) if leave is None else leave
    modes = {
        first: swing or build_pump(task, gains),
        second: build_balance(task, gains, lqr),
    }
    return machine(modes, {(first, second): catch, (second, first): leave})


def catches(
    task: Task, gains: MachineGains | None = None, lqr: StateFeedback | None = None
) -> Guard:
    """No angle is far off, and the LQR asks for little enough, to catch it."""
    gains = gains or tuned(task)
    asked = demands(lqr or build_lqr(task), gains.catch * task.input_limit)
    names = [task.plant.states[i] for i in task.target.angles]
    if not names:
        return ~asked
    return near(task.target, **dict.fromkeys(names, gains.lean)) & ~asked


def leaves(
    task: Task, gains: MachineGains | None = None, lqr: StateFeedback | None = None
) -> Guard:
    """The LQR asks for so much that it is not holding the pole."""
    gains = gains or tuned(task)
    return demands(lqr or build_lqr(task), gains.leave * task.input_limit)


def locked(task: Task, share: float = 1.0, lqr: StateFeedback | None = None) -> Level:
    """In the level set (a share of it) on which the task's LQR never saturates."""
    lqr = lqr or build_lqr(task)
    return Level(lqr.V, share * lqr.unsaturated(task.input_limits))


def build_balance(
    task: Task, gains: MachineGains | None = None, lqr: StateFeedback | None = None
) -> Controller:
    """The task's LQR; with the pole caught, one that brings the cart back sooner.

    What is left of the cost is small by then, so the slow return of the cart, which
    is optimal for the cost, can be given up for an earlier rest. Without a cart it is
    the LQR alone.
    """
    (driven,), lqr = mechanical(task).actuated, lqr or build_lqr(task)
    if driven in task.plant.angles:
        return lqr
    weights = np.array(_weights(task)[0])
    weights[driven] *= (gains or tuned(task)).centre
    modes = {"catch": lqr, "centre": _lqr(task, weights)}
    enter, leave = locked(task, 2.0, lqr), ~locked(task, 4.0, lqr)
    return machine(modes, {("catch", "centre"): enter, ("centre", "catch"): leave})


def mechanical(task: Task) -> MechanicalPlant:
    """The task's plant, which must have energies and an actuated coordinate."""
    plant = task.plant
    if not isinstance(plant, MechanicalPlant):
        fail(f"no swing-up for {type(plant).__name__}: it is no MechanicalPlant")
    return plant


def build_pump(task: Task, gains: MachineGains | None = None) -> EnergySwingUp:
    """The swing mode's energy controller."""
    plant, gains = mechanical(task), gains or tuned(task)
    _check_upright(task, plant)
    end = task.limits.get(plant.states[plant.actuated[0]])
    return EnergySwingUp(
        plant, gains.pump, gains.stiffness, gains.damping, gains.kick, gains.margin,
        gains.drive, end and gains.track * end, task.input_limit,
        1.0 if _rubs(plant) else None,
    )  # fmt: skip


def _check_upright(task: Task, plant: MechanicalPlant) -> None:
    off = np.asarray(task.target.x) - np.asarray(plant.upright().x)
    turns = np.isin(np.arange(plant.n_x), plant.angles)
    off = np.where(turns, np.sin(0.5 * off), off)  # 0 after whole turns
    off = off / coordinate_units(plant)
    require(
        bool(np.abs(off).max() < 0.02),
        f"a swing-up ends upright, but {task.name!r} has another target; reach "
        "plant.upright(), or use the reference 'lqr'",
    )


def _rubs(plant: MechanicalPlant) -> bool:
    """Whether friction slows the plant: rates at rest change with the rates."""
    A, _ = linearize(plant, plant.upright())
    n = plant.n_x // 2
    return bool(A[n:, n:].any())
