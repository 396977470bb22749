"""One writer at a time in a folder: a lock that a killed process cannot leave."""

import contextlib
import json
import os
import socket
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hybridctl.checks import fail, plain, require
from hybridctl.files import PLAIN

try:
    import fcntl as _fcntl
except ImportError:  # Windows
    fcntl: ModuleType | None = None
else:
    fcntl = _fcntl

NAME, CAP = "lock", 4096
TRIES = 100  # against others that give the same lock back at the same time


class Owner(NamedTuple):
    """Who wrote a lock.

    Attributes:
        pid: number of the process.
        host: name of its machine.
    """

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {plain(self.host, 80)}"


class Lock:
    """The file `lock` of a folder, while this process writes there.

    The system itself holds it for a process and gives it free when that ends, also
    by `kill -9`; the file says to people who it is. What it says counts where the
    system cannot tell: on another machine, or on a disk without such locks.

    Args:
        path: of the file; its folder exists.

    Raises:
        ValueError: another process writes there, or another RunFolder of this one.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path):
        handle = _open(path)
        self.release = weakref.finalize(self, _release, path, handle, os.getpid())
        try:
            _write(handle, me())
        except BaseException:
            self.release()
            raise


def me() -> Owner:
    """This process."""
    return Owner(os.getpid(), socket.gethostname())


def _open(path: Path) -> int:
    """A handle of the file, held by this process."""
    for _ in range(TRIES):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | PLAIN, 0o644)
        try:
            _hold(path, handle)
            if _is_there(path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the last owner has just removed it
    raise OSError(f"cannot lock {path}: it does not stay; try again")


def _hold(path: Path, handle: int) -> None:
    """Take it, unless someone else holds it."""
    known = fcntl is not None
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _refuse(path, _read(handle))
    except OSError:  # a disk without locks
        known = False
    owner = _read(handle)
    if owner is None:
        return
    require(
        owner.host == me().host,
        f"{path.parent} is locked by {owner}, and from {me().host} nobody can tell "
        f"whether that still runs; once it does not, remove {path}",
    )
    if not known and owner != me() and _runs(owner.pid):
        _refuse(path, owner)


def _refuse(path: Path, owner: Owner | None) -> None:
    if owner == me():
        fail(
            f"{path.parent} is locked by another RunFolder of this very process "
            f"({owner}); use that one, or close() it"
        )
    who = "another process" if owner is None else str(owner)
    fail(
        f"{path.parent} is locked by {who}, which is writing there; wait for it, stop "
        "it, or choose another folder"
    )


def _is_there(path: Path, handle: int) -> bool:
    """Whether a path still leads to an open file."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(handle))
    return False


def _read(handle: int) -> Owner | None:
    """Who wrote it; None where nobody did, or was killed on the way."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found: Any = json.loads(os.read(handle, CAP))
        return Owner(int(found["pid"]), str(found["host"]))
    except Exception:  # whatever lies there
        return None


def _write(handle: int, owner: Owner) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, (json.dumps(owner._asdict()) + "\n").encode())


def _runs(pid: int) -> bool:
    """Whether a process of this machine is there; where that is unknown, it is."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def _release(path: Path, handle: int, pid: int) -> None:
    """Give it back; a forked child only closes its copy."""
    if os.getpid() == pid and _is_there(path, handle):
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):
        os.close(handle)
