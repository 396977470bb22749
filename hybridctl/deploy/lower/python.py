"""The graph as Python: plain floats, and NumPy where arrays are large."""

import math
import textwrap

from hybridctl.deploy.lower.graph import BOOL, FLOAT, INT, If, Loop, Value
from hybridctl.deploy.lower.writer import ATOM, Names, Text, Writer

INFIX = {  # symbol and how strongly it binds
    "or": ("or", 1), "and": ("and", 2), "eq": ("==", 4), "ne": ("!=", 4),
    "lt": ("<", 4), "le": ("<=", 4), "add": ("+", 10), "sub": ("-", 10),
    "mul": ("*", 11), "div": ("/", 11),
}  # fmt: skip
ON_ARRAYS = {"or": ("|", 98), "and": ("&", 98)}  # their arguments in brackets
MATH = (
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 log log1p "
    "expm1 sqrt cbrt floor ceil pow atan2"
).split()
NUMPY = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power", "atan2": "arctan2",
    "max": "maximum", "min": "minimum", "mod": "fmod", "finite": "isfinite",
    "select": "where", "fabs": "abs",
}  # fmt: skip
REDUCE = {"add": "sum", "mul": "prod", "max": "max", "min": "min"} | {
    "and": "all", "or": "any",
}  # fmt: skip
TYPES = {FLOAT: "float", INT: "int", BOOL: "bool"}
INDENT = "    "
ROUND = 6755399441055744.0  # 1.5 · 2**52: adding it drops the digits behind the point


class PythonWriter(Writer):
    """Writes Python statements."""

    inlines_arrays = True

    def __init__(self, names: Names):
        super().__init__(names)
        self.imports: set[str] = set()

    def line(self, text: str) -> None:
        """A line of code, broken where it is long: it is in brackets or has a call."""
        self.lines.append(
            textwrap.indent(broken(text, 88 - 4 * self.depth), INDENT * self.depth)
        )

    def constant(self, value: Value) -> Text:
        """A named number of the controller, or a number."""
        if value.name:
            return self.named(value.name, value), ATOM
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
            return self._array(value)
        op, args = value.op, value.args
        if op in INFIX:
            return self._infix(value, *INFIX[op])
        if op in MATH or op in ("mod", "finite"):
            return self._call(value)
        if op == "neg":
            return f"-{self.text(args[0], 12)}", 12
        if op == "not":
            return f"not {self.text(args[0], 3)}", 3
        if op == "abs":
            return f"abs({self.text(args[0])})", ATOM
        if op == "rint":
            big = self.named("ROUND", Value("const", info=ROUND, name="ROUND"))
            return f"{self.text(args[0], 10)} + {big} - {big}", 10
        if op == "quotient":
            return f"int({self.text(args[0], 11)} / {self.text(args[1], 12)})", ATOM
        return self._choice(value)

    def _infix(self, value: Value, symbol: str, strength: int) -> Text:
        a, b = value.args
        left = strength + (strength == 4)
        return (
            f"{self.text(a, left)} {symbol} {self.text(b, strength + 1)}",
            strength,
        )

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
        kind = value.args[0].kind
        if value.kind == BOOL:
            return f"{self.text(value.args[0], 5)} != 0", 4
        if kind == BOOL:
            one, zero = ("1.0", "0.0") if value.kind == FLOAT else ("1", "0")
            return f"{one} if {args[0]} else {zero}", 0
        if value.kind == FLOAT:
            return f"1.0 * {self.text(value.args[0], 11)}", 11
        return f"int({self.text(value.args[0])})", ATOM

    def _extreme(self, value: Value) -> str:
        """NaN goes through, on either side."""
        a, b = sorted(value.args, key=lambda v: v.op != "const")
        first, other = self.text(a, 5), self.text(b, 5)
        sign = ">" if value.op == "max" else "<"
        broken = "" if a.op == "const" else f" or {first} != {first}"
        return f"{first} if {first} {sign} {other}{broken} else {other}"

    def _array(self, value: Value) -> Text:
        op, args = value.op, value.args
        if op in INFIX:
            return self._infix(value, *ON_ARRAYS.get(op, INFIX[op]))
        if op == "neg":
            return f"-{self.text(args[0], 12)}", 12
        if op == "not":
            return f"~{self.text(args[0], 98)}", 97
        inside = [self.text(a) for a in args]
        shape = value.shape
        if op == "pack":
            row = f"np.array([{', '.join(inside)}])"
            return (row if len(shape) == 1 else f"{row}.reshape({shape})"), ATOM
        if op == "full":
            return f"np.full({shape}, {inside[0]})", ATOM
        if op == "move":
            return self._move(value), ATOM
        if op == "dot":
            return self._dot(value)
        if op == "reduce":
            name, axes = value.info
            done = f"{self.text(args[0], ATOM)}.{REDUCE[name]}({axes})"
            return (f"np.array([{done}])" if axes_all(value) else done), ATOM
        if op == "window":
            cuts = zip(inside[1:], shape, strict=True)
            cut = ", ".join(_cut(start, n) for start, n in cuts)
            return f"{self.text(args[0], ATOM)}[{cut}]", ATOM
        if op == "convert":
            return f"{self.text(args[0], ATOM)}.astype({TYPES[value.kind]})", ATOM
        if op == "clip":
            inside = [inside[1], inside[0], inside[2]]
        name = {"quotient": "trunc_divide"}.get(op, NUMPY.get(op, op))
        return f"np.{name}({', '.join(inside)})", ATOM

    def _move(self, value: Value) -> str:
        info = value.info
        if info.text:
            return info.text.format(*(self.text(a, ATOM) for a in value.args))
        parts = ", ".join(f"{self.text(a, ATOM)}.ravel()" for a in value.args)
        places = self.table(Value("table", (), INT, info.codes.shape, info.codes))
        return f"np.concatenate(({parts},))[{places}]"

    def _dot(self, value: Value) -> Text:
        a, b = value.args
        (ca, cb), (ba, bb) = value.info
        plain = tuple(ca) == (len(a.shape) - 1,) and tuple(cb) == (0,) and not ba
        if plain and len(a.shape) <= 2 and len(b.shape) <= 2:
            product = f"{self.text(a, 11)} @ {self.text(b, 12)}"
            if len(a.shape) == len(b.shape) == 1:
                return f"np.array([{product}])", ATOM
            return product, 11
        letters = iter("abcdefghijklmnop")
        first = [next(letters) for _ in a.shape]
        second = [next(letters) for _ in b.shape]
        for i, j in zip([*ca, *ba], [*cb, *bb], strict=True):
            second[j] = first[i]
        out = [first[i] for i in ba]
        out += [x for i, x in enumerate(first) if i not in (*ca, *ba)]
        out += [x for j, x in enumerate(second) if j not in (*cb, *bb)]
        how = f"{''.join(first)},{''.join(second)}->{''.join(out)}"
        return f'np.einsum("{how}", {self.text(a)}, {self.text(b)})', ATOM

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
        self.line(f"{_row(names)} = {flat}.tolist()")

    def branch(self, found: If) -> None:
        """if, elif, else."""
        outs = [out for out in found.outs if self.used(out)]
        names = [self.name(out) for out in outs]
        index = self.text(found.index, 5)
        for i, block in enumerate(found.blocks):
            self.line(_test(found, i, index, len(found.blocks)))
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
            new = _row([self.text(c.args[1]) for c in moved])
            self.line(f"{_row([self.text(c) for c in moved])} = {new}")
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
                targets.append(f"({_row(names)})" if len(rows) > 1 else _row(names))
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


def broken(text: str, room: int) -> str:
    """A statement on as many lines as it needs.

    Example:
        >>> print(broken("a, b = c + d", 8))
        (
            a,
            b
        ) = (
            c +
            d
        )
    """
    if len(text) <= room:
        return text
    if text.startswith("return "):
        return f"return {_bracketed(text[7:], room)}"
    left, sign, right = text.partition(" = ")
    if not sign or text.startswith(("if ", "elif ", "for ")):
        return text
    if len(left) > room - 4:
        left = _bracketed(left, room)
    return f"{left} = {_bracketed(right, room)}"


def _bracketed(text: str, room: int) -> str:
    if len(text) <= room - 12:
        return text
    lines = textwrap.wrap(
        text, room - 4, break_long_words=False, break_on_hyphens=False
    )
    return f"(\n{INDENT}" + f"\n{INDENT}".join(lines) + "\n)"


def axes_all(value: Value) -> bool:
    """Whether a sum is over every axis."""
    return len(value.info[1]) == len(value.args[0].shape)


def _cut(start: str, n: int) -> str:
    return f"{start}:{int(start) + n}" if start.isdigit() else f"{start}:{start} + {n}"


def _row(names: list[str]) -> str:
    return ", ".join(names) + ("," if len(names) == 1 else "")


def _test(found: If, i: int, index: str, n: int) -> str:
    if found.index.kind == BOOL:
        return "else:" if i else f"if not {index}:"
    if i == n - 1:
        return "else:"
    sign = "<=" if i == 0 else "=="
    return f"{'elif' if i else 'if'} {index} {sign} {i}:"
