"""Guards in words, as they stand on an edge: `|theta - pi| <= 0.2 & V < 1`."""

from typing import Any

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.controllers.feedback import Demands
from hybridctl.controllers.guards import (
    After,
    And,
    Chosen,
    Guard,
    Level,
    Near,
    Not,
    Or,
    Quadratic,
)
from hybridctl.describe import (
    Card,
    Known,
    angle,
    apart,
    fields_card,
    label,
    names,
    number,
    quantity,
    tells,
)


@tells
def _guard(g: Guard, known: Known) -> Card:
    """In words; anybody's own guard by its fields."""
    told = label(g, known)
    known_kind = type(g).__module__.startswith("hybridctl.")
    return Card(told) if known_kind else fields_card(g, known)


@tells
def _quadratic(V: Quadratic, known: Known) -> Card:
    if is_tracer(V.P) or np.ndim(V.x0) != 1:
        return fields_card(V, known)
    rows = (("x0", number(V.x0)), ("P", _matrix(V.P)))
    return Card("V(y) = (y - x0)' P (y - x0)", rows)


def _matrix(P: Any) -> str:
    return "\n".join(number(row) for row in np.asarray(P))


@names
def _name_quadratic(V: Quadratic, known: Known) -> str:
    return "V"


@names
def _near(g: Near, known: Known) -> str:
    return " & ".join(_distances(g, "<=", known))


def _distances(g: Near, sign: str, known: Known) -> list[str]:
    """How far each measurement is, and what that is compared with."""
    if is_tracer(g.centre) or is_tracer(g.tolerance) or np.ndim(g.centre) != 1:
        seen = ", ".join(known.measured(c) for c in g.columns)
        return [f"|({seen}) - {number(g.centre)}| {sign} {number(g.tolerance)}"]
    parts = []
    for i, column in enumerate(g.columns):
        tell = angle if i in g.angles else number
        centre, bound = tell(g.centre[i]), number(np.asarray(g.tolerance)[..., i])
        name = known.measured(column)
        parts.append(f"|{apart(name, centre)}| {sign} {_with_unit(bound, name, known)}")
    return parts


def _with_unit(bound: str, name: str, known: Known) -> str:
    return f"{bound} {known.unit(name)}".strip()


@names
def _level(g: Level, known: Known) -> str:
    return f"V < {number(g.rho)}"


@names
def _after(g: After, known: Known) -> str:
    return f"after {periods(g.ticks, known)}"


def periods(ticks: Any, known: Known) -> str:
    """A number of periods, in seconds too where the period is known."""
    told = f"{number(ticks)} period{'s' * (number(ticks) != '1')}"
    if known.dt is None or is_tracer(ticks) or np.ndim(ticks):
        return told
    return f"{told} ({quantity(float(ticks) * known.dt, 's')})"


@names
def _demands(g: Demands, known: Known) -> str:
    return _asked(g, ">", " or ", known)


def _asked(g: Demands, sign: str, joint: str, known: Known) -> str:
    """What a feedback would ask for, against a limit."""
    inputs = known.u(np.shape(g.feedback.u0)[-1])
    bound = quantity(g.limit, known.unit(inputs[0]))
    return joint.join(f"|{u} asked| {sign} {bound}" for u in inputs)


@names
def _chosen(g: Chosen, known: Known) -> str:
    return f"{label(g.inner, known)} > {number(g.above)}"


@names
def _and(g: And, known: Known) -> str:
    return f"{_closed(g.a, known)} & {_closed(g.b, known)}"


def _closed(g: Guard, known: Known) -> str:
    told = label(g, known)
    return f"({told})" if " or " in told else told


@names
def _or(g: Or, known: Known) -> str:
    return f"{label(g.a, known)} or {label(g.b, known)}"


@names
def _not(g: Not, known: Known) -> str:
    if isinstance(g.a, Near):
        return " or ".join(_distances(g.a, ">", known))
    if isinstance(g.a, Level):
        return f"V >= {number(g.a.rho)}"
    if isinstance(g.a, Demands):
        return _asked(g.a, "<=", " & ", known)
    if isinstance(g.a, Chosen):
        return f"{label(g.a.inner, known)} <= {number(g.a.above)}"
    if isinstance(g.a, Not):
        return label(g.a.a, known)
    return f"~({label(g.a, known)})"
