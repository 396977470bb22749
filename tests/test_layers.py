"""Imports go one way through the rooms."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "hybridctl"
ORDER = (
    "version", "names", "rounding", "screen", "progress", "lazy", "checks", "files",
    "ports", "kinds", "cache", "precision", "describe", "plants", "controllers", "loop",
    "design", "tasks", "strategies", "learn", "contests", "codegen", "store", "runs",
    "deploy", "suites", "show", "gym", "cli",
)  # fmt: skip
FILES = [p for p in ROOT.rglob("*.py") if p.name not in ("__init__.py",)]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "hybridctl":
            names = [f"hybridctl.{a.name}" for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        parts = [name.split(".") for name in names]
        found |= {p[1] for p in parts if p[0] == "hybridctl" and len(p) > 1}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_earlier_rooms(path):
    own = ORDER.index(room_of(path))
    rooms = imported_rooms(path)
    later = {room for room in rooms if ORDER.index(room) > own}
    assert not later, f"{path.name} imports the later rooms {later}"


def test_every_room_has_its_place():
    assert {room_of(path) for path in FILES} <= set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
