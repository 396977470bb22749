"""The C header and source of an exported controller."""

import math
import re

from hybridctl.codegen.writers import c_tanh
from hybridctl.codegen.writers.c import WHOLE, CWriter
from hybridctl.codegen.writers.writer import Names
from hybridctl.deploy.program import Part, Program

WORDS = (
    *"auto bool break case char const continue default do double else enum".split(),
    *"extern float for goto if inline int long register restrict return short".split(),
    *"signed sizeof static struct switch typedef union unsigned void volatile".split(),
    "while",
)
CPP = (  # which reads the header, too
    *"and asm bitand bitor catch class compl delete explicit export false".split(),
    *"friend mutable namespace new not nullptr operator or private protected".split(),
    *"public template this throw true try typeid typename using virtual xor".split(),
)
TAKEN = (
    c_tanh.NAME,
    *WORDS,
    *("s", "t", "y", "r", "u", "k", "missed", "held"),
    *"llabs sin cos tan exp log pow sqrt fmin fmax".split(),
    *("NAN", "INFINITY", "isfinite", "gamma", "y0", "y1", "yn", "j0", "j1", "jn"),
)
ARRAY = re.compile(r"\s*(?:const )?(double|float|int|long long) \w+\[(\d+)\]")
HEADER = """\
/* {comment}
 */
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

/* The memory between two periods. */
typedef struct {{
{fields}
}} {name}_state;

/* The memory before the first period. */
void {name}_init({name}_state *s);

/* One control period.
 * s: memory, from {name}_init or the last period.
 * t: time [s].
 * y: measurements: {y}.{r_doc}
 * u: the input, written: {u}.{missing} */
{returns} {step};

/* Tell what was applied in the last period, where that is not what was asked for. */
void {name}_applied({name}_state *s, const {real} u[{n_u}]);

#ifdef __cplusplus
}}
#endif

#endif
"""
SOURCE = """\
/* {comment}
 */
#include "{name}.h"

{includes}
{known}{tanh}{finite}{begin}
void {name}_init({name}_state *s) {{
{init}
}}

{returns} {step} {{
{body}
}}

void {name}_applied({name}_state *s, const {real} u[{n_u}]) {{
{applied}
}}
"""

MISSING = {
    "hold": """
 * Where a measurement or reference is not finite it returns 1: u is the last good one,
 * the memory stays as it was, and s->missed counts. Elsewhere it returns 0.""",
    "error": """
 * Where a measurement or reference is not finite it returns 1: u is the last good one,
 * and nothing else happens but that s->missed counts. Elsewhere it returns 0.""",
}
FINITE = """
/* Whether one of n numbers is not finite. */
static int {name}_missing(const {real} *row, int n) {{
    int i;
    for (i = 0; i < n; i++) {{
        if (!isfinite(row[i])) {{ return 1; }}
    }}
    return 0;
}}
"""


class CFile:
    """C source for a controller.

    Args:
        program: the controller's graphs.
        name: of the file, and what every name in it begins with.
        real: "double" or "float".
    """

    def __init__(self, program: Program, name: str, real: str = "double"):
        self.program, self.name, self.real = program, name, real
        self.names = Names(TAKEN)
        self.writer = CWriter(self.names, real)
        own = ("k", "begun", "applied", "asked", "missed", "held")
        fields = Names((*WORDS, *CPP, *own))
        self.fields = [fields.new(leaf.name) for leaf in program.memory]
        self.lazy = program.start is None
        self._body = self._step()
        self._begin = self._first() if self.lazy else ""
        self._init_lines = self._init()

    def header(self, comment: str) -> str:
        """The text of the .h file."""
        program, sizes = self.program, self.program.sizes
        rows = {
            key: ", ".join(f"{n} [{unit}]" if unit else n for n, unit in row)
            for key, row in (("y", program.y), ("u", program.u))
        }
        r = f"\n * r: references [{sizes.n_r}]." if sizes.n_r else ""
        return HEADER.format(
            comment=comment.replace("\n", "\n * "), guard=f"{self.name.upper()}_H",
            fields="\n".join(self._struct()), name=self.name, r_doc=r, n_u=sizes.n_u,
            step=self._signature(), real=self.real, returns=returns(program),
            missing=MISSING.get(program.on_missing, ""), **rows,
        )  # fmt: skip

    def source(self, comment: str) -> str:
        """The text of the .c file."""
        finite = finite_text(self.program, self.name, self.real)
        body = "\n".join([*self._body, *self._begin, *self._init_lines, finite])
        includes = "#include <math.h>\n" if re.search(r"\w\(|NAN|INF", body) else ""
        includes += "#include <stdlib.h>\n" if "llabs(" in body else ""
        return SOURCE.format(
            comment=comment.replace("\n", "\n * "), name=self.name, real=self.real,
            tanh=c_tanh.tanh_text(self.real) if f"{c_tanh.NAME}(" in body else "",
            includes=includes, known=self._known(), step=self._signature(),
            begin=self._begin_text(), init="\n".join(self._init_lines),
            body="\n".join(self._body), n_u=self.program.sizes.n_u,
            applied=self._applied(), returns=returns(self.program), finite=finite,
        )  # fmt: skip

    @property
    def stack(self) -> int:
        """Bytes of the arrays in a period, at most: some may share a place."""
        size = {"double": 8, "float": 4, "int": 4, WHOLE: 8}
        found = (ARRAY.match(line) for line in [*self._body, *self._begin])
        return sum(size[at[1]] * int(at[2]) for at in found if at)

    def _signature(self) -> str:
        sizes, real = self.program.sizes, self.real
        r = f"const {real} r[{sizes.n_r}], " if sizes.n_r else ""
        return (
            f"{self.name}_step({self.name}_state *s, {real} t, "
            f"const {real} y[{sizes.n_y}], {r}{real} u[{sizes.n_out}])"
        )

    def _struct(self) -> list[str]:
        n_u = self.program.sizes.n_u
        lines = [f"    {WHOLE} k; /* number of the coming period */"]
        lines += [
            "    int begun; /* whether there was a first measurement */"
        ] * self.lazy
        lines += [f"    {self.real} applied[{n_u}]; /* in the last period */"]
        lines += [f"    {self.real} asked[{n_u}]; /* in the last period */"]
        for leaf, field in zip(self.program.memory, self.fields, strict=True):
            size = f"[{math.prod(leaf.shape)}]" if leaf.shape else ""
            lines.append(f"    {self.writer.types[leaf.kind]} {field}{size};")
        return lines + struct_lines(self.program, self.real)

    def _places(self) -> list[str]:
        """Where the memory's values are in the struct."""
        out = []
        for leaf, field in zip(self.program.memory, self.fields, strict=True):
            if leaf.spread and leaf.shape:
                out += [f"s->{field}[{i}]" for i in range(leaf.cells)]
            else:
                out.append(f"s->{field}")
        return out

    def _step(self) -> list[str]:
        writer, part, program = self.writer, self.program.step, self.program
        self._seen(part)
        self._load(part)
        texts = writer.write(part.block, [*part.after, *part.u])
        memory, u = texts[: len(part.after)], texts[len(part.after) :]
        if self.lazy:
            r = ", r" if program.sizes.n_r else ""
            writer.lines.insert(
                0, f"    if (!s->begun) {{ {self.name}_begin(s, y{r}); }}"
            )
        given = [self.names.new(f"u{i}") for i in range(len(u))]
        for name, text in zip(given, u, strict=True):
            writer.line(f"const {self.real} {name} = {text};")
        self._store(part, memory)
        for i, name in enumerate(given):
            more = f" s->asked[{i}] = s->applied[{i}] = {name};" if program.fed else ""
            more += f" s->held[{i}] = {name};" * program.guarded
            writer.line(f"u[{i}] = {name};{more}")
        writer.line("s->k += 1;")
        if not any(re.search(r"\bt\b", line) for line in writer.lines):
            writer.line("(void)t;")
        if not any(re.search(r"\by\b", line) for line in writer.lines):
            writer.line("(void)y;")
        if program.sizes.n_r and not re.search(r"\br\b", "\n".join(writer.lines)):
            writer.line("(void)r;")
        if program.guarded:
            writer.lines = [*hold_lines(program, self.name), *writer.lines]
            writer.line("return 0;")
        lines, writer.lines = writer.lines, []
        return lines

    def _seen(self, part: Part) -> None:
        writer = self.writer
        writer.known(part.t, "t")
        writer.known(part.k, "s->k")
        for name, row in (("y", part.y), ("r", part.r)):
            for i, value in enumerate(row):
                if part.needs([value]):
                    text = self.names.new(value.name)
                    writer.known(value, text)
                    writer.line(f"const {self.real} {text} = {name}[{i}];")
        for name, row in (("applied", part.applied), ("asked", part.asked)):
            for i, value in enumerate(row):
                writer.known(value, f"s->{name}[{i}]")

    def _load(self, part: Part) -> None:
        """Numbers of the memory under names of their own, as they were before."""
        for value, place in zip(part.memory, self._places(), strict=True):
            if value.is_array:
                self.writer.known(value, place)
            elif part.needs([value]):
                name = self.names.new(value.name)
                self.writer.known(value, name)
                kind = self.writer.types[value.kind]
                self.writer.line(f"const {kind} {name} = {place};")

    def _store(self, part: Part, texts: list[str]) -> None:
        """The new memory: numbers first, as they may be those of an old array."""
        writer = self.writer
        rows = list(zip(part.after, self._places(), texts, strict=True))
        for value, place, text in rows:
            if not value.is_array and text != place:
                writer.line(f"{place} = {text};")
        moved = [row for row in rows if row[0].is_array and row[2] != row[1]]
        for value, _, text in moved:
            if value.op == "input":  # it may be overwritten before it is read
                name = writer.names.new("old")
                writer.declare(value.kind, name, value.size)
                writer.over(value.size, name, lambda i, t=text: f"{t}[{i}]")
                writer.known(value, name)
        for value, place, _ in moved:
            writer.store(place, value)

    def _first(self) -> list[str]:
        writer, part = self.writer, self.program.begin
        self._seen(part)
        texts = writer.write(part.block, part.after)
        self._store(part, texts)
        writer.line("s->begun = 1;")
        if not any(re.search(r"\by\b", line) for line in writer.lines):
            writer.line("(void)y;")
        if self.program.sizes.n_r and not re.search(r"\br\b", "\n".join(writer.lines)):
            writer.line("(void)r;")
        lines, writer.lines = writer.lines, []
        return lines

    def _begin_text(self) -> str:
        if not self.lazy:
            return ""
        sizes = self.program.sizes
        r = f", const {self.real} r[{sizes.n_r}]" if sizes.n_r else ""
        head = (
            f"\n/* The memory as the first measurement makes it. */\nstatic void "
            f"{self.name}_begin({self.name}_state *s, const {self.real} "
            f"y[{sizes.n_y}]{r}) {{"
        )
        return "\n".join([head, *self._begin, "}\n"])

    def _init(self) -> list[str]:
        writer, n_u = self.writer, self.program.sizes.n_u
        writer.line("s->k = 0;")
        for i in range(n_u):
            writer.line(f"s->applied[{i}] = s->asked[{i}] = 0;")
        writer.lines += init_lines(self.program)
        if self.lazy:
            writer.line("s->begun = 0;")
            self._zeros()
        else:
            part = self.program.begin
            self._store(part, writer.write(part.block, part.after))
        lines, writer.lines = writer.lines, []
        return lines

    def _zeros(self) -> None:
        """A memory that has not begun is all zeros."""
        for value, place in zip(self.program.step.memory, self._places(), strict=True):
            if value.is_array:
                self.writer.over(value.size, place, lambda i: "0")
            else:
                self.writer.line(f"{place} = 0;")

    def _known(self) -> str:
        """Numbers and tables of the controller."""
        writer, lines = self.writer, []
        for name, value in writer.constants.values():
            text = writer.literal(value.info, value.kind)
            lines.append(f"static const {writer.types[value.kind]} {name} = {text};")
        kept, writer.lines, writer.depth = writer.lines, [], 0
        for name, value in writer.tables.values():
            row = ", ".join(writer.literal(v, value.kind) for v in value.info.flat)
            kind = writer.types[value.kind]
            writer.line(f"static const {kind} {name}[{value.size}] = {{{row}}};")
        lines += writer.lines
        writer.lines, writer.depth = kept, 1
        return "\n".join([*lines, ""]) if lines else ""

    def _applied(self) -> str:
        rows = [f"    s->applied[{i}] = u[{i}];" for i in range(self.program.sizes.n_u)]
        return "\n".join([*applied_lines(self.program, self.name), *rows])


# ---------------------------------------------------------------- without a measurement


def returns(program: Program) -> str:
    """What `step` gives back."""
    return "int" if program.guarded else "void"


def finite_text(program: Program, name: str, real: str) -> str:
    """The function that looks whether numbers are finite."""
    return FINITE.format(name=name, real=real) if program.guarded else ""


def struct_lines(program: Program, real: str) -> list[str]:
    """The end of the struct."""
    if not program.guarded:
        return []
    return [
        f"    {WHOLE} missed; /* periods without a measurement */",
        f"    {real} held[{program.sizes.n_out}]; /* the last good input */",
    ]


def init_lines(program: Program) -> list[str]:
    """Nothing missed, nothing held."""
    if not program.guarded:
        return []
    held = [f"    s->held[{i}] = 0;" for i in range(program.sizes.n_out)]
    return ["    s->missed = 0;", *held]


def hold_lines(program: Program, name: str) -> list[str]:
    """A period without a measurement."""
    sizes, fed = program.sizes, program.fed
    test = f"{name}_missing(y, {sizes.n_y})"
    test += f" || {name}_missing(r, {sizes.n_r})" * (sizes.n_r > 0)
    told = " s->asked[{0}] = s->applied[{0}] = s->held[{0}];" * (fed and program.holds)
    rows = [f"u[{i}] = s->held[{i}];{told.format(i)}" for i in range(sizes.n_out)]
    rows += ["s->k += 1;"] * program.holds + ["s->missed += 1;", "return 1;"]
    return [f"    if ({test}) {{", *(f"        {row}" for row in rows), "    }"]


def applied_lines(program: Program, name: str) -> list[str]:
    """What is not finite was not applied."""
    test = f"    if ({name}_missing(u, {program.sizes.n_u})) {{ return; }}"
    return [test] * program.guarded
