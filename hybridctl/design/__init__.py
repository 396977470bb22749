"""From a model to a controller: float64 on the host."""

from hybridctl.design.discretize import discretize as discretize
from hybridctl.design.linearize import linearize as linearize
from hybridctl.design.place import place as place
from hybridctl.design.riccati import LQRDesign as LQRDesign
from hybridctl.design.riccati import dlqr as dlqr
from hybridctl.design.riccati import lqr as lqr
from hybridctl.design.riccati import lqrd as lqrd
