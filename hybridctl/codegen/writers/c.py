"""The graph as C99: straight-line code, and loops where arrays are large."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.graph import BOOL, FLOAT, INT, Value
from hybridctl.codegen.writers import c_tanh
from hybridctl.codegen.writers.brace_loops import PLACE
from hybridctl.codegen.writers.braces import INFIX, BraceWriter
from hybridctl.codegen.writers.writer import ATOM, Names, Text

WHOLE = "long long"  # a period counter of 32 bits lasts 25 days at 1 kHz


class CWriter(BraceWriter):
    """Writes C statements.

    Args:
        names: identifiers that are taken.
        real: "double" or "float".
    """

    infix = INFIX | {"quotient": ("/", 11, 11)}

    def __init__(self, names: Names, real: str):
        super().__init__(names)
        self.real = real
        self.types = {FLOAT: real, INT: WHOLE, BOOL: "int", PLACE: "int"}

    def literal(self, number: Any, kind: str) -> str:
        """A number."""
        return literal(number, kind, self.real)

    def declare(self, kind: str, name: str, size: int = 0) -> None:
        """Type name; or type name[size]."""
        self.line(f"{self.types[kind]} {name}{f'[{size}]' if size else ''};")

    def define(self, kind: str, name: str, text: str) -> None:
        """Const type name = text."""
        self.line(f"const {self.types[kind]} {name} = {text};")

    def define_row(self, kind: str, name: str, texts: list[str]) -> None:
        """Const type name[n] = {texts}."""
        row = ", ".join(texts)
        self.line(f"const {self.types[kind]} {name}[{len(texts)}] = {{{row}}};")

    def repeat(self, index: str, count: int) -> None:
        """Open a for loop."""
        self.open(f"for (int {index} = 0; {index} < {count}; {index}++) {{")

    def call(self, value: Value, args: list[str]) -> Text:
        """A function of math.h."""
        op, short = value.op, "f" if self.real == "float" else ""
        if value.kind == INT:
            if op == "mod":
                return f"({args[0]}) % ({args[1]})", 11
            return f"ll{op}({args[0]})", ATOM
        if op == "tanh":
            return f"{c_tanh.NAME}({args[0]})", ATOM
        if op == "finite":
            return f"isfinite({args[0]})", ATOM
        name = {"mod": "fmod", "abs": "fabs"}.get(op, op)
        return f"{name}{short}({', '.join(args)})", ATOM

    def converted(self, value: Value, text: Callable[..., str]) -> Text:
        """A cast."""
        (a,) = value.args
        if value.kind == BOOL:
            return f"{text(a, 5)} != 0", 3
        if value.kind == INT and a.kind == BOOL:
            return text(a, 5), 5
        if value.kind == INT and a.kind == FLOAT:
            return self._whole(text(a, 0)), 12
        return f"({self.types[value.kind]}){text(a, 13)}", 12

    def _whole(self, text: str) -> str:
        """The nearest whole number of 32 bits: C leaves others undefined."""
        f = "f" if self.real == "float" else ""
        low, high = f"-2147483648.0{f}", f"2147483647.0{f}"
        return f"({WHOLE})fmin{f}(fmax{f}({text}, {low}), {high})"


def literal(number: Any, kind: str, real: str) -> str:
    """A number."""
    if kind != FLOAT:
        return str(int(number))
    if real == "float":
        with np.errstate(over="ignore"):  # what is too large is infinite
            number = np.float32(number)
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "-INFINITY"
    return repr(float(number)) if real == "double" else f"{number!s}f"
