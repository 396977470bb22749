"""The compilation cache is optional: it fails no run, and does not grow for ever."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from hybridctl import cache

SETTINGS = (
    "jax_compilation_cache_dir", "jax_compilation_cache_max_size",
    "jax_persistent_cache_min_entry_size_bytes",
    "jax_persistent_cache_min_compile_time_secs",
)  # fmt: skip
NOBODY = """
import os, pwd, sys
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
import hybridctl as hc
print(hc.simulate(hc.Pendulum(), hc.Constant([0.0]), [0.1, 0.0], 0.04, 0.02).x.shape)
"""


@pytest.fixture
def afresh(monkeypatch):
    """As in a process that has not used the cache yet; settings are put back."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    cache._enabled.cache_clear()
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    yield monkeypatch
    for name, value in before.items():
        jax.config.update(name, value)
    cache._enabled.cache_clear()


@pytest.mark.parametrize("value", ["off", "No", "0", "FALSE"])
def test_off(afresh, value):
    afresh.setenv(cache.SWITCH, value)
    assert cache.enable_cache() is None


def test_a_folder_of_ones_own_and_home(afresh, tmp_path):
    own = tmp_path / "with spaces ü"
    for value in (str(own), "~"):
        afresh.setenv(cache.SWITCH, value)
        afresh.setenv("HOME", str(own))
        cache._enabled.cache_clear()
        jax.config.update("jax_compilation_cache_dir", None)
        assert cache.enable_cache() == own / f"jax-{jax.__version__}"
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 0.0


def test_what_jax_was_given_stays(afresh, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    assert cache.enable_cache() == tmp_path
    cache._enabled.cache_clear()
    jax.config.update("jax_compilation_cache_max_size", 0)
    assert cache.enable_cache() is None


@pytest.mark.parametrize("home", ["file", "file/deep", "missing"])
def test_a_home_that_is_none_is_silent(afresh, tmp_path, home, caplog):
    (tmp_path / "file").touch()
    afresh.setenv("HOME", str(tmp_path / home))
    afresh.setenv(cache.SWITCH, "")
    if home == "missing":
        (tmp_path / home).symlink_to(tmp_path / "nowhere" / "at" / "all")
    assert cache.enable_cache() is None and not caplog.records


def test_a_folder_that_was_named_gets_a_line(afresh, tmp_path, caplog):
    (tmp_path / "file").touch()
    afresh.setenv(cache.SWITCH, str(tmp_path / "file"))
    assert cache.enable_cache() is None and cache.enable_cache() is None
    assert [r.getMessage().split(";")[1] for r in caplog.records] == [
        " programs are compiled anew"
    ]


def test_a_folder_that_can_only_be_read_is_read(afresh, tmp_path):
    afresh.setenv(cache.SWITCH, str(tmp_path))
    afresh.setattr(cache, "_writable", lambda folder: False)
    assert cache.enable_cache() is None  # empty
    folder = tmp_path / f"jax-{jax.__version__}"
    folder.mkdir()
    (folder / "a-cache").write_bytes(b"program")
    cache._enabled.cache_clear()
    assert cache.enable_cache() == folder
    assert jax.config.jax_persistent_cache_min_compile_time_secs == cache.NEVER


def test_the_oldest_go_and_so_does_what_was_cut_short(tmp_path):
    for i, folder in enumerate(("jax-1", "jax-1", "jax-2", "jax-2")):
        path = tmp_path / folder / f"{i}-cache"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100 if i < 3 else 0))
        os.utime(path, (1000 + i, 1000 + i))
    (tmp_path / "jax-1" / "deep").mkdir()
    (tmp_path / "another.txt").write_bytes(bytes(1000))
    cache._trim(tmp_path, 250)
    left = sorted(p.name for p in tmp_path.rglob("*") if p.is_file())
    assert left == ["1-cache", "2-cache", "another.txt"]


def test_nobody_without_a_home_simulates():
    variables = ("HOME", "XDG_CACHE_HOME", cache.SWITCH, "JAX_COMPILATION_CACHE_DIR")
    env = {k: v for k, v in os.environ.items() if k not in variables}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY], env=env, capture_output=True,
        encoding="utf-8", cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("(3, 2)", "")
