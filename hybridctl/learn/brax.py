"""Brax made importable and able to train on the JAX that is installed."""

import contextlib
import io
import time
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_began = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    # mujoco prints "Failed to import warp" where NVIDIA's warp is not installed,
    # and brax imports a package that warns of being unmaintained
    warnings.simplefilter("ignore", DeprecationWarning)
    import mujoco.mjx.warp  # noqa: F401
    from brax.training.agents.ppo import networks as ppo_networks
    from brax.training.agents.ppo import train as ppo

__all__ = ["IMPORT_SECONDS", "ppo", "ppo_networks", "trainable"]
IMPORT_SECONDS = time.perf_counter() - _began


def _device_put_replicated(tree: Any, devices: Any) -> Any:
    """A copy of every leaf on each device, along a new leading axis.

    The axis is named as brax names its own: with another name the training epoch
    would compile twice.
    """
    mesh = Mesh(np.asarray(devices), ("i",))
    sharding = NamedSharding(mesh, PartitionSpec("i"))
    copies = lambda x: jax.numpy.stack([x] * len(devices))  # noqa: E731
    return jax.tree.map(lambda x: jax.device_put(copies(x), sharding), tree)


@contextlib.contextmanager
def trainable() -> Iterator[None]:
    """Give brax 0.14 `jax.device_put_replicated`, which JAX 0.10 took away.

    See google/brax issue 671. Nothing is touched where JAX still has it.
    """
    name = "device_put_replicated"
    if hasattr(jax, name):
        yield
        return
    setattr(jax, name, _device_put_replicated)
    try:
        yield
    finally:
        delattr(jax, name)
