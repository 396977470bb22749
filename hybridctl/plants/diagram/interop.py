"""Systems of python-control as blocks."""

import sys
from typing import Any

import numpy as np

from hybridctl.checks import fail
from hybridctl.plants.diagram.linear import state_space, transfer


def is_system(value: Any) -> bool:
    """Whether something is a system of python-control, which nobody need have."""
    control = sys.modules.get("control")
    return control is not None and isinstance(value, control.InputOutputSystem)


def from_system(system: Any) -> Any:
    """A linear system of python-control as a block.

    Raises:
        ValueError: it is not linear, or sampled with a period that is not known.
    """
    import control

    linear = isinstance(system, control.StateSpace | control.TransferFunction)
    if not linear or system.dt is True:
        fail(
            f"the system {system.name} of python-control is a {type(system).__name__} "
            f"with dt={system.dt}; expected a control.ss or control.tf with its dt"
        )
    dt = float(system.dt) if system.isdtime(strict=True) else None
    if isinstance(system, control.TransferFunction) and system.issiso():
        rows = (np.asarray(p[0][0]) for p in (system.num, system.den))
        return transfer(*rows, dt=dt)
    known = control.ss(system)
    names = {"inputs": known.input_labels, "outputs": known.output_labels}
    return state_space(known.A, known.B, known.C, known.D, dt=dt, **names)
