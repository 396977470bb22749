"""What a user gives a diagram for a block."""

from typing import Any

from hybridctl.checks import fail
from hybridctl.plants.diagram.block import Function, SampledBlock, Static
from hybridctl.plants.diagram.interop import from_system, is_system
from hybridctl.plants.plant import Plant


def as_block(name: str, value: Any) -> Any:
    """What a diagram keeps of what it is given.

    Raises:
        ValueError: it is no block; with the cure.
    """
    if isinstance(value, Plant) and value.steps_every is not None:
        fail(
            f"the block {name} is a discrete plant, which runs by itself; in a diagram "
            "give hc.state_space(..., dt=...) or hc.Sampled(...)"
        )
    if isinstance(value, Plant | Static | SampledBlock):
        return value
    if is_system(value):
        return from_system(value)
    if callable(value) and not isinstance(value, type):
        return Function(value)
    steps = hasattr(value, "init") and hasattr(value, "step")
    cure = (
        f"sample it: hc.Sampled({name}, dt=0.01)"
        if steps
        else "give a Plant, a Diagram, hc.transfer(...), hc.state_space(...), a "
        "function, hc.Sampled(...) or a system of python-control"
    )
    fail(f"the block {name} is a {type(value).__name__}, which is no block; {cure}")
