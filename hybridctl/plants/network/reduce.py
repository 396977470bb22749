"""From the laws of connected components to explicit state equations."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import jax

from hybridctl.checks import fail, require
from hybridctl.plants.network.component import Component, End, Ends, Port, Source
from hybridctl.plants.network.symbols import Form, Symbol, eliminate, parameters
from hybridctl.plants.network.wiring import GROUND, Node, nodes_of


class Reduced(NamedTuple):
    """A network solved for everything but its states and inputs.

    Attributes:
        states: names and units, in order.
        inputs: names and units, in order.
        ends: node of every port "component.port".
        solved: forms of every across and through variable, of the rates of all
            states that are linear, and of the states that were merged into others.
            They are forms of states and inputs, and where states were merged also
            of the accelerations of a plant's ports.
    """

    states: dict[str, str]
    inputs: dict[str, str]
    ends: dict[str, str]
    solved: dict[Symbol, Form]

    @property
    def merged(self) -> dict[str, Form]:
        """States that rigid connections tie to others."""
        return {key.name: f for key, f in self.solved.items() if key.kind == "state"}


@functools.lru_cache(maxsize=256)
def reduced(structure: Any, names: tuple[str, ...], connect: tuple) -> Reduced:
    """Eliminate what is no state, once for all networks of the same structure.

    Args:
        structure: tree structure of the components.
        names: of the components.
        connect: which ports meet.

    Raises:
        ValueError: the network has no unique solution, and why.
    """
    tree = jax.tree.unflatten(structure, parameters(structure.num_leaves))
    return _Reduction(dict(zip(names, tree, strict=True)), connect).run()


def state_names(parts: Mapping[str, Component]) -> dict[tuple[str, str], str]:
    """Names in the network of every component's states.

    Those of a plant in a port stay as they are, where there is one such plant.
    """
    alone = sum(isinstance(part, Port) for part in parts.values()) == 1
    return {
        (name, own): own if alone and isinstance(part, Port) else f"{name}.{own}"
        for name, part in parts.items()
        for own in part.states
    }


class _Reduction:
    """The steps of a reduction, which share the equations' names."""

    def __init__(self, parts: Mapping[str, Component], connect: tuple):
        self.parts, self.nodes = parts, nodes_of(parts, connect)
        self.names = state_names(parts)
        self.units = {self.names[n, s]: u for n, s, u in _units(parts)}
        self.inputs = dict(_inputs(parts))
        self._check_names()
        self.ends = {p: _node_name(node) for node in self.nodes for p in node}
        self.ends.pop(GROUND, None)
        self.rates: dict[Symbol, Form] = {}

    def run(self) -> Reduced:
        """Eliminate, merge what is tied, and differentiate what was merged."""
        rows = [self._balance(node) for node in self.nodes if node[0] != GROUND]
        for name, part in self.parts.items():
            rows += self._laws(name, part)
        unknown = {Symbol("through", port) for port in self.ends}
        unknown |= {Symbol("across", n) for n in self.ends.values() if n != GROUND}
        solved, left = eliminate(rows, unknown)
        free = unknown - set(solved)
        merged = self._merge(left, free)
        solved = self._differentiate(solved, merged, free)
        states = {n: u for n, u in self.units.items() if n not in merged}
        require(bool(states), "no component has a state; add one that stores energy")
        return Reduced(states, self.inputs, self.ends, solved)

    def _balance(self, node: Node) -> Form:
        """What flows into a node adds up to nothing."""
        flows = [Form.of(Symbol("through", port)) for port in node]
        return functools.reduce(Form.__add__, flows)

    def _laws(self, name: str, part: Component) -> list[Form]:
        """Equations of a component, marked with its name; its rates go to `rates`."""
        states = {s: Form.of(Symbol("state", self.names[name, s])) for s in part.states}
        ports = {port: self._end(f"{name}.{port}") for port in part.ports}
        law = part.law(Ends(ports, states))
        require(
            len(law.zero) == len(ports),
            f"the law of {name} has {len(law.zero)} equations, expected {len(ports)}; "
            "give one for each port",
        )
        for own, rate in law.rate.items():
            self.rates[Symbol("state", self.names[name, own])] = rate
        marks = (Form.of(Symbol("law", f"{name}.{i}")) for i in range(len(law.zero)))
        return [row + mark for row, mark in zip(law.zero, marks, strict=True)]

    def _end(self, port: str) -> End:
        node = self.ends[port]
        across = Form() if node == GROUND else Form.of(Symbol("across", node))
        return End(across, Form.of(Symbol("through", port)))

    def _merge(self, left: list[Form], free: set[Symbol]) -> dict[str, Form]:
        """States that the equations left over tie to others, last components first."""
        order, merged = list(self.units), {}
        while left:
            row = left.pop()
            known = [k for k in row.terms if k.kind in ("state", "input", "one")]
            tied = [k for k in known if k in self.rates]
            if len(known) < 2 or not tied or any(k.kind != "state" for k in known):
                self._refuse(row, free)
            last = max(tied, key=lambda k: order.index(k.name))
            form = row.solved(last)
            left = [other.put(last, form) for other in left]
            merged = {n: f.put(last, form) for n, f in merged.items()}
            merged[last.name] = form
        return {name: _unmarked(form) for name, form in merged.items()}

    def _differentiate(
        self, solved: dict, merged: dict[str, Form], free: set[Symbol]
    ) -> dict[Symbol, Form]:
        """Rates of the states, with those of the merged ones that follow from them."""
        ties = {Symbol("state", name): form for name, form in merged.items()}
        solved = {key: _unmarked(form) for key, form in solved.items()}
        rows = []
        for state, rate in self.rates.items():
            for known in (solved, ties):
                for key, form in known.items():
                    rate = rate.put(key, form)
            rows.append(rate - _derivative(ties.get(state, Form.of(state))))
        unknown = free | {_rate(s) for s in self.rates if s not in ties}
        rates, left = eliminate(rows, unknown)
        if left or set(rates) != unknown:
            self._underdetermined(unknown - set(rates))
        for known in (ties, rates):
            for key, form in known.items():
                solved = {k: f.put(key, form) for k, f in solved.items()}
        return solved | ties | rates

    def _refuse(self, row: Form, free: set[Symbol]) -> NoReturn:
        """Say what is wrong with an equation that leaves nothing to solve for."""
        kinds = {key.kind for key in row.terms} - {"law"}
        if not kinds:
            self._underdetermined(free)
        laws = {key.name.split(".")[0] for key in row.terms if key.kind == "law"}
        guilty = [name for name in self.parts if name in laws]
        names, one = _listing(guilty), len(guilty) == 1
        place = "in series" if any(k.kind == "through" for k in free) else "in parallel"
        cure = f"put a resistance or damper {place}"
        if "state" not in kinds and one:
            fail(f"{names} is short-circuited, or has nowhere to flow; {cure}")
        if "state" not in kinds:
            fail(f"the ideal sources of {names} contradict each other; {cure}")
        held = _listing([key.name for key in row.terms if key.kind == "state"])
        fail(f"{names}, as connected, {'holds' if one else 'hold'} {held}; {cure}")

    def _underdetermined(self, free: set[Symbol]) -> NoReturn:
        """Say what no equation determines."""
        floating = sorted(key.name for key in free if key.kind == "across")
        if floating:
            fail(
                f"the node of {floating[0]} floats: nothing fixes its "
                f'{self._domain(floating[0]).across}; connect "ground" to its part of '
                "the network"
            )
        loops = sorted(key.name for key in free if key.kind == "through")
        fail(
            f"nothing determines the {self._domain(loops[0]).through} through "
            f"{_listing(loops)}: a rigid loop; put a resistance, damper or spring in it"
        )

    def _domain(self, place: str) -> Any:
        name, _, port = place.split(" = ")[0].partition(".")
        return self.parts[name].ports[port]

    def _check_names(self) -> None:
        signals = [*self.names.values(), *(name for name, _ in _inputs(self.parts))]
        twice = sorted({name for name in signals if signals.count(name) > 1})
        require(
            not twice,
            f"two states or inputs are called {', '.join(twice)}; rename a component "
            "or an input",
        )


def _units(parts: Mapping[str, Component]) -> list[tuple[str, str, str]]:
    return [(n, s, u) for n, part in parts.items() for s, u in part.states.items()]


def _inputs(parts: Mapping[str, Component]) -> list[tuple[str, str]]:
    sources = [part for part in parts.values() if isinstance(part, Source)]
    return [(part.input, part.unit) for part in sources if part.input is not None]


def _node_name(node: Node) -> str:
    return GROUND if node[0] == GROUND else " = ".join(node)


def _rate(state: Symbol) -> Symbol:
    return Symbol("rate", state.name)


def _derivative(form: Form) -> Form:
    return Form({_rate(state): c for state, c in form.terms.items()})


def _unmarked(form: Form) -> Form:
    return Form({key: c for key, c in form.terms.items() if key.kind != "law"})


def _listing(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
