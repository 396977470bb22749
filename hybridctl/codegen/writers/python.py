"""The graph as Python: plain floats, and NumPy where arrays are large."""

import math
import textwrap

from hybridctl.codegen.graph import BOOL, FLOAT, INT, If, Loop, Value
from hybridctl.codegen.writers.python_arrays import array_expression
from hybridctl.codegen.writers.python_text import INDENT, INFIX, broken, listed, test_of
from hybridctl.codegen.writers.writer import ATOM, Names, Text, Writer

MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 log log1p "
    "expm1 sqrt cbrt floor ceil pow atan2"
).split()
ROUND = 6755399441055744.0  # 1.5 · 2**52: adding it drops the digits behind the point


class PythonWriter(Writer):
    """Writes Python statements."""

    inlines_arrays = True

    def __init__(self, names: Names):
        super().__init__(names)
        self.imports: set[str] = set()
        self._wide: set[Value] = set()  # of NumPy in a period by the rules of IEEE 754

    def line(self, text: str) -> None:
        """A line of code, broken where it is long: it is in brackets or has a call."""
        self.lines.append(
            textwrap.indent(broken(text, 88 - 4 * self.depth), INDENT * self.depth)
        )

    def constant(self, value: Value) -> Text:
        """A named number of the controller, or a number."""
        if value.name:
            return self.named(value), ATOM
        number = value.info
        if value.kind == FLOAT and not math.isfinite(number):
            return f'float("{number}")', ATOM
        return repr(number), 12 if number < 0 else ATOM

    def item(self, value: Value) -> str:
        """Numbers are taken out of an array where it is made."""
        raise AssertionError(value)

    def expression(self, value: Value) -> Text:
        """How a value is computed."""
        if value.is_array:
            return array_expression(self, value)
        op, args = value.op, value.args
        if self._is_wide(value):
            self._wide.add(value)
        if op in INFIX:
            return self.infix(value, *INFIX[op])
        if op in MATH or op in ("mod", "finite"):
            return self._call(value)
        if op == "neg":
            return f"-{self.text(args[0], 12)}", 12
        if op == "not":
            return f"not {self.text(args[0], 3)}", 3
        if op == "abs":
            return f"abs({self.text(args[0])})", ATOM
        if op == "rint":
            big = self.named(Value("const", info=ROUND, name="ROUND"))
            return f"{self.text(args[0], 10)} + {big} - {big}", 10
        if op == "quotient":
            return f"int({self.text(args[0], 11)} / {self.text(args[1], 12)})", ATOM
        return self._choice(value)

    def infix(self, value: Value, symbol: str, strength: int) -> Text:
        """Two arguments and a symbol between them."""
        a, b = value.args
        left = strength + (strength == 4)
        right = self.text(b, strength + 1)
        if value.op == "div" and not value.is_array and not self._divides(a, b):
            right = f"float({self.text(b)})"
        return f"{self.text(a, left)} {symbol} {right}", strength

    def _divides(self, a: Value, b: Value) -> bool:
        """Whether a / b is a number where b is 0: of plain floats Python refuses it."""
        known = b.op == "const" and b.info != 0
        return known or any(v.op == "input" or v in self._wide for v in (a, b))

    def _is_wide(self, value: Value) -> bool:
        """Whether it is a float of NumPy where what goes into the period is one."""
        if value.kind != FLOAT or value.is_array:
            return False
        if value.op in MATH or value.op in ("mod", "div", "convert"):
            return True
        numbers = [a for a in value.args if a.kind == FLOAT]
        some = any if value.op in ("add", "sub", "mul", "neg", "abs", "rint") else all
        return some(a.op == "input" or a in self._wide for a in numbers)

    def _call(self, value: Value) -> Text:
        inside = ", ".join(self.text(a) for a in value.args)
        name = {"mod": "fmod", "finite": "isfinite"}.get(value.op, value.op)
        self.imports.add(name)
        if value.kind == INT:
            return f"int({name}({inside}))", ATOM
        if value.op in ("floor", "ceil"):
            return f"float({name}({inside}))", ATOM
        return f"{name}({inside})", ATOM

    def _choice(self, value: Value) -> Text:
        """Everything that Python writes as `a if test else b`."""
        op = value.op
        args = [self.text(a, 1) for a in value.args]
        if op == "select":
            test, a, b = args[0], args[1], self.text(value.args[2])
            return f"{a} if {test} else {b}", 0
        if op == "clip":
            low, x, high = args
            return f"{low} if {x} < {low} else {high} if {x} > {high} else {x}", 0
        if op in ("max", "min"):
            return self._extreme(value), 0
        if value.kind == BOOL:
            return f"{self.text(value.args[0], 5)} != 0", 4
        if value.kind == FLOAT:
            return f"float({self.text(value.args[0])})", ATOM
        if value.args[0].kind == BOOL:
            return f"1 if {args[0]} else 0", 0
        return f"int({self.text(value.args[0])})", ATOM

    def _extreme(self, value: Value) -> str:
        """NaN goes through, on either side."""
        a, b = sorted(value.args, key=lambda v: v.op != "const")
        first, other = self.text(a, 5), self.text(b, 5)
        sign = ">" if value.op == "max" else "<"
        broken = "" if a.op == "const" else f" or {first} != {first}"
        return f"{first} if {first} {sign} {other}{broken} else {other}"

    def assign(self, value: Value, text: str) -> None:
        """Name = text."""
        self.line(f"{self.name(value)} = {text}")

    def after(self, value: Value) -> None:
        """Take the numbers out of an array that are used one by one."""
        items = self.items(value) if value.is_array else {}
        if not items:
            return
        text = self.text(value, ATOM)
        if len(items) * 3 < value.size or value.size == 1:
            for i, cell in items.items():
                self.line(f"{self.name(cell)} = {text}.item({i})")
            return
        names = [self.name(items[i]) if i in items else "_" for i in range(value.size)]
        flat = text if len(value.shape) == 1 else f"{text}.ravel()"
        self.line(f"{listed(names)} = {flat}.tolist()")

    def branch(self, found: If) -> None:
        """if, elif, else."""
        outs = [out for out in found.outs if self.used(out)]
        names = [self.name(out) for out in outs]
        index = self.text(found.index, 5)
        for i, block in enumerate(found.blocks):
            self.line(test_of(found, i, index, len(found.blocks)))
            self.depth += 1
            self.block(block)
            for out, name in zip(outs, names, strict=True):
                self.line(f"{name} = {self.text(out.args[1 + i])}")
            if not outs:
                self.line("pass")
            self.depth -= 1
        for out in outs:
            self.after(out)

    def loop(self, found: Loop) -> None:
        """A for over rows, or a while."""
        carry = [c for c in found.carry if self.used(c)]
        for c in carry:
            before = self.text(c.args[0])
            self.line(f"{self.name(c)} = {before}")
        made = [(out, cells) for out, cells in found.made if self.used(out)]
        lists = [self.name(out) for out, _ in made]
        for name in lists:
            self.line(f"{name} = []")
        self.line(self._head(found))
        self.depth += 1
        if found.before is not None:
            self.block(found.before)
            self.line(f"if not ({self.text(found.test)}):")  # type: ignore[arg-type]
            self.line("    break")
        for c in carry:
            self.after(c)
        for _, cells in found.rows:
            for cell in cells:
                if cell.op == "row" and self.used(cell):
                    self.after(cell)
        self.block(found.body)
        self._turn(carry, list(zip(lists, made, strict=True)))
        self.depth -= 1
        self._collect(found, list(zip(lists, made, strict=True)))
        for c in carry:
            self._left(c)

    def _turn(self, carry: list[Value], made: list) -> None:
        for name, (_, cells) in made:
            row = [self.text(c) for c in cells]
            inside = row[0] if cells[0].is_array else f"[{', '.join(row)}]"
            self.line(f"{name}.append({inside})")
        moved = [c for c in carry if c.args[1] is not c]
        if moved:
            new = listed([self.text(c.args[1]) for c in moved])
            self.line(f"{listed([self.text(c) for c in moved])} = {new}")
        elif not made:
            self.line("pass")

    def _head(self, found: Loop) -> str:
        if found.count is None:
            return "while True:"
        rows = [
            (array, cells)
            for array, cells in found.rows
            if any(self.used(c) for c in cells)
        ]
        if not rows:
            return f"for _ in range({found.count}):"
        targets, sources = [], []
        for array, cells in rows:
            names = [self.name(c) if self.used(c) else "_" for c in cells]
            text = self.text(array, ATOM) + ("[::-1]" if found.reverse else "")
            if cells[0].op == "row":
                targets.append(names[0])
            else:
                targets.append(f"({listed(names)})" if len(rows) > 1 else listed(names))
                text += f".reshape({found.count}, {len(cells)}).tolist()"
            sources.append(text)
        if len(rows) == 1:
            return f"for {targets[0]} in {sources[0]}:"
        return f"for {', '.join(targets)} in zip({', '.join(sources)}):"

    def _collect(self, found: Loop, made: list) -> None:
        for name, (out, _) in made:
            back = "[::-1]" if found.reverse else ""
            flat = len(out.args) == 1 and not out.args[0].is_array
            shape = f".reshape({out.shape})" if flat or len(out.shape) != 2 else ""
            self.line(f"{name} = np.array({name}{back}){shape}")
            self.after(out)

    def _left(self, carry: Value) -> None:
        """Numbers of an array that the last turn handed on."""
        lefts = [v for v in self._users if v.op == "left" and v.args[0] is carry]
        for left in lefts:
            self.after(left)
