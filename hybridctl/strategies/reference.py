"""The toolkit's own tuned controllers, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hybridctl.checks import fail, one_of
from hybridctl.controllers import (
    Controller,
    EnergySwingUp,
    StateFeedback,
    Switch,
    demands,
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


GAINS = MachineGains()


def input_limit(task: Task) -> float:
    """What the task's actuator can give [N], the plant's own limit where unlimited."""
    actuator = task.loop.actuator
    if actuator is None or actuator.limit is None:
        return float(task.plant.limits[task.plant.inputs[0]])
    return float(np.max(actuator.limit))


def build_lqr(task: Task) -> StateFeedback:
    """Sampled-data LQR about the task's target for the task's own cost."""
    limit = input_limit(task)
    return design_lqr(task.plant, task.target, Q, R, task.loop.dt, limit=limit)


def build_machine(
    task: Task, gains: MachineGains = GAINS, swing: Controller | None = None
) -> Switch:
    """Swing up by energy, catch by LQR, let go when the LQR cannot hold.

    Args:
        task: whose plant, limits and period are used.
        gains: of the swing-up and the guards.
        swing: another controller for the swing mode.

    Returns:
        A machine with modes "swing" and "balance".
    """
    lqr, limit = build_lqr(task), input_limit(task)
    catch = near(task.target, theta=gains.lean) & ~demands(lqr, gains.catch * limit)
    leave = demands(lqr, gains.leave * limit)
    edges = {("swing", "balance"): catch, ("balance", "swing"): leave}
    return machine({"swing": swing or build_pump(task, gains), "balance": lqr}, edges)


def build_pump(task: Task, gains: MachineGains = GAINS) -> EnergySwingUp:
    """The swing mode's energy controller."""
    plant = task.plant
    if not isinstance(plant, MechanicalPlant):
        fail(f"no energy swing-up for {type(plant).__name__}: it has no energies")
    end = plant.limits.get(plant.states[plant.actuated[0]])
    return EnergySwingUp(
        plant, gains.pump, gains.stiffness, gains.damping, gains.kick, gains.margin,
        gains.drive, end and gains.track * end, input_limit(task),
    )  # fmt: skip


_REFERENCES: dict[str, Callable[[Task], Controller]] = {
    "lqr": build_lqr,
    "machine": build_machine,
}


def references() -> tuple[str, ...]:
    """Names of the toolkit's own tuned controllers."""
    return tuple(_REFERENCES)


def reference(name: str, task: Task) -> Controller:
    """One of the toolkit's own tuned controllers, designed for a task.

    Args:
        name: "lqr" (sampled-data LQR), or "machine" (energy swing-up, LQR catch).
        task: whose plant, input limit and control period it is designed for.

    Returns:
        A controller.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> from hybridctl import tasks
        >>> reference("machine", tasks.get("swingup")).names
        ('swing', 'balance')
    """
    one_of("reference", name, _REFERENCES)
    return _REFERENCES[name](task)
