"""A system of python-control as a controller."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridctl.checks import fail, number, one_of, positive, require
from hybridctl.controllers import LinearController
from hybridctl.design.transfer import realize
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium
from hybridctl.plants.diagram.interop import from_system, is_system
from hybridctl.plants.signals import names as unique

if TYPE_CHECKING:
    import control


METHODS = ("bilinear", "tustin", "zoh", "euler", "forward_diff", "backward_diff")


@checked
def from_control(
    system: "control.InputOutputSystem",
    dt: float | None = None,
    equilibrium: Equilibrium | None = None,
    *,
    method: str = "bilinear",
    measures: Iterable[str] | None = None,
) -> Any:
    """A linear system of python-control as a controller; without dt, as a plant.

    It maps the deviation y - x₀ to u - u₀ as it stands: for negative feedback give
    `-system`.

    Args:
        system: from measurements to inputs, continuous or discrete with this dt; of a
            transfer function with several, a minimal state space is made.
        dt: control period [s]; None: any system, an interconnection of nonlinear ones,
            too, as a plant with its own inputs and outputs, or a block of a diagram.
        equilibrium: x₀, u₀ and the angles to wrap; zeros by default.
        method: how a continuous system is sampled, by python-control's name:
            bilinear (Tustin), zoh, euler or backward_diff.
        measures: names of what it measures, in the order of its columns: the controller
            takes these out of all that is measured, and x₀ out of the equilibrium's
            states; None: y as it is.

    Returns:
        A `LinearController`; without dt a `Plant`, or a static block.

    Raises:
        ValueError: no linear system, another dt, or sizes that do not fit.

    Example:
        >>> import control
        >>> lead = control.ss(-10.0, 1.0, -90.0, 10.0)  # 10 (s + 1) / (s + 10)
        >>> controller = from_control(-lead, dt=0.02)
        >>> print(controller.A.round(4), controller.D.round(4))
        [[0.8182]] [[-9.1818]]
        >>> import hybridctl as hc
        >>> up = hc.CartPole().upright()
        >>> pole = from_control(lead, 0.02, up, measures=["theta"])
        >>> print(pole.x0.round(4), pole.angles, [s.name for s in pole.ports.y])
        [3.1416] (0,) ['theta']
    """
    import control

    if dt is None and is_system(system):
        return from_system(system)
    if not isinstance(system, (control.StateSpace, control.TransferFunction)):
        fail(
            f"expected a control.StateSpace, got {type(system).__name__}; for example "
            "control.ss(A, B, C, D, dt)"
        )
    dt = number("dt", dt)
    positive("dt", dt)
    one_of("method", method, METHODS)
    several = max(system.ninputs, system.noutputs) > 1
    function = isinstance(system, control.TransferFunction)
    known = realize(system) if function and several else control.ss(system)
    sampled = _sampled(known, float(dt), method)
    n_u, n_y = np.shape(sampled.D)
    measured = () if measures is None else unique("measures", measures)
    at = equilibrium
    if at is None:
        at = Equilibrium(np.zeros(n_y), np.zeros(n_u))
    elif at.states and measured:
        at = _of(at, measured)
    require(
        (len(at.x), len(at.u)) == (n_y, n_u),
        f"this system maps {n_y} measurements to {n_u} inputs, the equilibrium has "
        f"{len(at.x)} and {len(at.u)}; give it one row per input, one column per state",
    )
    A, B, C, D = sampled.A, sampled.B, sampled.C, sampled.D
    known = tuple((name, "") for name in measured)
    return LinearController(A, B, C, D, at.x, at.u, at.angles, float(dt), known)


def _of(at: Equilibrium, measures: tuple[str, ...]) -> Equilibrium:
    """Some states of an equilibrium."""
    missing = [name for name in measures if name not in at.states]
    require(
        not missing,
        f"measures={list(measures)}, but the equilibrium's states are "
        f"{', '.join(at.states)}; name those, or give an Equilibrium(x, u) of what is "
        "measured",
    )
    columns = [at.states.index(name) for name in measures]
    angles = tuple(i for i, c in enumerate(columns) if c in at.angles)
    return Equilibrium(np.asarray(at.x)[columns], at.u, measures, angles)


def _sampled(system: Any, dt: float, method: str) -> "control.StateSpace":
    if system.isctime(strict=True) and system.nstates:
        return system.sample(dt, method)
    known = system.isdtime(strict=True) and system.dt is not True
    require(
        not known or abs(system.dt - dt) <= 1e-9 * dt,
        f"dt={dt} but this system has dt={system.dt}; give that, or redesign it",
    )
    return system
