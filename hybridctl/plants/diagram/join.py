"""Diagrams in one line: series, parallel, feedback, and wires by equal names."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from hybridctl.checks import fail, one_of
from hybridctl.plants.diagram.diagram import Diagram
from hybridctl.plants.diagram.face import face_of
from hybridctl.plants.diagram.given import as_block
from hybridctl.plants.diagram.static import Junction
from hybridctl.ports import Signals


def series(first: Any, second: Any) -> Diagram:
    """What the first block gives goes into the second; written `first >> second`.

    A series of more blocks is one diagram: b1, b2, b3, …
    """
    head, tail = _chain(first), _chain(second)
    row = [as_block(f"b{i + 1}", block) for i, block in enumerate([*head, *tail])]
    names = [f"b{i + 1}" for i in range(len(row))]
    inputs = _inputs("b1", row[0])
    wires = {"b1": tuple(inputs)}
    wires |= {b: a for a, b in itertools.pairwise(names)}
    return Diagram(dict(zip(names, row, strict=True)), wires, inputs, [names[-1]])


def parallel(a: Any, b: Any, signs: str = "++") -> Diagram:
    """Both blocks take the same, and what they give is added; written `a + b`."""
    blocks = {"b1": as_block("b1", a), "b2": as_block("b2", b), "sum": Junction(signs)}
    inputs = _inputs("b1", blocks["b1"])
    wires = {"b1": tuple(inputs), "b2": tuple(inputs), "sum.u1": "b1", "sum.u2": "b2"}
    return Diagram(blocks, wires, inputs, ["sum"])


def feedback(plant: Any, controller: Any = None, sign: int = -1) -> Diagram:
    """The closed loop plant.u = r + sign · controller(plant.y).

    Args:
        plant: any block with a state; what it gives goes to the controller.
        controller: any block; None: the plant's own output goes back.
        sign: -1 for negative feedback, 1 for positive.

    Returns:
        A diagram with the inputs r (r1, r2, … of a plant with several) and what the
        plant gives.

    Raises:
        ValueError: blocks that do not fit, or another sign.

    Example:
        >>> import hybridctl as hc
        >>> loop = feedback(hc.transfer([1], [1, 1]), hc.Gain(4.0))
        >>> A, _ = hc.linearize(loop, loop.equilibrium([0.0]))
        >>> print(A)
        [[-5.]]
    """
    one_of("sign", str(sign), ("-1", "1"))
    blocks = {"plant": as_block("plant", plant)}
    n = len(_inputs("plant", blocks["plant"]))
    inputs = ["r"] if n == 1 else [f"r{i + 1}" for i in range(n)]
    back = "plant"
    if controller is not None:
        blocks["controller"] = as_block("controller", controller)
        back = "controller"
    blocks["error"] = Junction("+-" if sign == -1 else "++")
    wires = {"plant": "error", "error.u1": tuple(inputs), "error.u2": back}
    wires |= {"controller": "plant"} if controller is not None else {}
    return Diagram(blocks, wires, inputs, ["plant"])


def wires_by_name(
    blocks: Mapping[str, Any],
    inputs: Iterable[str] = (),
    wires: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Wires from every output to the inputs of the same name, where that is clear.

    Args:
        blocks: as a `Diagram` takes them.
        inputs: of the diagram.
        wires: that are there already; they stay.

    Returns:
        All wires: print them to see what was wired.

    Raises:
        ValueError: a name that several give.

    Example:
        >>> import hybridctl as hc
        >>> names = {"inputs": ["v"], "outputs": ["force"]}
        >>> motor = hc.state_space([[-5]], [[1]], [[1]], **names)
        >>> wires_by_name({"motor": motor, "cart": hc.CartPole()}, inputs=["v"])
        {'motor.v': 'v', 'cart.force': 'motor.force'}
    """
    faces = {n: face_of(as_block(n, b)) for n, b in blocks.items()}
    found = dict(wires or {})
    given = [(name, name) for name in inputs]
    given += [
        (s.name, f"{n}.{s.name}") for n, f in faces.items() for s in f.gives or ()
    ]
    for name, face in faces.items():
        for signal in _named(face.takes[0].signals if face.takes else ()):
            end = f"{name}.{signal}"
            sources = [full for n, full in given if n == signal]
            if end in found or name in found or not sources:
                continue
            if len(sources) > 1:
                fail(
                    f"{end} could be wired to {' or '.join(sources)}; give that wire: "
                    f"wires={{{end!r}: {sources[0]!r}}}"
                )
            found[end] = sources[0]
    return found


def _named(signals: Signals | None) -> list[str]:
    return [signal.name for signal in signals or () if signal.name]


def _chain(block: Any) -> list[Any]:
    """Blocks of a series that `series` made, or the block alone."""
    if not isinstance(block, Diagram):
        return [block]
    names = tuple(f"b{i + 1}" for i in range(len(block.names)))
    made = block.names == names and dict(block.wires[1:]) == dict(
        zip(names[1:], names[:-1], strict=True)
    )
    return list(block.blocks) if made else [block]


def _inputs(name: str, block: Any) -> list[str]:
    """Names of what a block takes, for the inputs of a diagram around it."""
    takes = face_of(block).takes
    if len([a for a in takes if a.needed]) != 1:
        told = ", ".join(argument.name for argument in takes) or "nothing"
        fail(f"{name} takes {told}; give a block with one input, or wire a Diagram")
    signals = takes[0].signals
    if signals is None or not all(signal.name for signal in signals):
        n = 1 if signals is None else len(signals)
        return ["u"] if n == 1 else [f"u{i + 1}" for i in range(n)]
    return [signal.name for signal in signals]
