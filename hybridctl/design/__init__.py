"""From a model to a controller: float64 on the host."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.design.care import LQRDesign as LQRDesign
    from hybridctl.design.care import care as care
    from hybridctl.design.care import dare as dare
    from hybridctl.design.closedloop import LinearLoop as LinearLoop
    from hybridctl.design.closedloop import closed_loop as closed_loop
    from hybridctl.design.compensator import from_control as from_control
    from hybridctl.design.discretize import discretize as discretize
    from hybridctl.design.figures import bode as bode
    from hybridctl.design.figures import nyquist as nyquist
    from hybridctl.design.figures import root_locus as root_locus
    from hybridctl.design.figures import step_response as step_response
    from hybridctl.design.identification.fit import Fit as Fit
    from hybridctl.design.identification.fit import Quality as Quality
    from hybridctl.design.identification.identify import identify as identify
    from hybridctl.design.margins import Margins as Margins
    from hybridctl.design.margins import margins as margins
    from hybridctl.design.place import place as place
    from hybridctl.design.riccati import dlqr as dlqr
    from hybridctl.design.riccati import lqr as lqr
    from hybridctl.design.riccati import lqrd as lqrd
    from hybridctl.design.statespace import to_control as to_control
    from hybridctl.design.value_iteration import value_iteration as value_iteration
    from hybridctl.plants.linearize import linearize as linearize

open_room(__name__)
