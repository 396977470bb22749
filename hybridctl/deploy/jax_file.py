"""A controller as a compiled program of JAX."""

import importlib.util
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.deploy.array_runtime import ArrayEngine
from hybridctl.deploy.period import precision, whole
from hybridctl.deploy.program import Program

MISSING = (
    "a .jax file is written by flatbuffers; install it: pip install 'hybridctl[export]'"
)


class JaxEngine(ArrayEngine):
    """Runs the bytes of the .jax file, in float64 on the processor.

    Args:
        program: of the controller.

    Attributes:
        data: the bytes.

    Raises:
        ValueError: flatbuffers is not installed.
    """

    def __init__(self, program: Program):
        require(importlib.util.find_spec("flatbuffers") is not None, MISSING)
        made = whole(program)
        with precision("double"):
            period = jax.export.export(jax.jit(made.period), platforms=["cpu"])
            self.data = bytes(period(made.memory, *made.tick.values()).serialize())
            self._call = jax.jit(jax.export.deserialize(bytearray(self.data)).call)
        super().__init__(program, made)
        self.names = made.names

    def arguments(self) -> dict[str, Any]:
        """What the program takes, in order: memory, t, k, y, r, applied, asked."""
        memory = [
            {"name": name, "shape": list(blank.shape), "dtype": blank.dtype.name}
            for name, blank in zip(self.names, self.blank, strict=True)
        ]
        sizes = {n: None if v is None else list(v.shape) for n, v in self.tick.items()}
        return {"memory": memory} | {"shapes": sizes}

    def call(
        self, memory: list[NDArray], t: Any, k: Any, y: Any, r: Any
    ) -> tuple[list[NDArray], NDArray]:
        """One period of the program."""
        with precision("double"):
            given = self._call(memory, t, k, y, r, self.put, self.asked)
            return jax.tree.map(np.asarray, given)
