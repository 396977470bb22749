"""Where the blocks of a diagram are drawn, and along which lines the wires go."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

PIN, GAP, SLOT, LANE = 18.0, 34.0, 11.0, 14.0  # [px] between pins, rows, wires, lanes
LETTER, TALL, SIDE = 6.7, 44.0, 26.0  # of a letter, a block, a channel without wires
STRAIGHT = 4.0  # [px] by which a straight wire may miss the middle of its pin
SWEEPS = 12  # over the layers, to bring blocks beside what they are wired to

Pin = tuple[str, str]  # a node, and the port of it


class Node(NamedTuple):
    """Something that is drawn: a block, an input or an output.

    Attributes:
        name: unique.
        lines: its words.
        end: whether it is an input or output of the diagram, not a block.
        folded: whether it is a diagram itself.
    """

    name: str
    lines: tuple[str, ...]
    end: bool = False
    folded: bool = False


class Box(NamedTuple):
    """A node with its place: left, top, width and height [px]."""

    node: Node
    x: float
    y: float
    wide: float
    tall: float


class Line(NamedTuple):
    """A wire: the pins at its ends and the corners of its way."""

    source: Pin
    target: Pin
    points: tuple[tuple[float, float], ...]


class Layout(NamedTuple):
    """A diagram as it is drawn."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    pins: dict[tuple[str, str, bool], tuple[float, float]]


Edges = Sequence[tuple[Pin, Pin]]


def layout(nodes: Sequence[Node], edges: Edges) -> Layout:
    """Blocks in layers from left to right, wires at right angles between them.

    Args:
        nodes: inputs first, outputs last.
        edges: from a pin that gives to one that takes.
    """
    layers = _layers(nodes, edges)
    last = max(layers.values())
    layers |= {n.name: last for n in nodes if n.end and layers[n.name] > 0}
    pins = _pins(nodes, edges)
    tall = {n.name: _tall(n, pins) for n in nodes}
    wide = {n.name: _wide(n, pins) for n in nodes}
    tops = _tops(nodes, edges, layers, pins, tall)
    rows = range(last + 1)
    columns = [max(wide[n.name] for n in nodes if layers[n.name] == c) for c in rows]
    router = Router(edges, layers, columns)
    boxes = []
    for node in nodes:
        left, column = router.left[layers[node.name]], columns[layers[node.name]]
        x = left + (column - wide[node.name]) / 2
        size = wide[node.name], tall[node.name]
        boxes.append(Box(node, x, tops[node.name], *size))
    places = _places(boxes, pins)
    return Layout(tuple(boxes), router.route(boxes, places), places)


def _layers(nodes: Sequence[Node], edges: Edges) -> dict[str, int]:
    """How far from the left each node stands; wires that lead back do not count."""
    after = {n.name: [b for (a, _), (b, _) in edges if a == n.name] for n in nodes}
    forward: dict[str, list[str]] = {n.name: [] for n in nodes}
    state: dict[str, int] = {}

    def visit(name: str) -> None:
        state[name] = 1
        for other in after[name]:
            if state.get(other) != 1:
                forward[name].append(other)
            if other not in state:
                visit(other)
        state[name] = 2

    for node in nodes:
        if node.name not in state:
            visit(node.name)
    found = {n.name: 0 for n in nodes}
    for _ in nodes:
        for name, others in forward.items():
            for other in others:
                found[other] = max(found[other], found[name] + 1)
    return found


def _pins(nodes: Sequence[Node], edges: Edges) -> dict[tuple[str, bool], list[str]]:
    """Ports of each node that are wired: those it takes, those it gives (True)."""
    found: dict[tuple[str, bool], list[str]] = {}
    for source, target in edges:
        for (name, port), gives in ((source, True), (target, False)):
            row = found.setdefault((name, gives), [])
            if port not in row:
                row.append(port)
    return found


def _tall(node: Node, pins: Mapping) -> float:
    most = max(len(pins.get((node.name, side), ())) for side in (False, True))
    return 22.0 if node.end else max(TALL, PIN * most + 10)


def _wide(node: Node, pins: Mapping) -> float:
    letters = max(len(line) for line in node.lines)
    if node.end:
        return letters * LETTER + 18
    sides = [max((len(p) for p in pins.get((node.name, side), ())), default=0)
             for side in (False, True)]  # fmt: skip
    return (letters + 2 * max(sides)) * LETTER + 26


def _tops(
    nodes: Sequence[Node],
    edges: Edges,
    layers: Mapping[str, int],
    pins: Mapping,
    tall: Mapping[str, float],
) -> dict[str, float]:
    """Upper edges: each node beside what it is wired to, none on another."""
    tops: dict[str, float] = {}
    for c in range(max(layers.values()) + 1):
        y = 0.0
        for node in (n for n in nodes if layers[n.name] == c):
            tops[node.name] = y
            y += tall[node.name] + GAP
    near = [(a, b) for a, b in edges if abs(layers[a[0]] - layers[b[0]]) == 1]
    for sweep in range(SWEEPS):
        columns = sorted(set(layers.values()), reverse=bool(sweep % 2))
        for c in columns:
            row = [n.name for n in nodes if layers[n.name] == c]
            want = {name: _wanted(name, near, tops, pins, tall) for name in row}
            _settle(sorted(row, key=lambda n: want[n]), want, tops, tall)
    return tops


def _wanted(
    name: str, near: Edges, tops: Mapping[str, float], pins: Mapping, tall: Mapping
) -> float:
    """Where a node would have to be for its wires to be straight, on average."""
    offsets = []
    for source, target in near:
        for (own, mine), (other, theirs) in (
            ((source, True), (target, False)),
            ((target, False), (source, True)),
        ):
            if own[0] == name:
                there = _height(other, theirs, pins, tall) + tops[other[0]]
                offsets.append(there - _height(own, mine, pins, tall))
    return sum(offsets) / len(offsets) if offsets else tops[name]


def _height(pin: Pin, gives: bool, pins: Mapping, tall: Mapping) -> float:
    """How far below its node's top a pin is."""
    row = pins[pin[0], gives]
    return tall[pin[0]] / 2 + PIN * (row.index(pin[1]) - (len(row) - 1) / 2)


def _settle(row: list[str], want: Mapping, tops: dict, tall: Mapping) -> None:
    """Put a layer's nodes where they want to be, pushed apart, the middle kept."""
    y, placed = -1e9, []
    for name in row:
        y = max(want[name], y)
        placed.append(y)
        y += tall[name] + GAP
    late = sum(p - want[n] for p, n in zip(placed, row, strict=True)) / len(row)
    for name, top in zip(row, placed, strict=True):
        tops[name] = top - late


def _places(boxes: Sequence[Box], pins: Mapping) -> dict:
    """Where each pin is: node, port, whether it gives."""
    found, tall = {}, {box.node.name: box.tall for box in boxes}
    for box in boxes:
        name = box.node.name
        for gives in (False, True):
            for port in pins.get((name, gives), ()):
                x = box.x + box.wide * gives
                y = box.y + _height((name, port), gives, pins, tall)
                found[name, port, gives] = (x, y)
    return found


class Router:
    """Channels between the layers, and lanes above and below them."""

    def __init__(self, edges: Edges, layers: Mapping[str, int], wide: list[float]):
        self.edges, self.layers, self.wide = edges, layers, wide
        self.slots: dict[tuple[int, Pin], int] = {}
        counts = [0] * (len(wide) + 1)
        for source, target in edges:
            for channel in self._channels(source, target):
                if (channel, source) not in self.slots:
                    self.slots[channel, source] = counts[channel]
                    counts[channel] += 1
        self.counts = counts
        self.left, x = [], 0.0
        for c, width in enumerate(wide):
            x += SIDE + SLOT * counts[c]
            self.left.append(x)
            x += width

    def _channels(self, source: Pin, target: Pin) -> tuple[int, ...]:
        """Channels of a wire: the one behind its source, the one before its target."""
        a, b = self.layers[source[0]] + 1, self.layers[target[0]]
        return (a,) if a == b else (a, b)

    def _x(self, channel: int, source: Pin) -> float:
        """Where a wire goes up or down in a channel."""
        begin = self.left[channel - 1] + self.wide[channel - 1] if channel else 0.0
        return begin + SIDE / 2 + SLOT * (self.slots[channel, source] + 0.5)

    def route(self, boxes: Sequence[Box], places: Mapping) -> tuple[Line, ...]:
        """The corners of every wire."""
        lanes: dict[Pin, float] = {}
        bottom = max(box.y + box.tall for box in boxes) + LANE
        top, lines = min(box.y for box in boxes) - LANE, []
        for source, target in self.edges:
            start, end = places[*source, True], places[*target, False]
            channels = self._channels(source, target)
            xs = [self._x(channel, source) for channel in channels]
            if len(xs) == 1 and abs(start[1] - end[1]) <= STRAIGHT:
                points = (start, (xs[0], start[1]), (end[0], start[1]))
            elif len(xs) == 1:
                points = (start, (xs[0], start[1]), (xs[0], end[1]), end)
            else:
                ahead = channels[1] > channels[0]
                level = self._free(boxes, start[1], channels) if ahead else None
                if level is None and source not in lanes:
                    lanes[source] = top if ahead else bottom
                    top, bottom = top - LANE * ahead, bottom + LANE * (not ahead)
                y = lanes[source] if level is None else level
                points = (
                    start, (xs[0], start[1]), (xs[0], y), (xs[1], y), (xs[1], end[1]),
                    end,
                )  # fmt: skip
            lines.append(Line(source, target, points))
        return tuple(lines)

    def _free(
        self, boxes: Sequence[Box], y: float, channels: tuple[int, ...]
    ) -> float | None:
        """The height y, where no block stands in its way."""
        between = range(channels[0], channels[-1])
        for box in boxes:
            inside = box.y - 8 < y < box.y + box.tall + 8
            if self.layers[box.node.name] in between and inside:
                return None
        return y
