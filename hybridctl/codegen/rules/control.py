"""Rules for branches and loops."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from hybridctl.codegen.graph import BOOL, Block, If, Loop, Value, kind_of
from hybridctl.codegen.operands import (
    MANY,
    Operand,
    boxed,
    each,
    is_array,
    known,
    numbers,
    one,
    whole,
)
from hybridctl.codegen.rules.moves import reshaped
from hybridctl.codegen.versions import scan_counts

UNROLLED = 1  # a loop of more turns stays one
Run = Callable[[Block, Any, list[Operand]], list[Operand]]  # a jaxpr in a block


def cond(block: Block, run: Run, ins: list[Operand], eqn: Any) -> list[Operand]:
    """Only the branch that is taken is computed."""
    branches = eqn.params["branches"]
    index, args = one(ins[0]), ins[1:]
    if index.op == "const":
        taken = int(np.clip(int(index.info), 0, len(branches) - 1))
        return run(block, branches[taken], args)
    index = _bare(index, len(branches))
    branch = If(index, [])
    results = []
    for body in branches:
        inner = Block(block)
        branch.blocks.append(inner)
        results.append(run(inner, body, args))
    outs = [
        _merged(block, branch, [r[i] for r in results], v.aval)
        for i, v in enumerate(eqn.outvars)
    ]
    block.items.append(branch)
    for out in branch.outs:
        out.block = block
    return outs


def _bare(index: Value, n: int) -> Value:
    """An index without the bounds that the tests of the branches imply."""
    if index.op == "clip" and (index.args[0].info, index.args[2].info) == (0, n - 1):
        index = index.args[1]
    if n == 2 and index.op == "convert" and index.args[0].kind == BOOL:
        return index.args[0]
    return index


def _merged(block: Block, branch: If, cases: list[Operand], aval: Any) -> Operand:
    if all(c is cases[0] for c in cases):
        return cases[0]
    kind = kind_of(aval.dtype)
    if any(is_array(c) for c in cases):
        pairs = zip(branch.blocks, cases, strict=True)
        return _out(branch, [whole(b, c) for b, c in pairs], kind, aval.shape)
    out = np.empty(aval.shape, object)
    for at in np.ndindex(aval.shape):
        out[at] = _out(branch, [c[at] for c in cases], kind, ())
    return out


def _out(branch: If, cases: list[Value], kind: str, shape: tuple[int, ...]) -> Value:
    if all(c is cases[0] for c in cases):
        return cases[0]
    args = (branch.index, *cases)
    for same in branch.outs:
        if same.args == args:
            return same
    out = Value("out", args, kind, shape, branch)
    branch.outs.append(out)
    return out


def _carried(block: Block, body: Block, start: Operand, aval: Any, loop: Loop) -> Any:
    """What a turn hands to the next, seen from within the turn."""
    kind, shape = kind_of(aval.dtype), aval.shape
    if is_array(start) or int(np.prod(shape, dtype=int)) > MANY:
        carry = Value("carry", (whole(block, start),), kind, shape, loop, block=body)
        loop.carry.append(carry)
        return carry
    out = np.empty(shape, object)
    made = [Value("carry", (v,), kind, (), loop, block=body) for v in start.flat]
    out.ravel()[:] = made
    loop.carry += made
    return out


def _handed_on(body: Block, carried: Operand, after: Operand) -> None:
    if is_array(carried):
        carried.args = (carried.args[0], whole(body, after))
        return
    for value, new in zip(carried.flat, numbers(after).flat, strict=True):
        value.args = (value.args[0], new)


def scan(block: Block, run: Run, ins: list[Operand], eqn: Any) -> list[Operand]:
    """A loop over rows."""
    p = eqn.params
    n_const, n_carry = scan_counts(p)
    consts, start = ins[:n_const], ins[n_const : n_const + n_carry]
    rows = ins[n_const + n_carry :]
    if p["length"] == 0:
        empty = (known(np.zeros(v.aval.shape)) for v in eqn.outvars[n_carry:])
        return [*start, *empty]
    if p["length"] <= UNROLLED:
        return _unrolled(block, run, p, consts, start, rows)
    body = Block(block, loops=True)
    loop = Loop(p["length"], p["reverse"], body)
    pairs = zip(start, p["jaxpr"].jaxpr.invars[n_const:], strict=False)
    carried = [_carried(block, body, s, v.aval, loop) for s, v in pairs]
    cells = [_row(block, body, loop, row) for row in rows]
    outs = run(body, p["jaxpr"], [*consts, *carried, *cells])
    for carry, after in zip(carried, outs, strict=False):
        _handed_on(body, carry, after)
    block.items.append(loop)
    made = [_made(block, loop, out, p["length"]) for out in outs[n_carry:]]
    return [*(_left(block, c) for c in carried), *made]


def _left(block: Block, carried: Operand) -> Operand:
    """What the last turn handed on, seen from behind the loop."""
    if is_array(carried):
        return Value("left", (carried,), carried.kind, carried.shape, block=block)
    make = np.frompyfunc(lambda c: Value("left", (c,), c.kind, (), block=block), 1, 1)
    out = make(carried)
    return boxed(out) if isinstance(out, Value) else out


def _unrolled(
    block: Block, run: Run, p: Any, consts: Any, carry: Any, rows: Any
) -> list[Operand]:
    """A single turn."""
    args = [_first(block, row) for row in rows]
    outs = run(block, p["jaxpr"], [*consts, *carry, *args])
    n = scan_counts(p)[1]
    made = [reshaped(block, o, (1, *o.shape)) for o in outs[n:]]
    return [*outs[:n], *made]


def _first(block: Block, row: Operand) -> Operand:
    return reshaped(block, row, row.shape[1:])


def _row(block: Block, body: Block, loop: Loop, rows: Operand) -> Operand:
    """The row of the present turn."""
    array = whole(block, rows)
    shape = rows.shape[1:]
    size = int(np.prod(shape, dtype=int))
    if size > MANY:
        cell = Value("row", (array,), array.kind, shape, loop, block=body)
        loop.rows.append((array, [cell]))
        return cell
    out = np.empty(shape, object)
    cells = [
        Value("cell", (array,), array.kind, (), (loop, i), block=body)
        for i in range(size)
    ]
    out.ravel()[:] = cells
    loop.rows.append((array, cells))
    return out


def _made(block: Block, loop: Loop, row: Operand, length: int) -> Value:
    cells = [row] if is_array(row) else list(row.flat)
    shape = (length, *row.shape)
    out = Value("rows", tuple(cells), cells[0].kind, shape, loop, block=block)
    loop.made.append((out, cells))
    return out


def repeat(block: Block, run: Run, ins: list[Operand], eqn: Any) -> list[Operand]:
    """A loop for as long as a test holds, or any of a batch; the others stay."""
    p = eqn.params
    n_test, n_body = p["cond_nconsts"], p["body_nconsts"]
    for_test, for_body = ins[:n_test], ins[n_test : n_test + n_body]
    start = ins[n_test + n_body :]
    before = Block(block, loops=True)
    body = Block(before)
    loop = Loop(None, False, body, before=before)
    avals = p["body_jaxpr"].jaxpr.invars[n_body:]
    pairs = zip(start, avals, strict=True)
    carried = [_carried(block, before, s, v.aval, loop) for s, v in pairs]
    tests = run(before, p["cond_jaxpr"], [*for_test, *carried])[0]
    either = lambda a, b: before.scalar("or", a, b, kind=BOOL)  # noqa: E731
    loop.test = functools.reduce(either, numbers(tests).flat)
    outs = run(body, p["body_jaxpr"], [*for_body, *carried])
    outs = [_where(body, tests, *pair) for pair in zip(outs, carried, strict=True)]
    for carry, after in zip(carried, outs, strict=True):
        _handed_on(body, carry, after)
    for carry in loop.carry:
        carry.args = (*carry.args, loop.test)
    block.items.append(loop)
    return [_left(block, c) for c in carried]


def _where(body: Block, tests: Operand, new: Operand, old: Operand) -> Operand:
    """What of a batch goes on is new; that of a single loop is."""
    if tests.shape == ():
        return new
    thin = (*tests.shape, *[1] * (len(new.shape) - len(tests.shape)))
    kind = old.kind if is_array(old) else old.flat[0].kind
    return each(body, "select", reshaped(body, tests, thin), new, old, kind=kind)


RULES = {"cond": cond, "scan": scan, "while": repeat}
