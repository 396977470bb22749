"""Switching between modes: Switch, StateMachine and the factory `machine`."""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_int, places, require
from hybridctl.controllers.combine import Argmax, Hold
from hybridctl.controllers.controller import Controller, State, Tick, beside, walk
from hybridctl.controllers.guards import Guard, counted_by, ticks, timed
from hybridctl.controllers.trial import count
from hybridctl.kinds import as_row, checked
from hybridctl.plants.signals import names as unique
from hybridctl.ports import Designed, Ports, Signal, merged, of


class SwitchState(eqx.Module):
    """Memory of a `Switch`: the active mode, and the memories below it."""

    mode: Array
    supervisor: Any
    modes: tuple


class Switch(Controller):
    """One active mode at a time, chosen by a supervisor.

    The supervisor is a controller whose output is a mode's index (a
    `StateMachine`, or `Argmax` over a Slot). A mode restarts fresh on entry.

    Args:
        supervisor: outputs an int scalar in 0 … n - 1.
        modes: controllers by name, or in a row with `names`.
        names: names of the modes where `modes` has none.
    """

    supervisor: Controller
    modes: tuple[Controller, ...]
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        supervisor: Controller,
        modes: Mapping[str, Controller] | Iterable[Controller],
        names: Iterable[str] | None = None,
    ):
        if isinstance(modes, Mapping):
            names = tuple(str(name) for name in modes)
            modes = modes.values()
        self.supervisor, self.modes = supervisor, as_row(modes)
        plain = (f"mode{i}" for i in range(len(self.modes)))
        self.names = as_row(plain if names is None else names)

    def __check_init__(self):
        n = len(self.modes)
        require(n > 0, "a Switch needs at least one mode, got none")
        require(len(self.names) == n, f"{len(self.names)} names for {n} modes")
        unique("modes", self.names)
        for name, mode in zip(self.names, self.modes, strict=True):
            require(
                isinstance(mode, Controller),
                f"mode {name!r} is {type(mode).__name__}, expected a Controller",
            )
        if isinstance(self.supervisor, StateMachine):
            m = self.supervisor
            places("modes of edges", (*m.sources, *m.targets, m.start), n, "modes")
        chooser = self.supervisor
        while isinstance(chooser, Hold):
            chooser = chooser.inner
        if isinstance(chooser, Argmax):
            given = of(chooser.inner).u
            require(
                given is None or len(given) == n,
                f"Argmax chooses among {count(given)} outputs, and there are {n} "
                f"modes: {', '.join(self.names)}; give an output for each",
            )

    @property
    def ports(self) -> Ports:
        """Those of its modes; what the supervisor gives is no input."""
        modes = merged(*self.modes)
        return merged(modes, self.supervisor).but(u=modes.u, mode=self.names)

    def init(self, tick: Tick) -> State:
        """Every mode's memory is fresh."""
        memories = tuple(m.init(tick) for m in self.modes)
        supervisor = self.supervisor
        first = supervisor.start if isinstance(supervisor, StateMachine) else 0
        return SwitchState(jnp.int32(first), supervisor.init(tick), memories)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Choose the mode, restart it if it is new, let it decide."""
        supervisor, mode = self.supervisor.step(state.supervisor, tick)
        mode = jnp.asarray(mode, jnp.int32)
        entered = mode != state.mode
        branches = [self._branch(i) for i in range(len(self.modes))]
        modes, u = jax.lax.switch(mode, branches, state.modes, entered, tick)
        return SwitchState(mode, supervisor, modes), u

    def shows(self, state: State) -> dict[str, Array]:
        """Mode and age, and what the modes show: `swing.mode` of a machine within."""
        within = {
            f"{name}.{key}": value
            for name, mode, memory in zip(
                self.names, self.modes, state.modes, strict=True
            )
            for key, value in mode.shows(memory).items()
        }
        own = beside({"mode": state.mode}, self.supervisor.shows(state.supervisor))
        return beside(own, within)

    def _branch(self, i: int):
        def run(memories, entered, tick):
            start = self.modes[i].init(tick)
            memory = jax.tree.map(
                lambda a, b: jnp.where(entered, a, b), start, memories[i]
            )
            memory, u = self.modes[i].step(memory, tick)
            if not jnp.issubdtype(u.dtype, jnp.floating):  # 10 N are 10.0 N
                u = u.astype(tick.y.dtype)
            return (*memories[:i], memory, *memories[i + 1 :]), u

        return run


class MachineState(eqx.Module):
    """Memory of a `StateMachine`: mode, ticks since its entry, ticks still locked."""

    mode: Array
    age: Array
    locked: Array


class StateMachine(Controller):
    """A finite state machine: outputs the index of the active mode.

    At every tick the edges that leave the active mode are tried in order, and
    the first whose guard holds is taken: one transition a tick at the most.

    Args:
        guards: one guard an edge.
        sources: index of the mode that each edge leaves.
        targets: index of the mode that each edge enters.
        dwell: ticks that an entered mode is kept at least, scalar.
        start: index of the first mode; it may be left at once.
        dt: control period [s] by which a dwell in seconds became ticks; None: any.
    """

    guards: tuple[Guard, ...] = eqx.field(converter=as_row)
    sources: tuple[int, ...] = eqx.field(static=True, converter=as_row)
    targets: tuple[int, ...] = eqx.field(static=True, converter=as_row)
    dwell: Array = eqx.field(converter=as_int, default=0)
    start: int = eqx.field(static=True, default=0)
    dt: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        sizes = [len(row) for row in (self.guards, self.sources, self.targets)]
        require(
            len(set(sizes)) == 1,
            f"a StateMachine has {sizes[0]} guards, {sizes[1]} sources and {sizes[2]} "
            "targets; give one of each an edge",
        )

    @property
    def ports(self) -> Ports:
        """What its guards' controllers take; the index of a mode comes out."""
        parts = walk(self.guards, lambda part: isinstance(part, Controller))
        known = merged(*(part for part in parts if isinstance(part, Controller)))
        own = () if self.dt is None else (Designed("dwell", self.dt),)
        designed = (*known.designed, *own, *timed(self.guards))
        return known.but(u=(Signal("mode"),), designed=designed)

    def init(self, tick: Tick) -> State:
        """In the first mode, free to leave it."""
        del tick
        return MachineState(jnp.int32(self.start), jnp.int32(0), jnp.int32(0))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Take the first edge whose guard holds."""
        free, target = state.locked == 0, state.mode
        edges = list(zip(self.guards, self.sources, self.targets, strict=True))
        for guard, source, to in reversed(edges):
            taken = free & (state.mode == source) & guard(tick, state.age)
            target = jnp.where(taken, jnp.int32(to), target)
        moved = target != state.mode
        rest = jnp.where(moved, self.dwell, state.locked) - 1
        age = jnp.where(moved, 0, state.age) + 1
        return MachineState(target, age, jnp.maximum(rest, 0)), target

    def shows(self, state: State) -> dict[str, Array]:
        """Ticks since the mode was entered."""
        return {"age": state.age}


@checked
def machine(
    modes: Mapping[str, Controller],
    edges: Mapping[tuple[str, str], Guard] | Iterable[tuple[str, str, Guard]],
    dwell: float = 0,
    *,
    dt: float | None = None,
    start: str | None = None,
) -> Switch:
    """Finite state machine over controllers.

    Args:
        modes: controllers by mode name; the first is the start.
        edges: guards by (source, target), tried in this order.
        dwell: time that an entered mode is kept at least: ticks (int), or time [s].
        dt: control period [s], where seconds must become ticks and no mode knows it.
        start: name of the first mode.

    Returns:
        A `Switch` supervised by a `StateMachine`.

    Raises:
        ValueError: an edge names an unknown mode, leads nowhere else or has no
            Guard, or a dwell in seconds without any dt.

    Example:
        >>> from hybridctl.controllers import Constant, after
        >>> modes = {"a": Constant([1.0]), "b": Constant([-1.0])}
        >>> machine(modes, {("a", "b"): after(5)}).names
        ('a', 'b')
    """
    require(bool(modes), "a machine needs at least one mode, got none")
    names = unique("modes", modes)
    rows = _rows(edges)
    for source, target, guard in rows:
        _check_edge(names, source, target, guard)
    first = names[0] if start is None else start
    require(first in names, f"start {first!r} is no mode; the modes are {names}")
    parts = [mode for mode in modes.values() if isinstance(mode, Controller)]
    known_dt = merged(*parts).dt if dt is None else dt
    supervisor = StateMachine(
        [guard for _, _, guard in rows],
        [names.index(source) for source, _, _ in rows],
        [names.index(target) for _, target, _ in rows],
        ticks("dwell", dwell, known_dt),
        names.index(first),
        counted_by(dwell, dt),
    )
    return Switch(supervisor, modes)


def _rows(edges: Any) -> list[tuple[str, str, Guard]]:
    if isinstance(edges, Mapping):
        edges = [(*as_row(pair), guard) for pair, guard in edges.items()]
    rows = [as_row(edge) for edge in edges]
    for row in rows:
        three = len(row) == 3 and all(isinstance(name, str) for name in row[:2])
        require(three, "an edge is source, target and guard: {('a', 'b'): guard}")
    return rows


def _check_edge(names: tuple[str, ...], source: str, target: str, guard: Any) -> None:
    edge = f"edge {source!r} -> {target!r}"
    for name in (source, target):
        require(name in names, f"{edge}: no mode {name!r}; the modes are {names}")
    require(source != target, f"{edge} leads back to its own mode; remove it")
    require(
        isinstance(guard, Guard),
        f"{edge} has a {type(guard).__name__} where a guard is expected; "
        "use near, beyond, after or level (guards are data, not functions)",
    )


def mode_names(controller: Any) -> tuple[str, ...]:
    """Names of the modes of the outermost Switch; empty where there is none."""
    return of(controller).mode


def mode_of(state: Any) -> Array | None:
    """Active mode in a controller's memory (int32 scalar), None without one."""
    return next((node.mode for node in switches(state)), None)


def switches(state: Any) -> list[SwitchState]:
    """Memories of all switches in a controller's memory, those inside after theirs."""
    nodes = jax.tree.leaves(state, is_leaf=lambda n: isinstance(n, SwitchState))
    found = [node for node in nodes if isinstance(node, SwitchState)]
    return [s for node in found for s in (node, *switches(node.modes))]


def age_of(state: Any) -> Array | None:
    """Ticks since the mode was entered (int32 scalar), None without a machine."""
    nodes = jax.tree.leaves(state, is_leaf=lambda n: isinstance(n, MachineState))
    return next((node.age for node in nodes if isinstance(node, MachineState)), None)
