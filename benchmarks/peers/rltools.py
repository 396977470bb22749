"""Seconds until RLtools's PPO holds the pole, and those that its compiler takes.

`benchmarks/questions/learn.py` runs this as it runs sb3.py, with the same jobs.
RLtools is C++ templates, so each training compiles rltools.cpp with g++ -Ofast: "cold"
has that, "warm" is the program alone, neither has this Python. BLAS is OpenBLAS: a step
takes as long as with MKL, which compiles longer and is much larger.

Tuned for the processor seconds of "warm" on seeds that the benchmark does not use.
"""
# pyright: reportMissingImports=false

import importlib.metadata
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy_openblas32 as blas

from benchmarks.peers.cartpole import PERIODS, UP

SETTINGS = {  # no batch may be smaller than LANES or the validation's 128 episodes
    "LANES": 32,
    "N_STEPS": 64,
    "BATCH": 128,
    "EPOCHS": 2,
    "HIDDEN": 16,
    "ACTIVATION": "TANH",
    "LEARNING_RATE": 3e-3,
    "DISCOUNT": 0.99,
    "GAE_LAMBDA": 0.95,
    "CLIP_RANGE": 0.3,
    "ENT_COEF": 0.0,
    "STD": 0.6,
    "EVERY": 8192,
    "MOST": 2_000_000,
}
PACKAGES = ("rltools", "scipy-openblas32")


def command(program: Path) -> list[str]:
    """How rltools.cpp is compiled."""
    wheel = importlib.metadata.distribution("rltools")
    headers = wheel.locate_file("rltools/external/rl_tools/include")
    lib, prefix = blas.get_lib_dir(), "scipy_"  # of what this OpenBLAS exports
    given = {**SETTINGS, "RL_TOOLS_BACKEND_ENABLE_OPENBLAS": 1}
    given |= {name: prefix + name for name in ("cblas_sgemm", "cblas_dgemm")}
    return [
        *("g++", "-std=c++20", "-Ofast", "-march=native", f"-I{headers}"),
        *(f"-D{name}={value}" for name, value in given.items()),
        *(str(Path(__file__).with_suffix(".cpp")), "-o", str(program)),
        *(f"-L{lib}", f"-Wl,-rpath,{lib}", f"-l{blas.get_library()}"),
    ]


def compile_to(program: Path) -> dict[str, float]:
    """Make the program: seconds on the clock and of the processor."""
    began = time.time()
    subprocess.run(command(program), check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": time.time() - began, "cpu": used.ru_utime + used.ru_stime}


def output(program: Path, *words: object, given: str = "") -> str:
    """What the program prints, on one thread."""
    call = [str(program), *map(str, words)]
    kept = {"env": {**os.environ, "OPENBLAS_NUM_THREADS": "1"}, "encoding": "utf-8"}
    done = subprocess.run(call, **kept, input=given, stdout=subprocess.PIPE, check=True)
    return done.stdout


def train(program: Path, seed: int, began: float, target: float) -> dict[str, Any]:
    """Compile, and train until validation and confirmation reach the target."""
    compiling = compile_to(program)
    printed = output(program, "train", seed, time.time(), target)
    run = json.loads(printed.splitlines()[-1])
    policy = {name: run.pop(name) for name in ("mean", "precision", "layers")}
    run["stopped"] = "target" if run["confirmed"] >= target else "steps"
    both = {name: run[name] + compiling[name] for name in compiling}
    return {
        "cold": {**both, "compile": compiling["seconds"]},
        "warm": run,
        "policy": policy,
        "settings": SETTINGS,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def follow(program: Path, K: list, starts: list) -> dict[str, Any]:
    """Episodes under u = -K e from given starts, in float64, as RLtools sees them."""
    compile_to(program)
    errors = np.array(starts) - UP.T
    numbers = [*np.ravel(K).tolist(), len(starts), *errors.ravel().tolist()]
    printed = output(program, "follow", given=" ".join(map(str, numbers)))
    rows = np.array(printed.split(), float).reshape(PERIODS, len(starts), 6)
    down, last = rows[..., 5] > 0, np.arange(PERIODS)[:, None] == PERIODS - 1
    return {
        "error": rows[..., :4].tolist(),
        "reward": rows[..., 4].tolist(),
        "done": (down | last).tolist(),
        "cut": (last & ~down).tolist(),
    }


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        found = (train if "seed" in job else follow)(Path(folder) / "ppo", **job)
    print(json.dumps(found))
