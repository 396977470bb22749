"""Whether something learned decides in a controller."""

from typing import Any

from hybridctl.controllers.controller import walk
from hybridctl.controllers.foreign import Foreign
from hybridctl.controllers.policy import Policy
from hybridctl.controllers.value_network import NetworkValue

LEARNED = Policy | NetworkValue


def is_learned(controller: Any) -> bool:
    """Whether a policy decides something in it, a foreign one too, or a learned value.

    Example:
        >>> from hybridctl.controllers import Constant
        >>> is_learned(Constant([0.0]))
        False
    """
    return any(
        part.learned if isinstance(part, Foreign) else isinstance(part, LEARNED)
        for part in walk(controller)
    )
