"""Which templates a value can fill."""

import numpy as np

from hybridctl.checks import require
from hybridctl.controllers import Adaptive, Controller, Hold, Slot, Switch
from hybridctl.controllers.controller import Scaled, Series, walk
from hybridctl.controllers.fill import action_size
from hybridctl.tasks import Task


def check_template(task: Task, template: Controller) -> None:
    """Refuse a template in which a Slot is not the whole input of the plant.

    Raises:
        ValueError: says what a value can fill.
    """
    require(
        _is_whole(template, task.input_limits),
        'algorithm="hjb" gives the whole input of the plant, but a Slot of this '
        'template gives a part of it; use hc.template("hybrid", task), or '
        "task.input_limits * Slot(task.plant.n_u) in one mode of a machine",
    )


def adapts(template: Controller) -> bool:
    """Whether the agent is told the parameters of the plant: by an estimator."""
    return isinstance(template, Series) and any(
        isinstance(node, Adaptive) for node in walk(template)
    )


def _is_whole(node: Controller, limits: np.ndarray) -> bool:
    """Whether the only Slot, times the limits [n_u], is what the controller gives."""
    if isinstance(node, Scaled) and isinstance(node.inner, Slot):
        full = np.allclose(node.scale, limits, rtol=1e-5)
        return full and node.inner.size == len(limits)
    if isinstance(node, Series):
        inside = not action_size(node.observer)
        return inside and _is_whole(node.inner, limits)
    if isinstance(node, Adaptive):
        return _is_whole(node.family.nominal, limits)
    if isinstance(node, Hold):
        return _is_whole(node.inner, limits)
    if isinstance(node, Switch):
        filled = [mode for mode in node.modes if action_size(mode)]
        rest = action_size(node) == sum(map(action_size, filled))
        return rest and len(filled) == 1 and _is_whole(filled[0], limits)
    return False
