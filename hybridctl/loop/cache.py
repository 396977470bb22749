"""What of the machine is used: JAX's persistent compilation cache, and its cores."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import jax
from platformdirs import user_cache_dir

from hybridctl.checks import not_forked

SWITCH = "HYBRIDCTL_CACHE"


def enable_cache() -> Path | None:
    """Turn the compilation cache on, once, unless the user has decided otherwise.

    `HYBRIDCTL_CACHE=off` turns it off, any other value names the folder. A cache
    folder that JAX was already given stays.

    Returns:
        The folder in use, None where the cache is off.

    Raises:
        RuntimeError: nothing can be compiled in this process; see `not_forked`.
    """
    not_forked()
    return _enabled()


@functools.cache
def _enabled() -> Path | None:
    choice = os.environ.get(SWITCH, "")
    if choice.lower() in ("off", "0", "no", "false"):
        return None
    chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if chosen:
        return Path(chosen)
    folder = Path(choice or user_cache_dir("hybridctl")) / f"jax-{jax.__version__}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return folder


def cores() -> int:
    """Processor cores that this process may use."""
    usable: Callable[[int], set] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
