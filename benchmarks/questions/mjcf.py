"""Which MJCF files load as plants, and how exact are their accelerations?

Every .xml of the given folders that MuJoCo itself can compile is a model. Of each that
loads, q̈ is computed in float64 at random states and inputs, joints up to a tenth of
their range beyond it, by the plant's equations (MJX) and by MuJoCo's mj_forward; the
largest difference of a state is relative to its largest |q̈|. States in which something
touches stand apart: there MJX finds its own contact points. Every file has a process
of its own, whose programs XLA does not optimize: they compile sooner. Written to
benchmarks/results/mjcf.json.

    python -m benchmarks.questions.mjcf dm_control=FOLDER gymnasium=FOLDER ...
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.plants.mujoco.mjcf import import_mujoco
from hybridctl.precision import float64, float64_on_host

mujoco: Any = import_mujoco()

TINY = np.finfo(float).tiny
RESULT = results.path("mjcf")
FAST = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
DRAWN, FREE, TOUCHING = 200, 6, 3


def draw(model: Any, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Positions, velocities and inputs."""
    low, high = model.jnt_range.T
    middle = np.where(model.jnt_limited, (low + high) / 2, model.qpos0)
    wide = np.where(model.jnt_limited, 0.6 * (high - low), 1.0)
    q = middle + wide * random.uniform(-1, 1, model.nq)
    ctrl = np.where(
        model.actuator_ctrllimited[:, None], model.actuator_ctrlrange, [[-1.0, 1.0]]
    )
    return q, random.normal(size=model.nv), random.uniform(*ctrl.T)


def differences(plant: hc.MuJoCoPlant, seed: int = 0) -> dict[str, Any]:
    """Largest relative difference in q̈, without and with contacts."""
    model, random = plant.to_mujoco(), np.random.default_rng(seed)
    data, found = mujoco.MjData(model), {"free": [], "touching": []}
    counts = {"free": FREE, "touching": TOUCHING, "limits": 0}
    with float64_on_host():
        exact: Any = float64(plant)
        for _ in range(DRAWN):
            q, dq, u = draw(model, random)
            mujoco.mj_resetData(model, data)
            data.qpos[:], data.qvel[:], data.ctrl[:] = q, dq, u
            mujoco.mj_forward(model, data)
            kind = "touching" if data.ncon else "free"
            if len(found[kind]) == counts[kind]:
                continue
            ours = np.asarray(exact.ode(0.0, np.append(q, dq), u))[model.nv :]
            size = max(np.abs(data.qacc).max(), TINY)  # a model may stay at rest
            found[kind].append(float(np.abs(ours - data.qacc).max() / size))
            counts["limits"] += kind == "free" and bool(data.nefc)
    worst = {kind: max(rows, default=None) for kind, rows in found.items()}
    return worst | {"states": len(found["free"]), "constrained": counts["limits"]}


def measure(path: Path) -> dict[str, Any]:
    """One file: whether it loads, or why not, and how far it is from MuJoCo."""
    try:
        mujoco.MjModel.from_xml_path(str(path))
    except ValueError as error:
        return {"model": False, "why": str(error).splitlines()[0][:200]}
    began = time.process_time()
    try:
        plant = hc.MuJoCoPlant(path)
    except ValueError as error:
        return {"model": True, "loads": False, "why": str(error)}
    sizes = {
        "n_x": plant.n_x,
        "n_u": plant.n_u,
        "load_s": time.process_time() - began,
    }
    apart = differences(plant)
    return {
        "model": True, "loads": True, **sizes, **apart,
        "compare_s": time.process_time() - began - sizes["load_s"],
    }  # fmt: skip


def apart(path: Path, seconds: float) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.questions.mjcf", str(path.resolve())]
    env = os.environ | {"XLA_FLAGS": FAST}
    options = {"capture_output": True, "text": True, "timeout": seconds, "env": env}
    options["cwd"] = results.ROOT
    try:
        done = subprocess.run(command, **options, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        ended = str(getattr(error, "stderr", "") or "").strip().splitlines()
        return {
            "model": True,
            "loads": True,
            "fails": ended[-1:] or type(error).__name__,
        }
    return json.loads(done.stdout.splitlines()[-1])


def main(
    folders: tyro.conf.Positional[list[str]], seconds: float = 900.0, anew: bool = False
) -> None:
    """Measure all files of the folders, or print one file's measure.

    Args:
        folders: name=path of each, or the path of one file.
        seconds: for one file, at most.
        anew: also those that are measured already.
    """
    if len(folders) == 1 and Path(folders[0]).is_file():
        print(json.dumps(measure(Path(folders[0]))))
        return
    files = {} if anew else results.known(RESULT).get("files", {})
    for name, folder in (each.split("=", 1) for each in folders):
        for path in sorted(Path(folder).rglob("*.xml")):
            label = f"{name}/{path.relative_to(folder).as_posix()}"
            if label in files:
                continue
            files[label] = row = apart(path, seconds)
            print(label, json.dumps(row), flush=True)
            results.write(RESULT, summary(files))


def summary(files: dict[str, dict]) -> dict[str, Any]:
    """Counts over all files, and the files."""
    models = {label: row for label, row in files.items() if row["model"]}
    loaded = [row for row in models.values() if row["loads"]]
    free = [row["free"] for row in loaded if row.get("free") is not None]
    return {
        "about": about() | {"xla_flags": FAST},
        "models": len(models),
        "load": len(loaded),
        "compared": len(free),
        "worst": max(free, default=None),
        "median": float(np.median(free)) if free else None,
        "files": models,
    }


if __name__ == "__main__":
    tyro.cli(main)
