"""Rules for primitives that act number by number."""

from collections.abc import Callable
from typing import Any

from hybridctl.codegen.graph import BOOL, INT, Block, constant, kind_of
from hybridctl.codegen.operands import Operand, boxed, each

PLAIN = {
    name: name
    for name in (
        *("add", "sub", "mul", "max", "min", "pow", "atan2", "eq", "ne", "lt", "le"),
        *("neg", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
        *("asinh", "acosh", "atanh", "exp", "exp2", "log", "log1p", "expm1", "sqrt"),
        *("cbrt", "abs", "floor", "ceil"),
    )
} | {"add_any": "add", "is_finite": "finite", "lt_to": "lt", "le_to": "le"}
SAME = (
    "copy", "copy_p", "device_put", "optimization_barrier", "pvary", "reduce_precision",
    "stop_gradient",
)  # fmt: skip


def out_kind(eqn: Any) -> str:
    """Kind of an equation's first output."""
    return kind_of(eqn.outvars[0].aval.dtype)


def plain(op: str) -> Callable:
    """A rule that is one operation."""

    def rule(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
        return [each(block, op, *ins, kind=out_kind(eqn))]

    return rule


def _swapped(op: str) -> Callable:
    def rule(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
        return [each(block, op, *reversed(ins), kind=BOOL)]

    return rule


def _number(value: float, kind: str) -> Operand:
    return boxed(constant(value, kind))


def _div(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    kind = out_kind(eqn)
    return [each(block, "quotient" if kind == INT else "div", *ins, kind=kind)]


def _logic(op: str) -> Callable:
    def rule(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
        if out_kind(eqn) != BOOL:
            raise NotImplementedError("on whole numbers")
        return [each(block, op, *ins, kind=BOOL)]

    return rule


def _power(block: Block, x: Operand, n: int, kind: str) -> Operand:
    if n < 0:
        one = _number(1.0, kind)
        return each(block, "div", one, _power(block, x, -n, kind), kind=kind)
    if n == 0:
        zero = each(block, "mul", x, _number(0.0, kind), kind=kind)
        return each(block, "add", zero, _number(1.0, kind), kind=kind)
    half = x if n < 2 else _power(block, x, n // 2, kind)
    out = half if n < 2 else each(block, "mul", half, half, kind=kind)
    return each(block, "mul", out, x, kind=kind) if n > 1 and n % 2 else out


def _integer_pow(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return [_power(block, ins[0], eqn.params["y"], out_kind(eqn))]


def _square(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return [each(block, "mul", ins[0], ins[0], kind=out_kind(eqn))]


def _logistic(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    kind = out_kind(eqn)
    falling = each(block, "exp", each(block, "neg", ins[0], kind=kind), kind=kind)
    below = each(block, "add", _number(1.0, kind), falling, kind=kind)
    return [each(block, "div", _number(1.0, kind), below, kind=kind)]


def _rsqrt(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    kind = out_kind(eqn)
    root = each(block, "sqrt", ins[0], kind=kind)
    return [each(block, "div", _number(1.0, kind), root, kind=kind)]


def _clamp(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    """The upper bound wins where it is below the lower one."""
    (low, x, high), kind = ins, out_kind(eqn)
    return [each(block, "min", high, each(block, "max", low, x, kind=kind), kind=kind)]


def _sign(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return [sign(block, ins[0], out_kind(eqn))]


def sign(block: Block, x: Operand, kind: str) -> Operand:
    """-1, 0 or 1; NaN stays NaN."""
    zero = _number(0, kind)
    above = each(block, "lt", zero, x, kind=BOOL)
    below = each(block, "lt", x, zero, kind=BOOL)
    rest = each(block, "select", below, _number(-1, kind), x, kind=kind)
    return each(block, "select", above, _number(1, kind), rest, kind=kind)


def _round(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    kind, x = out_kind(eqn), ins[0]
    if int(eqn.params["rounding_method"]) == 1:
        return [each(block, "rint", x, kind=kind)]
    size = each(block, "abs", x, kind=kind)
    up = each(block, "add", size, _number(0.5, kind), kind=kind)
    whole = each(block, "floor", up, kind=kind)
    return [each(block, "mul", sign(block, x, kind), whole, kind=kind)]


def _select(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    which, *cases = ins
    kind = out_kind(eqn)
    if kind_of(eqn.invars[0].aval.dtype) == BOOL:
        return [each(block, "select", which, cases[1], cases[0], kind=kind)]
    out = cases[-1]
    for i, case in reversed(list(enumerate(cases[:-1]))):
        chosen = each(block, "le", which, _number(i, INT), kind=BOOL)
        out = each(block, "select", chosen, case, out, kind=kind)
    return [out]


def _convert(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return [each(block, "convert", ins[0], kind=out_kind(eqn))]


def _same(block: Block, ins: list[Operand], eqn: Any) -> list[Operand]:
    return list(ins)


RULES: dict[str, Callable] = {
    **{name: plain(op) for name, op in PLAIN.items()},
    **dict.fromkeys(SAME, _same),
    "gt": _swapped("lt"), "ge": _swapped("le"), "rem": plain("mod"), "div": _div,
    "and": _logic("and"), "or": _logic("or"), "xor": _logic("ne"),
    "not": _logic("not"), "integer_pow": _integer_pow, "square": _square,
    "logistic": _logistic, "rsqrt": _rsqrt, "clamp": _clamp, "sign": _sign,
    "round": _round, "select_n": _select, "convert_element_type": _convert,
}  # fmt: skip
