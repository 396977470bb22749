"""A function of JAX as a function of JavaScript."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from hybridctl.codegen.graph import Block, Value, kind_of, reached
from hybridctl.codegen.lower import lower
from hybridctl.codegen.operands import boxed, numbers
from hybridctl.codegen.writers.javascript import JavaScriptWriter
from hybridctl.codegen.writers.writer import Names
from hybridctl.deploy.javascript_file import TAKEN, known_text
from hybridctl.precision import float64_on_host


def javascript_function(
    name: str, f: Callable[..., Any], arguments: Mapping[str, Any], export: str = ""
) -> str:
    """The text of a function that does what a function of JAX does, in doubles.

    Args:
        name: of the function.
        f: gives arrays, in a tuple or one alone.
        arguments: an example of each of its arguments, by name: a number, or a row.
        export: what stands before it, such as "export ".

    Returns:
        A function from numbers and rows to a row of rows, one for every array.

    Raises:
        ValueError: a primitive that has no counterpart, by its name.

    Example:
        >>> print(javascript_function("twice", lambda x: (2 * x,), {"x": np.zeros(2)}))
        function twice(x) {
            return [[2.0 * x[0], 2.0 * x[1]]];
        }
        <BLANKLINE>
    """
    with float64_on_host():
        closed = jax.make_jaxpr(f)(*map(np.asarray, arguments.values()))
    block, writer = Block(), JavaScriptWriter(Names((*TAKEN, name, *arguments)))
    given = {key: _row(key, np.asarray(v)) for key, v in arguments.items()}
    outs = lower(
        block, closed, [boxed(v) if np.ndim(v) == 0 else v for v in given.values()]
    )
    rows = [list(numbers(out).flat) for out in outs]
    every = [value for row in rows for value in row]
    used = reached(every)
    for key, row in given.items():
        for i, value in enumerate(np.atleast_1d(row)):
            place = f"{key}[{i}]" if np.ndim(row) else key
            _known(writer, value, place, used.get(value, 0))
    texts = iter(writer.write(block, every))
    told = ", ".join(f"[{', '.join(next(texts) for _ in row)}]" for row in rows)
    writer.line(f"return [{told}];")
    head = f"{export}function {name}({', '.join(arguments)}) {{"
    return "\n".join([*known_text(writer), head, *writer.lines, "}", ""])


def _row(name: str, example: np.ndarray) -> Any:
    kind = kind_of(example.dtype)
    if example.ndim == 0:
        return Value("input", (), kind, (), None, name)
    out = np.empty(example.shape, object)
    for i in range(len(out)):
        out[i] = Value("input", (), kind, (), None, f"{name}{i}")
    return out


def _known(writer: JavaScriptWriter, value: Value, place: str, uses: int) -> None:
    """A number of a row that is used more than once has a name of its own."""
    if uses < 2 or place == value.name:
        return writer.known(value, place)
    name = writer.names.new(value.name)
    writer.known(value, name)
    writer.define(value.kind, name, place)
