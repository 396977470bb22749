"""Diagrams within diagrams as one row of blocks, and the order in which they act."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from hybridctl.checks import fail
from hybridctl.plants.clocks import Clock
from hybridctl.plants.diagram.block import SampledBlock, Static
from hybridctl.plants.diagram.face import face_of
from hybridctl.plants.diagram.plan import (
    INPUT,
    Leaf,
    Plan,
    Planned,
    Ref,
    circle,
    needs,
    order,
    reached,
)
from hybridctl.plants.diagram.wiring import Wired, refuse_circle
from hybridctl.plants.measured import Measured
from hybridctl.plants.plant import Plant
from hybridctl.ports import Signal, Signals

DEEP = 100  # levels of diagrams through which a wire goes
Resolve = Callable[[Ref], Ref]


class Part(NamedTuple):
    """A block that is no diagram, with the leaf that it is."""

    leaf: Leaf
    block: Any


def plan_of(blocks: Mapping[str, Any], wired: Wired, solve: bool) -> Plan:
    """All blocks of all levels in a row, and what acts when.

    Raises:
        ValueError: an algebraic loop, or sampled blocks that wait for one another.
    """
    resolve, parts = _resolver(blocks, wired), _parts(blocks, wired)
    leaves = [part.leaf for part in parts]
    cut = _torn(leaves, solve, _inner_torn(blocks))
    sampled = _sampled(parts, cut)
    return Plan(
        leaves=tuple(leaves),
        inputs=_told(blocks, wired),
        outputs=tuple((signal, resolve(ref)) for signal, ref in wired.outputs),
        states=_states(parts),
        limits=_limits(parts, leaves, wired),
        events=_events(parts),
        sampled=tuple(sampled),
        clocks=tuple(_clock(parts[i]) for i in sampled),
        torn=tuple(sorted(cut)),
    )


def inner(block: Any) -> Plan | None:
    """The plan of a block that is a diagram."""
    return block.plan if isinstance(block, Planned) else None


def _starts(blocks: Mapping[str, Any]) -> list[int]:
    """For each block its first leaf."""
    found, n = [], 0
    for block in blocks.values():
        plan = inner(block)
        found.append(n)
        n += len(plan.leaves) if plan else 1
    return found


def _resolver(blocks: Mapping[str, Any], wired: Wired) -> Resolve:
    """From numbers of blocks of this level to numbers of leaves."""
    starts, row = _starts(blocks), list(blocks.values())

    def resolve(ref: Ref, depth: int = 0) -> Ref:
        b, j = ref
        plan = None if b == INPUT else inner(row[b])
        if plan is None:
            return ref if b == INPUT else (starts[b], j)
        leaf, i = plan.outputs[j][1]
        if leaf != INPUT:
            return starts[b] + leaf, i
        if depth > DEEP:
            refuse_circle([list(blocks)[b]] * 2)
        return resolve((wired.takes[b][0] or ())[i], depth + 1)

    return resolve


def _parts(blocks: Mapping[str, Any], wired: Wired) -> list[Part]:
    """All leaves, their arguments resolved and their states in a row."""
    resolve, starts, parts, begin = _resolver(blocks, wired), _starts(blocks), [], 0
    for b, (name, block) in enumerate(blocks.items()):
        takes = [None if refs is None else tuple(map(resolve, refs))
                 for refs in wired.takes[b]]  # fmt: skip
        plan = inner(block)
        if plan is None:
            n, size = len(face_of(block).states), len(wired.gives[b])
            through = acts(block, [len(refs or ()) for refs in takes])
            found = [Part(Leaf((b,), name, tuple(takes), through, size, 0, n), block)]
        else:
            outer = takes[0] if takes else ()
            found = [
                Part(_within(leaf, b, name, starts[b], outer or ()), part)
                for leaf, part in zip(plan.leaves, block.parts, strict=True)
            ]
        for leaf, part in found:
            parts.append(Part(leaf._replace(begin=begin), part))
            begin += leaf.n
    return parts


def _within(leaf: Leaf, b: int, name: str, start: int, outer: Sequence[Ref]) -> Leaf:
    """A leaf of an inner diagram among those of the outer one."""
    at = lambda ref: outer[ref[1]] if ref[0] == INPUT else (start + ref[0], ref[1])  # noqa: E731
    takes = tuple(None if refs is None else tuple(map(at, refs)) for refs in leaf.takes)
    return leaf._replace(path=(b, *leaf.path), name=f"{name}.{leaf.name}", takes=takes)


def acts(block: Any, sizes: Sequence[int]) -> tuple[bool, ...]:
    """For each argument whether the block's outputs depend on it at once.

    Args:
        block: no diagram.
        sizes: of its arguments.
    """
    if isinstance(block, Static):
        shapes = [jnp.zeros(() if n == 1 else (n,)) for n in sizes]
        return _used(lambda *a: jnp.asarray(block(*a)), shapes)
    if isinstance(block, Plant) and isinstance(block, Measured) and sizes:
        now, x, u = jnp.zeros(()), jnp.zeros(block.n_x), jnp.zeros(sizes[0])
        return _used(lambda u: block.output(now, x, u), [u])
    return (False,) * len(sizes)


def _used(f: Any, arguments: list) -> tuple[bool, ...]:
    """Which arguments a function's value is made of, seen in its program."""
    program = jax.make_jaxpr(f)(*arguments).jaxpr
    needed = {v for v in program.outvars if not isinstance(v, core.Literal)}
    for eqn in reversed(program.eqns):
        if needed & set(eqn.outvars):
            needed |= {v for v in eqn.invars if not isinstance(v, core.Literal)}
    return tuple(v in needed for v in program.invars)


def _inner_torn(blocks: Mapping[str, Any]) -> set[int]:
    """Leaves of diagrams within whose outputs are already solved for."""
    pairs = zip(_starts(blocks), map(inner, blocks.values()), strict=True)
    return {start + i for start, plan in pairs for i in (plan.torn if plan else ())}


def _torn(leaves: list[Leaf], solve: bool, cut: set[int]) -> set[int]:
    """Leaves by whose outputs every algebraic loop is cut."""
    while loop := circle(needs(leaves, cut)):
        if not solve:
            refuse_circle([leaves[i].name for i in loop[::-1]])
        cut = {*cut, min(loop, key=lambda i: leaves[i].size)}
    return cut


def _clock(part: Part) -> Clock:
    return Clock(part.leaf.name, part.block.dt, part.block.offset)


def _sampled(parts: list[Part], cut: set[int]) -> list[int]:
    """Sampled leaves in the order in which they step at a common instant."""
    places = [i for i, p in enumerate(parts) if isinstance(p.block, SampledBlock)]
    after, before = needs([p.leaf for p in parts], cut), {}
    for i in places:
        row = zip(parts[i].leaf.takes, parts[i].block.through, strict=True)
        refs = {r[0] for refs, now in row if now for r in refs or ()} - {INPUT}
        found = reached(after, refs) & set(places)
        clock = _clock(parts[i])
        before[i] = {p for p in found if _meet(clock, _clock(parts[p]))}
    row = order(places, before)
    if len(row) < len(places):
        left = [i for i in places if i not in row]
        loop = circle([[left.index(p) for p in before[i] if p in left] for i in left])
        names = [parts[left[i]].leaf.name for i in loop[::-1]]
        fail(
            f"the sampled blocks {' -> '.join(names)} wait for one another at the "
            "same instants; give one an offset, or put an hc.Delay between them"
        )
    return row


def _meet(a: Clock, b: Clock) -> bool:
    """Whether two clocks ever tick at the same instant."""
    times = [Fraction(t).limit_denominator(10**7) for t in (a.dt, b.dt)]
    apart = Fraction(a.offset - b.offset).limit_denominator(10**7)
    least = times[0].denominator * times[1].denominator
    wide = _gcd(*(int(t * least) for t in times))
    return (apart * least) % wide == 0


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def _states(parts: list[Part]) -> Signals:
    return tuple(
        signal._replace(name=f"{part.leaf.name}.{signal.name}")
        for part in parts
        for signal in face_of(part.block).states
    )


def _told(blocks: Mapping[str, Any], wired: Wired) -> Signals:
    """Inputs of the diagram."""
    del blocks
    return tuple(Signal(*signal) for signal in wired.inputs)


def _limits(
    parts: list[Part], leaves: list[Leaf], wired: Wired
) -> tuple[tuple[str, float], ...]:
    """Limits of states, and of inputs that go straight to a plant."""
    found: dict[str, float] = {}
    for leaf, block in parts:
        own = block.limits if isinstance(block, Plant) else {}
        rows = {f"{leaf.name}.{n}": v for n, v in own.items() if n in block.states}
        found |= rows
        own_inputs = block.inputs if isinstance(block, Plant) else ()
        refs = (leaf.takes[0] if leaf.takes else None) or ()
        for (source, i), name in zip(refs, own_inputs, strict=False):
            if source == INPUT and name in own:
                known = wired.inputs[i].name
                found[known] = min(found.get(known, own[name]), own[name])
    return tuple(found.items())


def _events(parts: list[Part]) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (f"{part.leaf.name}.{name}", i, number)
        for i, part in enumerate(parts)
        for number, name in enumerate(face_of(part.block).events)
    )
