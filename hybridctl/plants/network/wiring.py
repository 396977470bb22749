"""Which ports meet at which node, and whether they may."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hybridctl.checks import fail, one_of, require
from hybridctl.plants.network.component import Component, Domain

GROUND = "ground"
Node = tuple[str, ...]


def check_parts(parts: Mapping[str, Any], taken: Collection[str]) -> None:
    """Refuse what is no component, and names that mean something else."""
    for name, part in parts.items():
        if not isinstance(part, Component):
            fail(f"{name} is a {type(part).__name__}, expected a Component")
        require(
            name.isidentifier() and name != GROUND and name not in taken,
            f"a component cannot be called {name!r}; choose another name",
        )


def nodes_of(
    parts: Mapping[str, Component], connect: Sequence[Sequence[str]]
) -> list[Node]:
    """Ports that meet, node by node; the ground's nodes begin with "ground".

    Args:
        parts: components by name.
        connect: tuples of ports "component.port", of components that have one port
            only, or of "ground". A port alone in its tuple is left open.

    Raises:
        ValueError: an unknown or unconnected port, or two domains at a node.
    """
    known = {f"{n}.{p}": d for n, part in parts.items() for p, d in part.ports.items()}
    nodes: list[set[str]] = []
    for ends in connect:
        node = {_port(end, parts, known) for end in ends}
        require(
            len(node) == len(ends),
            f"the connection {tuple(ends)} names a port twice; name it once",
        )
        shared = [other for other in nodes if other & node - {GROUND}]
        nodes = [other for other in nodes if other not in shared]
        nodes.append(node.union(*shared))
    for node in nodes:
        _one_domain(sorted(node - {GROUND}), known)
    loose = sorted(set(known).difference(*nodes))
    require(
        not loose,
        f"nothing is connected to {', '.join(loose)}; connect them, or leave them "
        'open on purpose by a connection with one port, such as ("motor.shaft",)',
    )
    return [_sorted(node, list(known)) for node in nodes]


def _port(end: str, parts: Mapping[str, Component], known: Mapping) -> str:
    """The full name of a port."""
    name, _, port = end.partition(".")
    if end == GROUND or end in known:
        return end
    one_of("component", name, parts)
    ports = tuple(parts[name].ports)
    if not port and len(ports) == 1:
        return f"{name}.{ports[0]}"
    fail(
        f"{name} has no port {port!r}; connect one of: "
        f"{', '.join(f'{name}.{p}' for p in ports)}"
    )


def _one_domain(node: Sequence[str], known: Mapping[str, Domain]) -> None:
    for port in node[1:]:
        a, b = known[node[0]], known[port]
        require(
            a == b,
            f"{node[0]} is {a.name} but {port} is {b.name}; connect ports of one "
            "domain, or put a component such as DCMotor or Wheel between them",
        )


def _sorted(node: set[str], order: list[str]) -> Node:
    ports = sorted(node - {GROUND}, key=order.index)
    return (GROUND, *ports) if GROUND in node else tuple(ports)
