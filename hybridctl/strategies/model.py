"""The tuned controllers that carry a model of the plant with them: EKF and MPC."""

from typing import Any

import numpy as np

from hybridctl.controllers import EKF, MPC, Controller, Late, Predictor, after
from hybridctl.controllers.observers import DRIFT
from hybridctl.loop import Sensor
from hybridctl.plants import Plant
from hybridctl.plants.scales import coordinate_units, own_second
from hybridctl.plants.uncertain import UncertainPlant
from hybridctl.strategies.reference import (
    build_lqr,
    build_machine,
    catches,
    mechanical,
    tuned,
)
from hybridctl.tasks import Fenced, MachineGains, Task
from hybridctl.tasks.cost import STEEP

QUIET = 1e-3  # own units: deviation that is assumed of a sensor without noise
FENCE = 0.9  # share of a state's limit at which a planner begins to feel it
MISTRUST = 0.05  # own units: deviation assumed while parameters are estimated, too
WANDER = 0.01  # of a parameter in a period, in half ranges of it
UNSURE = 0.1  # own seconds from the start in which an estimate of rates is not trusted
UNKNOWN = 0.6317  # of the limit: the input that an EKF does not know under pushes


def build_ekf(
    task: Task,
    disturbance: float | None = None,
    uncertain: UncertainPlant | None = None,
) -> EKF:
    """Extended Kalman filter for the task's sensor and plant.

    Args:
        task: whose sensor's noise is assumed.
        disturbance: standard deviation of an unknown input [input's unit]; by
            default `UNKNOWN` times its limit where the loop has a disturbance, else 0.
        uncertain: the plant whose parameters are estimated, too; None: no parameters.
    """
    if disturbance is None:
        pushed = task.loop.disturbance is not None
        disturbance = UNKNOWN * task.input_limit if pushed else 0.0
    sensor, told = task.loop.sensor, dict[str, Any]()
    if sensor is not None and sensor.outputs is not None:
        names = ("outputs", "names", "units", "angles")
        told = {name: getattr(sensor, name) for name in names}
    if uncertain is None:
        return EKF(task.plant, task.loop.dt, _noise(task), disturbance, **told)
    whole: dict[str, Any] = {"outputs": task.plant.states}
    told = whole | told | _prior(task, uncertain)
    noise = _noise(task, MISTRUST)
    return EKF(uncertain, task.loop.dt, noise, disturbance, **told)


def _prior(task: Task, plant: UncertainPlant) -> dict[str, Any]:
    """What an EKF assumes of states and parameters at the start, and in a period."""
    own, n = coordinate_units(mechanical(task)), plant.n_p
    process = np.append(DRIFT * own, np.full(n, WANDER))
    return {"process": process, "unseen": np.append(own, np.full(n, 3**-0.5))}


def _noise(task: Task, least: float = QUIET) -> np.ndarray:
    """That of each measurement, and no less than so many own units of it."""
    sensor: Sensor | None = task.loop.sensor
    given: Any = None if sensor is None else sensor.noise
    own = least * coordinate_units(mechanical(task))
    steps: Any = (
        0.0 if sensor is None or sensor.resolution is None else sensor.resolution
    )
    given = np.hypot(0.0 if given is None else given, np.asarray(steps) / 12**0.5)
    units = dict(zip(task.plant.ports.y or (), own, strict=True))
    quiet = [units.get(signal, least) for signal in task.loop.measured(task.plant)]
    return np.maximum(given, quiet)


def build_predictor(task: Task, plant: Plant | None = None) -> Predictor | None:
    """What an input will meet where sensor or actuator is late; None where neither is.

    Args:
        task: whose loop it is.
        plant: whose states are predicted; None: the task's.
    """
    actuator, delay = task.loop.actuator, late(task)
    if actuator is not None:
        delay += actuator.delay
    if not delay:
        return None
    slow: dict[str, Any] = {}
    if actuator is not None:
        names = ("limit", "lag", "spread", "response")
        slow = {name: getattr(actuator, name) for name in names}
    return Predictor(plant or task.plant, task.loop.dt, delay, **slow)


def late(task: Task) -> int:
    """Periods by which the task's measurements are late."""
    sensor = task.loop.sensor
    return 0 if sensor is None else sensor.delay


def observing(
    task: Task, inner: Controller, uncertain: UncertainPlant | None = None
) -> Controller:
    """A controller of the state, behind what the task's loop hides it with.

    An EKF where the sensor is noisy or gives no state, a predictor where the input is
    late.

    Args:
        task: whose loop it is.
        inner: the controller.
        uncertain: the plant whose parameters it is told of, too; None: of none.
    """
    hidden = is_hidden(task) or uncertain is not None
    ekf = build_ekf(task, uncertain=uncertain) if hidden else None
    return _behind(task, ekf, build_predictor(task, uncertain), inner)


def _behind(
    task: Task, ekf: EKF | None, predictor: Predictor | None, inner: Controller
) -> Controller:
    """A controller of the state behind an observer and a predictor, where needed."""
    parts: list[Controller] = [part for part in (ekf, predictor) if part is not None]
    if not parts:
        return inner
    seen = parts[0] if len(parts) == 1 else parts[0] >> parts[1]
    return (Late(seen, late(task)) if late(task) else seen) >> inner


def is_hidden(task: Task) -> bool:
    """Whether the task's sensor is noisy or gives no state."""
    sensor = task.loop.sensor
    if sensor is None:
        return False
    parts = sensor.outputs, sensor.noise, sensor.resolution, sensor.drop
    return any(part is not None for part in parts)


def build_ekf_machine(
    task: Task, gains: MachineGains | None = None, disturbance: float | None = None
) -> Controller:
    """The machine behind an EKF, and behind a predictor where the actuator is late."""
    gains = gains or tuned(task, observed=True)
    ekf, inner = build_ekf(task, disturbance), build_machine(task, gains)
    if task.loop.sensor is not None and task.loop.sensor.outputs is not None:
        settling = after(UNSURE * own_second(task.plant), task.loop.dt)
        catch = catches(task, gains) & settling
        inner = build_machine(task, gains, catch=catch)
    return _behind(task, ekf, build_predictor(task), inner)


def _fenced(task: Task, limits: dict[int, float]) -> Fenced:
    """The task's cost with fences as much steeper than it, whatever the units.

    Where a state costs nothing by itself, its limit counts as the input's does.
    """
    q, r = task.cost.q, task.cost.r
    effort = float(np.max(r)) * task.input_limit**2
    own = [float(q[c]) or effort / bound**2 for c, bound in limits.items()]
    bounds = [FENCE * bound for bound in limits.values()]
    return Fenced(task.cost, tuple(limits), bounds, STEEP * np.sqrt(own))


def build_mpc(task: Task, horizon: int = 125, iterations: int = 3) -> Controller:
    """Box-constrained iLQR on the task's cost, fenced where a state has a limit.

    Behind an EKF where the sensor is noisy or gives no state, and a predictor where
    the input is late.
    """
    limits = {task.plant.states.index(n): v for n, v in task.limits.items()}
    limits = {c: v for c, v in limits.items() if c not in task.plant.angles}
    cost = task.cost
    if limits:
        cost = _fenced(task, limits)
    planner = MPC(
        task.plant, cost, build_lqr(task), task.loop.dt, task.input_limit,
        horizon, iterations, build_machine(task),
    )  # fmt: skip
    return observing(task, planner)
