"""The same arithmetic in every compiled program, so that laws hold bit for bit.

On x86 CPUs, XLA lets the compiler contract `a * b + c` into one fused instruction
with one rounding, wherever both happen to land in the same loop. So a controller
would round differently inside an environment, a simulation and a batch. Compiled
without that instruction, what was trained is bit for bit what is simulated.

XLA reads the set of instructions once, when JAX starts; a program's own options are
accepted and do nothing. So it is asked for in XLA_FLAGS, for the whole process.
"""

import os
import platform
import re
import sys
import warnings

FLAG = "--xla_cpu_max_isa"
SWITCH = "HYBRIDCTL_EXACT"


def keep_arithmetic_exact() -> None:
    """Ask XLA for exact arithmetic, unless the user chose an instruction set.

    Where JAX has started already that would do nothing, so it is not done, and said.
    `HYBRIDCTL_EXACT=off` leaves XLA as it is.
    """
    off = os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false")
    if off or not _on_x86() or _chosen():
        return
    if jax_has_started():
        return _tell()
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} {FLAG}=AVX".strip()


def jax_has_started() -> bool:
    """Whether JAX has looked at its flags and its devices; does not import it."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()


def is_exact() -> bool:
    """Whether every program rounds alike: x86 without fused multiply-add.

    Returns:
        False on ARM, with AVX2 and above, and where XLA chooses for itself.
    """
    return _on_x86() and _chosen() in ("SSE4_2", "AVX")


def _chosen() -> str:
    """The set of instructions that XLA is asked for; "" where it chooses."""
    found = re.findall(rf"{FLAG}=(\w+)", os.environ.get("XLA_FLAGS", ""))
    return found[-1] if found else ""


def _on_x86() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def _tell() -> None:
    if sys.modules["jax"].default_backend() == "cpu":
        warnings.warn(
            "JAX had started before hybridctl was imported, so a simulation, an "
            "environment and a batch of them agree to rounding, not bit for bit; "
            f"import hybridctl before anything runs on JAX, or set XLA_FLAGS={FLAG}="
            f"AVX. {SWITCH}=off silences this",
            UserWarning,
            stacklevel=4,
        )
