"""Block diagrams as plants."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import fail, require
from hybridctl.plants.clocks import Clock
from hybridctl.plants.diagram.block import SampledBlock
from hybridctl.plants.diagram.face import face_of
from hybridctl.plants.diagram.flatten import plan_of
from hybridctl.plants.diagram.given import as_block
from hybridctl.plants.diagram.plan import Plan, runs
from hybridctl.plants.diagram.values import Values, in_a_row
from hybridctl.plants.diagram.wiring import Source, Wires, wire
from hybridctl.plants.hybrid.plant import HybridPlant
from hybridctl.plants.sampled import SampledPlant, where_due
from hybridctl.plants.signals import limits_of, names
from hybridctl.ports import Signals


class Diagram(HybridPlant, SampledPlant):
    """Blocks wired to one plant: physical, linear, static and sampled ones together.

    A block is a `Plant` (another diagram, too), `hc.transfer` or `hc.state_space`, a
    function, `hc.Sampled(controller, dt)`, one of `hc.Gain`, `hc.Saturation`,
    `hc.DeadZone`, `hc.LookupTable`, `hc.Delay`, or a system of python-control. A wire
    is a name: of the input that it ends in, and of the output that it comes from.

    An end is "block.signal", or "block" for all that it takes or gives (the
    measurement of a sampled controller); "block.y[0]" is one of several numbers. A
    plant without outputs of its own gives its states. One number comes to a function
    as a scalar, several as [n]. Nothing is silent: what is not wired, wired twice, of
    another size or unit, or an algebraic loop, is refused by name.

    Args:
        blocks: by name, which is how states ("block.state") and parameters
            ("block.parameter") are called.
        wires: from the input that a wire ends in to the output that it comes from, an
            input of the diagram, or a tuple of such.
        inputs: names of the diagram's inputs.
        outputs: ends of wires that it gives, or such by the name that they get; None:
            all outputs of all blocks but functions.
        limits: default limits of states and inputs by name, besides those of blocks.
        solve: whether algebraic loops are solved, by Newton's method.
        names: of the blocks where they are given as a tuple.
        ends: the same as `outputs`, by the name of the field that keeps them.
        given_limits: the same as `limits`, by the name of the field that keeps them.

    Raises:
        ValueError: a wire or block that does not fit; with its name.

    Example:
        >>> import hybridctl as hc
        >>> d = Diagram(
        ...     blocks={"C": hc.transfer([2, 1], [0.05, 1]), "e": lambda r, y: r - y,
        ...             "P": hc.transfer([1], [1, 0.5, 0])},
        ...     wires={"e.r": "set", "e.y": "P.y", "C": "e", "P": "C"},
        ...     inputs=["set"], outputs=["P.y"],
        ... )
        >>> d.states
        ('C.z1', 'P.z1', 'P.z2')
        >>> A, B = hc.linearize(d, d.equilibrium([0, 0, 0]))
        >>> (A.round(3) + 0.0).tolist()
        [[-20.0, 0.0, -1.0], [-780.0, -0.5, -40.0], [0.0, 1.0, 0.0]]
    """

    blocks: tuple[Any, ...]
    wires: Wires = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    ends: tuple[tuple[str, str], ...] = eqx.field(static=True)
    given_limits: tuple[tuple[str, float], ...] = eqx.field(static=True)
    solve: bool = eqx.field(static=True)
    plan: Plan = eqx.field(static=True, init=False)

    def __init__(
        self,
        blocks: Mapping[str, Any] | Sequence[Any],
        wires: Mapping[str, Source] | Iterable[tuple[str, Source]],
        inputs: Iterable[str],
        outputs: Mapping[str, str] | Iterable[str] | None = None,
        limits: Mapping[str, float] | None = None,
        solve: bool = False,
        names: Sequence[str] = (),
        ends: Sequence = (),
        given_limits: Sequence = (),
    ):
        if isinstance(blocks, Mapping):
            names, blocks = tuple(blocks), tuple(blocks.values())
        _check_names(type(self), names)
        rows = zip(names, blocks, strict=True)
        self.blocks = tuple(as_block(name, block) for name, block in rows)
        self.names, self.wires, self.solve = tuple(names), _wires(wires), bool(solve)
        self.inputs = _inputs(inputs)
        given = {**dict(given_limits), **(limits or {})}
        self.given_limits = tuple((str(n), float(v)) for n, v in given.items())
        known = dict(zip(self.names, self.blocks, strict=True))
        self.ends = _ends(known, outputs, ends)
        wired = wire(known, self.wires, self.inputs, dict(self.ends))
        self.plan = plan_of(known, wired, self.solve)

    def __check_init__(self):
        limits_of(dict(self.given_limits), (*self.states, *self.inputs))

    def __getattr__(self, name: str) -> Any:
        """A block by its name."""
        known = self.__dict__.get("names", ())
        if name in known:
            return self.blocks[known.index(name)]
        raise AttributeError(f"no {name!r}; the blocks are {', '.join(known)}")

    @property
    def states(self) -> tuple[str, ...]:  # pyright: ignore
        """Names of the states, "block.state", in the order of the blocks."""
        return tuple(signal.name for signal in self.plan.states)

    @property
    def units(self) -> dict[str, str]:  # pyright: ignore
        """Unit of every state and input."""
        return {s.name: s.unit for s in (*self.plan.states, *self.plan.inputs)}

    @property
    def angles(self) -> tuple[int, ...]:  # pyright: ignore
        """The angles of the plants in it."""
        return tuple(i for i, s in enumerate(self.plan.states) if s.angle)

    @property
    def limits(self) -> dict[str, float]:  # pyright: ignore
        """Those given, and those of the plants in it."""
        return dict(self.plan.limits) | dict(self.given_limits)

    @property
    def events(self) -> tuple[str, ...]:  # pyright: ignore
        """Events of the plants in it, "block.event"."""
        return tuple(name for name, _, _ in self.plan.events)

    @property
    def clocks(self) -> tuple[Clock, ...]:  # pyright: ignore
        """Of its sampled blocks, in the order in which they step."""
        return self.plan.clocks

    @property
    def held(self) -> tuple[int, ...]:  # pyright: ignore
        """Indices of the states of sampled blocks."""
        leaves = (self.plan.leaves[i] for i in self.plan.sampled)
        return tuple(sorted(i for v in leaves for i in range(v.begin, v.begin + v.n)))

    @property
    def whole(self) -> tuple[int, ...]:
        """Indices of states that are whole numbers: modes, ages, flags."""
        pairs = zip(self.plan.leaves, self.parts, strict=True)
        rows = ((v.begin, b.whole) for v, b in pairs if isinstance(b, SampledBlock))
        return tuple(begin + i for begin, places in rows for i in places)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives."""
        return tuple(signal.name for signal, _ in self.plan.outputs)

    @property
    def gives(self) -> Signals:
        """What it gives."""
        return tuple(signal for signal, _ in self.plan.outputs)

    @property
    def parts(self) -> list[Any]:
        """The blocks of all levels that are no diagrams."""
        found = []
        for block in self.blocks:
            found += block.parts if isinstance(block, Diagram) else [block]
        return found

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """State derivative ẋ [n_x]; that of sampled blocks is 0."""
        values = self._now(t, x, u)
        rates = []
        for i, leaf in enumerate(self.plan.leaves):
            block = values.parts[i]
            if leaf.n and isinstance(block, SampledBlock):
                rates.append(jnp.zeros(leaf.n, values.dtype))
            elif leaf.n:
                rate = block.ode(values.t, values.state(i), values.input(i))
                rates.append(jnp.asarray(rate, values.dtype))
        return in_a_row(rates)

    def output(self, t: Array, x: Array, u: Array) -> Array:
        """What it gives [n_y] at time t [s], state x [n_x] and input u [n_u]."""
        refs = [ref for _, ref in self.plan.outputs]
        return self._now(t, x, u).gather(runs(refs))

    def guards(self, t: Array, x: Array, u: Array) -> Array:
        """Guards of the plants in it [n_e]."""
        values = self._now(t, x, u)
        given = {i: values.parts[i].guards(values.t, values.state(i), values.input(i))
                 for i in self._with_events}  # fmt: skip
        return jnp.stack([given[i][number] for _, i, number in self.plan.events])

    def resets(self, t: Array, x: Array, u: Array) -> Array:
        """State after each event [n_e, n_x]; only the block's own states change."""
        values, after = self._now(t, x, u), {}
        for i in self._with_events:
            after[i] = values.parts[i].resets(
                values.t, values.state(i), values.input(i)
            )
        rows = [values.put(i, after[i][number]) for _, i, number in self.plan.events]
        return jnp.stack(rows)

    def sample(
        self, t: Array, x: Array, u: Array, due: Sequence[Any], k: Sequence[Any]
    ) -> Array:
        """State after an instant [n_x]: outputs in order, then what is stored."""
        rows = list(zip(self.plan.sampled, due, k, strict=True))

        def step(i: int, k: Any, x: Array) -> Array:
            now = self._now(t, x, u)
            block, own = now.parts[i], now.state(i)
            return now.put(i, block.step(now.t, k, own, *now.arguments(i)))

        def store(i: int, x: Array) -> Array:
            now = self._now(t, x, u)
            return now.put(i, now.parts[i].store(now.state(i), *now.arguments(i)))

        for i, ticks, count in rows:
            x = where_due(ticks, lambda x, i=i, count=count: step(i, count, x), x)
        for i, ticks, _ in rows:
            if self.parts[i].stores:
                x = where_due(ticks, lambda x, i=i: store(i, x), x)
        return x

    def _now(self, t: Array, x: Array, u: Array) -> Values:
        """What its blocks give at a moment."""
        return Values(self.plan, self.parts, t, x, u)

    def draw(self) -> str:
        """The diagram as a picture: the text of an `<svg>`.

        Diagrams within are folded: draw those by themselves, `diagram.block.draw()`.

        Example:
            >>> import hybridctl as hc
            >>> row = hc.transfer([1], [1, 1]) >> hc.Saturation(1.0)
            >>> row.draw()[:4]
            '<svg'
        """
        from hybridctl.describe import picture  # what it looks like is told there

        return picture(self) or ""

    @property
    def _with_events(self) -> list[int]:
        return sorted({i for _, i, _ in self.plan.events})


def _check_names(cls: type, given: Sequence[str]) -> None:
    names("blocks", given)
    for name in given:
        require(
            name.isidentifier() and name not in dir(cls) and name not in FIELDS,
            f"a block cannot be called {name!r}; choose another name, of letters",
        )


FIELDS = ("blocks", "wires", "inputs", "names", "ends", "given_limits", "solve", "plan")


def _wires(given: Any) -> Wires:
    """Wires as pairs that can be hashed."""
    if not isinstance(given, Mapping):
        given = dict(_pairs(given))
    rows = []
    for target, source in given.items():
        several = isinstance(source, list | tuple)
        texts = (target, *source) if several else (target, source)
        require(
            all(isinstance(text, str) for text in texts) and len(texts) > 1,
            f"the wire {target!r}: {source!r} is no pair of names; write "
            "'block.input': 'block.output', or a tuple of outputs",
        )
        rows.append((target, tuple(source) if several else source))
    return tuple(rows)


def _pairs(given: Any) -> list[tuple[str, Source]]:
    pairs, seen = [tuple(pair) for pair in given], set()
    for pair in pairs:
        if len(pair) != 2:
            fail(f"the wire {pair!r} is no pair; write ('block.input', 'block.output')")
        require(pair[0] not in seen, f"two wires end in {pair[0]!r}; wire it once")
        seen.add(pair[0])
    return pairs


def _inputs(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        fail(f"inputs={given!r} is one text; give a list of names: [{given!r}]")
    return names("inputs", given) if tuple(given) else ()


def _ends(blocks: Mapping[str, Any], outputs: Any, kept: Sequence) -> tuple:
    """Outputs by name, as pairs."""
    if isinstance(outputs, str):
        fail(f"outputs={outputs!r} is one text; give a list of names: [{outputs!r}]")
    if outputs is None and not kept:
        whole = {n: face_of(b).gives or () for n, b in blocks.items()}
        names = [f"{n}.{s.name}" for n, row in whole.items() for s in row]
        return tuple((name, name) for name in names)
    if outputs is None:
        return tuple((name, end) for name, end in kept)
    if isinstance(outputs, Mapping):
        return tuple((str(name), str(end)) for name, end in outputs.items())
    return tuple((str(end), str(end)) for end in outputs)
