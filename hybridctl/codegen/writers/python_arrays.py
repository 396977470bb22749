"""Arrays of the graph as NumPy expressions."""

from typing import Any

from hybridctl.codegen.graph import BOOL, FLOAT, INT, Value
from hybridctl.codegen.writers.python_text import INFIX
from hybridctl.codegen.writers.writer import ATOM, Text

ON_ARRAYS = {"or": ("|", 98), "and": ("&", 98)}  # their arguments in brackets
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


def array_expression(writer: Any, value: Value) -> Text:
    """How NumPy computes an array."""
    op, args = value.op, value.args
    if op in INFIX:
        return writer.infix(value, *ON_ARRAYS.get(op, INFIX[op]))
    if op == "neg":
        return f"-{writer.text(args[0], 12)}", 12
    if op == "not":
        return f"~{writer.text(args[0], 98)}", 97
    inside = [writer.text(a) for a in args]
    shape = value.shape
    if op == "pack":
        row = f"np.array([{', '.join(inside)}])"
        return (row if len(shape) == 1 else f"{row}.reshape({shape})"), ATOM
    if op == "full":
        return f"np.full({shape}, {inside[0]})", ATOM
    if op == "move":
        return _move(writer, value), ATOM
    if op == "dot":
        return _dot(writer, value)
    if op == "reduce":
        name, axes = value.info
        done = f"{writer.text(args[0], ATOM)}.{REDUCE[name]}({axes})"
        return (f"np.array([{done}])" if axes_all(value) else done), ATOM
    if op == "window":
        cuts = zip(inside[1:], shape, strict=True)
        cut = ", ".join(_cut(start, n) for start, n in cuts)
        return f"{writer.text(args[0], ATOM)}[{cut}]", ATOM
    if op == "convert":
        return f"{writer.text(args[0], ATOM)}.astype({TYPES[value.kind]})", ATOM
    name = {"quotient": "trunc_divide"}.get(op, NUMPY.get(op, op))
    return f"np.{name}({', '.join(inside)})", ATOM


def _move(writer: Any, value: Value) -> str:
    info = value.info
    if info.text:
        return info.text.format(*(writer.text(a, ATOM) for a in value.args))
    parts = ", ".join(f"{writer.text(a, ATOM)}.ravel()" for a in value.args)
    places = writer.table(Value("table", (), INT, info.codes.shape, info.codes))
    return f"np.concatenate(({parts},))[{places}]"


def _dot(writer: Any, value: Value) -> Text:
    a, b = value.args
    (ca, cb), (ba, bb) = value.info
    if len(a.shape) == 1 and len(b.shape) == 2 and tuple(cb) == (1,):
        return f"{writer.text(b, 11)} @ {writer.text(a, 12)}", 11
    plain = tuple(ca) == (len(a.shape) - 1,) and tuple(cb) == (0,) and not ba
    if plain and len(a.shape) <= 2 and len(b.shape) <= 2:
        product = f"{writer.text(a, 11)} @ {writer.text(b, 12)}"
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
    return f'np.einsum("{how}", {writer.text(a)}, {writer.text(b)})', ATOM


def axes_all(value: Value) -> bool:
    """Whether a sum is over every axis."""
    return len(value.info[1]) == len(value.args[0].shape)


def _cut(start: str, n: int) -> str:
    return f"{start}:{int(start) + n}" if start.isdigit() else f"{start}:{start} + {n}"
