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
    level,
    machine,
    near,
)
from hybridctl.controllers.swingup import POWERS, told
from hybridctl.design import linearize
from hybridctl.design.feedback import lqr as design_lqr
from hybridctl.plants import (
    Acrobot,
    CartPole,
    MechanicalPlant,
    Pendubot,
    Pendulum,
    own_units,
)
from hybridctl.plants.scales import coordinate_units
from hybridctl.tasks import Task


@dataclasses.dataclass(frozen=True)
class MachineGains:
    """What is tuned in the reference machine, all positive.

    Attributes:
        pump, stiffness, damping, kick, margin, drive: of the energy swing-up, in its
            units.
        track: end of the track for the swing-up, as a share of the plant's limit.
        catch: LQR demand at which the pole is caught, as a share of the limit.
        lean: largest deviation of an angle [rad] at which it is caught.
        leave: LQR demand at which balancing is given up, as a share of the limit.
        centre: weight on the cart's position once the pole is caught, as a multiple
            of the cost's; 1 is the task's own LQR throughout.
    """

    pump: float = 34.08
    stiffness: float = 1.35
    damping: float = 1.904
    kick: float = 0.01423
    margin: float = 0.01434
    drive: float = 10.35
    track: float = 0.8424
    catch: float = 1.676
    lean: float = 1.394
    leave: float = 2.379
    centre: float = 8.0


GAINS = MachineGains()  # tuned on `global` and `swingup`
TUNED = {  # on CartPole(), by benchmarks/tune.py; "ekf ..." stands behind observers
    "swingup": MachineGains(
        199.7, 8.788, 0.2, 0.01053, 0.01621, 6.629, 0.7914, 0.8368, 2.467, 2.639, 4.85
    ),
    "global": GAINS,
    "weak": MachineGains(
        168.5, 3.477, 4.126, 0.02429, 0.004117, 5.188, 0.9246, 3.203, 1.922, 4.291, 20
    ),
    "short_track": MachineGains(
        43.45, 1.073, 2.2, 0.0296, 0.01619, 3.961, 0.8071, 0.663, 1.169, 2.467, 8
    ),
    "push": MachineGains(
        56.71, 3.662, 5.022, 0.02454, 0.004212, 7.939, 0.9151, 0.8861, 0.74, 2.879, 20
    ),
    "unknown_plant": MachineGains(
        170.8, 10.4, 0.3083, 0.01028, 0.02405, 8.95, 0.7504, 1.948, 0.8195, 1.528, 10.61
    ),
    "noisy": MachineGains(
        63.29, 5.174, 3.509, 0.01746, 0.003, 5.482, 0.6877, 0.4654, 0.8388, 10, 0.5
    ),
    "noise alone": MachineGains(
        140.6, 4.115, 3.645, 0.00849, 0.003, 8.914, 0.8151, 0.4811, 0.958, 2.024, 0.5332
    ),
    "ekf noisy": MachineGains(
        20.17,
        0.8317,
        0.8102,
        0.1254,
        0.02239,
        7.699,
        0.7644,
        1.113,
        0.6483,
        3.39,
        1.402,
    ),
    "ekf noise alone": MachineGains(
        157.7, 1.616, 4.698, 0.01018, 0.003, 4.917, 0.8019, 0.4197, 1.048, 2.374, 0.9391
    ),
}


BY_PLANT: dict[type[MechanicalPlant], MachineGains] = {  # of `tasks.reach`
    Pendulum: MachineGains(
        3, 4.742, 0.51, 0.005104, 0.003419, 12, 0.9401, 1.931, 2.229, 2.858, 18.48
    ),
    Acrobot: MachineGains(
        8.916, 14.84, 2.59, 0.02566, 0.04832, 115.7, 0.9603, 1.725, 1.788, 7.882, 8
    ),
    Pendubot: MachineGains(
        6.328, 13.09, 3.495, 0.04446, 0.3849, 11.99, 0.9569, 2.187, 0.8501, 3.906, 8
    ),
}


def tuned(task: Task, observed: bool = False) -> MachineGains:
    """Gains tuned on the task of that name or for its plant, else those of `global`.

    They are told in the own units of the task's plant: on one that is lighter, smaller
    or told in other units, the machine does the same.

    Args:
        task: whose name decides.
        observed: those for a machine behind observers, where there are any.
    """
    plant = mechanical(task)
    rig: Any = CartPole
    if task.name not in TUNED and type(plant) in BY_PLANT:
        rig = type(plant)
    found = TUNED.get(task.name, BY_PLANT.get(rig, GAINS))
    found = TUNED.get(f"ekf {task.name}", found) if observed else found
    units = own_units(plant).over(own_units(rig()))
    numbers = {n: v for n, v in dataclasses.asdict(found).items() if n in POWERS}
    return dataclasses.replace(found, **told(numbers, units))


def build_lqr(task: Task) -> StateFeedback:
    """Sampled-data LQR about the task's target for the task's own cost."""
    return _lqr(task, task.cost.quadratic[0])


def _lqr(task: Task, Q: Any) -> StateFeedback:
    _, R = task.cost.quadratic
    limit = task.input_limit if task.limited else None
    return design_lqr(task.plant, task.target, Q, R, task.loop.dt, limit=limit)


def build_machine(
    task: Task,
    gains: MachineGains | None = None,
    *,
    swing: Controller | None = None,
    catch: Guard | None = None,
    leave: Guard | None = None,
    names: tuple[str, str] = ("swing", "balance"),
) -> Switch:
    """Swing up by energy, catch by LQR, let go when the LQR cannot hold.

    Args:
        task: whose plant, limits and period are used.
        gains: of the swing-up and the guards; those tuned for the task by default.
        swing: another controller for the first mode.
        catch: another guard on the way from the first to the second.
        leave: another guard on the way back.
        names: of the modes.

    Returns:
        A machine with two modes.
    """
    mechanical(task)  # or its sentence, before another one
    gains, (first, second) = gains or tuned(task), names
    catch = catches(task, gains) if catch is None else catch
    leave = leaves(task, gains) if leave is None else leave
    modes = {
        first: swing or build_pump(task, gains),
        second: build_balance(task, gains),
    }
    return machine(modes, {(first, second): catch, (second, first): leave})


def catches(task: Task, gains: MachineGains | None = None) -> Guard:
    """No angle is far off, and the LQR asks for little enough, to catch it."""
    gains = gains or tuned(task)
    asked = demands(build_lqr(task), gains.catch * task.input_limit)
    names = [task.plant.states[i] for i in task.target.angles]
    if not names:
        return ~asked
    return near(task.target, **dict.fromkeys(names, gains.lean)) & ~asked


def leaves(task: Task, gains: MachineGains | None = None) -> Guard:
    """The LQR asks for so much that it is not holding the pole."""
    gains = gains or tuned(task)
    return demands(build_lqr(task), gains.leave * task.input_limit)


def locked(task: Task, share: float = 1.0) -> Guard:
    """In the level set (a share of it) on which the task's LQR never saturates."""
    lqr = build_lqr(task)
    return level(lqr.V < share * lqr.unsaturated(task.input_limit))


def build_balance(task: Task, gains: MachineGains | None = None) -> Controller:
    """The task's LQR; with the pole caught, one that brings the cart back sooner.

    What is left of the cost is small by then, so the slow return of the cart, which
    is optimal for the cost, can be given up for an earlier rest. Without a cart it is
    the LQR alone.
    """
    (driven,) = mechanical(task).actuated
    if driven in task.plant.angles:
        return build_lqr(task)
    weights = np.array(task.cost.quadratic[0])
    weights[driven] *= (gains or tuned(task)).centre
    modes = {"catch": build_lqr(task), "centre": _lqr(task, weights)}
    enter, leave = locked(task, 2.0), ~locked(task, 4.0)
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
