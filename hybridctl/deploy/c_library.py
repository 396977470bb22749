"""Compile an exported C file into a library that Python can call."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hybridctl.checks import fail, require
from hybridctl.deploy.c_file import CFile

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
FAST = ("-O3", "-march=native", "-ffp-contract=fast")  # products and sums in one step


def compiler() -> str | None:
    """The C compiler of this machine: $CC, or cc, gcc or clang; None without one."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def build(file: CFile, name: str, extra: str = "") -> ctypes.CDLL:
    """Compile into a temporary folder, and load.

    Args:
        file: the C source.
        name: that it was written for.
        extra: more C behind it.

    Raises:
        ValueError: there is no C compiler, or it refuses the source.
    """
    cc = compiler() or fail(
        "there is no C compiler (cc, gcc or clang, or the one that CC names) to check "
        "an exported C file with; install one (on Debian and Ubuntu: apt install gcc), "
        "or export to a .py file"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source = Path(folder) / f"{name}.c"
        source.with_suffix(".h").write_text(file.header(name), encoding="utf-8")
        source.write_text(file.source(name) + extra, encoding="utf-8")
        library = Path(folder) / f"{name}.so"
        command = [cc, *STRICT, *FAST, "-shared", "-fPIC", "-o", library, source, "-lm"]
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace"
        )
        require(
            done.returncode == 0,
            f"{cc} refuses the exported C file; please report it: {done.stderr[:500]}",
        )
        return ctypes.CDLL(str(library))
