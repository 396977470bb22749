"""Brax made importable and able to train on the JAX that is installed."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hybridctl.plants.mujoco.mjcf import import_mjx

import_mjx()
with warnings.catch_warnings():
    # brax imports a package that warns of being unmaintained
    warnings.simplefilter("ignore", DeprecationWarning)
    from brax.envs import base
    from brax.training.agents.ppo import networks as ppo_networks
    from brax.training.agents.ppo import train as ppo

__all__ = ["base", "lent", "ppo", "ppo_networks", "trainable"]

_lock = threading.Lock()
_borrowers: dict[tuple[int, str], int] = {}
_ABSENT = object()


@contextlib.contextmanager
def lent(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give a module another attribute for a while; several threads may borrow it."""
    key = (id(owner), name)
    with _lock:
        old = getattr(owner, name, _ABSENT)
        first = _borrowers.get(key, 0) == 0
        _borrowers[key] = _borrowers.get(key, 0) + 1
        if first:
            _originals[key] = old
            setattr(owner, name, value)
    try:
        yield
    finally:
        with _lock:
            _borrowers[key] -= 1
            if _borrowers[key] == 0:
                _give_back(owner, name, _originals.pop(key))


_originals: dict[tuple[int, str], Any] = {}


def _give_back(owner: Any, name: str, old: Any) -> None:
    if old is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, old)


def _device_put_replicated(tree: Any, devices: Any) -> Any:
    """A copy of every leaf on each device, along a new leading axis.

    The axis is named as brax names its own: with another name the training epoch
    would compile twice.
    """
    mesh = Mesh(np.asarray(devices), ("i",))
    sharding = NamedSharding(mesh, PartitionSpec("i"))
    copies = lambda x: jax.numpy.stack([x] * len(devices))  # noqa: E731
    return jax.tree.map(lambda x: jax.device_put(copies(x), sharding), tree)


_HAS_IT = hasattr(jax, "device_put_replicated")


def trainable() -> contextlib.AbstractContextManager[None]:
    """Give brax 0.14 `jax.device_put_replicated`, which JAX 0.10 took away.

    See google/brax issue 671. Nothing is touched where JAX still has it.
    """
    if _HAS_IT:
        return contextlib.nullcontext()
    return lent(jax, "device_put_replicated", _device_put_replicated)
