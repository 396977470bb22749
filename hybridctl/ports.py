"""What goes into a part of a closed loop and what comes out: signals by name.

Plants, sensors and controllers declare their ports. Combinators compose those of
their parts: a sum merges, a series connects, `Hold` scales dt, a machine takes its
modes'. A class that declares nothing is unknown, and is asked where it is used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from hybridctl.checks import fail, require


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


class Designed(NamedTuple):
    """Which part was designed for which period, and how often it steps.

    Attributes:
        part: name of its class.
        dt: period [s] between its steps that it was designed for.
        every: control periods between its steps.
    """

    part: str
    dt: float
    every: int = 1


@dataclass(frozen=True)
class Ports:
    """What a part takes and gives; None for what is not declared.

    Attributes:
        y: measurements that it takes (of a plant or sensor: gives).
        r: references that it follows.
        u: inputs that it gives (of a plant: takes); of an observer, its estimate.
        dt: control period [s] that it was designed for.
        mode: names of the modes of the outermost machine; empty without one.
        applied: applied inputs that it is told of.
        designed: the parts within that were designed for a period.
        by_name: whether y stands for these names and nothing else; a whole state may
            be called otherwise by the plant.
    """

    y: Signals | None = None
    r: Signals | None = None
    u: Signals | None = None
    dt: float | None = None
    mode: tuple[str, ...] = ()
    applied: Signals | None = None
    designed: tuple[Designed, ...] = ()
    by_name: bool = False

    def but(self, **changes: Any) -> "Ports":
        """The same ports with other fields.

        Args:
            **changes: fields of `Ports`.
        """
        return replace(self, **changes)

    def slower(self, every: int) -> "Ports":
        """Of what steps every n-th period: dt is that of the loop.

        Args:
            every: n.
        """
        dt = None if self.dt is None else self.dt / every
        rows = tuple(d._replace(every=d.every * every) for d in self.designed)
        return self.but(dt=dt, designed=rows)

    def check_dt(self, dt: float) -> None:
        """Refuse another control period than some part was designed for.

        Args:
            dt: control period [s] of the loop.

        Raises:
            ValueError: names the part, both periods and the cure.
        """
        for part, designed, every in self.designed:
            period = every * dt
            require(
                abs(designed - period) <= 1e-9 * period,
                f"dt={period:g} but this {part} was designed for dt={designed:g}; "
                f"redesign with dt={period:g}",
            )


def of(part: Any) -> Ports:
    """The ports of a plant, a sensor or a controller.

    Args:
        part: any of them, or ports that are known already.

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
    found = declared(part)
    if found is None:
        fail(
            f"a {type(part).__name__} has no ports; give a Plant, a Sensor or a "
            "Controller"
        )
    if found.dt is not None and not found.designed:
        return found.but(designed=(Designed(type(part).__name__, found.dt),))
    return found


def declared(part: Any) -> Ports | None:
    """The ports of a part, or None where it is nothing that has some.

    Args:
        part: anything, also ports that are known already.
    """
    if isinstance(part, Ports):
        return part
    declares = any("ports" in vars(cls) for cls in type(part).__mro__)
    found = part.ports if declares else None  # once: it asks all that is within
    return found if isinstance(found, Ports) else None


class _HasPorts(Protocol):
    """What declares its ports."""

    @property
    def ports(self) -> Ports:
        """What it takes and gives."""
        ...


def unnamed(n: int) -> Signals:
    """So many signals of which nothing but the number is known.

    Args:
        n: how many.
    """
    return (Signal(),) * n


def signals(
    names: Iterable[str], units: Mapping[str, str], angles: Iterable[int] = ()
) -> Signals:
    """Signals from what a plant says of itself.

    Args:
        names: of the signals.
        units: by name.
        angles: places of those that are angles.
    """
    turned = set(angles)
    return tuple(
        Signal(name, str(units.get(name, "")), i in turned)
        for i, name in enumerate(names)
    )


Names = tuple[tuple[str, str], ...]
"""Names and units, as a controller keeps them in a field and a file holds them."""


def named(names: Names, n: int, angles: Iterable[int] = ()) -> Signals:
    """So many signals; with their names and units where those of all are kept.

    Args:
        names: names and units, n of them or none.
        n: how many signals.
        angles: places of those that are angles.
    """
    turned, rows = set(angles), names if len(names) == n else (("", ""),) * n
    return tuple(Signal(*row, i in turned) for i, row in enumerate(rows))


def names_of(part: _HasPorts) -> tuple[Names, Names]:
    """Names and units of what a part measures, and of its inputs.

    Args:
        part: a plant, or a controller that declares both.
    """
    y, u = (
        [(s.name, s.unit) for s in row or ()] for row in (part.ports.y, part.ports.u)
    )
    return tuple(y), tuple(u)


def words(signals: Signals | None) -> str:
    """Names for a sentence.

    Args:
        signals: of some port.
    """
    return ", ".join(s.name or f"number {i}" for i, s in enumerate(signals or ()))


def known(y: Signals | None) -> bool:
    """Whether signals are declared and all of them have names.

    Args:
        y: signals; None where nothing is declared.
    """
    return bool(y) and all(signal.name for signal in y or ())


def find(who: str, own: Signals, y: Signals, by_name: bool = True) -> tuple[int, ...]:
    """Places of signals in a measurement y.

    Args:
        who: takes the signals.
        own: the signals.
        y: what is measured.
        by_name: whatever their number. Else a model may call its states otherwise
            than the plant does: where y has as many signals, and none of these names
            at another place, they are those of y in its order.

    Raises:
        ValueError: some of them are not measured.
    """
    place = {signal.name: i for i, signal in enumerate(y)}
    at_home = all(place.get(signal.name, i) == i for i, signal in enumerate(own))
    if not by_name and (not known(y) or (at_home and len(own) == len(y))):
        return tuple(range(len(y)))
    missing = ", ".join(repr(s.name) for s in own if s.name not in place)
    require(
        not missing,
        f"{who} takes {missing}, but what is measured is {words(y)}; add {missing} to "
        "Sensor(outputs=...), or give a controller of this plant",
    )
    return tuple(place[signal.name] for signal in own)


def listed(signals: Signals | None) -> str:
    """Names in brackets, for a sentence; "" where none is known.

    Args:
        signals: of some port.
    """
    names = [s.name for s in signals or () if s.name]
    return f" ({', '.join(names)})" if names else ""


def merged(*parts: "_HasPorts | Ports") -> Ports:
    """Ports of parts that see the same tick and act together.

    What one declares and another does not is taken as declared; of several, the one
    with most numbers stands, with names where some have them; and measurements that
    a part takes by name come to it.

    Args:
        *parts: plants or controllers, or ports that are known already.
    """
    known = [of(part) for part in parts]
    designed = tuple(row for p in known for row in p.designed)
    return Ports(
        y=_measured(known),
        r=_widest([p.r for p in known]),
        u=_widest([p.u for p in known]),
        dt=next((p.dt for p in known if p.dt is not None), None),
        mode=next((p.mode for p in known if p.mode), ()),
        applied=_widest([p.applied for p in known]),
        designed=designed,
        by_name={p.by_name for p in known if p.y is not None} == {True},
    )


def _measured(parts: list[Ports]) -> Signals | None:
    y = _widest([p.y for p in parts])
    names = [s.name for s in y or ()]
    more = {s.name: s for p in parts if p.by_name for s in p.y or ()}
    return y if y is None else (*y, *(s for n, s in more.items() if n not in names))


def _widest(rows: list[Signals | None]) -> Signals | None:
    declared = [row for row in rows if row is not None]
    size = lambda row: (len(row), any(s.name for s in row))  # noqa: E731
    return max(declared, key=size, default=None)
