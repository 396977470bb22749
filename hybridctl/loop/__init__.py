"""The closed loop."""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.loop.log import Log as Log
    from hybridctl.loop.loop import Loop as Loop
    from hybridctl.loop.loop import LoopState as LoopState
    from hybridctl.loop.loop import begin as begin
    from hybridctl.loop.loop import step as step
    from hybridctl.loop.parts import Actuator as Actuator
    from hybridctl.loop.parts import Disturbance as Disturbance
    from hybridctl.loop.parts import Sensor as Sensor
    from hybridctl.loop.referee import referee as referee
    from hybridctl.loop.simulate import simulate as simulate
    from hybridctl.loop.trace import Trace as Trace

open_room(__name__)
