"""Doctests of the README write files elsewhere; compiled programs are let go of."""

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

MAPS = Path("/proc/self/maps")
FULL = 30_000  # memory maps; every program takes some, and Linux allows 65,530


@pytest.fixture(autouse=True)
def _elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.name == "README.md":
        monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs() -> Iterator[None]:
    """Without it a process that compiles thousands of programs dies."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > FULL:
        jax.clear_caches()
