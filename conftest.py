"""Doctests of the README write files: let them do so elsewhere."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.name == "README.md":
        monkeypatch.chdir(tmp_path)
