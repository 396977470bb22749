"""What plants say of themselves: signals with units, parameters, limits."""

import re

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.describe import (
    Card,
    Known,
    angle,
    card,
    fields_card,
    label,
    names,
    number,
    quantity,
    tells,
)
from hybridctl.plants.diagram import draw as draw
from hybridctl.plants.diagram.diagram import Diagram
from hybridctl.plants.discrete import DiscretePlant
from hybridctl.plants.hybrid.plant import HybridPlant, has_events
from hybridctl.plants.lagrangian import LagrangianPlant
from hybridctl.plants.linearize import Equilibrium
from hybridctl.plants.mujoco.plant import MuJoCoPlant
from hybridctl.plants.network.component import Component
from hybridctl.plants.network.network import Network
from hybridctl.plants.plant import FunctionPlant, Plant

SIGNALS = ("states", "inputs", "units", "angles", "limits", "events", "coordinates")


@tells
def _plant(plant: Plant, known: Known) -> Card:
    """Anybody's plant: signals, and its fields as parameters."""
    own = Known(plant.states, plant.inputs, dict(plant.units), plant.angles)
    found = fields_card(plant, own, title_of(plant), SIGNALS, "parameters")
    return found._replace(rows=(*signal_rows(plant), *found.rows))


@tells
def _discrete(plant: DiscretePlant, known: Known) -> Card:
    """Signals, the function, its period and its parameters."""
    found = _plant(plant, known)
    rows = tuple(
        row for row in found.rows if row[0] not in ("told", "turned", "bounds")
    )
    return found._replace(rows=rows)


def title_of(plant: Plant) -> str:
    """Its kind and size."""
    kind = "hybrid plant" if has_events(plant) else "plant"
    sizes = (_count(plant.n_x, "state"), _count(plant.n_u, "input"))
    return f"{type(plant).__name__}: {kind} with {' and '.join(sizes)}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def signal_rows(plant: Plant) -> tuple[tuple[str, str], ...]:
    """States, inputs, limits and events."""
    angles = {plant.states[i] for i in plant.angles}
    told = {n: _signal(n, plant.units.get(n, ""), n in angles) for n in plant.units}
    rows = [("states", ", ".join(told.get(n) or n for n in plant.states)),
            ("inputs", ", ".join(told.get(n) or n for n in plant.inputs))]  # fmt: skip
    bounds = [f"|{n}| <= {quantity(v, plant.units.get(n, ''))}"
              for n, v in plant.limits.items()]  # fmt: skip
    rows += [("limits", ", ".join(bounds))] * bool(bounds)
    if isinstance(plant, HybridPlant) and plant.events:
        rows.append(("events", ", ".join(plant.events)))
    return tuple(rows)


def _signal(name: str, unit: str, turns: bool) -> str:
    """A name with its unit, and whether it is an angle."""
    units = f" [{unit}]" if unit else ""
    return f"{name}{units}{' (angle)' * turns}"


@tells
def _network(plant: Network, known: Known) -> Card:
    parts = zip(plant.names, plant.components, strict=True)
    rows = [*signal_rows(plant)]
    rows.append(("components", "\n".join(f"{n}: {label(c)}" for n, c in parts)))
    rows.append(("nodes", ", ".join(" = ".join(ends) for ends in plant.connect)))
    rows += [("merged", ", ".join(plant.merged))] * bool(plant.merged)
    inside = ((n, card(p.plant)) for n, p in plant._ports.items())
    return Card(title_of(plant), tuple(rows), tuple(inside))


@tells
def _diagram(plant: Diagram, known: Known) -> Card:
    rows = [*signal_rows(plant), ("outputs", ", ".join(plant.outputs))]
    wires = (f"{end} <- {source if isinstance(source, str) else ', '.join(source)}"
             for end, source in plant.wires)  # fmt: skip
    rows.append(("wires", "\n".join(wires)))
    clocks = [f"{c.name} every {quantity(c.dt, 's')}" + f" from {c.offset:g} s"
              * bool(c.offset) for c in plant.clocks]  # fmt: skip
    rows += [("sampled", ", ".join(clocks))] * bool(clocks)
    parts = zip(plant.names, map(card, plant.blocks), strict=True)
    return Card(title_of(plant), tuple(rows), tuple(parts))


@tells
def _mujoco(plant: MuJoCoPlant, known: Known) -> Card:
    told = plant.mjcf if isinstance(plant.mjcf, str) else ""
    named = re.search(r'<mujoco[^>]* model="([^"]*)"', told)
    rows = [*signal_rows(plant)]
    rows += [("model", named[1])] if named else []
    bodies = plant.parameters.get("body_mass")
    if bodies is not None and not is_tracer(bodies) and np.ndim(bodies) == 1:
        moving = np.asarray(bodies)[1:]
        mass = quantity(moving.sum(), "kg")
        rows.append(("bodies", f"{len(moving)}, together {mass}"))
    rows.append(("parameters", ", ".join(plant.parameters)))
    return Card(title_of(plant), tuple(rows))


@names
def _name_mujoco(plant: MuJoCoPlant, known: Known) -> str:
    return f"MuJoCoPlant({', '.join(plant.states)})"


@names
def _name_diagram(plant: Diagram, known: Known) -> str:
    return f"Diagram({', '.join(plant.names)})"


@names
def _name_network(plant: Network, known: Known) -> str:
    return f"Network({', '.join(plant.names)})"


@names
def _name_made(
    plant: FunctionPlant | DiscretePlant | LagrangianPlant, known: Known
) -> str:
    f = None if isinstance(plant, LagrangianPlant) else plant.f
    by = f"{getattr(f, '__name__', type(f).__name__)}, " if f is not None else ""
    return f"{type(plant).__name__}({by}states={', '.join(plant.states)})"


@tells
def _component(part: Component, known: Known) -> Card:
    found = fields_card(part, known)
    ports = ", ".join(f"{n} ({d.name})" for n, d in part.ports.items())
    states = ", ".join(_signal(n, u, False) for n, u in part.states.items())
    rows = (("ports", ports), *[("states", states)] * bool(states))
    return found._replace(rows=(*rows, *found.rows))


@tells
def _equilibrium(at: Equilibrium, known: Known) -> Card:
    known = known if known.states else Known(at.states, angles=at.angles)
    if is_tracer(at.x) or np.ndim(at.x) != 1:
        return Card("Equilibrium", (("x", number(at.x)), ("u", number(at.u))))
    n = np.shape(at.u)[-1]
    rows = (("x", at_rest(at, known)), ("u", ", ".join(
        f"{name} = {quantity(v, known.unit(name))}"
        for name, v in zip(known.u(n), np.asarray(at.u), strict=True))))  # fmt: skip
    return Card("Equilibrium: the plant rests at", rows)


def at_rest(at: Equilibrium, known: Known) -> str:
    """Every state with its value."""
    states = at.states or known.y(np.shape(at.x)[-1])
    tell = [angle if i in at.angles else number for i in range(len(states))]
    parts = zip(states, tell, np.asarray(at.x), strict=True)
    return ", ".join(f"{n} = {f(v)} {known.unit(n)}".strip() for n, f, v in parts)


@names
def _name_equilibrium(at: Equilibrium, known: Known) -> str:
    if is_tracer(at.x) or np.ndim(at.x) != 1:
        return f"Equilibrium(x={number(at.x)})"
    return f"Equilibrium({at_rest(at, Known())})"
