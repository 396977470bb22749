"""A diagram as a picture: blocks as boxes, wires at right angles, ports named."""

import html
import itertools
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.describe import Known, draws, label, number
from hybridctl.plants.diagram.block import Function, SampledBlock
from hybridctl.plants.diagram.diagram import Diagram
from hybridctl.plants.diagram.face import face_of, parted
from hybridctl.plants.diagram.layout import Box, Layout, Line, Node, Pin, layout
from hybridctl.plants.diagram.linear import TransferFunction
from hybridctl.plants.diagram.static import Gain, Junction

INK, FILL, WIRE = "#1f2933", "#eef3f8", "#0072B2"
FONT = "font-family='ui-sans-serif,system-ui,sans-serif' font-size='12'"
LONGEST = 26  # letters of what a block is
EDGE = 14  # [px] around the picture


@runtime_checkable
class Controlled(Protocol):
    """A block in which a controller runs."""

    controller: Any


@draws
def _draw(diagram: Diagram, known: Known) -> str:
    del known
    return diagram_svg(diagram)


def diagram_svg(diagram: Diagram) -> str:
    """A diagram as an inline `<svg>`; diagrams within are folded into one box."""
    drawn = layout(_nodes(diagram), _edges(diagram))
    shapes = [_line(line) for line in drawn.lines] + _dots(drawn)
    shapes += [_box(box) for box in drawn.boxes] + _ports(drawn)
    return _frame(shapes, drawn)


def _nodes(diagram: Diagram) -> list[Node]:
    inputs = [Node(f">{name}", (name,), end=True) for name in diagram.inputs]
    blocks = [
        Node(name, (name, _kind(block)), folded=isinstance(block, Diagram))
        for name, block in zip(diagram.names, diagram.blocks, strict=True)
    ]
    outputs = [Node(f"{name}>", (name,), end=True) for name, _ in diagram.ends]
    return [*inputs, *blocks, *outputs] if _told(diagram) else [*inputs, *blocks]


def _told(diagram: Diagram) -> bool:
    """Whether its outputs were chosen, so that they are worth a picture."""
    whole = [f"{n}.{s.name}" for n, b in zip(diagram.names, diagram.blocks, strict=True)
             for s in face_of(b).gives or ()]  # fmt: skip
    return [end for _, end in diagram.ends] != whole


def _edges(diagram: Diagram) -> list[tuple[Pin, Pin]]:
    """Wires, a tuple of outputs entry by entry."""
    found = []
    for target, source in diagram.wires:
        name, port = parted(target, diagram.names) or (target, "")
        several = (source,) if isinstance(source, str) else source
        for i, end in enumerate(several):
            entry = f"{port}[{i}]" if len(several) > 1 and port else port
            entry = f"[{i}]" if len(several) > 1 and not port else entry
            found.append((_source(diagram, end), (name, entry)))
    if _told(diagram):
        ends = [(_source(diagram, end), (f"{name}>", "")) for name, end in diagram.ends]
        found += ends
    return found


def _source(diagram: Diagram, end: str) -> Pin:
    if end in diagram.inputs:
        return f">{end}", ""
    return parted(end, diagram.names) or (end, "")


def _kind(block: Any) -> str:
    """What a block is, in a few words."""
    if isinstance(block, Diagram):
        return f"{len(block.blocks)} blocks"
    if isinstance(block, TransferFunction) and not is_tracer(block.den):
        told = f"{_polynomial(block.num)} / {_polynomial(block.den)}"
        return told if len(told) <= LONGEST else "transfer function"
    if isinstance(block, Gain) and not is_tracer(block.K) and np.ndim(block.K) == 0:
        return f"× {number(block.K)}"
    if isinstance(block, Junction):
        return " ".join(block.signs)
    if isinstance(block, Function):
        name = getattr(block.f, "__name__", type(block.f).__name__)
        return "function" if name == "<lambda>" else f"{name}()"
    inner = block.controller if isinstance(block, Controlled) else None
    name = type(block).__name__ if isinstance(block, SampledBlock) else _short(block)
    name = name if inner is None else _short(inner)
    return f"{name}, {block.dt:g} s" if isinstance(block, SampledBlock) else name


def _short(block: Any) -> str:
    told = label(block)
    name = "machine" if told.startswith("machine(") else type(block).__name__
    return told if len(told) <= LONGEST else name


def _polynomial(coefficients: Any) -> str:
    """Coefficients as a polynomial in s."""
    row, terms = np.asarray(coefficients), []
    for i, c in enumerate(row):
        power = len(row) - 1 - i
        if c == 0:
            continue
        letter = ("", "s")[power] if power < 2 else f"s{str(power).translate(_RAISED)}"
        size = "" if abs(c) == 1 and power else number(abs(c))
        sign = "-" if c < 0 else "+"
        terms.append((sign, f"{size}{letter}"))
    told = " ".join(f"{sign} {term}" for sign, term in terms).removeprefix("+ ")
    return f"({told})" if len(terms) > 1 else told or "0"


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _box(box: Box) -> str:
    x, y = box.x + box.wide / 2, box.y + box.tall / 2
    if box.node.end:
        return (
            f"<rect x='{box.x:.1f}' y='{box.y:.1f}' width='{box.wide:.1f}' "
            f"height='{box.tall:.1f}' rx='{box.tall / 2:.1f}' fill='white' "
            f"stroke='{WIRE}'/>{_text(x, y + 4, box.node.lines[0])}"
        )
    frame = (
        f"<rect x='{box.x:.1f}' y='{box.y:.1f}' width='{box.wide:.1f}' "
        f"height='{box.tall:.1f}' rx='5' fill='{FILL}' stroke='{INK}' "
        "stroke-width='1.2'/>"
    )
    if box.node.folded:
        frame += (
            f"<rect x='{box.x + 3:.1f}' y='{box.y + 3:.1f}' "
            f"width='{box.wide - 6:.1f}' height='{box.tall - 6:.1f}' rx='3' "
            f"fill='none' stroke='{INK}' stroke-width='0.7'/>"
        )
    quiet = "font-size='10.5' opacity='0.75'"
    name, kind = box.node.lines
    return (
        f"{frame}{_text(x, y - 2, name, chr(32) + 'font-weight=' + repr('600'))}"
        f"{_text(x, y + 13, kind, ' ' + quiet)}"
    )


def _text(x: float, y: float, words: str, more: str = "", at: str = "middle") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{at}' fill='{INK}'{more}>"
        f"{html.escape(words)}</text>"
    )


def _line(line: Line) -> str:
    """A wire with its arrow."""
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in line.points)
    x, y = line.points[-1]
    return (
        f"<path d='M{way}' fill='none' stroke='{WIRE}' stroke-width='1.3' "
        f"stroke-linejoin='round'/><polygon points='{x:.1f},{y:.1f} "
        f"{x - 8:.1f},{y - 3.5:.1f} {x - 8:.1f},{y + 3.5:.1f}' fill='{WIRE}'/>"
    )


def _dots(drawn: Layout) -> list[str]:
    """Where wires of one output part."""
    ways: dict[Pin, list[tuple]] = {}
    for line in drawn.lines:
        ways.setdefault(line.source, []).append(line.points)
    pairs = (pair for row in ways.values() for pair in itertools.combinations(row, 2))
    places = {place for pair in pairs if (place := _parting(*pair))}
    return [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.6' fill='{WIRE}'/>"
            for x, y in sorted(places)]  # fmt: skip


def _parting(a: tuple, b: tuple) -> tuple[float, float] | None:
    """The last point that two ways from one pin share; None: the pin itself."""
    same = next(i for i, (p, q) in enumerate(zip(a, b, strict=False)) if p != q)
    corner, ends = a[same - 1], (a[same], b[same])
    towards = {tuple(np.sign(np.subtract(end, corner))) for end in ends}
    if len(towards) == 1:  # one turns off where the other goes straight on
        return min(ends, key=lambda end: float(np.abs(np.subtract(end, corner)).sum()))
    return corner if same > 1 else None


def _ports(drawn: Layout) -> list[str]:
    """Names of ports inside their blocks."""
    ends = {box.node.name for box in drawn.boxes if box.node.end}
    small = " font-size='10' opacity='0.8'"
    found = []
    for (name, port, gives), (x, y) in drawn.pins.items():
        if port and name not in ends:
            at = ("start", "end")[gives]
            found.append(_text(x + (-5 if gives else 5), y + 3.5, port, small, at))
    return found


def _frame(shapes: list[str], drawn: Layout) -> str:
    points = [point for line in drawn.lines for point in line.points]
    points += [
        (b.x + i * b.wide, b.y + i * b.tall) for b in drawn.boxes for i in (0, 1)
    ]
    xs, ys = zip(*points, strict=True)
    left, top = min(xs) - EDGE, min(ys) - EDGE
    wide, tall = max(xs) + EDGE - left, max(ys) + EDGE - top
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' width='{wide:.0f}' "
        f"height='{tall:.0f}' viewBox='{left:.1f} {top:.1f} {wide:.1f} {tall:.1f}' "
        f"style='max-width:100%;height:auto' {FONT}><rect x='{left:.1f}' y='{top:.1f}' "
        f"width='{wide:.1f}' height='{tall:.1f}' fill='white'/>{''.join(shapes)}</svg>"
    )
