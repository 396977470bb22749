"""How long does one call take: as a pilot, in Python, C, ONNX and JAX?

Every controller answers the same measurements, those of a swing-up by the machine
followed by rest. "p50" and "p99" are over single calls in microseconds, what reading
the clock costs taken off; "inside" is the median of five loops in C. A call of the
jitted controller has NumPy going in and out. `--peers PYTHON` adds the `predict` of
stable-baselines3 with a 2x32 and a 2x64 policy, run by that Python.

On one quiet core: `taskset -c 0 python -m benchmarks.questions.latency`. Writes
benchmarks/results/latency.json.
"""

import ctypes
import importlib.util
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from numpy.typing import NDArray

import hybridctl as hc
from benchmarks.lib import results
from benchmarks.lib.about import about
from hybridctl.checks import cast, split
from hybridctl.controllers.fill import action_size
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.c_library import build, compiler
from hybridctl.deploy.jaxprs import example, verbs
from hybridctl.deploy.onnx_file import OnnxEngine
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.runtime import CEngine, PythonEngine

RESULT = results.path("latency")
DT = 0.02
TIMED = """
#include <time.h>

/* Seconds of processor time per period. */
double pilot_timed(pilot_state *s, const REAL *y, int rows, int n);
double pilot_timed(pilot_state *s, const REAL *y, int rows, int n) {
    REAL u[8];
    double sum = 0.0;
    const clock_t began = clock();
    for (int i = 0; i < n; i++) {
        pilot_step(s, (REAL)(0.02 * i), y + (i % rows) * COLUMNS, u);
        sum += u[0];
    }
    return sum == 0.12345 ? 0.0 : (double)(clock() - began) / CLOCKS_PER_SEC / n;
}
"""
STARTS = 11
STEPS = """
import sys
before = set(sys.modules)
import pilot
state = pilot.init()
for k in range(1000):
    state, u = pilot.step(state, k * pilot.DT, [0.0, 3.0, 0.0, 0.0])
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names) - {"pilot"}))
"""


def policy(task: hc.Task, width: int, template: hc.Controller) -> hc.Controller:
    """A template filled with an untrained policy of two hidden layers."""
    rng = np.random.default_rng(0)
    features = hc.Features.of(task.plant, n_modes=2)
    sizes = (features.size, width, width, action_size(template))
    pairs = list(itertools.pairwise(sizes))
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs]
    biases = [0.1 * rng.normal(size=n) for _, n in pairs]
    ones = np.ones(features.size)
    return hc.fill(template, hc.Policy(features, weights, biases, 0.0 * ones, ones))


def controllers() -> dict[str, hc.Controller]:
    """What is timed."""
    task = hc.tasks.get("swingup")
    machine, noise = hc.reference("machine", task), [0.01, 0.02, 0.1, 0.1]
    return {
        "lqr": hc.reference("lqr", task),
        "machine": machine,
        "policy 2x32": policy(task, 32, 10.0 * hc.Slot(1)),
        "policy 2x64": policy(task, 64, 10.0 * hc.Slot(1)),
        "residual": policy(task, 32, hc.template("residual", task)),
        "ekf machine": hc.EKF(task.plant, DT, noise, 0.5) >> machine,
        "mpc": hc.reference("mpc", task),
    }


def measurements() -> NDArray:
    """A swing-up and what follows, [T, 4]."""
    task = hc.tasks.get("swingup")
    machine = hc.reference("machine", task)
    trace = hc.simulate(task.plant, machine, np.zeros(4), 6.0, loop=task.loop)
    return np.asarray(trace.x[:-1], np.float64)


def timed(call: Callable, rows: NDArray, seconds: float) -> dict[str, float]:
    """Microseconds of single calls."""
    clock, spent = time.perf_counter_ns, []
    ys = list(rows)
    for y in ys[:20]:
        call(y)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(spent) < 20:
        for y in ys[: 10 if seconds < 0.1 else len(ys)]:
            began = clock()
            call(y)
            spent.append(clock() - began)
    empty = []
    for _ in range(2000):
        began = clock()
        empty.append(clock() - began)
    rest = np.asarray(spent) - np.median(empty)
    p50, p99 = np.percentile(rest, [50, 99]) / 1e3
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def jitted(made: Program) -> Callable:
    """The jitted controller, NumPy in and out, in float32."""
    leaves, rest = split(cast(made.controller))
    begin, step = verbs(rest)
    call = jax.jit(
        lambda memory, k, y, u: step(leaves, memory, k * DT, k, y, None, u, u)
    )
    still = np.zeros(made.sizes.n_u, np.float32)
    state = {"memory": begin(leaves, *(example(made.sizes)))}
    state["memory"] = jax.tree.map(
        lambda m: np.asarray(m, np.float32 if m.dtype.kind == "f" else m.dtype),
        state["memory"],
    )

    def run(y: NDArray) -> NDArray:
        state["memory"], u = call(state["memory"], np.int32(0), y, still)
        return np.asarray(u)

    return run


def inside(made: Program, real: str, rows: NDArray, n: int) -> float:
    """Microseconds of a period within C."""
    extra = TIMED.replace("COLUMNS", str(made.sizes.n_y)).replace("REAL", real)
    library = build(CFile(made, "pilot", real), "pilot", extra)
    library.pilot_timed.restype = ctypes.c_double
    memory = ctypes.create_string_buffer(1 << 16)
    library.pilot_init(memory)
    rows = np.ascontiguousarray(rows, np.float64 if real == "double" else np.float32)
    pointer = ctypes.c_void_p(rows.ctypes.data)
    spent = [library.pilot_timed(memory, pointer, len(rows), n) for _ in range(5)]
    return round(1e6 * float(np.median(spent)), 4)


def start_up(controller: hc.Controller) -> dict[str, Any]:
    """A new process that loads an exported .py and steps 1000 times."""
    with tempfile.TemporaryDirectory() as folder:
        hc.export(controller, Path(folder) / "pilot.py", DT)
        command, spent, names = [sys.executable, "-c", STEPS], [], ""
        for _ in range(STARTS):
            began = time.perf_counter()
            done = subprocess.run(
                command, cwd=folder, capture_output=True, encoding="utf-8", check=True
            )
            spent.append(time.perf_counter() - began)
            names = done.stdout.strip()
    median, largest = np.round([np.median(spent), max(spent)], 3).tolist()
    return {"median": median, "largest": largest, "imports": names}


def measured(name: str, made: Program, rows: NDArray, seconds: float) -> dict:
    """All ways to call one controller."""
    pilot = hc.Pilot(made, PythonEngine(made))
    row: dict[str, Any] = {"pilot": timed(pilot, rows, seconds)}
    engine = PythonEngine(made)
    engine.init(rows[0], None)
    row["python file"] = timed(lambda y: engine.step(0.0, y, None), rows, seconds)
    if compiler():
        for real in ("double", "float"):
            compiled = hc.Pilot(made, CEngine(made, real))
            row[f"c {real}"] = timed(compiled, rows, seconds)
            n = 300 if name == "mpc" else 200_000
            row[f"inside c {real}"] = inside(made, real, rows, n)
    if importlib.util.find_spec("onnxruntime"):
        row["onnxruntime"] = timed(hc.Pilot(made, OnnxEngine(made)), rows, seconds)
    row["jitted"] = timed(jitted(made), rows.astype(np.float32), seconds)
    return row


def peer(python: str, seconds: float) -> dict[str, Any]:
    """The `predict` of stable-baselines3."""
    script = results.ROOT / "benchmarks" / "peers" / "predict.py"
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(script), str(seconds)]
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", cwd=folder
        )
    if done.returncode:
        raise SystemExit(f"{python} cannot run {script.name}: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(
    names: tuple[str, ...] = (), seconds: float = 1.0, peers: str | None = None
) -> None:
    """Time every controller.

    Args:
        names: of controllers; all by default.
        seconds: spent on each way to call.
        peers: a Python that has stable-baselines3.
    """
    rows, found, known = measurements(), {}, controllers()
    made = {
        name: program(controller, DT, on_missing="hold")
        for name, controller in known.items()
    }
    for name in names or tuple(made):
        found[name] = measured(name, made[name], rows, seconds)
        print(name, json.dumps(found[name]), flush=True)
    record: dict[str, Any] = {"about": about(), "unit": "µs", "controllers": found}
    record["start-up of a process [s]"] = start_up(known["residual"])
    if peers:
        record["stable-baselines3"] = peer(peers, seconds)
    results.write(RESULT, record)


if __name__ == "__main__":
    tyro.cli(main)
