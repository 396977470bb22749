"""The wheel and the source distribution, as a stranger gets them."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIPS = "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"
DEMO = "demo", "--n", "8", "--steps", "4096"


def call(*command: object, folder: Path = ROOT) -> str:
    """What a command says; it sees this project only where it was installed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder, env=clean | {"JAX_PLATFORMS": "cpu"},
        capture_output=True, text=True, encoding="utf-8", timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def another_python() -> str:
    """Python 3.13 where it is found and runs, else this."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13"))
    for path in filter(None, [shutil.which("python3.13"), *pyenv]):
        if subprocess.run([path, "-c", "import venv"], capture_output=True).returncode:
            continue  # a shim of a Python that is switched off
        return str(path)
    return sys.executable


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The paths of both; the wheel is built from the source distribution."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", out, ROOT)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


@pytest.mark.slow
def test_the_source_distribution_has_what_the_tests_need(built):
    with tarfile.open(built[1]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"Makefile", "README.md", "LICENSE", "constraints.txt", "conftest.py"}
    rooms = "tests", "hybridctl", "docs", "benchmarks", "notebooks"
    known = call("git", "ls-files", *rooms) if (ROOT / ".git").exists() else ""
    assert not (needed | set(known.split("\n")) - {""}) - inside


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package_and_no_other(built):
    with zipfile.ZipFile(built[0]) as archive:
        inside = {n for n in archive.namelist() if ".dist-info/" not in n}
    package = (ROOT / "hybridctl").rglob("*")
    files = {p.relative_to(ROOT).as_posix() for p in package if p.is_file()}
    assert inside == {name for name in files if "__pycache__" not in name}


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_folder(built, tmp_path):
    home, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    call(another_python(), "-m", "venv", home)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    call(scripts / "python", *PIPS, "-c", ROOT / "constraints.txt", built[0])
    assert "demo" in call(scripts / "hybridctl", "--help", folder=empty)
    assert "lqr" in call(scripts / "hybridctl", *DEMO, folder=empty)
    assert [path.name for path in empty.iterdir()] == ["demo"]


def test_the_hook_checks_with_the_ruff_that_is_pinned():
    hook = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    version = re.search(r"^ruff==(\S+)$", pinned, re.M)
    assert version and f"rev: v{version[1]}\n" in hook
