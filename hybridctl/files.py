"""Reading and writing files: whole or not at all."""

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

from hybridctl.checks import fail, require

SUFFIX = ".safetensors"
FILE_CAP = 256 * 2**20  # bytes
PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags of files in folders of strangers, where a link or a pipe may lie."""
LEFT = re.compile(r"\.[0-9a-f]{16}\.tmp")  # names of files that are being written


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


class NotWritten(OSError, ValueError):
    """A file could not be written: the disk's fault (OSError), or the path's."""


def write(path: Path, data: bytes) -> None:
    """Replace a file at once, through a file next to it that never stays behind.

    Raises:
        NotWritten: it cannot be written; what was there is as it was.
    """
    write_all({path: data})


def write_text(path: str | os.PathLike, text: str) -> Path:
    """Replace a text file at once; its folder is made.

    Raises:
        NotWritten: it cannot be written; what was there is as it was.
    """
    target = Path(path)
    make_folder(target.parent)
    write(target, text.encode())
    return target


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in, where they are not there.

    Raises:
        NotWritten: it cannot be made, or it is a file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(
            f"cannot write to {path}: {error.strerror}; choose another place"
        ) from error


def write_all(files: dict[Path, bytes], follow: bool = True) -> None:
    """Replace files of one folder, once all of the new ones are safely on the disk.

    Args:
        files: bytes by path.
        follow: write to where a link leads; False: replace the link, which may be a
            stranger's.

    Raises:
        NotWritten: one cannot be written; what was there is as it was.
    """
    ready: dict[Path, Path] = {}
    path = Path()
    try:
        for given, data in files.items():
            path = Path(os.path.realpath(given)) if follow else given
            ready[path] = path.with_name(f".{secrets.token_hex(8)}.tmp")
            _fill(ready[path], data)
        for path, temporary in ready.items():
            os.replace(temporary, path)
    except OSError as error:
        raise NotWritten(
            f"cannot write {path}: {error.strerror or error}; make room or choose "
            "another folder (an older file there is untouched)"
        ) from error
    finally:
        for temporary in ready.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    for folder in {path.parent for path in ready}:
        _keep_name(folder)


def _fill(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def append(path: Path, data: bytes) -> None:
    """Add to a file of our own, which is not a link.

    Raises:
        OSError: it cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | PLAIN, 0o644)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what a process that was killed while it wrote left behind."""
    for path in folder.glob(".*.tmp"):
        if LEFT.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


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
