"""Float64 on the host, in a process that computes in float32."""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import equinox as eqx
import jax
import numpy as np

from hybridctl.cache import kept_programs

Tree = TypeVar("Tree")


def float64(tree: Tree) -> Tree:
    """A plant or controller with its parameters in float64 on the host.

    Copies: an array that a jitted function closed over is float32 to JAX for good.
    """

    def widen(leaf):
        return np.array(leaf, np.float64) if eqx.is_inexact_array_like(leaf) else leaf

    return jax.tree.map(widen, tree)


@contextlib.contextmanager
def float64_on_host() -> Iterator[None]:
    """Float64 for the block only, on the CPU where the process has one.

    What is compiled in it is kept.
    """
    with kept_programs():
        try:
            host = jax.local_devices(backend="cpu")[0]
        except RuntimeError:  # JAX_PLATFORMS names an accelerator alone
            host = None
        with jax.enable_x64(True), jax.default_device(host):
            yield
