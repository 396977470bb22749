"""`export`: a controller as a file for another language or another machine."""

import json
import os
import re
import warnings
from pathlib import Path

from hybridctl import files
from hybridctl.checks import fail, one_of, require
from hybridctl.controllers import Controller
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.embed import REALS, Pilot
from hybridctl.deploy.header import about, facts
from hybridctl.deploy.jax_file import JaxEngine
from hybridctl.deploy.onnx_file import OnnxEngine
from hybridctl.deploy.parity import Parity, check
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.python_file import python_text
from hybridctl.deploy.runtime import CEngine, PythonEngine
from hybridctl.kinds import checked
from hybridctl.plants import Plant

KINDS = (".py", ".c", ".h", ".onnx", ".jax")
RAISE = (".py", ".c", ".h")  # what can tell an error
TYPED = (".c", ".h", ".onnx")  # where the kind of number is a choice
TRUST = (
    "{name} holds a compiled program of JAX that runs when it is loaded and called: "
    "load such a file only from somebody you trust"
)


@checked
def export(
    controller: Controller,
    path: str | os.PathLike,
    dt: float,
    *,
    plant: Plant | None = None,
    real: str | None = None,
    on_missing: str = "hold",
    verbose: bool = True,
) -> Path:
    """Write a controller as code, and check it against the jitted controller.

    By the suffix of the path:

    - `.py`: one readable file that needs NumPy: `init()`, `step(state, t, y)`.
    - `.c`, with a `.h` beside it: C99, no allocation, all memory in one struct.
    - `.onnx`: a model for onnxruntime and its like; memory goes in and comes out.
    - `.jax`: a compiled program of JAX, which must be trusted, with a `.jax.json`
      beside it that says what goes in. To load it, with `jax_enable_x64`:
      `period = jax.export.deserialize(bytearray(data)).call`.

    4096 random inputs and 64 closed loops are run through the code and the jitted
    controller in float64. The largest difference stands in the file, and is printed.

    Args:
        controller: any controller, also one of your own.
        path: of the file.
        dt: control period [s] at which it will be called.
        plant: names the measurements and closes the loops of the check, where no part
            of the controller knows its plant.
        real: numbers in C and ONNX, "double" or "float"; None: "float" in ONNX.
        on_missing: what a measurement that is not finite does, as in `embed`: "hold",
            "nan", or "error", which is an exception in Python, a status of 1 in C, and
            nothing that a `.onnx` or `.jax` file could do.
        verbose: print the largest difference.

    Returns:
        The path that was written.

    Raises:
        ValueError: another suffix, a package that is missing, an operation that has no
            counterpart, by its name, or code that does not do what the controller
            does; nothing is written.

    Example:
        >>> import tempfile
        >>> from hybridctl.controllers import Constant
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = export(Constant([1.5]), f"{folder}/push.py", dt=0.02)
        push.py: largest difference 0.0e+00 of the largest output, ...
    """
    path = Path(path)
    one_of("suffix of an exported file", path.suffix, KINDS)
    real = real or ("float" if path.suffix == ".onnx" else "double")
    one_of("real", real, REALS)
    require(
        path.suffix in TYPED or real == "double",
        f"numbers in a {path.suffix} file are double; leave real={real!r} out",
    )
    if path.is_dir():
        fail(f"{path} is a folder; give the name of a file")
    require(
        path.suffix in RAISE or on_missing != "error",
        f"a {path.suffix} file cannot raise an error; give on_missing='hold', which "
        "counts, or 'nan'",
    )
    made = program(controller, dt, plant, on_missing)
    if path.suffix == ".jax":
        found = _write_jax(made, path)
    elif path.suffix == ".onnx":
        found = _write_onnx(made, path, real)
    elif path.suffix == ".py":
        found = _write_python(made, path)
    else:
        path = path.with_suffix(".c")
        found = _write_c(made, path, real)
    if verbose:
        print(f"{path.name}: {found}")
    return path


USE_PYTHON = """
    state = init()
    state, u = step(state, t, y)    # once every control period
    state = applied(state, u)       # where something else than u was applied
"""
USE_C = """Arrays on the stack: at most {stack} bytes.

    {name}_state s;
    {name}_init(&s);
    {name}_step(&s, t, y, u);    once every control period
"""
USE_ONNX = """
    u, *after = session.run(None, {"y": y, ...})    once every control period

What comes out as after.NAME goes in as memory.NAME in the next period. In period k = 0
the memory begins anew, whatever goes in; u that was applied goes in as applied, u
that was asked for as asked.
"""


def _write_python(made: Program, path: Path) -> Parity:
    found = check(made, Pilot(made, PythonEngine(made)))
    text = python_text(made, about(made, path.name, found, USE_PYTHON))
    files.write(path, text.encode())
    return found


def _write_c(made: Program, path: Path, real: str) -> Parity:
    found = check(made, Pilot(made, CEngine(made, real)), real)
    files.write_all(_c_files(made, path, real, found))
    return found


def _c_files(made: Program, path: Path, real: str, found: Parity) -> dict[Path, bytes]:
    name = re.sub(r"\W", "_", path.stem)
    name = f"pilot_{name}" if name[0].isdigit() else name
    header = (
        path.with_name(f"{name}.h") if name != path.stem else path.with_suffix(".h")
    )
    file = CFile(made, name, real)
    use = USE_C.format(name=name, stack=file.stack)
    head = about(made, path.name, found, use)
    return {
        header: file.header(head).encode(),
        path: file.source(f"See {header.name}.").encode(),
    }


def _write_onnx(made: Program, path: Path, real: str) -> Parity:
    engine = OnnxEngine(made, real)
    found = check(made, Pilot(made, engine), "onnx" if real == "float" else real)
    engine.describe(about(made, path.name, found, USE_ONNX), facts(made, found))
    files.write(path, engine.model.SerializeToString())
    return found


def _write_jax(made: Program, path: Path) -> Parity:
    engine = JaxEngine(made)
    found = check(made, Pilot(made, engine), "double")
    told = facts(made, found) | engine.arguments()
    beside = path.with_name(f"{path.name}.json")
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    files.write_all({beside: text.encode(), path: engine.data})
    warnings.warn(TRUST.format(name=path.name), stacklevel=3)
    return found
