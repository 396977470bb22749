"""The tanh of exported C against NumPy's."""

import ctypes
import subprocess

import numpy as np
import pytest

from hybridctl.codegen.writers.c_tanh import NAME, tanh_text
from hybridctl.deploy.c_library import FAST, STRICT, compiler

EACH = """
void each(const {real} *x, {real} *y, int n) {{
    for (int i = 0; i < n; i++) {{
        y[i] = {name}(x[i]);
    }}
}}
"""


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("real", "dtype", "allowed"),
    [("double", np.float64, 9e-16), ("float", np.float32, 4e-7)],
)
def test_tanh_is_within_some_rounding_errors(tmp_path, real, dtype, allowed):
    head = f"void each(const {real} *x, {real} *y, int n);"
    source, library = tmp_path / "tanh.c", tmp_path / "tanh.so"
    source.write_text(
        tanh_text(real) + head + EACH.format(real=real, name=NAME), encoding="utf-8"
    )
    command = [compiler(), *STRICT, *FAST, "-shared", "-fPIC", "-o", library, source]
    subprocess.run(command, check=True)
    small = 10.0 ** np.linspace(-30, 1, 20_000)
    x = np.concatenate([np.linspace(-25, 25, 200_001), small, -small]).astype(dtype)
    expected = np.tanh(x.astype(np.longdouble))
    y = _each(library, x)
    sound = x != 0
    off = np.abs(y[sound] - expected[sound]) / np.abs(expected[sound])
    assert off.max() <= allowed
    assert np.abs(y).max() == 1 and (y[x == 0] == 0).all()
    odd = np.array([np.inf, -np.inf, np.nan, -0.0], dtype)
    y = _each(library, odd)
    assert y[0] == 1 and y[1] == -1 and np.isnan(y[2]) and np.signbit(y[3])


def _each(library, x):
    y = np.empty_like(x)
    at = [ctypes.c_void_p(a.ctypes.data) for a in (x, y)]
    ctypes.CDLL(str(library)).each(*at, len(x))
    return y
