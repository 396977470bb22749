"""The toolkit's own tuned controllers, by name."""

from collections.abc import Callable

from hybridctl.checks import first_line, one_of
from hybridctl.controllers import Controller
from hybridctl.kinds import checked
from hybridctl.strategies.adaptive import build_adaptive
from hybridctl.strategies.dynamic import build_dp
from hybridctl.strategies.model import build_ekf_machine, build_mpc
from hybridctl.strategies.reference import build_lqr, build_machine
from hybridctl.tasks import Task

_REFERENCES: dict[str, Callable[[Task], Controller]] = {
    "lqr": build_lqr,
    "machine": build_machine,
    "ekf_machine": build_ekf_machine,
    "adaptive": build_adaptive,
    "mpc": build_mpc,
    "dp": build_dp,
}


def references() -> tuple[str, ...]:
    """Names of the toolkit's own tuned controllers."""
    return tuple(_REFERENCES)


def about_references() -> dict[str, str]:
    """What each of them is, in a line, by name."""
    return {name: first_line(build) for name, build in _REFERENCES.items()}


@checked
def reference(name: str, task: Task) -> Controller:
    """One of the toolkit's own tuned controllers, designed for a task.

    Args:
        name: "lqr" (sampled-data LQR), "machine" (energy swing-up, LQR catch),
            "ekf_machine" (the machine behind an extended Kalman filter, and behind a
            predictor where the actuator is late), "adaptive" (the machine that is
            designed for the parameters that an EKF estimates, where they vary), "mpc"
            (iLQR, its first plan the machine's), or "dp" (dynamic programming on a
            grid, LQR catch).
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
