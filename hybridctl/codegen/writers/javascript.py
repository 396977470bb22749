"""The graph as JavaScript: plain numbers, and typed arrays where they are large."""

import math
from collections.abc import Callable
from typing import Any

from hybridctl.codegen.graph import BOOL, FLOAT, INT, Value
from hybridctl.codegen.writers.braces import INFIX, BraceWriter
from hybridctl.codegen.writers.writer import ATOM, Text

ROUND = "6755399441055744"  # 1.5 · 2**52: adding it drops the digits behind the point


class JavaScriptWriter(BraceWriter):
    """Writes JavaScript statements; every number is a double, a bool is a boolean."""

    infix = INFIX | {"eq": ("===", 3, 5), "ne": ("!==", 3, 5)}

    def literal(self, number: Any, kind: str) -> str:
        """A number."""
        if kind == BOOL:
            return "true" if number else "false"
        if kind != FLOAT:
            return str(int(number))
        if math.isnan(number):
            return "NaN"
        if math.isinf(number):
            return "Infinity" if number > 0 else "-Infinity"
        return repr(float(number))

    def declare(self, kind: str, name: str, size: int = 0) -> None:
        """A variable, or an array of zeros or falses."""
        if not size:
            self.line(f"let {name};")
        elif kind == BOOL:
            self.line(f"const {name} = new Array({size}).fill(false);")
        else:
            self.line(f"const {name} = new Float64Array({size});")

    def define(self, kind: str, name: str, text: str) -> None:
        """Const name = text."""
        del kind
        self.line(f"const {name} = {text};")

    def define_row(self, kind: str, name: str, texts: list[str]) -> None:
        """Const name = [texts]."""
        self.define(kind, name, f"[{', '.join(texts)}]")

    def repeat(self, index: str, count: int) -> None:
        """Open a for loop."""
        self.open(f"for (let {index} = 0; {index} < {count}; {index}++) {{")

    def call(self, value: Value, args: list[str]) -> Text:
        """A function of Math, or an operator of the language."""
        op = value.op
        if op == "finite":
            return f"Number.isFinite({args[0]})", ATOM
        if op == "mod":
            return f"({args[0]}) % ({args[1]})", 11
        if op == "quotient":
            return f"Math.trunc(({args[0]}) / ({args[1]}))", ATOM
        if op == "exp2":
            return f"Math.pow(2, {args[0]})", ATOM
        if op == "rint":
            return f"({args[0]}) + {ROUND} - {ROUND}", 10
        return f"Math.{op}({', '.join(args)})", ATOM

    def converted(self, value: Value, text: Callable[..., str]) -> Text:
        """Only between numbers and booleans is there a difference."""
        (a,) = value.args
        if value.kind == BOOL:
            return f"{text(a, 5)} !== 0", 3
        if a.kind == BOOL:
            return f"{text(a, 5)} ? 1 : 0", 0
        if value.kind == INT:
            return f"Math.trunc({text(a, 0)})", ATOM
        return text(a, 13), 13
