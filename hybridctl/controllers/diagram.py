"""A machine as a picture: its modes as boxes, its edges as arrows with their guards."""

import html
import math
import re
from typing import Any, NamedTuple

from hybridctl.controllers.controller import Controller, walk
from hybridctl.controllers.machine import StateMachine, Switch
from hybridctl.describe import Known, draws, label

LETTER, LINE, TALL = 6.7, 15, 46  # width of a letter, heights of a line and a box [px]
INK, FILL, ARROW = "#1f2933", "#eef3f8", "#0072B2"
WRAP = 34  # letters of a line on an edge
BOLD, QUIET = "font-weight='600'", "font-size='11' opacity='0.75'"
FONT = "font-family='ui-sans-serif,system-ui,sans-serif' font-size='12'"


class Box(NamedTuple):
    """A mode: where its middle is, how wide it is, and its words."""

    x: float
    y: float
    wide: float
    lines: tuple[str, str]


class Edge(NamedTuple):
    """From one mode to another, under a guard."""

    source: int
    target: int
    guard: str


@draws
def _draw(c: Controller, known: Known) -> str | None:
    """The outermost machine in a controller."""
    found = next((node for node in walk(c) if isinstance(node, Switch)), None)
    return None if found is None else machine_svg(found, known)


def machine_svg(machine: Switch, known: Known) -> str:
    """The state diagram as an inline `<svg>`; guards of many edges are in a legend."""
    boxes, edges = _boxes(machine, known), _edges(machine, known)
    keyed = len(boxes) > 2
    if not keyed:
        boxes = _spread(boxes, edges)
    shapes = [_arrow(e, boxes, str(i + 1) if keyed else e.guard, keyed)
              for i, e in enumerate(edges)]  # fmt: skip
    shapes += [_box(box, i == _start(machine)) for i, box in enumerate(boxes)]
    legend = [f"{i + 1}: {e.guard}" for i, e in enumerate(edges)] if keyed else []
    if not isinstance(machine.supervisor, StateMachine):
        legend = [f"chosen by {label(machine.supervisor, known)}"]
    return _frame(shapes, boxes, edges, legend, keyed)


def _start(machine: Switch) -> int:
    supervisor = machine.supervisor
    return supervisor.start if isinstance(supervisor, StateMachine) else -1


def _edges(machine: Switch, known: Known) -> list[Edge]:
    """One arrow for each pair of modes; its guards are alternatives."""
    m, found = machine.supervisor, {}
    if not isinstance(m, StateMachine):
        return []
    for guard, a, b in zip(m.guards, m.sources, m.targets, strict=True):
        found.setdefault((a, b), []).append(label(guard, known))
    return [Edge(a, b, " or ".join(guards)) for (a, b), guards in found.items()]


def _boxes(machine: Switch, known: Known) -> list[Box]:
    """Modes on an ellipse; one or two in a row."""
    words = [(name, _short(mode, known)) for name, mode in
             zip(machine.names, machine.modes, strict=True)]  # fmt: skip
    wide = [max(len(a), len(b)) * LETTER + 26 for a, b in words]
    n = len(words)
    across = max(max(wide) * (1.1 if n < 5 else 0.36 * n), 120)
    down = 0.0 if n < 3 else max(0.36 * n, 1.0) * 2.1 * TALL
    boxes = []
    for i in range(n):
        turn = math.pi + 2 * math.pi * i / n if n < 3 else (
            2 * math.pi * i / n - math.pi / 2)  # fmt: skip
        x, y = across * math.cos(turn), down * math.sin(turn)
        boxes.append(Box(x if n > 1 else 0.0, y, wide[i], words[i]))
    return boxes


def _short(mode: Controller, known: Known) -> str:
    told = label(mode, known)
    if len(told) <= 26:
        return told
    return "machine" if told.startswith("machine(") else type(mode).__name__


def _spread(boxes: list[Box], edges: list[Edge]) -> list[Box]:
    """Two modes so far apart that the guards fit between them."""
    if len(boxes) < 2:
        return boxes
    letters = max((len(line) for e in edges for line in _wrapped(e.guard)), default=8)
    gap = max(letters * LETTER + 30, 90)
    left, right = boxes
    apart = (left.wide + right.wide) / 2 + gap
    return [left._replace(x=0.0), right._replace(x=apart)]


def _wrapped(guard: str) -> list[str]:
    """A guard in lines, broken before its operators."""
    lines = [""]
    for part in re.split(r" (?=(?:&|or) )", guard):
        fits = len(lines[-1]) + len(part) < WRAP
        if fits and lines[-1]:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return [line for line in lines if line]


def _box(box: Box, first: bool) -> str:
    x, y, (name, kind) = box.x, box.y, box.lines
    mark = (
        f"<circle cx='{x - box.wide / 2 - 14:.1f}' cy='{y:.1f}' r='4' fill='{INK}'/>"
        f"<path d='M{x - box.wide / 2 - 12:.1f} {y:.1f}h8' stroke='{INK}'/>"
    )
    return (
        f"{mark if first else ''}<rect x='{x - box.wide / 2:.1f}' "
        f"y='{y - TALL / 2:.1f}' width='{box.wide:.1f}' height='{TALL}' rx='10' "
        f"fill='{FILL}' stroke='{ARROW}' stroke-width='1.4'/>"
        f"{_text(x, y - 3, name, BOLD)}"
        f"{_text(x, y + 13, kind, QUIET)}"
    )


def _text(x: float, y: float, words: str, more: str = "") -> str:
    told = html.escape(words)
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='middle' fill='{INK}' {more}>"
        f"{told}</text>"
    )


def _arrow(edge: Edge, boxes: list[Box], words: str, keyed: bool) -> str:
    """A bent arrow; the two of a pair bend to either side."""
    a, b = boxes[edge.source], boxes[edge.target]
    dx, dy = b.x - a.x, b.y - a.y
    long = math.hypot(dx, dy) or 1.0
    normal = dy / long, -dx / long
    bend = 26 if keyed else 34
    middle = (
        (a.x + b.x) / 2 + 2 * bend * normal[0],
        (a.y + b.y) / 2 + (2 * bend * normal[1]),
    )
    start, end = _border(a, middle), _border(b, middle)
    path = (
        f"<path d='M{start[0]:.1f} {start[1]:.1f}Q{middle[0]:.1f} {middle[1]:.1f} "
        f"{end[0]:.1f} {end[1]:.1f}' fill='none' stroke='{ARROW}' stroke-width='1.4'/>"
    )
    top = ((start[0] + end[0]) / 4 + middle[0] / 2,
           (start[1] + end[1]) / 4 + middle[1] / 2)  # fmt: skip
    return path + _head(middle, end) + _words(top, normal, words, keyed)


def _head(source: tuple[float, float], tip: tuple[float, float]) -> str:
    """The head of an arrow."""
    turn = math.atan2(tip[1] - source[1], tip[0] - source[0])
    ends = [(tip[0] - 9 * math.cos(turn + side), tip[1] - 9 * math.sin(turn + side))
            for side in (-0.4, 0.4)]  # fmt: skip
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, *ends))
    return f"<polygon points='{points}' fill='{ARROW}'/>"


def _words(
    top: tuple[float, float], normal: tuple[float, float], words: str, keyed: bool
) -> str:
    """A guard outside its arrow's bend; a number on it."""
    if keyed:
        dot = f"<circle cx='{top[0]:.1f}' cy='{top[1]:.1f}' r='9' fill='white' "
        return f"{dot}stroke='{ARROW}'/>{_text(top[0], top[1] + 4, words)}"
    lines = _wrapped(words)
    up = normal[1] < 0
    first = top[1] - 8 - LINE * (len(lines) - 1) if up else top[1] + 18
    return "".join(_text(top[0], first + LINE * i, t) for i, t in enumerate(lines))


def _border(box: Box, to: tuple[float, float]) -> tuple[float, float]:
    """Where the line from a box's middle to a point leaves it."""
    dx, dy = to[0] - box.x, to[1] - box.y
    reach = min(
        box.wide / 2 / abs(dx) if dx else math.inf,
        TALL / 2 / abs(dy) if dy else math.inf,
    )
    return box.x + dx * reach, box.y + dy * reach


def _frame(
    shapes: list[str], boxes: list[Box], edges: list[Edge], legend: Any, keyed: bool
) -> str:
    """The whole picture, as large as what is in it."""
    lines = max((len(_wrapped(e.guard)) for e in edges), default=0)
    above = 20 if keyed else 30 + LINE * lines if edges else 12
    left = min(b.x - b.wide / 2 for b in boxes) - (60 if keyed else 26)
    right = max(b.x + b.wide / 2 for b in boxes) + (60 if keyed else 12)
    top = min(b.y for b in boxes) - TALL / 2 - above
    bottom = max(b.y for b in boxes) + TALL / 2 + above
    rows = [line for told in legend for line in _wrapped_legend(told)]
    for i, told in enumerate(rows):
        line = html.escape(told)
        y = bottom + LINE * (i + 1)
        shapes.append(
            f"<text x='{left + 8:.1f}' y='{y:.1f}' fill='{INK}'>{line}</text>"
        )
    right = max(right, left + 16 + max((len(r) * LETTER for r in rows), default=0))
    bottom += LINE * len(rows) + 10 * bool(rows)
    wide, tall = right - left, bottom - top
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' width='{wide:.0f}' "
        f"height='{tall:.0f}' viewBox='{left:.1f} {top:.1f} {wide:.1f} {tall:.1f}' "
        f"style='max-width:100%;height:auto' {FONT}><rect x='{left:.1f}' y='{top:.1f}' "
        f"width='{wide:.1f}' height='{tall:.1f}' fill='white'/>{''.join(shapes)}</svg>"
    )


def _wrapped_legend(told: str) -> list[str]:
    """Legends are longer than what stands on an edge."""
    lines = _wrapped(told) if len(told) > 2 * WRAP else [told]
    return [lines[0], *(f"    {line}" for line in lines[1:])]
