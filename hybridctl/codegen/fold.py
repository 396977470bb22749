"""What is known before the controller runs is computed before it runs."""

import math
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "max": np.maximum, "min": np.minimum, "pow": np.power, "atan2": np.arctan2,
    "mod": np.fmod, "and": np.logical_and, "or": np.logical_or, "eq": np.equal,
    "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "neg": np.negative,
    "not": np.logical_not, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "exp": np.exp, "exp2": np.exp2, "log": np.log,
    "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "cbrt": np.cbrt,
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "rint": np.rint, "finite": np.isfinite, "convert": lambda x: x,
    "select": lambda c, a, b: a if c else b, "quotient": lambda a, b: int(a / b),
    "clip": lambda low, x, high: np.minimum(np.maximum(low, x), high),
}  # fmt: skip


def fold(op: str, args: Any, kind: str) -> Any:
    """A number, one of the arguments, or None where there is work left to do.

    `0 · x` is 0, also where x is not finite.
    """
    known = [a.info if a.op == "const" else None for a in args]
    if args and all(k is not None for k in known) and op in FUNCTIONS:
        with np.errstate(all="ignore"):
            return FUNCTIONS[op](*known)
    rule = _RULES.get(op)
    return rule(args, known, kind) if rule else None


def _add(args: Any, known: Any, kind: str) -> Any:
    if known[0] == 0:
        return args[1]
    return args[0] if known[1] == 0 else None


def _sub(args: Any, known: Any, kind: str) -> Any:
    return args[0] if known[1] == 0 else None


def _mul(args: Any, known: Any, kind: str) -> Any:
    if 0 in [k for k in known if k is not None]:
        return 0
    if known[0] == 1:
        return args[1]
    return args[0] if known[1] == 1 else None


def _div(args: Any, known: Any, kind: str) -> Any:
    return args[0] if known[1] == 1 else None


def _and(args: Any, known: Any, kind: str) -> Any:
    if False in known:
        return False
    if known[0] is True:
        return args[1]
    return args[0] if known[1] is True or args[0] is args[1] else None


def _or(args: Any, known: Any, kind: str) -> Any:
    if True in known:
        return True
    if known[0] is False:
        return args[1]
    return args[0] if known[1] is False or args[0] is args[1] else None


def _select(args: Any, known: Any, kind: str) -> Any:
    if known[0] is not None:
        return args[1] if known[0] else args[2]
    same = args[1] is args[2] or _equal(known[1], known[2])
    return args[1] if same else None


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None or a != b:
        return False
    return math.copysign(1, a) == math.copysign(1, b)


def _convert(args: Any, known: Any, kind: str) -> Any:
    return args[0] if args[0].kind == kind else None


def _not(args: Any, known: Any, kind: str) -> Any:
    return args[0].args[0] if args[0].op == "not" else None


_RULES = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "and": _and, "or": _or,
    "select": _select, "convert": _convert, "not": _not,
}  # fmt: skip
