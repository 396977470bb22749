"""The Python file of an exported controller; a `Pilot` runs the very same text."""

import re
import textwrap
from typing import Any

import numpy as np

from hybridctl.codegen.graph import Value
from hybridctl.codegen.writers.python import MATH, PythonWriter
from hybridctl.codegen.writers.python_arrays import NUMPY
from hybridctl.codegen.writers.python_text import broken
from hybridctl.codegen.writers.writer import Names
from hybridctl.deploy.program import Part, Program

TAKEN = (
    "np", "init", "step", "applied", "_step", "_begin", "_rare", "_hold", "_late",
    "_whole", "fmod", "isfinite", "DT", "Y", "U", "MODES", "MODE", "state", "t", "y",
    "r", "u", "abs", "int", "float", "zip", "range", "sum", "all", "map", "dict",
    "missed", *MATH,
)  # fmt: skip

RARE = '''
def _rare(function, *arguments):
    """A period that divides by zero or overflows, by the rules of IEEE 754."""
    other = {{**globals(), "float": np.float64, "int": _whole}}
    other |= {{{names}}}
    with np.errstate(all="ignore"):
        wide = [_each(np.float64, a) for a in arguments]
        out = type(step)(function.__code__, other)(*wide)
    return tuple(_each(float, part) for part in out)


def _each(kind, values):
    """Every float of a row as another kind of float; or one number."""
    if not isinstance(values, (tuple, list)):
        return kind(values)
    return tuple(kind(v) if isinstance(v, float) else v for v in values)


def _whole(value):
    """A whole number of 32 bits, the nearest one; 0 of NaN."""
    return int(min(max(value, -(2.0**31)), 2.0**31 - 1)) if value == value else 0
'''

STEP = '''
def step(state, t, y{r}):
    """One control period.

    Args:
        state: from `init` or the last `step`.
        t: time [s]{unused}.
        y: measurements [{n_y}].{r_doc}

    Returns:
        The state after the period, and the input u [{n_out}].{missing_doc}
    """
    y = np.asarray(y, float).tolist()
    if len(y) {differs} {n_y}:
        raise ValueError(f"y has {{len(y)}} entries, expected {n_y}{or_more}")
{r_row}{missing}{first}    try:
        state, u = _step(state, t, y{r_arg})
    except (ArithmeticError, ValueError):
        state, u = _rare(_step, state, t, y{r_arg})
    return state, np.array(u)
'''

TEST = """\
    if not isfinite({total}) and not all(map(isfinite, {every})):
"""
REFUSE = """\
        raise ValueError(
            f"not finite: {{dict(zip(Y, y))}}{r}; give finite numbers, "
            "or choose on_missing='hold'"
        )
"""
HOLD = '''
def _hold(state):
    """A period without a measurement: the last input, and the memory as it was."""
{first}    {before}*memory, missed{held} = state
    state = ({after}*memory, missed + 1{held})
    return state, np.array({u})
'''
FIRST = """\
    if not isinstance(state, tuple):
        return (state or 0) + 1, np.zeros({n})
"""
LATE = '''

def _late(state, missed):
    """The first state, after so many periods without a measurement."""
    {head}*rest, _{held} = state
    return ({first}*rest, missed{held})
'''


def python_text(program: Program, header: str = "") -> str:
    """The text of a module with `init`, `step` and `applied`.

    Args:
        program: a controller's graphs.
        header: its docstring.
    """
    names = Names(TAKEN)
    writer = PythonWriter(names)
    if program.guarded:
        writer.imports.add("isfinite")
    step = _step(writer, program)
    begin = _begin(writer, program)
    init = _init(writer, program)
    imports = sorted(writer.imports)
    header = header.replace("\\", "\\\\").replace('"', "'")
    pairs = (f'"{n}": np.{NUMPY.get(n, n)}' for n in imports)
    parts = [
        f'"""{header}"""\n' if header else "",
        f"from math import {', '.join(imports)}\n" if imports else "",
        "import numpy as np\n",
        _facts(program),
        *_known(writer),
        init,
        STEP.format(**_words(program)),
        _applied(program),
        guard_text(program),
        RARE.format(names=", ".join(pairs)),
        begin,
        step,
    ]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(p for p in parts if p)).strip() + "\n"


def _facts(program: Program) -> str:
    lines = [f"DT = {program.dt!r}  # control period [s]"]
    for name, row in (("Y", program.y), ("U", program.u)):
        lines.append(f"{name} = {tuple(n for n, _ in row)!r}")
    if program.mode is not None:
        before = sum(leaf.cells for leaf in program.memory[: program.mode])
        place = len(fields(program)) + before
        lines.append(f"MODES = {program.modes!r}  # state[MODE] is the active one")
        lines.append(f"MODE = {place}")
    return "\n".join(lines) + "\n"


def _known(writer: PythonWriter) -> list[str]:
    """Numbers and tables of the controller, an array a line."""
    rows: dict[str, list[tuple[str, Value]]] = {}
    for name, value in writer.constants.values():
        base = re.sub(r"(_\d+)*$", "", value.name)
        rows.setdefault(base, []).append((name, value))
    out = []
    for row in rows.values():
        left = ", ".join(name for name, _ in row)
        numbers = ", ".join(_literal(v.info) for _, v in row)
        out.append(broken(f"{left} = {numbers}", 88))
    for name, value in writer.tables.values():
        out.append(_table(name, value.info))
    return ["\n".join(out) + "\n"] if out else []


def _literal(number: Any) -> str:
    text = repr(number)
    return (
        text if text[-1].isdigit() or text in ("True", "False") else f'float("{text}")'
    )


def _table(name: str, array: np.ndarray) -> str:
    flat = ", ".join(repr(v) for v in array.ravel().tolist())
    shape = "" if array.ndim == 1 else f".reshape({array.shape})"
    flat = flat.replace("nan", "np.nan").replace("inf", "np.inf")
    inner = textwrap.indent(
        textwrap.fill(flat, 80, break_long_words=False, break_on_hyphens=False),
        " " * 8,
    )
    return f"{name} = np.array(\n    [\n{inner}\n    ]\n){shape}"


def _words(program: Program) -> dict[str, Any]:
    n_y, _, n_r, n_out, more = program.sizes
    lazy = program.start is None
    args = ", y, r" if n_r else ", y"
    return {
        "n_y": n_y,
        "differs": "<" if more else "!=",
        "or_more": " or more" if more else "",
        "n_out": n_out,
        "r": ", r" if n_r else ", r=None",
        "r_doc": f"\n        r: references [{n_r}]."
        if n_r
        else "\n        r: not used.",
        "r_row": "    r = np.asarray(r, float).tolist()\n" if n_r else "",
        "r_arg": ", r" if n_r else "",
        "unused": "" if program.step.needs([program.step.t]) else ", not used",
        "first": _first(program, args[2:]) * lazy,
        **guard_words(program),
    }


def _first(program: Program, args: str) -> str:
    if not program.holds:
        return f"    if state is None:\n        state = init({args})\n"
    return (
        "    if not isinstance(state, tuple):\n"
        f"        state = _late(init({args}), state or 0)\n"
    )


def _step(writer: PythonWriter, program: Program) -> str:
    part, head = program.step, fields(program)
    cells = [writer.names.new(v.name) for v in part.memory]
    for value, name in zip(part.memory, cells, strict=True):
        writer.known(value, name)
    kept = ["missed"] * program.holds
    row = [*head, *cells, *kept, *(f"_{name}" for name in held(program))]
    writer.lines = []
    if row:
        writer.line(f"{', '.join(row)}{',' * (len(row) == 1)} = state")
    lines = writer.lines
    lines += _seen(writer, part, program)
    writer.lines = []
    texts = writer.write(part.block, [*part.after, *part.u])
    memory, u = texts[: len(part.after)], texts[len(part.after) :]
    given = [writer.names.new(f"u{i}") for i in range(len(u))]
    for name, text in zip(given, u, strict=True):
        writer.line(f"{name} = {text}")
    lines += writer.lines
    moved = {"k": "k + 1"}
    for i, name in enumerate(given * program.fed):
        moved |= {f"applied{i}": name, f"asked{i}": name}
    after = [moved.get(name, name) for name in head] + memory
    after += [*kept, *given[: len(held(program))]]
    writer.lines = lines
    writer.line(f"return {_tuple(after)}, {_tuple(given)}")
    r = ", r" if program.sizes.n_r else ""
    return "\n".join([f"\ndef _step(state, t, y{r}):", *lines]) + "\n"


def _seen(writer: PythonWriter, part: Part, program: Program) -> list[str]:
    """Names for what is seen of the tick."""
    writer.known(part.t, "t")
    writer.known(part.k, "k")
    for name, row in (("applied", part.applied), ("asked", part.asked)):
        for i, value in enumerate(row):
            writer.known(value, f"{name}{i}")
    lines = []
    for name, row in (("y", part.y), ("r", part.r)):
        if row:
            used = [writer.names.new(v.name) for v in row]
            for value, text in zip(row, used, strict=True):
                writer.known(value, text)
            first = f"[:{len(row)}]" if name == "y" and program.sizes.more else ""
            left = ", ".join(used) + "," * (len(used) == 1)
            lines.append(f"    {left} = {name}{first}")
    return lines


def _begin(writer: PythonWriter, program: Program) -> str:
    if program.start is not None:
        return ""
    part = program.begin
    lines = _seen(writer, part, program)
    writer.lines = []
    memory = writer.write(part.block, part.after)
    writer.lines = [*lines, *writer.lines]
    writer.line(f"return ({_start(program, memory)},)")
    lines = writer.lines
    r = ", r" if program.sizes.n_r else ""
    return "\n".join([f"\ndef _begin(y{r}):", *lines]) + "\n"


def _init(writer: PythonWriter, program: Program) -> str:
    r = ", r" if program.sizes.n_r else ""
    head = "\ndef init(y=None, r=None):\n"
    if program.start is not None:
        memory = [writer.text(v) for v in program.begin.after]
        return (
            f'{head}    """The state before the first period."""\n'
            f"    return {_start(program, memory)}\n"
        )
    row = "    r = np.asarray(r, float).tolist()\n" if r else ""
    return (
        f'{head}    """The state before the first period.\n\n'
        "    It begins with the first measurement: None, where that is not known yet.\n"
        '    """\n'
        "    if y is None:\n        return None\n"
        f"    y = np.asarray(y, float).tolist()\n{row}{unknown(program)}"
        f"    try:\n        return _begin(y{r})[0]\n"
        "    except (ArithmeticError, ValueError):\n"
        f"        return _rare(_begin, y{r})[0]\n"
    )


def _applied(program: Program) -> str:
    places = [i for i, name in enumerate(fields(program)) if name.startswith("applied")]
    head = '\ndef applied(state, u):\n    """The state, told what was applied'
    if not places:
        return f'{head}; this controller does not ask."""\n    return state\n'
    a, b = places[0], places[-1] + 1
    return (
        f'{head} in the last period: u [{b - a}]."""\n'
        "    if not isinstance(state, tuple):\n"
        "        return state\n"
        f"    u = tuple(np.asarray(u, float).tolist())\n{distrusted(program)}"
        f"    return (*state[:{a}], *u, *state[{b}:])\n"
    )


def _start(program: Program, memory: list[str]) -> str:
    """The state before the first period."""
    zeros = ["0" if name == "k" else "0.0" for name in fields(program)]
    guard = ["0"] * program.holds + ["0.0"] * len(held(program))
    return _tuple([*zeros, *memory, *guard])


def _tuple(parts: list[str]) -> str:
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


# ---------------------------------------------------------------- without a measurement


def fields(program: Program) -> list[str]:
    """What comes before the memory in the state: k, applied and asked inputs."""
    part, n = program.step, range(program.sizes.n_u)
    out = ["k"] if part.needs([part.k]) else []
    out += [f"applied{i}" for i in n] if part.needs(part.applied) else []
    return out + ([f"asked{i}" for i in n] if part.needs(part.asked) else [])


def held(program: Program) -> list[str]:
    """What comes behind the memory and the number of missed periods: the last u."""
    return [f"held{i}" for i in range(program.sizes.n_out)] * program.holds


def guard_words(program: Program) -> dict[str, str]:
    """What the text of `step` needs; the sum is what costs little."""
    if not program.guarded:
        return {"missing": "", "missing_doc": ""}
    y, r = _row(program), program.sizes.n_r > 0
    total = f"sum({y})" + " + sum(r)" * r
    test = TEST.format(total=total, every=f"(*{y}, *r)" if r else y)
    if program.holds:
        doc = " Where a\n        measurement is not finite it is the last good one."
        return {"missing": f"{test}        return _hold(state)\n", "missing_doc": doc}
    doc = "\n\n    Raises:\n        ValueError: a measurement is not finite."
    return {"missing": test + REFUSE.format(r=", r={r}" * r), "missing_doc": doc}


def guard_text(program: Program) -> str:
    """The function `_hold`, and `_late` where a measurement begins the memory."""
    if not program.holds:
        return ""
    names, head, late = held(program), fields(program), program.start is None
    moved = {"k": "k + 1"}
    for i, name in enumerate(names * program.fed):
        moved |= {f"applied{i}": name, f"asked{i}": name}
    last = "".join(f", {name}" for name in names)
    text = HOLD.format(
        first=FIRST.format(n=len(names)) * late,
        before="".join(f"{name}, " for name in head),
        after="".join(f"{moved.get(name, name)}, " for name in head),
        held=last,
        u=f"({last[2:]}{',' * (len(names) == 1)})",
    )
    k = "k" in head
    return text + LATE.format(head="_, " * k, held=last, first="missed, " * k) * late


def unknown(program: Program) -> str:
    """In `init`: a first measurement that is not finite is not known yet."""
    if not program.guarded:
        return ""
    every = _row(program)
    every = f"(*{every}, *r)" if program.sizes.n_r else every
    return f"    if not all(map(isfinite, {every})):\n        return None\n"


def distrusted(program: Program) -> str:
    """In `applied`: what is not finite was not applied."""
    test = "    if not all(map(isfinite, u)):\n        return state\n"
    return test * program.guarded


def _row(program: Program) -> str:
    return f"y[:{program.sizes.n_y}]" if program.sizes.more else "y"
