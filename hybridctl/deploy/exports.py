"""`export`: a controller as a file for another language or another machine."""

import importlib.util
import os
import re
import textwrap
import warnings
from pathlib import Path
from typing import Any

import jax

from hybridctl import __version__
from hybridctl.checks import fail, one_of, require
from hybridctl.controllers import Controller
from hybridctl.deploy import disk
from hybridctl.deploy.cfile import CFile
from hybridctl.deploy.engines import CEngine, PythonEngine
from hybridctl.deploy.parity import Parity, check
from hybridctl.deploy.pilot import REALS, Pilot
from hybridctl.deploy.program import Program, program
from hybridctl.deploy.pyfile import python_text
from hybridctl.deploy.trace import exact, example, verbs
from hybridctl.plants import Plant
from hybridctl.plants.linearize import float64_on_host

KINDS = (".py", ".c", ".h", ".jax")
TRUST = (
    "{name} holds a compiled program of JAX that runs when it is loaded and called: "
    "load such a file only from somebody you trust"
)


def export(
    controller: Controller,
    path: str | os.PathLike,
    dt: float,
    *,
    plant: Plant | None = None,
    real: str = "double",
) -> Path:
    """Write a controller as code, and check it against the jitted controller.

    By the suffix of the path:

    - `.py`: one readable file that needs NumPy: `init()`, `step(state, t, y)`.
    - `.c`, with a `.h` beside it: C99, no allocation, all memory in one struct.
    - `.jax`: bytes for `jax.export.deserialize`, which must be trusted.

    4096 random inputs and 64 closed loops are run through the code and the jitted
    controller in float64. The largest difference is printed, and stands in the file.

    Args:
        controller: any controller, also one of your own.
        path: of the file.
        dt: control period [s] at which it will be called.
        plant: names the measurements and closes the loops of the check, where no part
            of the controller knows its plant.
        real: numbers in C, "double" or "float".

    Returns:
        The path that was written.

    Raises:
        ValueError: another suffix, an operation that has no counterpart, by its name,
            or code that does not do what the controller does; nothing is written.

    Example:
        >>> import tempfile
        >>> from hybridctl.controllers import Constant
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = export(Constant([1.5]), f"{folder}/push.py", dt=0.02)
        push.py: largest difference 0.0e+00 of the largest output, ...
    """
    path = Path(path)
    one_of("suffix of an exported file", path.suffix, KINDS)
    one_of("real", real, REALS)
    if path.is_dir():
        fail(f"{path} is a folder; give the name of a file")
    made = program(controller, dt, plant)
    if path.suffix == ".jax":
        return _write_jax(made, path)
    if path.suffix == ".py":
        found = check(made, Pilot(made, PythonEngine(made)))
        text = python_text(made, _about(made, path.name, found, USE_PYTHON))
        disk.write(path, text.encode())
    else:
        found = check(made, Pilot(made, CEngine(made, real)), real)
        path = path.with_suffix(".c")
        disk.write_all(_c_files(made, path, real, found))
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


def _c_files(made: Program, path: Path, real: str, found: Parity) -> dict[Path, bytes]:
    name = re.sub(r"\W", "_", path.stem)
    name = f"pilot_{name}" if name[0].isdigit() else name
    header = (
        path.with_name(f"{name}.h") if name != path.stem else path.with_suffix(".h")
    )
    file = CFile(made, name, real)
    use = USE_C.format(name=name, stack=file.stack)
    about = _about(made, path.name, found, use)
    return {
        header: file.header(about).encode(),
        path: file.source(f"See {header.name}.").encode(),
    }


def _about(made: Program, name: str, found: Parity, use: str) -> str:
    """What stands first in a file."""
    rows = {
        title: ", ".join(f"{n} [{unit}]" if unit else n for n, unit in row)
        for title, row in (("Measurements y", made.y), ("Input u", made.u))
    }
    facts = [
        f"{name}: a {type(made.controller).__name__} exported by hybridctl "
        f"{__version__}.",
        f"Control period: dt = {made.dt:g} s.",
        *(f"{title}: {row}." for title, row in rows.items()),
        *([f"Modes: {', '.join(made.modes)}."] if made.modes else []),
        f"Content: sha256 {made.traced.hash}",
        f"Checked against the jitted controller in float64: {found}.",
    ]
    first, *rest = [textwrap.fill(fact, 84, subsequent_indent="  ") for fact in facts]
    return "\n".join([first, "", *rest]) + f"\n{use}"


def _write_jax(made: Program, path: Path) -> Path:
    """The step as a compiled program: (memory, t, k, y, r, applied, asked)."""
    require(
        importlib.util.find_spec("flatbuffers") is not None,
        "a .jax file is written by flatbuffers; install it: pip install flatbuffers",
    )
    step = verbs(jax.tree.structure(made.controller))[1]
    tree = jax.tree.structure(made.traced.memory)
    leaves = [exact(leaf) for leaf in made.traced.leaves]

    def flat(memory: Any, *tick: Any) -> Any:
        after, u = step(leaves, jax.tree.unflatten(tree, memory), *tick)
        return jax.tree.leaves(after), u

    shapes = jax.tree.leaves(made.traced.memory), *example(made.sizes)
    with float64_on_host():
        data = jax.export.export(jax.jit(flat))(*shapes).serialize()
    disk.write(path, bytes(data))
    warnings.warn(TRUST.format(name=path.name), stacklevel=3)
    return path
