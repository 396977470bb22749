"""Exported files: readable, checked, and all that another machine needs."""

import importlib.util
import json
import resource
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pilots
import pytest
import zoo
from pilots import CONTROLLERS

import hybridctl as hc
from hybridctl.deploy.c_library import STRICT, compiler
from hybridctl.deploy.runtime import PythonEngine

MACHINE, DT = CONTROLLERS["machine"], zoo.DT
needs_cc = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """The checks themselves are tested in test_embed."""
    pilots.shorten(monkeypatch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("exported")


def loaded(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_python_file_says_what_it_is_and_runs(folder, capsys):
    path = hc.export(MACHINE, folder / "machine.py", DT)
    assert "machine.py: largest difference" in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    head = text.split('"""')[1]
    for words in (
        "a Switch exported by hybridctl 0.1.0", "dt = 0.02 s", "theta [rad]",
        "force [N]", "Modes: swing, balance", pilots.graphs("machine").traced.hash,
        "random inputs and 4 closed loops", "state, u = step(state, t, y)",
    ):  # fmt: skip
        assert words in head
    assert max(map(len, text.splitlines())) <= 88
    module, pilot = loaded(path), hc.embed(MACHINE, DT)
    state = module.init()
    for k, y in enumerate(np.random.default_rng(0).normal(size=(50, 4)) * 2):
        state, u = module.step(state, k * DT, y)
        assert u == pilot(y) and state[module.MODE] == pilot.mode
    with pytest.raises(ValueError, match="y has 3 entries, expected 4"):
        module.step(state, 0.0, [1, 2, 3])
    held, same = module.step(state, 1.0, [0, np.nan, 0, 0])
    assert same == u and held[module.MODE] == state[module.MODE]
    assert module.step(held, 1.02, y)[1] == module.step(state, 1.02, y)[1]
    assert "is counted, and the last good input is held" in head


def test_numpy_is_all_that_a_python_file_imports(folder, capsys):
    path = hc.export(CONTROLLERS["residual"], folder / "alone.py", DT, verbose=False)
    assert not capsys.readouterr().out
    code = (
        "import sys, numpy, math; before = set(sys.modules); import alone, time\n"
        "new = set(sys.modules) - before - {'alone'}; assert not new, new\n"
        "state = alone.init()\n"
        "for k in range(1000): state, u = alone.step(state, k / 50, [0, 3.0, 0, 0])\n"
        "assert 'jax' not in sys.modules and 'hybridctl' not in sys.modules\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet = {"PATH": "/usr/bin", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-s", "-c", code]
    subprocess.run(command, check=True, env=quiet, cwd=path.parent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 0.6  # half of it on a quiet core


@needs_cc
@pytest.mark.parametrize("real", ["double", "float"])
def test_a_c_file_runs_in_a_closed_loop_of_its_own(folder, real):
    """A C program with the file, a plant and a loop ends where Python does."""
    path = hc.export(MACHINE, folder / f"machine_{real}.c", DT, real=real)
    assert "theta [rad]" in path.with_suffix(".h").read_text(encoding="utf-8")
    (folder / "main.c").write_text(
        MAIN.replace("NAME", path.stem).replace("REAL", real),
        encoding="utf-8",
    )
    program = folder / f"loop_{real}"
    cc = str(compiler())
    files = [str(path), str(folder / "main.c"), "-o", str(program), "-lm"]
    subprocess.run([cc, *STRICT, "-O2", *files], check=True)
    out = subprocess.run(
        [str(program)], capture_output=True, encoding="utf-8", check=True
    )
    rows = np.array([[float(v) for v in r.split()] for r in out.stdout.splitlines()])
    pilot, x = hc.embed(MACHINE, DT), np.array([0.0, 2.5, 0.0, 0.0])
    expected = []
    for _ in range(100):
        u = float(pilot(x)[0])
        expected.append((u, pilot.mode))
        x = x + DT * _ode(x, u)
    tight = 1e-9 if real == "double" else 2e-3
    np.testing.assert_allclose(
        rows[:, 0], np.array(expected)[:, 0], rtol=tight, atol=tight
    )
    np.testing.assert_array_equal(rows[:, 1], np.array(expected)[:, 1])


def _ode(x, u):
    s, c = np.sin(x[1]), np.cos(x[1])
    a = (u + 0.1 * s * (x[3] ** 2 + 9.81 * c)) / (1 + 0.1 * s * s)
    return np.array([x[2], x[3], a, -(c * a + 9.81 * s)])


MAIN = """
#include <math.h>
#include <stdio.h>
#include "NAME.h"

int main(void) {
    NAME_state state;
    REAL u_before = 0;
    double x[4] = {0.0, 2.5, 0.0, 0.0};
    NAME_init(&state);
    for (int k = 0; k < 100; k++) {
        const REAL y[4] = {(REAL)x[0], (REAL)x[1], (REAL)x[2], (REAL)x[3]};
        REAL u[1];
        if (k == 50) {
            const REAL lost[4] = {0, (REAL)NAN, 0, 0};
            const REAL before = u_before;
            if (NAME_step(&state, 0, lost, u) != 1 || u[0] != before) { return 1; }
            if (state.missed != 1) { return 1; }
        }
        if (NAME_step(&state, (REAL)(0.02 * k), y, u) != 0) { return 1; }
        u_before = u[0];
        printf("%.17g %lld\\n", (double)u[0], state.mode);
        const double s = sin(x[1]), c = cos(x[1]);
        const double f = u[0] + 0.1 * s * (x[3] * x[3] + 9.81 * c);
        const double a = f / (1 + 0.1 * s * s);
        const double b = -(c * a + 9.81 * s);
        x[0] += 0.02 * x[2];
        x[1] += 0.02 * x[3];
        x[2] += 0.02 * a;
        x[3] += 0.02 * b;
    }
    return 0;
}
"""


def test_nothing_is_written_where_the_code_is_wrong(folder, monkeypatch):
    def wrong(self, t, y, r):
        return np.array([0.123])

    monkeypatch.setattr(PythonEngine, "step", wrong)
    with pytest.raises(ValueError, match="differs from the jitted controller"):
        hc.export(CONTROLLERS["lqr"], folder / "wrong.py", DT)
    assert not (folder / "wrong.py").exists()


def test_a_suffix_a_folder_and_a_missing_compiler_get_a_sentence(folder, monkeypatch):
    with pytest.raises(ValueError, match=r"unknown suffix .* '.m'; choose one of: .c"):
        hc.export(MACHINE, folder / "machine.m", DT)
    (folder / "sub.py").mkdir()
    with pytest.raises(ValueError, match=r"a .onnx file cannot raise an error; give"):
        hc.export(MACHINE, folder / "machine.onnx", DT, on_missing="error")
    with pytest.raises(ValueError, match="is a folder"):
        hc.export(MACHINE, folder / "sub.py", DT)
    monkeypatch.setattr("hybridctl.deploy.c_library.compiler", lambda: None)
    with pytest.raises(ValueError, match="there is no C compiler"):
        hc.export(MACHINE, folder / "machine.c", DT)


@pytest.mark.slow
def test_a_program_of_jax_is_checked_and_comes_with_a_warning(folder, capsys):
    pytest.importorskip("flatbuffers")
    with pytest.warns(UserWarning, match="only from somebody you trust"):
        path = hc.export(MACHINE, folder / "machine.jax", DT)
    assert "machine.jax: largest difference" in capsys.readouterr().out
    told = json.loads((folder / "machine.jax.json").read_text(encoding="utf-8"))
    assert "theta [rad]" in told["y"] and "4 closed loops" in told["checked"]
    memory = [np.full(row["shape"], 7, row["dtype"]) for row in told["memory"]]
    pilot, zeros = hc.embed(MACHINE, DT), np.zeros(told["shapes"]["applied"])
    with jax.enable_x64(True):
        period = jax.export.deserialize(bytearray(path.read_bytes())).call
        for k in range(4):  # at k = 0 it begins anew, at k = 2 it sees nothing
            y = np.array([0.0, np.nan if k == 2 else 2.0 + 0.4 * k, 0.0, 0.0])
            at = np.float64(k * DT), np.int32(k)
            memory, u = period(memory, *at, y, None, zeros, zeros)
            np.testing.assert_allclose(u, pilot(y), rtol=1e-12)


def test_a_program_of_jax_without_its_package_gets_a_sentence(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"flatbuffers; .* 'hybridctl\[export\]'"):
        hc.export(CONTROLLERS["lqr"], folder / "lqr.jax", DT)
