"""What of the machine is used: JAX's persistent compilation cache, and its cores."""

import contextlib
import functools
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
from jax._src import config
from jax.experimental.compilation_cache import compilation_cache
from platformdirs import user_cache_dir

from hybridctl.checks import not_forked

SWITCH = "HYBRIDCTL_CACHE"
OFF, ON = ("off", "0", "no", "false"), ("", "on", "1", "yes", "true")
LARGEST = 2**30  # bytes; the programs that were not used for longest go
NEVER = 1e9  # seconds of compiling from which a program is kept: none is
QUIET = "Error (reading|writing) persistent compilation cache"  # JAX: once a program


@contextlib.contextmanager
def kept_programs() -> Iterator[Path | None]:
    """Keep what is compiled in the block; what is compiled elsewhere is the user's.

    JAX has one cache a process, which is ours for that long: a program of another
    thread that takes more than a second to compile meanwhile is kept there, too.

    `HYBRIDCTL_CACHE=off` turns it off, any other value names the folder. A cache
    folder that JAX was already given stays. It is optional: where there is no home
    folder, no right to write or no room, things compile as they would without.
    A folder that can only be read is read.

    Yields:
        The folder in use, None where the cache is off.

    Raises:
        RuntimeError: nothing can be compiled in this process; see `not_forked`.
    """
    not_forked()
    chosen = config.compilation_cache_dir.value  # the user's, or that of a block around
    place = None if chosen else _place()
    if place is None:
        yield chosen and Path(chosen)
        return
    try:
        with (
            config.compilation_cache_dir(str(place.folder)),
            config.compilation_cache_max_size(-1),  # see _trim
            config.persistent_cache_min_entry_size_bytes(-1),
            config.persistent_cache_min_compile_time_secs(place.shortest),
        ):
            yield place.folder
    finally:  # JAX has one cache in a process, which it would go on using
        compilation_cache.reset_cache()


class _Place(NamedTuple):
    """A folder, and the seconds of compiling from which a program is kept there."""

    folder: Path
    shortest: float


@functools.cache
def _place() -> _Place | None:
    """Where programs are kept in this process, None where they are not."""
    choice = os.environ.get(SWITCH, "")
    if choice.lower() in OFF or _limit() == 0:
        return None
    folder = _folder(choice)
    place = None if folder is None else _prepared(folder)
    if place is None and choice.lower() not in ON:
        # a log: a warning may be an error to the user
        told = "%s=%s cannot be written to; programs are compiled anew"
        logging.getLogger(__name__).warning(told, SWITCH, choice)
    if place is not None:
        warnings.filterwarnings("ignore", QUIET, UserWarning)
    return place


def _folder(choice: str) -> Path | None:
    """Where the programs of this JAX belong; None where nobody has a home."""
    try:
        own = choice.lower() not in ON
        root = Path(choice).expanduser() if own else Path(user_cache_dir("hybridctl"))
    except (RuntimeError, KeyError, OSError):  # no HOME, and no entry in /etc/passwd
        return None
    if not (own or root.is_absolute()):  # HOME is relative: it would follow os.chdir
        return None
    return root.absolute() / f"jax-{jax.__version__}"


def _prepared(folder: Path) -> _Place | None:
    """A folder with room in it; None where it can be neither written nor read."""
    if _writable(folder):
        _trim(folder.parent, _limit())
        return _Place(folder, 0.0)
    return _Place(folder, NEVER) if _holds_programs(folder) else None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except OSError:
        return False
    return True


def _holds_programs(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _limit() -> int:
    """Bytes that may be kept: JAX's setting, where the user gave one."""
    asked = config.compilation_cache_max_size.value
    return LARGEST if asked < 0 else asked


def _trim(root: Path, limit: int) -> None:
    """Remove the programs that were not used for longest, and what was cut short.

    JAX has a limit of its own; but it looks at every file whenever it adds one, and
    keeps nothing more once a process was killed between a file and its time stamp.
    """
    known = sorted(_programs(root), reverse=True)
    total = 0
    for _, size, path in known:
        total += size
        if total > limit or size == 0:
            with contextlib.suppress(OSError):  # another process was faster
                os.unlink(path)


def _programs(root: Path) -> Iterator[tuple[float, int, str]]:
    """Time of the last use, size [byte] and path of what is kept, of every JAX."""
    for folder in root.glob("jax-*"):
        with contextlib.suppress(OSError), os.scandir(folder) as files:
            for file in files:
                with contextlib.suppress(OSError):
                    about = file.stat(follow_symlinks=False)
                    if file.is_file(follow_symlinks=False):
                        used = max(about.st_atime, about.st_mtime)
                        yield used, about.st_size, file.path


def cores() -> int:
    """Processor cores that this process may use."""
    usable: Callable[[int], set] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
