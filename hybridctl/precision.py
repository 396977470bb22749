"""The same arithmetic in every compiled program, so that laws hold bit for bit.

On x86 CPUs, XLA lets the compiler contract `a * b + c` into one fused instruction
with one rounding, wherever both happen to land in the same loop. So a controller
would round differently inside an environment, a simulation and a batch. Compiled
without that instruction, what was trained is bit for bit what is simulated.
"""

import os
import platform
import re

FLAG = "--xla_cpu_max_isa"
SWITCH = "HYBRIDCTL_EXACT"


def keep_arithmetic_exact() -> bool:
    """Ask XLA for exact arithmetic, unless the user chose an instruction set.

    Works only before JAX's first computation, so it runs when hybridctl is
    imported. `HYBRIDCTL_EXACT=off` leaves XLA as it is.

    Returns:
        Whether XLA is asked for it now.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    off = os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false")
    if off or FLAG in flags or platform.machine() not in ("x86_64", "AMD64"):
        return FLAG in flags
    os.environ["XLA_FLAGS"] = f"{flags} {FLAG}=AVX".strip()
    return True


def is_exact() -> bool:
    """Whether every program rounds alike: x86 without fused multiply-add.

    Returns:
        False on ARM, with AVX2 and above, and where XLA chooses for itself.
    """
    chosen = re.findall(rf"{FLAG}=(\w+)", os.environ.get("XLA_FLAGS", ""))
    on_x86 = platform.machine() in ("x86_64", "AMD64")
    return on_x86 and bool(chosen) and chosen[-1] in ("SSE4_2", "AVX")
