"""What controllers say of themselves, in a few rows."""

from typing import Any

import numpy as np

from hybridctl.checks import is_tracer
from hybridctl.controllers import diagram as diagram
from hybridctl.controllers import expressions as expressions
from hybridctl.controllers.augmented import AugmentedFeedback
from hybridctl.controllers.basic import Constant, Sequence, Slot
from hybridctl.controllers.combine import Argmax, Hold, Mix
from hybridctl.controllers.controller import Controller, Scaled, Series, Sum, Tick
from hybridctl.controllers.features import Features
from hybridctl.controllers.feedback import StateFeedback
from hybridctl.controllers.fill import Filled, action_size
from hybridctl.controllers.guardwords import periods
from hybridctl.controllers.integral import IntegralFeedback
from hybridctl.controllers.machine import StateMachine, Switch
from hybridctl.controllers.observers import KalmanFilter
from hybridctl.controllers.pid import PID
from hybridctl.controllers.policy import Policy
from hybridctl.controllers.sampled import Sampled
from hybridctl.controllers.value import GridValue
from hybridctl.describe import (
    Card,
    Known,
    angle,
    card,
    fields_card,
    label,
    number,
    per,
    quantity,
    tells,
)
from hybridctl.describe.fields import fields_of
from hybridctl.plants import Plant

EXPRESSIONS = Sum | Scaled | Series | Mix | Hold | Argmax | Slot | Constant | Sequence
FEEDBACKS = StateFeedback | AugmentedFeedback | IntegralFeedback


@tells
def _controller(c: Controller, known: Known) -> Card:
    """Anybody's controller: its first words, its fields."""
    models = [(n, v) for n, v in fields_of(c) if isinstance(v, Plant)]
    title = f"{type(c).__name__}{_words(type(c))}"
    skip = [*(name for name, _ in models), "columns", "angles"]
    found = fields_card(c, known, title, skip)
    told = [(name, label(plant, known)) for name, plant in models]
    columns = dict(fields_of(c)).get("columns") or ()
    seen = ", ".join(map(known.measured, columns)) if _are_places(columns) else ""
    told += [("measures", seen)] * bool(seen)
    return found._replace(rows=(*told, *found.rows, *_open(c)))


@tells
def _sampled(block: Sampled, known: Known) -> Card:
    """A controller in a diagram: its clock, its controller."""
    late = f", from {quantity(block.offset, 's')} on" if block.offset else ""
    title = f"sampled every {quantity(block.dt, 's')}{late}"
    rows = (("remembers", ", ".join(block.memory[1:])),) * bool(block.memory[1:])
    return Card(title, rows, (("controller", card(block.controller)),))


def _are_places(columns: Any) -> bool:
    return isinstance(columns, tuple) and all(isinstance(c, int) for c in columns)


def _words(cls: type) -> str:
    """The first line of what a class says of itself."""
    told = (vars(cls).get("__doc__") or "").strip().split("\n")[0]
    own = told and not told.startswith(f"{cls.__name__}(")
    return f": {told}" if own and not cls.__module__.startswith("hybridctl.") else ""


def _open(c: Controller) -> tuple[tuple[str, str], ...]:
    """How much an agent still has to fill."""
    size = action_size(c)
    told = f"fills {size} input{'s' * (size > 1)}"
    return (("agent", told),) if size else ()


@tells
def _feedback(c: FEEDBACKS, known: Known) -> Card:
    period = f"made for dt = {c.dt:g} s" if c.dt else "a continuous design"
    law = {
        StateFeedback: "u = u0 - K (y - x0)",
        AugmentedFeedback: "u = u0 - K [y - x0; inputs under way]",
        IntegralFeedback: "u = u0 - K (y - x0) - K_i q, q the sum of dt C (y - x0)",
    }[type(c)]
    rows = [*gains("K", c.K, c, known), _holds(c, known)]
    if isinstance(c, IntegralFeedback):
        rows[-1:-1] = [("K_i", number(c.K_i))]
    rows += limits("limit", c.limit, known, len(np.shape(c.u0)))
    if isinstance(c, AugmentedFeedback):
        more = limits("actuator_limit", c.actuator_limit, known, len(np.shape(c.u0)))
        rows += more
        rows.append(("behind", f"{c.delay} periods{' and a lag' * c.lag}"))
    if not isinstance(c, IntegralFeedback) and c.X is not None:
        rows.append(("V", "cost-to-go of the design, for level(V < rho)"))
    return Card(f"{type(c).__name__}: {law}; {period}", tuple(rows))


def gains(name: str, K: Any, c: Any, known: Known) -> list[tuple[str, str]]:
    """A row an input: what it is per unit of each measurement."""
    if is_tracer(K) or np.ndim(K) != 2:
        return [(name, number(K))]
    n_u, n = np.shape(K)
    y, u = known.y(np.shape(c.x0)[-1]), known.u(n_u)
    more = [f"under way {i}" for i in range(n - len(y))]
    rows = []
    for j, row in enumerate(np.asarray(K)):
        unit = [per(known.unit(u[j]), known.unit(name)) for name in y]
        told = zip((*y, *more), row, [*unit, *[""] * len(more)], strict=True)
        text = ", ".join(f"{n} {quantity(v, unit)}" for n, v, unit in told)
        rows.append((f"{name} of {u[j]}" if n_u > 1 or known.inputs else name, text))
    return rows


def _holds(c: Any, known: Known) -> tuple[str, str]:
    """Where a feedback rests."""
    if is_tracer(c.x0) or np.ndim(c.x0) != 1:
        return "holds", f"x0 = {number(c.x0)}"
    at = state_text(c.x0, known.y(len(c.x0)), c.angles, known)
    inputs = zip(known.u(np.shape(c.u0)[-1]), np.asarray(c.u0), strict=True)
    rest = [f"{n} = {quantity(v, known.unit(n))}" for n, v in inputs if v]
    return "holds", f"{at}{' with ' * bool(rest)}{', '.join(rest)}"


def state_text(x: Any, states: tuple[str, ...], angles: Any, known: Known) -> str:
    """A state by its names, what is 0 left out."""
    turns = {*angles, *known.angles}
    parts = [
        f"{n} = {angle(v) if i in turns else number(v)} {known.unit(n)}".strip()
        for i, (n, v) in enumerate(zip(states, np.asarray(x), strict=True))
        if v
    ]
    rest = "everything" if not parts else "the rest"
    return ", ".join([*parts, *([f"{rest} 0"] if len(parts) < len(states) else [])])


def limits(name: str, limit: Any, known: Known, n_u: int) -> list[tuple[str, str]]:
    """The row of a limit, if there is one."""
    if limit is None:
        return []
    units = {known.unit(u) for u in known.u(n_u)}
    unit = units.pop() if len(units) == 1 else ""
    return [(name.replace("_", " "), f"+-{quantity(limit, unit)}")]


@tells
def _kalman(c: KalmanFilter, known: Known) -> Card:
    """Which measurements correct which state, and how much."""
    named = [s.name or f"y[{i}]" for i, s in enumerate(c.ports.y or ())]
    by_number = [known.measured(column) for column in c.columns]
    seen = named if c.states or c.C is not None else by_number
    rows: list = [("measures", ", ".join(seen))]
    if is_tracer(c.L) or np.ndim(c.L) != 2:
        rows.append(("L", number(c.L)))
    else:
        named = zip(known.y(len(c.L)), np.asarray(c.L), strict=True)
        rows += [(f"L of {name}", number(row)) for name, row in named]
    rows.append(_holds(c, known))
    law = "x = A x + B u, then x + L (y - C x)"
    return Card(f"KalmanFilter: {law}{f'; dt = {c.dt:g} s' * bool(c.dt)}", tuple(rows))


@tells
def _pid(c: PID, known: Known) -> Card:
    name = c.measures or known.measured(c.column)
    rows: list = [(n, number(getattr(c, n))) for n in ("kp", "ki", "kd")]
    goal = angle(c.setpoint) if c.angle else number(c.setpoint)
    rows.append(("holds", f"{name} = {goal} {known.unit(name)}".strip()))
    rows += [("follows", "the first reference")] * c.follow
    for name in ("filter", "unwind"):
        rows += [
            (name, quantity(value, "s"))
            for value in (getattr(c, name),)
            if value is not None
        ]
    rows += limits("limit", c.limit, known, 1)
    return Card(
        f"PID: u = u0 + kp e + ki int e + kd de/dt; dt = {c.dt:g} s", tuple(rows)
    )


@tells
def _policy(c: Policy, known: Known) -> Card:
    layers = [np.shape(c.weights[0])[-2], *(np.shape(w)[-1] for w in c.weights)]
    bound = "tanh" if c.squash is None else c.squash
    size = sum(int(np.prod(np.shape(p)[-2:])) for p in (*c.weights, *c.biases))
    rows = [
        ("network", f"{' - '.join(map(str, layers))}, {c.activation}, out by {bound}"),
        ("parameters", str(size)),
        ("observes", ", ".join(c.features.names(known.y(c.features.n_y)))),
    ]
    kept = 0 if c.memory is None else c.memory.size
    rows += [("remembers", f"{kept} numbers, in a GRU")] * (kept > 0)
    rows += [("decides every", quantity(c.dt, "s"))] * (c.dt is not None)
    return Card("Policy: a trained network", tuple(rows))


@tells
def _features(f: Features, known: Known) -> Card:
    return Card(f"Features: {f.size} numbers", (("observes", _seen(f, known)),))


def _seen(f: Features, known: Known) -> str:
    own = tuple(name for name, _ in f.measures)
    return ", ".join(f.names(own or known.y(f.n_y)))


@tells
def _grid(v: GridValue, known: Known) -> Card:
    """What a grid spans, state by state."""
    sizes = np.shape(v.values)
    units = dict(v.states)
    unit = lambda name: units.get(name) or known.unit(name)  # noqa: E731
    own = tuple(units) or known.y(len(sizes))
    rows = [
        (name, f"{number(low)} to {quantity(high, unit(name))}, {n} nodes")
        for name, low, high, n in zip(own, v.low, v.high, sizes, strict=True)
    ]
    return Card("GridValue: the cost-to-go on a grid", tuple(rows))


@tells
def _sum(c: EXPRESSIONS, known: Known) -> Card:
    """An expression, and a card of each of its parts that says more than its name."""
    parts = {id(part): part for part in _operands(c)}.values()
    told = [card(part, known) for part in parts]
    named = (("", found) for found in told if found.rows or found.parts)
    return Card(label(c, known), _open(c), tuple(named))


def _operands(c: Any) -> list[Controller]:
    """What an expression is made of."""
    if isinstance(c, Sum):
        return [*_operands(c.a), *_operands(c.b)]
    if isinstance(c, Scaled | Hold | Argmax):
        return _operands(c.inner)
    if isinstance(c, Series):
        return [*_operands(c.observer), *_operands(c.inner)]
    if isinstance(c, Mix):
        return [c.weights, *c.controllers]
    return [] if isinstance(c, Slot | Constant | Sequence) else [c]


@tells
def _switch(c: Switch, known: Known) -> Card:
    rows: list = []
    if isinstance(c.supervisor, StateMachine):
        title = f"machine of {', '.join(c.names)}"
        rows += machine_rows(c.supervisor, c.names, known)
    else:
        title = f"Switch between {', '.join(c.names)}"
        rows.append(("chosen by", label(c.supervisor, known)))
    parts = zip(c.names, (card(mode, known) for mode in c.modes), strict=True)
    return Card(title, (*rows, *_open(c)), tuple(parts))


def machine_rows(
    m: StateMachine, modes: tuple[str, ...], known: Known
) -> list[tuple[str, str]]:
    """Start, dwell and edges of a machine."""
    edges = zip(m.guards, m.sources, m.targets, strict=True)
    drawn = [f"{modes[a]} --[{label(g, known)}]--> {modes[b]}" for g, a, b in edges]
    rows = [("start", modes[m.start]), ("edges", "\n".join(drawn) or "none")]
    if is_tracer(m.dwell) or np.any(m.dwell):
        rows.append(("dwell", periods(m.dwell, known)))
    return rows


@tells
def _state_machine(m: StateMachine, known: Known) -> Card:
    n = max((*m.sources, *m.targets, m.start)) + 1
    modes = tuple(f"mode{i}" for i in range(n))
    title = f"StateMachine of {len(modes)} modes"
    return Card(title, tuple(machine_rows(m, modes, known)))


@tells
def _filled(c: Filled, known: Known) -> Card:
    parts = (("template", card(c.template, known)), ("agent", card(c.agent, known)))
    return Card("A template whose Slots an agent fills", (), parts)


@tells
def _tick(tick: Tick, known: Known) -> Card:
    at = f"Tick {number(tick.k)} at t = {quantity(tick.t, 's')}"
    return fields_card(tick, known, at, ("t", "k"))
