"""Imports go one way: through the rooms, and among the files of each."""

import ast
import functools
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "hybridctl"
ORDER = (
    "version", "names", "rounding", "screen", "progress", "lazy", "checks", "files",
    "ports", "kinds", "cache", "precision", "scale", "describe", "plants",
    "controllers", "loop", "design", "tasks", "strategies", "learn", "contests",
    "compare", "codegen", "store", "runs", "deploy", "suites", "show", "gym", "cli",
    "__init__",
)  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))
NAMES = {".".join(p.relative_to(ROOT.parent).with_suffix("").parts): p for p in FILES}
MODULES = {name.removesuffix(".__init__"): path for name, path in NAMES.items()}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> list[tuple[str, str]]:
    """Module and name of every import, also of those that only types need."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(a.name, "") for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, a.name) for a in node.names]
    return [pair for pair in found if pair[0].split(".")[0] == "hybridctl"]


@functools.cache
def home(module: str, name: str) -> str:
    """The file that an import leads to, through what rooms hand out."""
    inner = f"{module}.{name}"
    if inner in MODULES or not name:
        return inner.rstrip(".")
    if MODULES[module].name != "__init__.py":
        return module
    handed = {n: m for m, n in imports(MODULES[module]) if m != module}
    return home(handed[name], name) if name in handed else module


def used(module: str) -> set[str]:
    """Files that a file imports; a room that opens late waits until it is asked."""
    found = imports(MODULES[module])
    if ("hybridctl.lazy", "open_room") in found:
        return set()
    return {home(*pair) for pair in found} - {module}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_earlier_rooms(path):
    own = ORDER.index(room_of(path))
    parts = [home(*pair).split(".") for pair in imports(path)]
    rooms = {part[1] for part in parts if len(part) > 1}
    later = {room for room in rooms if ORDER.index(room) > own}
    assert not later, f"{path.name} imports the later rooms {later}"


def test_no_files_import_each_other_in_a_circle():
    left = {module: used(module) for module in MODULES}
    while free := {module for module, needs in left.items() if not needs & set(left)}:
        left = {m: needs for m, needs in left.items() if m not in free}
    circle = {m: sorted(needs & set(left)) for m, needs in left.items()}
    assert not circle


def test_code_is_generated_by_a_library_of_its_own():
    files = [m for m in MODULES if m.startswith("hybridctl.codegen")]
    needed = {
        n for m in files for n in used(m) if not n.startswith("hybridctl.codegen")
    }
    assert needed == {"hybridctl.checks"}


def test_every_room_has_its_place():
    assert {room_of(path) for path in FILES} <= set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_half_of_all_files_are_read_at_one_sitting():
    lengths = [len(p.read_text(encoding="utf-8").splitlines()) for p in FILES]
    assert statistics.median(lengths) <= 150
