"""Wires as a user writes them: names to numbers, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp

from hybridctl.checks import fail, one_of, require
from hybridctl.plants.diagram.block import Static
from hybridctl.plants.diagram.face import (
    Face,
    argument_of,
    face_of,
    outputs_of,
    parted,
)
from hybridctl.plants.diagram.plan import INPUT, Ref, circle
from hybridctl.ports import Signal, Signals, unnamed

Source = str | tuple[str, ...]
Wires = tuple[tuple[str, Source], ...]


class Wired(NamedTuple):
    """One level of a diagram, its wires resolved.

    Attributes:
        takes: for each block and argument where its numbers come from.
        gives: outputs of each block.
        inputs: of the diagram.
        outputs: of the diagram, each with where it comes from.
    """

    takes: list[list[tuple[Ref, ...] | None]]
    gives: list[Signals]
    inputs: Signals
    outputs: list[tuple[Signal, Ref]]


class Level:
    """Blocks and wires of one level, while they are resolved."""

    def __init__(
        self,
        blocks: Mapping[str, Any],
        wires: Wires,
        inputs: Sequence[str],
    ):
        self.blocks, self.names, self.inputs = blocks, list(blocks), tuple(inputs)
        self.faces: dict[str, Face] = {n: face_of(b) for n, b in blocks.items()}
        self.gives = {n: face.gives for n, face in self.faces.items()}
        self.ends = self._ends(wires)

    def _ends(self, wires: Wires) -> dict[tuple[str, int], list]:
        """For each block and argument the entries that are wired, and to what."""
        found: dict[tuple[str, int], list] = {}
        for target, source in wires:
            end = parted(target, self.blocks)
            if end is None:
                _unknown("to", target, self.names)
            name, port = end
            place, entries = argument_of(name, port, self.faces[name])
            for one in (source,) if isinstance(source, str) else source:
                self._known(one)
            found.setdefault((name, place), []).append((target, entries, source))
        for row in found.values():
            _once(row)
        self._all_wired(found)
        return found

    def _known(self, source: str) -> None:
        if source not in self.inputs and parted(source, self.blocks) is None:
            _unknown("from", source, [*self.inputs, *self.names])

    def _all_wired(self, found: dict[tuple[str, int], list]) -> None:
        loose = []
        for name, face in self.faces.items():
            for i, argument in enumerate(face.takes):
                row = found.get((name, i), [])
                whole = any(entries is None for _, entries, _ in row)
                if whole or not (argument.needed or row):
                    continue
                there = {e for _, entries, _ in row for e in (entries or ())}
                signals = argument.signals or unnamed(1 + max(there, default=-1))
                loose += [
                    f"{name}.{s.name or f'{argument.name}[{j}]'}"
                    for j, s in enumerate(signals) if j not in there
                ]  # fmt: skip
                loose += [f"{name}.{argument.name}"] * (not signals and not row)
        require(
            not loose,
            f"nothing is wired to {', '.join(loose)}; wire them to outputs of blocks, "
            "or to inputs of the diagram",
        )

    def refs(self, source: Source) -> list[tuple[Ref, Signal]] | None:
        """Where a wire's numbers come from; None where a width is not known yet."""
        if not isinstance(source, str):
            parts = [self.refs(one) for one in source]
            known = [part for part in parts if part is not None]
            whole = [ref for part in known for ref in part]
            return whole if len(known) == len(parts) else None
        if source in self.inputs:
            return [((INPUT, self.inputs.index(source)), Signal(source))]
        name, port = parted(source, self.blocks) or ("", "")
        gives = self.gives[name]
        if gives is None:
            return None
        places, b = outputs_of(name, port, gives), self.names.index(name)
        return [((b, j), gives[j]) for j in places]

    def argument(self, name: str, i: int) -> tuple[list, list[str]] | None:
        """Where an argument's numbers come from, with the wires' ends."""
        row = self.ends.get((name, i), [])
        row = sorted(row, key=lambda r: r[1] or [0])
        found, ends = [], []
        for target, entries, source in row:
            refs = self.refs(source)
            if refs is None:
                return None
            expected = self._expected(name, i) if entries is None else 1
            require(
                expected in (None, len(refs)),
                f"{target} takes {expected} numbers, and {_told(source)} are "
                f"{len(refs)}; name as many: {target!r}: ('block.signal', ...)",
            )
            found += refs
            ends += [target] * len(refs)
        return found, ends

    def _expected(self, name: str, i: int) -> int | None:
        signals = self.faces[name].takes[i].signals
        return None if signals is None else len(signals)

    def settle_widths(self) -> None:
        """Ask functions how much they return, as soon as that can be known.

        Functions that wait for one another in a circle are taken to return one number:
        some may ignore what they wait for. If not, the loop is found in the plan.

        Raises:
            ValueError: a function in a circle that returns more.
        """
        left = [n for n in self.names if self.gives[n] is None]
        while ready := [n for n in left if self._ready(n)]:
            for name in ready:
                self.gives[name] = unnamed(self._returned(name))
            left = [n for n in left if n not in ready]
        self.gives |= {name: unnamed(1) for name in left}
        for name in left:
            if self._returned(name) != 1:
                refuse_circle(self._circle(left))

    def _ready(self, name: str) -> bool:
        takes = range(len(self.faces[name].takes))
        return all(self.argument(name, i) is not None for i in takes)

    def _returned(self, name: str) -> int:
        takes = range(len(self.faces[name].takes))
        sizes = [len((self.argument(name, i) or ([], []))[0]) for i in takes]
        return width(name, self.blocks[name], sizes)

    def _circle(self, left: list[str]) -> list[str]:
        after = []
        for name in left:
            rows = (self.ends.get((name, i), []) for i in range(9))
            ends = [s for row in rows for _, _, s in row]
            ends = [e for s in ends for e in ((s,) if isinstance(s, str) else s)]
            parts = [(parted(e, self.blocks) or ("",))[0] for e in ends]
            after.append([left.index(p) for p in parts if p in left])
        return [left[i] for i in circle(after)][::-1]


def wire(
    blocks: Mapping[str, Any],
    wires: Wires,
    inputs: Sequence[str],
    outputs: Any,
) -> Wired:
    """Resolve the wires of one level.

    Raises:
        ValueError: a wire that does not fit; named by its ends.
    """
    level = Level(blocks, wires, inputs)
    level.settle_widths()
    takes, fed = [], {name: [] for name in level.inputs}
    for name in level.names:
        row = []
        for i, argument in enumerate(level.faces[name].takes):
            found = level.argument(name, i) if (name, i) in level.ends else None
            row.append(None if found is None else tuple(ref for ref, _ in found[0]))
            _check_units(argument.signals, found, fed)
        takes.append(row)
    loose = [name for name, ends in fed.items() if not ends]
    require(
        not loose,
        f"the input {', '.join(loose)} of the diagram is wired to nothing; wire it, or "
        "leave it out of inputs=",
    )
    gives = [level.gives[name] or () for name in level.names]
    taken = tuple(_input(name, ends) for name, ends in fed.items())
    return Wired(takes, gives, taken, _outputs(level, outputs, taken))


def width(name: str, block: Static, sizes: list[int]) -> int:
    """How many numbers a function returns of arguments of these sizes.

    Raises:
        ValueError: it fails, or returns no row of numbers.
    """
    shapes = [jnp.zeros(() if n == 1 else (n,)) for n in sizes]
    try:
        given = jax.eval_shape(lambda: jnp.asarray(block(*shapes)))
    except Exception as error:  # the user's function may raise anything
        reason = (str(error).strip().splitlines() or [""])[0]
        told = ", ".join(map(str, sizes))
        raise ValueError(
            f"the block {name} does not run on arguments of {told} numbers: "
            f"{type(error).__name__}: {reason}; write it with jax.numpy; one number "
            "is a scalar"
        ) from error
    require(
        len(given.shape) < 2,
        f"the block {name} returns shape {given.shape}; expected a scalar or [n]",
    )
    return given.shape[0] if given.shape else 1


def refuse_circle(names: Sequence[str]) -> None:
    """Refuse an algebraic loop through blocks of these names."""
    fail(
        f"the blocks {' -> '.join(names)} form an algebraic loop: each needs the "
        "output of the one before at the same instant; put a state (a lag, hc.Sampled, "
        "hc.Delay) between them, or give Diagram(..., solve=True)"
    )


def _unknown(what: str, end: str, names: Sequence[str]) -> NoReturn:
    one_of(f"block in the wire {what} {end!r}:", end.partition(".")[0], names)
    fail(f"the wire {what} {end!r} names no block")


def _once(row: list) -> None:
    """Refuse two wires into one entry."""
    seen: list[Any] = []
    for _, entries, _ in row:
        double = entries is None or any(e in seen for e in entries) or None in seen
        require(
            not (double and seen),
            f"{' and '.join(t for t, _, _ in row)} are wired to the same input; wire "
            "it once, or add the signals in a function",
        )
        seen += [None] if entries is None else entries


def _told(source: Source) -> str:
    return source if isinstance(source, str) else ", ".join(source)


def _check_units(signals: Signals | None, found: Any, fed: dict[str, list]) -> None:
    """Refuse a wire between units; what inputs feed is noted."""
    refs, ends = ([], []) if found is None else found
    for j, ((leaf, _), given) in enumerate(refs):
        taken = signals[j] if signals is not None else Signal()
        if leaf == INPUT:
            fed[given.name].append(taken)
        else:
            block = ends[j].partition(".")[0]
            require(
                not (given.unit and taken.unit) or given.unit == taken.unit,
                f"{block}.{taken.name} is in {taken.unit} and wired to {given.name} in "
                f"{given.unit}; convert it in a function between them",
            )


def _input(name: str, ends: list[Signal]) -> Signal:
    """An input with the unit of what it feeds, where that is one."""
    units = {signal.unit for signal in ends if signal.unit}
    require(
        len(units) < 2,
        f"the input {name} of the diagram feeds ends in {', '.join(sorted(units))}; "
        "give each an input of its own",
    )
    return Signal(name, next(iter(units), ""))


def _outputs(level: Level, given: Any, taken: Signals) -> list[tuple[Signal, Ref]]:
    """Outputs of the diagram: each a signal, a wide one entry by entry."""
    named = dict(given) if isinstance(given, Mapping) else {end: end for end in given}
    rows = []
    for name, end in named.items():
        level._known(end)
        refs = level.refs(end) or []
        for j, (ref, signal) in enumerate(refs):
            known = taken[ref[1]] if ref[0] == INPUT else signal
            entry = f"{name}.{signal.name}" if signal.name else f"{name}[{j}]"
            full = name if len(refs) == 1 else entry
            rows.append((Signal(full, known.unit, known.angle), ref))
    twice = [s.name for s, _ in rows]
    require(
        len(set(twice)) == len(twice),
        f"outputs={list(named)} have a name twice; rename one: {{'name': 'block.y'}}",
    )
    return rows
