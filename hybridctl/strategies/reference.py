"""The toolkit's own tuned controllers, by name."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridctl.checks import fail
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
from hybridctl.design.feedback import lqr as design_lqr
from hybridctl.plants import MechanicalPlant
from hybridctl.tasks import Task

Q, R = (1.0, 10.0, 1.0, 1.0), (0.1,)  # the quadratic part of the tasks' cost


@dataclass(frozen=True)
class MachineGains:
    """What is tuned in the reference machine, all positive.

    Attributes:
        pump, stiffness, damping, kick, margin, drive: of the energy swing-up.
        track: end of the track for the swing-up, as a share of the plant's limit.
        catch: LQR demand at which the pole is caught, as a share of the limit.
        lean: largest |θ - π| [rad] at which it is caught.
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
TUNED = {
    "global": GAINS,
    "weak": MachineGains(
        52.82, 2.446, 2.009, 0.02776, 0.02711, 4.262, 0.9232, 4.112, 1.92, 4.121
    ),
    "short_track": MachineGains(
        43.45, 1.073, 2.2, 0.0296, 0.01619, 3.961, 0.8071, 0.663, 1.169, 2.467
    ),
}


def tuned(task: Task, observed: bool = False) -> MachineGains:
    """Gains tuned on the task of that name, else those of `global`.

    Args:
        task: whose name decides.
        observed: those for a machine behind observers, where there are any.
    """
    plain = TUNED.get(task.name, GAINS)
    return TUNED.get(f"ekf {task.name}", plain) if observed else plain


def build_lqr(task: Task) -> StateFeedback:
    """Sampled-data LQR about the task's target for the task's own cost."""
    return _lqr(task, Q)


def _lqr(task: Task, weights: Any) -> StateFeedback:
    limit = task.input_limit
    return design_lqr(task.plant, task.target, weights, R, task.loop.dt, limit=limit)


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
    gains, (first, second) = gains or tuned(task), names
    catch = catches(task, gains) if catch is None else catch
    leave = leaves(task, gains) if leave is None else leave
    modes = {
        first: swing or build_pump(task, gains),
        second: build_balance(task, gains),
    }
    return machine(modes, {(first, second): catch, (second, first): leave})


def catches(task: Task, gains: MachineGains | None = None) -> Guard:
    """The pole leans little enough, and the LQR asks for little enough, to catch it."""
    gains = gains or tuned(task)
    asked = demands(build_lqr(task), gains.catch * task.input_limit)
    return near(task.target, theta=gains.lean) & ~asked


def leaves(task: Task, gains: MachineGains | None = None) -> Guard:
    """The LQR asks for so much that it is not holding the pole."""
    gains = gains or tuned(task)
    return demands(build_lqr(task), gains.leave * task.input_limit)


def locked(task: Task, share: float = 1.0) -> Guard:
    """In the level set (a share of it) on which the task's LQR never saturates."""
    lqr = build_lqr(task)
    return level(lqr.V < share * lqr.unsaturated(task.input_limit))


def build_balance(task: Task, gains: MachineGains | None = None) -> Switch:
    """The task's LQR; with the pole caught, one that brings the cart back sooner.

    What is left of the cost is small by then, so the slow return of the cart, which
    is optimal for the cost, can be given up for an earlier rest.
    """
    weights = np.array(Q)
    weights[mechanical(task).actuated[0]] *= (gains or tuned(task)).centre
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
    end = task.limits.get(plant.states[plant.actuated[0]])
    return EnergySwingUp(
        plant, gains.pump, gains.stiffness, gains.damping, gains.kick, gains.margin,
        gains.drive, end and gains.track * end, task.input_limit,
    )  # fmt: skip
