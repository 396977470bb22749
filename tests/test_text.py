"""Text is UTF-8 on every machine, whatever its locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridctl.plants.mujoco.source import source

ROOT = Path(__file__).parent.parent
ROOMS = ("hybridctl", "benchmarks", "tests", "notebooks", "docs")
FILES = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py"))]
CALLS = ("run", "Popen", "check_output", "check_call", "call")  # of subprocess
FILE = ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "fdopen")


def unspecified(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that read or write text in the encoding of the locale."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_text(node):
            names = {word.arg for word in node.keywords}
            if not names & {"encoding", None}:
                yield node


def _is_text(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    owner = getattr(getattr(call.func, "value", None), "id", "")
    words = {word.arg: word.value for word in call.keywords}
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name in CALLS and (owner == "subprocess" or name == "Popen"):
        return "text" in words or "universal_newlines" in words
    if name in FILE or (name == "open" and owner not in ("os", "av", "tarfile")):
        return "b" not in _mode(call, name, words)
    return False


def _mode(call: ast.Call, name: str, words: dict) -> str:
    """The mode of a file as it is written; binary where nothing says so."""
    if name == "open" and isinstance(call.func, ast.Attribute):
        place, usual = 0, "b"  # of a Path, or of something else that opens
    else:
        place, usual = (0, "b") if "Temporary" in name else (1, "r")
    given = call.args[place] if len(call.args) > place else words.get("mode")
    mode = str(given.value) if isinstance(given, ast.Constant) else usual
    return mode if set(mode) <= set("rwxab+t") else usual


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_text_file_and_process_has_an_encoding(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"{path.name}:{call.lineno}" for call in unspecified(tree)]
    assert not found, f'add encoding="utf-8" at {", ".join(found)}'


def test_what_counts():
    bad = "p.read_text(); p.write_text(s); open(p); open(p, 'w'); q.open('w'); "
    bad += "subprocess.run(a, text=True); os.fdopen(f, 'w'); NamedTemporaryFile('w')"
    good = "p.read_text('utf-8'); open(p, 'rb'); q.open('wb'); os.open(p, 1); "
    good += "open(p, encoding='utf-8'); c.open('if {'); TemporaryFile(dir=d)"
    assert len(list(unspecified(ast.parse(bad)))) == 8
    assert not list(unspecified(ast.parse(good)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "latin-1"])
def test_a_model_is_read_whatever_its_comments_are_written_in(encoding, tmp_path):
    path, comment = tmp_path / "model.xml", "Stange, 50 µm"
    comment = comment if encoding == "latin-1" else "倒立摆"
    path.write_bytes(f"<!-- {comment} --><mujoco/>".encode(encoding))
    assert source(path).startswith("<!-- ") and source(path).endswith("<mujoco/>")
