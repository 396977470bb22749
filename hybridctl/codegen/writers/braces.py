"""What C and JavaScript share: braces, `for`, `? :`, and arrays number by number."""

import abc
import textwrap
from collections.abc import Callable
from typing import Any

from hybridctl.codegen.graph import BOOL, If, Loop, Value
from hybridctl.codegen.writers.brace_loops import dot, extreme, moved, reduced, window
from hybridctl.codegen.writers.writer import ATOM, REPEATED, Names, Text, Writer

INFIX = {  # symbol, how strongly it binds, what its arguments need
    "or": ("||", 1, 5), "and": ("&&", 2, 5), "eq": ("==", 3, 5), "ne": ("!=", 3, 5),
    "lt": ("<", 4, 5), "le": ("<=", 4, 5), "add": ("+", 10, 10), "sub": ("-", 10, 10),
    "mul": ("*", 11, 11), "div": ("/", 11, 11),
}  # fmt: skip
MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 log log1p "
    "expm1 sqrt cbrt floor ceil rint pow atan2"
).split()
ELEMENTWISE = {
    *INFIX, *MATH, *REPEATED, "neg", "not", "abs", "select", "convert", "mod", "finite",
    "quotient",
}  # fmt: skip


class BraceWriter(Writer):
    """Writes statements of a language with braces."""

    inlines_arrays = True
    infix = INFIX

    def __init__(self, names: Names):
        super().__init__(names)
        self._parts: dict[Value, bool] = {}
        self._offsets: dict[Value, str] = {}  # of a row in its array

    @abc.abstractmethod
    def literal(self, number: Any, kind: str) -> str:
        """A number."""

    @abc.abstractmethod
    def declare(self, kind: str, name: str, size: int = 0) -> None:
        """A variable without a value; an array of that size where it is above 0."""

    @abc.abstractmethod
    def define(self, kind: str, name: str, text: str) -> None:
        """A number under a name that does not change."""

    @abc.abstractmethod
    def define_row(self, kind: str, name: str, texts: list[str]) -> None:
        """An array of numbers that are known one by one."""

    @abc.abstractmethod
    def repeat(self, index: str, count: int) -> None:
        """Open a scope that is run so often, with an index from 0 on."""

    @abc.abstractmethod
    def call(self, value: Value, args: list[str]) -> Text:
        """A function of the language, or what stands for it."""

    @abc.abstractmethod
    def converted(self, value: Value, text: Callable[..., str]) -> Text:
        """A number as one of another kind."""

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
            return self.named(value), ATOM
        text = self.literal(value.info, value.kind)
        return text, 12 if text.startswith("-") else ATOM

    def item(self, value: Value) -> str:
        """One number of an array."""
        return self.at(value.args[0], str(value.info))

    def at(self, value: Value, index: str) -> str:
        """A number of an array that has a name, or is a row of one."""
        if value in self._offsets:
            index = f"{self._offsets[value]} + {index}"
        return f"{self.text(value)}[{index}]"

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
        if op in self.infix:
            symbol, strength, least = self.infix[op]
            left, right = text(args[0], least), text(args[1], least + 1)
            return f"{left} {symbol} {right}", strength
        if op in (*MATH, "mod", "abs", "finite", "quotient"):
            return self.call(value, [text(a, 0) for a in args])
        if op == "neg":
            return f"-{text(args[0], 13)}", 12
        if op == "not":
            return f"!{text(args[0], 12)}", 4
        if op == "convert":
            return self.converted(value, text)
        return self._choice(value, [text(a, 5) for a in args]), 0

    def _choice(self, value: Value, args: list[str]) -> str:
        if value.op == "select":
            return f"{args[0]} ? {args[1]} : {args[2]}"
        if value.op == "clip":
            low, x, high = args
            return f"{x} < {low} ? {low} : ({x} > {high} ? {high} : {x})"
        a, b = args
        return extreme(value.op, a, b, value.kind)

    def element(self, value: Value, index: str, least: int = 0) -> str:
        """A number of an array, by an index into its row-major order."""
        if not value.is_array:
            return self.text(value, least)
        if value.op == "fill":
            return self.text(value.args[0], least)
        if value.op not in ELEMENTWISE or self._texts[value][0]:
            return self.at(value, index)
        inside = lambda a, least=0: self.element(a, index, least)  # noqa: E731
        text, strength = self.formula(value, inside)
        return text if strength >= least else f"({text})"

    def assign(self, value: Value, text: str) -> None:
        """Type name = text; or an array, number by number."""
        if not value.is_array:
            name = self.name(value)
            self.define(value.kind, name, text)
            return
        if value.op == "pack":
            row = [self.text(a) for a in value.args]
            self.define_row(value.kind, self.name(value), row)
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
        self.declare(value.kind, name, value.size if value.is_array else 0)
        return name

    def over(self, size: int, target: str, inside: Callable[[str], str]) -> None:
        """A loop that fills an array."""
        i = self.names.new("i")
        self.repeat(i, size)
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
            self.repeat(i, found.count)
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
            before = f"{self._offsets[array]} + " if array in self._offsets else ""
            for j, cell in enumerate(cells):
                if not self.used(cell):
                    continue
                if cell.op == "row":
                    self._offsets[cell] = before + f"{row} * {cell.size}"
                    self.known(cell, base)
                else:
                    place = f"{row} * {n} + {j}" if n > 1 else row
                    self.known(cell, f"{base}[{before}{place}]")

    def _keep(self, target: str, cells: list[Value], row: str) -> None:
        if cells[0].is_array:
            i, size = self.names.new("i"), cells[0].size
            self.repeat(i, size)
            text = self.element(cells[0], i)
            self.line(f"{target}[{row} * {size} + {i}] = {text};")
            self.close()
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
                self.declare(c.kind, new[c], c.size if c.is_array else 0)
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
