"""Tests compile quickly, give memory back, and write in folders of their own."""

import ctypes
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# A test runs what it compiles once, so the quickest compiler is the best one; bits are
# the same. The last of `make test-kernels` compiles as users do.
LEVEL = "--xla_backend_optimization_level"
QUICK = (
    f"{LEVEL}=0 --xla_cpu_parallel_codegen_split_count=1 "
    "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
)
if LEVEL not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()

import jax  # noqa: E402
import pytest  # noqa: E402

from hybridctl.cache import kept_programs  # noqa: E402

# A shell that runs the tests in the background ignores Ctrl-C for them, and tests of
# Ctrl-C need what everybody else has.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY = Path("/proc/self/statm")
ROOM = 1000 * 2**20  # bytes that a process may keep from module to module


@pytest.fixture(autouse=True)
def _elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.name.endswith(".md"):
        monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _kept() -> Iterator[None]:
    """What tests compile themselves is kept for the next run, too."""
    with kept_programs():
        yield


@pytest.fixture(autouse=True, scope="module")
def _room() -> Iterator[None]:
    """Compiled programs are let go of, or a process would grow to gigabytes."""
    yield
    if not MEMORY.exists() or _resident() > ROOM:
        jax.clear_caches()
        gc.collect()
        if sys.platform == "linux":  # the C library keeps what was freed
            ctypes.CDLL(None).malloc_trim(0)


def _resident() -> int:
    return int(MEMORY.read_text(encoding="utf-8").split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )
