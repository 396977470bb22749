"""What a worker is asked: one function of what all shards share and of its own part."""

import functools
import os
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from hybridctl.checks import fail, plain
from hybridctl.rounding import is_exact
from hybridctl.version import __version__

Job = Callable[[Any, Any], Any]  # of what is shared, and of the part


class Failure(NamedTuple):
    """What went wrong in a worker.

    Attributes:
        told: kind and text of the error.
        again: whether it may go well in another try.
    """

    told: str
    again: bool


class Stamp(NamedTuple):
    """What has to be the same in all processes, so that their bits are.

    Attributes:
        hybridctl: version.
        jax: version.
        numpy: version.
        device: "cpu", "gpu" or "tpu".
        exact: whether every program rounds alike, see `rounding`.
    """

    hybridctl: str
    jax: str
    numpy: str
    device: str
    exact: bool

    @classmethod
    def own(cls) -> "Stamp":
        """That of this process."""
        backend = jax.default_backend()
        return cls(__version__, jax.__version__, np.__version__, backend, is_exact())

    def refusal(self, other: "Stamp") -> str | None:
        """Why another process must not work for this one; None where it may."""
        pairs = zip(self._fields, self, other, strict=True)
        told = [f"{name} {theirs} instead of {own}" for name, own, theirs in pairs
                if own != theirs]  # fmt: skip
        cure = "install the same versions there, and set the same XLA_FLAGS"
        return f"a worker has {', '.join(told)}; {cure}" if told else None


def origin() -> tuple[Stamp, bool]:
    """What this process is, and whether it computes in float64."""
    return Stamp.own(), bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


def packed(job: Job, shared: Any, far: bool = False) -> bytes:
    """A function of a module and what all of its shards share, to be sent.

    Args:
        job: the function.
        shared: what its shards have in common.
        far: to where the script of this process is not imported.

    Raises:
        ValueError: something that no other process could make again.
    """
    try:
        data = pickle.dumps((job, shared), pickle.HIGHEST_PROTOCOL)
        return _by_value(job, shared) if far and b"__main__" in data else data
    except Exception as error:
        return _by_value(job, shared, error)


def _by_value(job: Job, shared: Any, error: Exception | None = None) -> bytes:
    """With functions and classes that no module has, where cloudpickle is there."""
    try:
        import cloudpickle

        return cloudpickle.dumps((job, shared))
    except Exception as new:
        error = error or new
        fail(
            f"this cannot be sent to another process: {plain(error, 200)}; give "
            "functions and classes a name in a module, or leave out on="
        )


def work(stamp: Stamp, x64: bool, head: bytes, part: Any) -> tuple[Any, Any]:
    """One shard, in a worker: what it gives, or a `Failure`."""
    _keep_to_share()
    refusal = stamp.refusal(Stamp.own())
    if refusal is not None:
        return None, Failure(refusal, False)
    try:
        job, shared = _opened(head)
        with jax.enable_x64(x64):
            return job(shared, part), None
    except Exception as error:
        told = f"{type(error).__name__}: {plain(error, 400)}"
        return None, Failure(told, not isinstance(error, ValueError | TypeError))


def _keep_to_share() -> None:
    """XLA takes the threads that OpenMP has, which engines set to a worker's cores.

    It reads their number once, when it is first used.
    """
    if "OMP_NUM_THREADS" in os.environ:
        os.environ.setdefault("NPROC", os.environ["OMP_NUM_THREADS"])


@functools.lru_cache(maxsize=4)
def _opened(head: bytes) -> Any:
    """Once a process: what is compiled for a function belongs to that very one."""
    return pickle.loads(head)
