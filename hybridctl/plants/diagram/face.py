"""What can be wired at a block: its arguments and outputs by name."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from hybridctl.checks import fail, require
from hybridctl.plants.diagram.block import Argument, SampledBlock, Static
from hybridctl.plants.hybrid.plant import HybridPlant
from hybridctl.plants.measured import Measured
from hybridctl.ports import Signal, Signals, signals


class Face(NamedTuple):
    """A block from outside.

    Attributes:
        takes: its arguments.
        gives: its outputs; None: what its function returns.
        states: of the block.
        events: names of its events.
    """

    takes: tuple[Argument, ...]
    gives: Signals | None
    states: Signals = ()
    events: tuple[str, ...] = ()


def face_of(block: Any) -> Face:
    """What a block takes, gives and remembers."""
    if isinstance(block, Static):
        return Face(tuple(Argument(name) for name in block.arguments), None)
    if isinstance(block, SampledBlock):
        held = (Signal(f"held.{s.name}", s.unit, s.angle) for s in block.gives)
        kept = (Signal(name) for name in block.memory)
        return Face(block.takes, block.gives, (*kept, *held))
    states = signals(block.states, block.units, block.angles)
    taken = signals(block.inputs, block.units)
    gives = block.gives if isinstance(block, Measured) else states
    events = block.events if isinstance(block, HybridPlant) else ()
    takes = (Argument("u", taken),) if taken else ()
    return Face(takes, gives, states, events)


def parted(end: str, blocks: Iterable[str]) -> tuple[str, str] | None:
    """Block and port of an end of a wire; None where it is no such text."""
    name, _, port = end.partition(".")
    return (name, port) if name in blocks else None


def argument_of(name: str, port: str, face: Face) -> tuple[int, list[int] | None]:
    """Which argument of a block a wire's end means, and which of its numbers.

    Returns:
        Its place, and places in it; None: all of it.

    Raises:
        ValueError: there is none, or none is named where the block has several.
    """
    takes, function = face.takes, face.gives is None
    if not port and takes and (len(takes) == 1 or not function):
        return 0, None
    whole, index = _entry(port)
    for i, argument in enumerate(takes):
        for j, signal in enumerate(argument.signals or ()):
            if signal.name == port:
                return i, [j]
        if argument.name == whole:
            n = len(argument.signals or ())
            require(
                index is None or n == 0 or index < n,
                f"{name} takes {n} numbers, so there is no {name}.{port}; count from 0",
            )
            return i, None if index is None else [index]
    known = ", ".join(_inputs(name, face)) or "nothing"
    if not port and takes:
        fail(f"{name} takes several things; wire each: {known}")
    fail(f"{name} has no input {port!r}; it takes {known}")


def outputs_of(name: str, port: str, gives: Signals) -> list[int]:
    """Which outputs of a block a wire's end means.

    Raises:
        ValueError: there is none.
    """
    names = [signal.name for signal in gives]
    if port in names and port:
        return [names.index(port)]
    whole, index = _entry(port)
    if whole in ("", "y"):
        require(
            index is None or index < len(gives),
            f"{name} gives {len(gives)} numbers, so there is no {name}.{port}; count "
            "from 0",
        )
        return list(range(len(gives))) if index is None else [index]
    told = ", ".join(f"{name}.{n}" for n in names if n)
    fail(f"{name} has no output {port!r}; it gives {told or f'{name}.y'}")


def _entry(port: str) -> tuple[str, int | None]:
    """A port and the entry of it that is meant: "y[2]"."""
    whole, _, index = port.removesuffix("]").partition("[")
    return (whole, int(index)) if index.isdigit() else (port, None)


def _inputs(name: str, face: Face) -> list[str]:
    """What can be wired at a block, as a wire's end."""
    found = []
    for argument in face.takes:
        named = [s.name for s in argument.signals or () if s.name]
        found += [f"{name}.{n}" for n in named or [argument.name]]
    return found
