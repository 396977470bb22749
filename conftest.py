"""Doctests of pages write files elsewhere; compiled programs are let go of."""

import signal
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

# A shell that runs the tests in the background ignores Ctrl-C for them, and tests of
# Ctrl-C need what everybody else has.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MAPS = Path("/proc/self/maps")
SLOW = (  # sweeps that repeat what a quicker case shows; `make test-all` runs them
    *(f"env_is_simulate_bit_for_bit[{task}-" for task in ("swingup", "short_track")),
    *(f"env_is_simulate_bit_for_bit[{task}-" for task in ("weak", "unknown_plant")),
    *(f"[global-{name}]" for name in ("early_catch", "gate", "residual_machine")),
    *(f"[global-{name}]" for name in ("swing", "schedule", "slow modes")),
    *(f"base_bit_for_bit[{task}]" for task in ("swingup", "weak", "short_track")),
    "base_bit_for_bit[push]",
    "every_other_trainer_of_brax",
    "brax_clones_the_behaviour",
    "[by mujoco]",
    "vmap_is_a_loop[mpc]",
    "vmap_is_a_loop[ekf]",
)
FULL = 30_000  # memory maps; every program takes some, and Linux allows 65,530


@pytest.fixture(autouse=True)
def _elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.name.endswith(".md"):
        monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def _room_for_programs() -> Iterator[None]:
    """Without it a process that compiles thousands of programs dies."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > FULL:
        jax.clear_caches()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow ones."""
    for item in items:
        if any(part in item.nodeid for part in SLOW):
            item.add_marker(pytest.mark.slow)
