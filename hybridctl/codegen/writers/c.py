"""The graph as C99: straight-line code, and loops where arrays are large."""

import textwrap
from collections.abc import Callable
from typing import Any

from hybridctl.codegen.graph import BOOL, FLOAT, INT, If, Loop, Value
from hybridctl.codegen.writers import c_loops, c_tanh
from hybridctl.codegen.writers.c_loops import (
    PLACE,
    dot,
    literal,
    moved,
    reduced,
    window,
)
from hybridctl.codegen.writers.writer import ATOM, REPEATED, Names, Text, Writer

INFIX = {  # symbol, how strongly it binds, what its arguments need
    "or": ("||", 1, 5), "and": ("&&", 2, 5), "eq": ("==", 3, 5), "ne": ("!=", 3, 5),
    "lt": ("<", 4, 5), "le": ("<=", 4, 5), "add": ("+", 10, 10), "sub": ("-", 10, 10),
    "mul": ("*", 11, 11), "div": ("/", 11, 11), "quotient": ("/", 11, 11),
}  # fmt: skip
MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 log log1p "
    "expm1 sqrt cbrt floor ceil rint pow atan2"
).split()
ELEMENTWISE = {
    *INFIX, *MATH, *REPEATED, "neg", "not", "abs", "select", "convert", "mod", "finite",
}  # fmt: skip
WHOLE = "long long"  # a period counter of 32 bits lasts 25 days at 1 kHz


class CWriter(Writer):
    """Writes C statements.

    Args:
        names: identifiers that are taken.
        real: "double" or "float".
    """

    inlines_arrays = True

    def __init__(self, names: Names, real: str):
        super().__init__(names)
        self.real = real
        self.types = {FLOAT: real, INT: WHOLE, BOOL: "int", PLACE: "int"}
        self._parts: dict[Value, bool] = {}

    def line(self, text: str) -> None:
        """A line of code, broken between words where it is long."""
        pad = "    " * self.depth
        self.lines += textwrap.wrap(
            text, 88, initial_indent=pad, subsequent_indent=pad + "        ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def open(self, text: str) -> None:
        """Begin a scope."""
        self.line(text)
        self.depth += 1

    def close(self, text: str = "}") -> None:
        """End a scope."""
        self.depth -= 1
        self.line(text)

    def constant(self, value: Value) -> Text:
        """A named number of the controller, or a number."""
        if value.name:
            return self.named(value.name, value), ATOM
        text = self.literal(value.info, value.kind)
        return text, 12 if text.startswith("-") else ATOM

    def literal(self, number: Any, kind: str) -> str:
        """A number."""
        return literal(number, kind, self.real)

    def item(self, value: Value) -> str:
        """One number of an array."""
        return f"{self.text(value.args[0])}[{value.info}]"

    def expression(self, value: Value) -> Text:
        """How a number is computed; arrays are written by `assign`."""
        if value.is_array:
            fits = value.op in ELEMENTWISE and value.op not in REPEATED
            self._parts[value] = fits
            return "" if fits else "x" * 999, ATOM
        return self.formula(value, self.text)

    def _fits(self, value: Value, user: Any) -> bool:
        if not value.is_array:
            return super()._fits(value, user)
        fused = isinstance(user, Value) and user.op in ELEMENTWISE
        if not (fused and self._parts[value] and user.shape == value.shape):
            return False
        return user.op not in REPEATED and value.block.turn is user.block.turn

    def formula(self, value: Value, text: Callable[..., str]) -> Text:
        """One operation on numbers, whose texts `text(value, least)` gives."""
        op, args = value.op, value.args
        if op in INFIX:
            symbol, strength, least = INFIX[op]
            left, right = text(args[0], least), text(args[1], least + 1)
            return f"{left} {symbol} {right}", strength
        if op in MATH or op in ("mod", "abs"):
            return self._call(value, [text(a, 0) for a in args])
        if op == "finite":
            return f"isfinite({text(args[0], 0)})", ATOM
        if op == "neg":
            return f"-{text(args[0], 13)}", 12
        if op == "not":
            return f"!{text(args[0], 12)}", 4
        if op == "convert":
            return self._converted(value, text)
        return self._choice(value, [text(a, 5) for a in args]), 0

    def _call(self, value: Value, args: list[str]) -> Text:
        op, short = value.op, "f" if self.real == "float" else ""
        if value.kind == INT:
            if op == "mod":
                return f"({args[0]}) % ({args[1]})", 11
            return f"ll{op}({args[0]})", ATOM
        if op == "tanh":
            return f"{c_tanh.NAME}({args[0]})", ATOM
        name = {"mod": "fmod", "abs": "fabs"}.get(op, op)
        return f"{name}{short}({', '.join(args)})", ATOM

    def _converted(self, value: Value, text: Callable[..., str]) -> Text:
        (a,) = value.args
        if value.kind == BOOL:
            return f"{text(a, 5)} != 0", 3
        if value.kind == INT and a.kind == BOOL:
            return text(a, 5), 5
        return f"({self.types[value.kind]}){text(a, 13)}", 12

    def _choice(self, value: Value, args: list[str]) -> str:
        if value.op == "select":
            return f"{args[0]} ? {args[1]} : {args[2]}"
        if value.op == "clip":
            low, x, high = args
            return f"{x} < {low} ? {low} : ({x} > {high} ? {high} : {x})"
        a, b = args
        return c_loops.extreme(value.op, a, b, value.kind)

    def element(self, value: Value, index: str, least: int = 0) -> str:
        """A number of an array, by an index into its row-major order."""
        if not value.is_array:
            return self.text(value, least)
        if value.op == "fill":
            return self.text(value.args[0], least)
        if value.op not in ELEMENTWISE or self._texts[value][0]:
            return f"{self.text(value)}[{index}]"
        inside = lambda a, least=0: self.element(a, index, least)  # noqa: E731
        text, strength = self.formula(value, inside)
        return text if strength >= least else f"({text})"

    def assign(self, value: Value, text: str) -> None:
        """Type name = text; or an array, number by number."""
        if not value.is_array:
            name = self.name(value)
            self.line(f"const {self.types[value.kind]} {name} = {text};")
            return
        if value.op == "pack":
            row = ", ".join(self.text(a) for a in value.args)
            kind, size = self.types[value.kind], value.size
            self.line(f"const {kind} {self.name(value)}[{size}] = {{{row}}};")
            return
        name = self.declared(value)
        if value.op == "move":
            moved(self, name, value)
        elif value.op == "dot":
            dot(self, name, value)
        elif value.op == "reduce":
            reduced(self, name, value)
        elif value.op == "window":
            window(self, name, value)
        elif value.op == "full":
            self.over(value.size, name, lambda i: self.text(value.args[0]))
        else:
            inside = lambda i: self.formula(  # noqa: E731
                value, lambda a, least=0: self.element(a, i, least)
            )[0]
            self.over(value.size, name, inside)

    def declared(self, value: Value) -> str:
        """Declare a variable without a value."""
        name = self.name(value)
        size = f"[{value.size}]" if value.is_array else ""
        self.line(f"{self.types[value.kind]} {name}{size};")
        return name

    def over(self, size: int, target: str, inside: Callable[[str], str]) -> None:
        """A loop that fills an array."""
        i = self.names.new("i")
        self.open(f"for (int {i} = 0; {i} < {size}; {i}++) {{")
        self.line(f"{target}[{i}] = {inside(i)};")
        self.close()

    def store(self, target: str, value: Value) -> None:
        """Assign to a variable that is there."""
        if value.is_array:
            self.over(value.size, target, lambda i: self.element(value, i))
        else:
            self.line(f"{target} = {self.text(value)};")

    def after(self, value: Value) -> None:
        """Numbers of an array are written where they are used."""

    def branch(self, found: If) -> None:
        """Write if, else if, else."""
        outs = [out for out in found.outs if self.used(out)]
        names = [self.declared(out) for out in outs]
        index, n = self.text(found.index, 5), len(found.blocks)
        for i, block in enumerate(found.blocks):
            head = _test(found, i, index, n)
            self.open(f"{head} {{") if not i else self.close_open(head)
            self.block(block)
            for out, name in zip(outs, names, strict=True):
                self.store(name, out.args[1 + i])
        self.close()

    def close_open(self, head: str) -> None:
        """End a scope and begin the next."""
        self.depth -= 1
        self.open(f"}} {head} {{")

    def loop(self, found: Loop) -> None:
        """Write a for over rows, or one with a break."""
        carry = [c for c in found.carry if self.used(c)]
        for c in carry:
            self.store(self.declared(c), c.args[0])
        made = [(out, cells) for out, cells in found.made if self.used(out)]
        for out, _ in made:
            self.declared(out)
        i = self.names.new("i")
        if found.count is None:
            self.open("for (;;) {")
            assert found.before is not None and found.test is not None
            self.block(found.before)
            self.line(f"if (!({self.text(found.test)})) {{ break; }}")
        else:
            self.open(f"for (int {i} = 0; {i} < {found.count}; {i}++) {{")
        row = f"({found.count - 1} - {i})" if found.count and found.reverse else i
        self._rows(found, row)
        self.block(found.body)
        for out, cells in made:
            self._keep(self.text(out), cells, row)
        self._turn([c for c in carry if c.args[1] is not c])
        self.close()

    def _rows(self, found: Loop, row: str) -> None:
        for array, cells in found.rows:
            if not any(map(self.used, cells)):
                continue
            base, n = self.text(array), len(cells)
            for j, cell in enumerate(cells):
                if not self.used(cell):
                    continue
                if cell.op == "row":
                    kind = self.types[cell.kind]
                    name = self.name(cell)
                    self.line(f"const {kind} *{name} = {base} + {row} * {cell.size};")
                else:
                    place = f"{row} * {n} + {j}" if n > 1 else row
                    self.known(cell, f"{base}[{place}]")

    def _keep(self, target: str, cells: list[Value], row: str) -> None:
        if cells[0].is_array:
            size = cells[0].size
            inside = lambda i: self.element(cells[0], i)  # noqa: E731
            self.over(size, f"({target} + {row} * {size})", inside)
            return
        for j, cell in enumerate(cells):
            self.line(f"{target}[{row} * {len(cells)} + {j}] = {self.text(cell)};")

    def _turn(self, moved: list[Value]) -> None:
        """What the next turn begins with: all computed, then all assigned."""
        new = {}
        for c in moved:
            after = c.args[1]
            if after.op in ("carry", "left") or not after.is_array:
                new[c] = self.names.new("next")
                size = f"[{c.size}]" if c.is_array else ""
                self.line(f"{self.types[c.kind]} {new[c]}{size};")
                self.store(new[c], after)
        for c in moved:
            if c in new and c.is_array:
                self.over(c.size, self.text(c), lambda i, c=c: f"{new[c]}[{i}]")
            elif c in new:
                self.line(f"{self.text(c)} = {new[c]};")
            else:
                self.store(self.text(c), c.args[1])


def _test(found: If, i: int, index: str, n: int) -> str:
    if found.index.kind == BOOL:
        return "else" if i else f"if (!{index})"
    if i == n - 1:
        return "else"
    sign = "<=" if i == 0 else "=="
    return f"{'else if' if i else 'if'} ({index} {sign} {i})"
