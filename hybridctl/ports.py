"""What goes into a part of a closed loop and what comes out: signals by name.

Plants, sensors and controllers declare their ports. Combinators compose those of
their parts: a sum merges, a series connects, `Hold` scales dt, a machine takes its
modes'. A class that declares nothing is unknown, and is asked where it is used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hybridctl.checks import fail


class Signal(NamedTuple):
    """One number that goes from part to part.

    Attributes:
        name: what it is called; "" where that is not known.
        unit: such as "m"; "" where that is not known.
        angle: whether differences are wrapped to ±π.
    """

    name: str = ""
    unit: str = ""
    angle: bool = False


Signals = tuple[Signal, ...]


@dataclass(frozen=True)
class Ports:
    """What a part takes and gives.

    Attributes:
        y: measurements that it takes (of a plant or sensor: gives).
        r: references that it follows.
        u: inputs that it gives (of a plant: takes); of an observer, its estimate.
        applied: applied inputs that it is told of.
        dt: control period [s] that it was designed for.
        mode: names of the modes of the outermost machine; empty without one.

    None stands for what is not declared.
    """

    y: Signals | None = None
    r: Signals | None = None
    u: Signals | None = None
    applied: Signals | None = None
    dt: float | None = None
    mode: tuple[str, ...] = ()

    def but(self, **changes: Any) -> "Ports":
        """The same ports with other fields."""
        return replace(self, **changes)


def of(part: Any) -> Ports:
    """The ports of a plant, a sensor or a controller.

    Args:
        part: any of them.

    Returns:
        Its signals by name; None where its class declares nothing.

    Raises:
        ValueError: it is none of them.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> [signal.name for signal in of(lqr).y]
        ['x', 'theta', 'dx', 'dtheta']
    """
    match part:
        case _ if isinstance(ports := getattr(part, "ports", None), Ports):
            return ports
    fail(
        f"a {type(part).__name__} has no ports; give a Plant, a Sensor or a Controller"
    )


def unnamed(n: int) -> Signals:
    """So many signals of which nothing but the number is known."""
    return (Signal(),) * n


def signals(
    names: Iterable[str], units: Mapping[str, str], angles: Iterable[int] = ()
) -> Signals:
    """Signals from names, units by name, and which of them are angles."""
    turned = set(angles)
    return tuple(
        Signal(name, str(units.get(name, "")), i in turned)
        for i, name in enumerate(names)
    )


Names = tuple[tuple[str, str], ...]
"""Names and units, as a controller keeps them in a field and a file holds them."""


def named(names: Names, n: int, angles: Iterable[int] = ()) -> Signals:
    """So many signals; with their names and units where those of all are kept."""
    turned, rows = set(angles), names if len(names) == n else (("", ""),) * n
    return tuple(Signal(*row, i in turned) for i, row in enumerate(rows))


def names_of(part: Any) -> tuple[Names, Names]:
    """Names and units of what a part measures, and of its inputs."""
    y, u = (
        [(s.name, s.unit) for s in row or ()] for row in (part.ports.y, part.ports.u)
    )
    return tuple(y), tuple(u)


def words(signals: Signals | None) -> str:
    """Names for a sentence."""
    return ", ".join(s.name or f"number {i}" for i, s in enumerate(signals or ()))


def merged(*parts: Ports) -> Ports:
    """Ports of parts that see the same tick and act together.

    What one declares and the other does not is taken as declared. Names win over
    numbers; of two that disagree, the first stands, and the door says what is wrong.
    """
    return Ports(
        y=_first([p.y for p in parts]),
        r=_longest([p.r for p in parts]),
        u=_first([p.u for p in parts]),
        applied=_longest([p.applied for p in parts]),
        dt=next((p.dt for p in parts if p.dt is not None), None),
        mode=next((p.mode for p in parts if p.mode), ()),
    )


def _first(rows: list[Signals | None]) -> Signals | None:
    """The first that has names, else the first that is declared."""
    declared = [row for row in rows if row is not None]
    named = [row for row in declared if any(s.name for s in row)]
    return next(iter(named), next(iter(declared), None))


def _longest(rows: list[Signals | None]) -> Signals | None:
    declared = [row for row in rows if row is not None]
    return max(declared, key=len, default=None)
