"""XLA is asked for exact arithmetic in time, or a warning says that it was not."""

import os
import platform
import subprocess
import sys

import pytest

from hybridctl.rounding import FLAG

LATE = """
import os, sys, warnings, jax
jax.devices()
flags = os.environ["XLA_FLAGS"]
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import hybridctl
    from hybridctl import rounding
    import hybridctl.checks
print(len(said), rounding.is_exact(), os.environ["XLA_FLAGS"] == flags)
print(*[warning.message for warning in said], said[0].filename)
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")
def test_too_late_is_said_once_and_changes_nothing():
    env = {k: v for k, v in os.environ.items() if k != "HYBRIDCTL_EXACT"}
    env |= {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false", "JAX_PLATFORMS": "cpu"}
    run = [sys.executable, "-c", LATE]
    done = subprocess.run(run, env=env, capture_output=True, encoding="utf-8")
    first, second = done.stdout.splitlines()
    assert first == "1 False True", done.stderr
    assert "agree to rounding, not bit for bit; import hybridctl before" in second
    assert f"XLA_FLAGS={FLAG}=AVX. HYBRIDCTL_EXACT=off silences" in second
    assert second.endswith("<string>")  # the line of the user's that imports it
