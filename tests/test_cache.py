"""The compilation cache is optional: it fails no run, and does not grow for ever."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest
from jax._src import config
from jax.experimental.compilation_cache import compilation_cache

import hybridctl as hc
from hybridctl import cache

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
    cache._place.cache_clear()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    compilation_cache.reset_cache()
    with config.compilation_cache_dir(None):
        yield monkeypatch
    cache._place.cache_clear()
    compilation_cache.reset_cache()


def folder():
    """Where programs are kept."""
    with cache.kept_programs() as found:
        return found


def test_only_what_is_compiled_in_a_block_is_kept(afresh, tmp_path):
    afresh.setenv(cache.SWITCH, str(tmp_path))
    kept = lambda: len(list(tmp_path.rglob("*-cache")))  # noqa: E731
    with cache.kept_programs(), cache.kept_programs():
        jax.jit(lambda x: 2.5 * x)(np.ones(3))
        ours = kept()
        with ThreadPoolExecutor() as pool:  # of the user's
            pool.submit(jax.jit(lambda x: 4.5 * x), np.ones(3)).result()
        jax.jit(lambda x: 3.5 * x)(np.ones(3))
    assert 0 < ours < kept()
    before = kept()
    with config.persistent_cache_min_compile_time_secs(0.0):
        jax.jit(lambda x: 5.5 * x)(np.ones(3))
    assert kept() == before


def test_a_folder_that_the_user_names_later_is_used(afresh, tmp_path):
    afresh.setenv(cache.SWITCH, str(tmp_path / "ours"))
    hc.simulate(hc.Pendulum(), hc.Constant([0.1]), [0.1, 0.0], 0.06, 0.02)
    assert list((tmp_path / "ours").rglob("*-cache"))
    settings = config.persistent_cache_min_compile_time_secs(0.0)
    with settings, config.compilation_cache_dir(str(tmp_path / "users")):
        jax.jit(lambda x: 6.5 * x)(np.ones(3))
    assert list((tmp_path / "users").rglob("*-cache"))


@pytest.mark.parametrize("value", ["off", "No", "0", "FALSE"])
def test_off(afresh, value):
    afresh.setenv(cache.SWITCH, value)
    assert folder() is None


def test_a_folder_of_ones_own_and_home(afresh, tmp_path):
    own = tmp_path / "with spaces ü"
    for value in (str(own), "~"):
        afresh.setenv(cache.SWITCH, value)
        afresh.setenv("HOME", str(own))
        cache._place.cache_clear()
        assert folder() == own / f"jax-{jax.__version__}"
    with cache.kept_programs():
        assert config.persistent_cache_min_compile_time_secs.value == 0.0


def test_what_jax_was_given_stays(afresh, tmp_path):
    with config.compilation_cache_dir(str(tmp_path)):
        assert folder() == tmp_path
    with config.compilation_cache_max_size(0):
        assert folder() is None


@pytest.mark.parametrize("home", ["file", "file/deep", "missing"])
def test_a_home_that_is_none_is_silent(afresh, tmp_path, home, caplog):
    (tmp_path / "file").touch()
    afresh.setenv("HOME", str(tmp_path / home))
    afresh.setenv(cache.SWITCH, "")
    if home == "missing":
        (tmp_path / home).symlink_to(tmp_path / "nowhere" / "at" / "all")
    assert folder() is None and not caplog.records


def test_a_folder_that_was_named_gets_a_line(afresh, tmp_path, caplog):
    (tmp_path / "file").touch()
    afresh.setenv(cache.SWITCH, str(tmp_path / "file"))
    assert folder() is None and folder() is None
    assert [r.getMessage().split(";")[1] for r in caplog.records] == [
        " programs are compiled anew"
    ]


def test_a_folder_that_can_only_be_read_is_read(afresh, tmp_path):
    afresh.setenv(cache.SWITCH, str(tmp_path))
    afresh.setattr(cache, "_writable", lambda folder: False)
    assert folder() is None  # empty
    full = tmp_path / f"jax-{jax.__version__}"
    full.mkdir()
    (full / "a-cache").write_bytes(b"program")
    cache._place.cache_clear()
    assert folder() == full
    with cache.kept_programs():
        assert config.persistent_cache_min_compile_time_secs.value == cache.NEVER


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
