"""Reading and writing files: whole or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from hybridctl.checks import fail, require
from hybridctl.deploy.container import FILE_CAP

SUFFIX = ".safetensors"


def target(path: str | os.PathLike) -> Path:
    """The path to write: with our suffix, and not a folder.

    Raises:
        ValueError: a folder, or another suffix.

    Example:
        >>> target("runs/best").name
        'best.safetensors'
    """
    path = Path(path)
    _refuse_folder(path)
    require(
        path.suffix in ("", SUFFIX),
        f"{path} ends in {path.suffix!r}, expected {SUFFIX!r}; "
        f"write {path.name + SUFFIX!r}",
    )
    path = path.with_suffix(SUFFIX)
    _refuse_folder(path)
    return path


def write(path: Path, data: bytes) -> None:
    """Replace a file at once, through a file next to it that never stays behind.

    Raises:
        ValueError: it cannot be written; what was there is as it was.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error.strerror or error}; make room or choose "
            "another folder (an older file there is untouched)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _keep_name(path.parent)


def read(path: str | os.PathLike) -> bytes:
    """All bytes of a file of at most `FILE_CAP` bytes.

    Args:
        path: of the file; its suffix may be left out.

    Raises:
        FileNotFoundError: there is none.
        ValueError: no file, too large, or it cannot be read.
    """
    path = Path(path)
    if not path.suffix and not os.path.exists(path):
        path = path.with_suffix(SUFFIX)
    try:
        return _read(path)
    except FileNotFoundError as error:
        message = f"there is no file {path}; give the path that save returned"
        raise FileNotFoundError(message) from error
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    """Looked at before it is opened: a pipe would wait, a device never end."""
    about = path.stat()
    _refuse_folder(path)
    require(stat.S_ISREG(about.st_mode), f"{path} is a device or pipe, not a file")
    require(
        about.st_size <= FILE_CAP,
        f"{path} has {about.st_size >> 20} MiB, a controller has at most "
        f"{FILE_CAP >> 20} MiB",
    )
    with open(path, "rb") as file:
        return file.read(FILE_CAP + 1)


def _refuse_folder(path: Path) -> None:
    if os.path.isdir(path):
        fail(f"{path} is a folder; give the path of a file")


def _keep_name(folder: Path) -> None:
    """Make a rename survive a power cut, where folders can be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
