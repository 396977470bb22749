"""The JavaScript module of an exported controller."""

import json
import textwrap
from typing import Any

from hybridctl.codegen.writers.javascript import JavaScriptWriter
from hybridctl.codegen.writers.writer import Names
from hybridctl.deploy.program import Part, Program
from hybridctl.deploy.python_file import fields, held

TAKEN = (
    *("DT", "Y", "U", "MODES", "MODE", "init", "step", "applied", "begin", "hold"),
    *("finite", "state", "t", "y", "r", "u", "k", "Math", "Number", "Array", "NaN"),
    *("Infinity", "Float64Array", "RangeError", "undefined", "arguments", "eval"),
    *"await break case catch class const continue debugger default delete do".split(),
    *"else enum export extends false finally for function if implements".split(),
    *"import in instanceof interface let new null package private protected".split(),
    *"public return static super switch this throw true try typeof var void".split(),
    *"while with yield".split(),
)
MODULE = """\
{facts}{known}
/** The state before the first period{begins}. */
export function init({init_args}) {{
{init}
}}

/**
 * One control period.
 * @param state from `init` or the last `step`.
 * @param {{number}} t time [s].
 * @param {{number[]}} y measurements [{n_y}].{r_doc}
 * @returns {{[Array, number[]]}} the state after the period, and the input u [{n_out}].
 */
export function step(state, t, y{r}) {{
{body}
}}

/** The state, told that u [{n_u}] was applied in the last period{deaf}. */
export function applied(state, u) {{
{applied}
}}
{more}"""
R_DOC = "\n * @param {{number[]}} r references [{}]."
FINITE = """
function finite(row) {
    return row.every(Number.isFinite);
}
"""
HOLD = """
/** A period without a measurement: the last input, and the memory as it was. */
function hold(state) {{
{lines}
}}
"""


def javascript_text(program: Program, header: str = "") -> str:
    """The text of a module with `init`, `step` and `applied`.

    Args:
        program: a controller's graphs.
        header: the comment that it begins with.
    """
    return _JavaScriptFile(program).text(header)


class _JavaScriptFile:
    """One module: a state is an array of head, memory and, guarded, what is held."""

    def __init__(self, program: Program):
        self.program, self.lazy = program, program.start is None
        self.writer = JavaScriptWriter(Names(TAKEN))
        self.head, self.kept = fields(program), held(program)
        cells = sum(leaf.cells for leaf in program.memory)
        self.missed = len(self.head) + cells
        self.r = ", r" if program.sizes.n_r else ""

    def text(self, header: str) -> str:
        """The whole file."""
        sizes = self.program.sizes
        body, begin, init = self._step(), self._begin(), self._init()
        module = MODULE.format(
            facts=self._facts(), known=self._known(), init=init, body=body,
            begins="; null, as long as no measurement y is known" * self.lazy,
            init_args=f"y = null{', r = null' * bool(self.r)}" if self.lazy else "",
            n_y=sizes.n_y, n_out=sizes.n_out, n_u=sizes.n_u, r=self.r,
            r_doc=R_DOC.format(sizes.n_r) * bool(self.r),
            deaf="" if self._told() else ", which does not matter here",
            applied="\n".join(self._applied()), more=begin + self._guard(),
        )  # fmt: skip
        comment = header.strip().replace("*/", "* /").replace("\n", "\n * ")
        return f"/* {comment}\n */\n{module}" if header else module

    def _facts(self) -> str:
        program = self.program
        lines = [f"export const DT = {program.dt!r};  // control period [s]"]
        for name, row in (("Y", program.y), ("U", program.u)):
            lines.append(f"export const {name} = {_listed([n for n, _ in row])};")
        if program.mode is not None:
            before = sum(leaf.cells for leaf in program.memory[: program.mode])
            place = len(self.head) + before
            lines.append(
                f"export const MODES = {_listed(program.modes)};"
                "  // state[MODE] is the active one"
            )
            lines.append(f"export const MODE = {place};")
        return "\n".join(lines) + "\n"

    def _known(self) -> str:
        lines = known_text(self.writer)
        return "\n".join(["", *lines, ""]) if lines else ""

    def _step(self) -> str:
        writer, part, program = self.writer, self.program.step, self.program
        first = self._first_lines()
        self._seen(part)
        self._load(part)
        texts = writer.write(part.block, [*part.after, *part.u])
        memory, u = texts[: len(part.after)], texts[len(part.after) :]
        given = [writer.names.new(f"u{i}") for i in range(len(u))]
        for name, text in zip(given, u, strict=True):
            writer.define("float", name, text)
        moved = {"k": "k + 1"}
        for i, name in enumerate(given * program.fed):
            moved |= {f"applied{i}": name, f"asked{i}": name}
        after = [moved.get(name, name) for name in self.head] + memory
        if self.kept:
            after += [f"state[{self.missed}]", *given]
        elif program.guarded:
            pass  # "error" counts nothing
        writer.line(f"return [[{', '.join(after)}], [{', '.join(given)}]];")
        lines, writer.lines = writer.lines, []
        return "\n".join([*first, *lines])

    def _first_lines(self) -> list[str]:
        """What is refused, what is held, and a memory that has not begun."""
        n, more = self.program.sizes.n_y, self.program.sizes.more
        args = f"y{self.r}"
        lines = [
            f"    if (y.length {'<' if more else '!=='} {n}) {{",
            f"        throw new RangeError(`y has ${{y.length}} entries, expected {n}"
            f"{' or more' if more else ''}`);",
            "    }",
        ]
        if self.program.guarded:
            lines += [f"    if (!({self._finite()})) {{", *self._missing(), "    }"]
        if self.lazy and self.kept:
            k = ["        state[0] = missed;"] * ("k" in self.head)
            lines += [
                "    if (!Array.isArray(state)) {",
                "        const missed = state ?? 0;",
                f"        state = init({args});", *k,
                f"        state[{self.missed}] = missed;", "    }",
            ]  # fmt: skip
        elif self.lazy:
            lines += [f"    state ??= init({args});"]
        return lines

    def _finite(self) -> str:
        n, more = self.program.sizes.n_y, self.program.sizes.more
        test = f"finite(y{f'.slice(0, {n})' * more})"
        return f"{test} && finite(r)" if self.r else test

    def _missing(self) -> list[str]:
        if self.kept:
            return ["        return hold(state);"]
        return [
            "        throw new RangeError(`not finite: y = ${y}; give finite numbers, "
            "or export with on_missing='hold'`);"
        ]

    def _seen(self, part: Part) -> None:
        """Names for what is seen of the tick."""
        writer = self.writer
        writer.known(part.t, "t")
        for name, row in (("y", part.y), ("r", part.r)):
            for i, value in enumerate(row):
                if part.needs([value]):
                    self._name(value, value.name, f"{name}[{i}]")

    def _load(self, part: Part) -> None:
        """Names for what is in the state."""
        writer = self.writer
        places = {name: f"state[{i}]" for i, name in enumerate(self.head)}
        writer.known(part.k, "k")
        if "k" in places:
            writer.define("int", "k", places["k"])
        for name, row in (("applied", part.applied), ("asked", part.asked)):
            for i, value in enumerate(row):
                if f"{name}{i}" in places:
                    self._name(value, f"{name}{i}", places[f"{name}{i}"])
        for i, value in enumerate(part.memory, len(self.head)):
            if part.needs([value]):
                self._name(value, value.name, f"state[{i}]")

    def _name(self, value: Any, wanted: str, place: str) -> None:
        name = self.writer.names.new(wanted)
        self.writer.known(value, name)
        self.writer.define(value.kind, name, place)

    def _begin(self) -> str:
        """The function that makes the memory of a first measurement."""
        if not self.lazy:
            return ""
        writer, part = self.writer, self.program.begin
        self._seen(part)
        memory = writer.write(part.block, part.after)
        writer.line(f"return {self._start(memory)};")
        lines, writer.lines = writer.lines, []
        doc = "/** The memory as the first measurement makes it. */"
        return "\n".join(["", doc, f"function begin(y{self.r}) {{", *lines, "}", ""])

    def _init(self) -> str:
        writer = self.writer
        if not self.lazy:
            part = self.program.begin
            memory = writer.write(part.block, part.after)
            writer.line(f"return {self._start(memory)};")
            lines, writer.lines = writer.lines, []
            return "\n".join(lines)
        unknown = f" || !({self._finite()})" if self.program.guarded else ""
        return f"    return y === null{unknown} ? null : begin(y{self.r});"

    def _start(self, memory: list[str]) -> str:
        kept = ["0"] * (len(self.kept) + bool(self.kept))
        return f"[{', '.join(['0'] * len(self.head) + memory + kept)}]"

    def _told(self) -> list[int]:
        return [i for i, name in enumerate(self.head) if name.startswith("applied")]

    def _applied(self) -> list[str]:
        places = self._told()
        if not places:
            return ["    return state;"]
        ignored = " || !finite(u)" if self.program.guarded else ""
        lines = [
            f"    if (!Array.isArray(state){ignored}) {{ return state; }}",
            "    const after = state.slice();",
        ]
        rows = [f"    after[{at}] = u[{i}];" for i, at in enumerate(places)]
        return [*lines, *rows, "    return after;"]

    def _guard(self) -> str:
        """The functions of one that looks whether its measurements are finite."""
        if not self.kept:
            return FINITE if self.program.guarded else ""
        n, first = len(self.kept), self.missed + 1
        zeros = ", ".join(["0"] * n)
        lines = [
            "    if (!Array.isArray(state)) {",
            f"        return [(state ?? 0) + 1, [{zeros}]];",
            "    }",
        ] * self.lazy
        lines.append("    const after = state.slice();")
        if "k" in self.head:
            lines.append("    after[0] += 1;")
        for at, name in enumerate(self.head * self.program.fed):
            if name != "k":
                i = int(name.removeprefix("applied").removeprefix("asked"))
                lines.append(f"    after[{at}] = state[{first + i}];")
        lines.append(f"    after[{self.missed}] += 1;")
        lines.append(f"    return [after, state.slice({first})];")
        return FINITE + HOLD.format(lines="\n".join(lines))


def _listed(names: Any) -> str:
    return json.dumps(list(names), ensure_ascii=False)


def known_text(writer: JavaScriptWriter) -> list[str]:
    """Lines of the numbers and tables that statements name."""
    lines = []
    for name, value in writer.constants.values():
        lines.append(f"const {name} = {writer.literal(value.info, value.kind)};")
    for name, value in writer.tables.values():
        row = ", ".join(writer.literal(v, value.kind) for v in value.info.flat)
        wrapped = textwrap.fill(row, 84, break_on_hyphens=False)
        inner = textwrap.indent(wrapped, "    ")
        lines.append(f"const {name} = [\n{inner}\n];")
    return lines
