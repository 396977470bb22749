"""What every benchmark result says of where it was measured."""

import datetime
import importlib.metadata
import os
import platform
from typing import Any

PACKAGES = ("hybridctl", "jax", "brax", "equinox", "numpy", "scipy", "mujoco")


def about() -> dict[str, Any]:
    """Machine, cores given to this process, and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line for line in file if line.startswith("model name")]
        return names[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor()
