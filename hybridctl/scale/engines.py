"""Whoever has `submit`: processes of this machine, Ray, dask, or somebody else's."""

import logging
import warnings
from concurrent.futures import Executor, Future
from typing import Any

from hybridctl.cache import cores
from hybridctl.checks import fail, plain
from hybridctl.scale.local import Local

NAMED = 'None, a number of processes, an Executor, "local:4", "ray://…" or "dask://…"'


def executor_of(on: Any) -> tuple[Any, bool]:
    """Who works, and whether it was made here and is ours to end.

    Args:
        on: None (this process), a number of processes, anything with `submit`, or a
            name as on the command line.

    Raises:
        ValueError: something else.

    Example:
        >>> executor_of(None)
        (None, False)
        >>> executor_of("cloud")
        Traceback (most recent call last):
        ...
        ValueError: on='cloud'; expected None, a number of processes, an Executor, ...
    """
    if on is None:
        return None, False
    if isinstance(on, int) and not isinstance(on, bool) and on > 0:
        return Local(on), True
    if isinstance(on, str):
        return _named(on), True
    if not callable(getattr(on, "submit", None)):
        fail(f"on={on!r}; expected {NAMED}")
    return on, False


def _named(on: str) -> Any:
    kind, _, rest = on.partition(":")
    if kind == "local" and rest.isdecimal() and int(rest) > 0:
        return Local(int(rest))
    if kind == "ray":
        return ray(on if rest.startswith("//") else rest or None)
    if kind == "dask":
        return dask(f"tcp:{rest}" if rest else None)
    fail(f"on={on!r}; expected {NAMED}")


def ray(address: str | None = None, **options: Any) -> Executor:
    """A cluster of Ray as an Executor.

    Args:
        address: "auto" (that of this machine, `ray start --head`) or
            "ray://host:10001"; None: one of this process alone, that ends with it.
        **options: of `ray.remote`, such as num_cpus=1 or resources={...}.

    Raises:
        ValueError: Ray is not installed.

    Source: P. Moritz et al., "Ray: A Distributed Framework for Emerging AI
        Applications", OSDI (2018).

    Example:
        >>> cluster = hc.scale.ray("auto")  # doctest: +SKIP
        >>> hc.compare(task, controllers, n=10_000_000, on=cluster)  # doctest: +SKIP
    """
    return _Ray(address, options)


class _Ray(Executor):
    """Calls as tasks of Ray; bytes that many calls have in common travel once."""

    def __init__(self, address: str | None, options: dict[str, Any]):
        try:
            import ray as engine
        except ImportError:
            fail("Ray is not installed: pip install 'hybridctl[ray]'")
        self._engine: Any = engine
        self._call = engine.remote(**{"max_retries": 0, **options})(_call)
        self._began = not engine.is_initialized()
        if self._began:
            with warnings.catch_warnings():  # what it forks runs a program at once
                warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
                _started(engine, address)
        self._sent: tuple[Any, Any] = (None, None)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        """Call a function of a module somewhere in the cluster."""
        ref = self._call.remote(fn, kwargs, *map(self._passed, args))
        future: Future = ref.future()
        future.add_done_callback(lambda f: f.cancelled() and self._cancel(ref))
        return future

    def _passed(self, value: Any) -> Any:
        if not isinstance(value, bytes):
            return value
        if self._sent[0] is not value:
            self._sent = value, self._engine.put(value)
        return self._sent[1]

    def _cancel(self, ref: Any) -> None:
        self._engine.cancel(ref, force=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait, cancel_futures
        if self._began:
            self._engine.shutdown()


def _started(engine: Any, address: str | None) -> None:
    try:
        engine.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        told = (
            f"Ray at {address or 'this machine'} does not answer: {plain(error, 200)}"
        )
        raise ValueError(f"{told}; `ray start --head` starts one") from error


def _call(fn: Any, kwargs: dict[str, Any], *args: Any) -> Any:
    return fn(*args, **kwargs)


def dask(address: str | None = None, workers: int | None = None) -> Executor:
    """A cluster of dask as an Executor.

    Args:
        address: of its scheduler, as "tcp://host:8786"; None: processes of this
            machine that end with this one.
        workers: how many of those; one a core by default.

    Raises:
        ValueError: dask's scheduler is not installed.

    Source: M. Rocklin, "Dask: Parallel Computation with Blocked algorithms and Task
        Scheduling", SciPy (2015).

    Example:
        >>> cluster = hc.scale.dask("tcp://head:8786")  # doctest: +SKIP
    """
    try:
        from distributed import Client
    except ImportError:
        fail("dask is not installed: pip install 'hybridctl[dask]'")
    if address is not None:
        return _Dask(Client(address))
    own = {"threads_per_worker": 1, "dashboard_address": None}
    return _Dask(Client(n_workers=cores() if workers is None else workers, **own))


class _Dask(Executor):
    """The Executor of a dask client, which it closes."""

    def __init__(self, client: Any):
        self._client, self._executor = client, client.get_executor(pure=False)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        return self._executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait, cancel_futures
        self._client.close()
