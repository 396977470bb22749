"""What a diagram comes to: its blocks in a row, and where each number comes from."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from hybridctl.plants.clocks import Clock
from hybridctl.ports import Signals

INPUT = -1  # in the place of a block: an input of the diagram
Ref = tuple[int, int]  # a leaf, or INPUT, and which of its numbers
Run = tuple[int, int, int]  # a leaf, and first and last + 1 of its numbers


class Leaf(NamedTuple):
    """A block that is no diagram.

    Attributes:
        path: its places in blocks within blocks.
        name: such as "drive.loop.C".
        takes: for each argument where its numbers come from; None: not wired.
        through: for each argument whether the outputs depend on it at once.
        size: number of its outputs.
        begin: its first state among those of the diagram.
        n: number of its states.
    """

    path: tuple[int, ...]
    name: str
    takes: tuple[tuple[Ref, ...] | None, ...]
    through: tuple[bool, ...]
    size: int
    begin: int
    n: int


class Plan:
    """All of that, as one thing that compiled programs are kept by.

    Attributes:
        leaves: in the order of the blocks.
        inputs: of the diagram.
        outputs: of the diagram, each with where it comes from.
        states: of all leaves, named "block.state".
        limits: by name.
        events: "block.event", with the leaf and its number there.
        sampled: leaves that are sampled, in the order in which they step.
        clocks: of those.
        torn: leaves whose outputs are found by Newton's method.
    """

    leaves: tuple[Leaf, ...]
    inputs: Signals
    outputs: tuple[tuple[Any, Ref], ...]
    states: Signals
    limits: tuple[tuple[str, float], ...]
    events: tuple[tuple[str, int, int], ...]
    sampled: tuple[int, ...]
    clocks: tuple[Clock, ...]
    torn: tuple[int, ...]

    def __init__(self, **parts: Any):
        self.__dict__.update(parts)
        self._key = tuple(parts.values())
        self._hash = hash(self._key)
        self.runs = tuple(
            tuple(None if a is None else runs(a) for a in leaf.takes)
            for leaf in self.leaves
        )

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Plan) and self._key == other._key)

    def __repr__(self) -> str:
        return f"Plan({', '.join(leaf.name for leaf in self.leaves)})"


@runtime_checkable
class Planned(Protocol):
    """A block that is a diagram."""

    plan: Plan


def runs(refs: Sequence[Ref]) -> tuple[Run, ...]:
    """Numbers that lie beside one another, together."""
    found: list[Run] = []
    for leaf, i in refs:
        if found and found[-1][0] == leaf and found[-1][2] == i:
            found[-1] = (leaf, found[-1][1], i + 1)
        else:
            found.append((leaf, i, i + 1))
    return tuple(found)


def needs(leaves: Sequence[Leaf], cut: Iterable[int] = ()) -> list[list[int]]:
    """For each leaf those whose outputs its own outputs need at once."""
    cut = set(cut)
    found = []
    for leaf in leaves:
        now = zip(leaf.takes, leaf.through, strict=True)
        refs = [r for refs, through in now if through for r in refs or ()]
        found.append(sorted({r[0] for r in refs if r[0] not in cut} - {INPUT}))
    return found


def circle(after: Sequence[Sequence[int]]) -> list[int]:
    """Places that lead back to themselves, the first again last; [] where none do."""
    done: set[int] = set()
    for start in range(len(after)):
        trail: list[int] = []
        stack = [(start, iter(after[start]))] if start not in done else []
        trail += [start] * bool(stack)
        while stack:
            place, rest = stack[-1]
            step = next((n for n in rest if n not in done), None)
            if step is None:
                done.add(place)
                stack.pop()
                trail.pop()
            elif step in trail:
                return [*trail[trail.index(step) :], step]
            else:
                trail.append(step)
                stack.append((step, iter(after[step])))
    return []


def reached(after: Sequence[Sequence[int]], starts: Iterable[int]) -> set[int]:
    """All places that some lead to, those included."""
    found, left = set(), list(starts)
    while left:
        place = left.pop()
        if place not in found:
            found.add(place)
            left += after[place]
    return found


def order(places: Sequence[int], before: dict[int, set[int]]) -> list[int]:
    """Places, each after those that go before it; those in a circle are left out."""
    left, row = list(places), []
    while free := [p for p in left if not before[p] & set(left)]:
        row += free[:1]
        left.remove(free[0])
    return row
