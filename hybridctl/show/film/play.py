"""A trace as moments: what there is to see at a time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hybridctl.checks import fail, require
from hybridctl.describe.style import COLOURS
from hybridctl.loop import Trace
from hybridctl.plants import (
    Acrobot,
    CartPole,
    DoubleCartPole,
    Equilibrium,
    MuJoCoPlant,
    Pendulum,
    Plant,
)
from hybridctl.show.film.chain import chain_of
from hybridctl.show.film.joints import Joints
from hybridctl.show.style import MUTED, finite_part
from hybridctl.tasks import Task

TAIL, POINTS = 0.5, 13  # the tip's way that is shown: the last seconds, its samples
CLOSE = 1e-6  # a limit may be touched


class World(NamedTuple):
    """What the traces are of.

    Attributes:
        plant: that moves.
        chain: how it is drawn.
        limits: by name of a signal.
        target: from which the limits of states count; None: from 0.
    """

    plant: Plant
    chain: Any
    limits: Mapping[str, float]
    target: Equilibrium | None = None

    def failure(self, trace: Trace) -> int | None:
        """Index of the first sample beyond a limit."""
        beyond = np.zeros(len(trace.t), bool)
        if self.target is not None:
            known = [name for name in trace.states if name in self.limits]
            for name in known:
                error = np.abs(trace.error(name, self.target))
                beyond |= error > self.limits[name] + CLOSE
        elif self.chain.track is not None:
            low, high = self.chain.track
            x = np.asarray(trace["x"], np.float64)
            beyond = (x < low - CLOSE) | (x > high + CLOSE)
        at = np.flatnonzero(beyond)
        return int(at[0]) if len(at) else None


def world_of(given: Plant | Task | None, trace: Trace) -> World:
    """What a trace is of: a plant, the task it ran on, or a default plant.

    Raises:
        ValueError: one that cannot be drawn, or with other signals than the trace.
    """
    given = default_of(trace) if given is None else given
    if isinstance(given, Task):
        limits, target, plant = dict(given.limits), given.target, given.plant
        if given.limited:
            limits[plant.inputs[0]] = given.input_limit
    else:
        plant: Any = given
        limits, target = {}, None
    check_signals(plant, trace)
    limits = limits or dict(plant.limits)
    return World(plant, shape_of(plant, limits), limits, target)


def check_signals(plant: Any, trace: Trace) -> None:
    """Refuse what is no plant, or one with other signals than a trace.

    Raises:
        ValueError: says what it is, or both lists.
    """
    if not isinstance(plant, Plant):
        fail(f"plant is a {type(plant).__name__}; give a plant, or the task it is of")
    require(
        (plant.states, plant.inputs) == (trace.states, trace.inputs),
        f"the trace has the signals {', '.join((*trace.states, *trace.inputs))}, which "
        f"are not those of a {type(plant).__name__}; give the plant that it is of",
    )


def shape_of(plant: Plant, limits: Mapping[str, float]) -> Any:
    """How a plant is drawn: as a chain of links, or as its own MuJoCo model."""
    drawn = isinstance(plant, MuJoCoPlant)
    return Joints(plant.n_x // 2) if drawn else chain_of(plant, limits)


def default_of(trace: Trace) -> Plant | None:
    """The standard plant that has a trace's signals, if there is one."""
    known = (CartPole(), Pendulum(), Acrobot(), DoubleCartPole())
    fits = (p for p in known if (p.states, p.inputs) == (trace.states, trace.inputs))
    return next(fits, None)


class Moment(NamedTuple):
    """What there is to see at a time.

    Attributes:
        name: of the trace.
        t: time [s].
        q: coordinates [n_q].
        u: the input, and share: of its limit, -1 … 1.
        mode: that is active, "" without modes.
        colour: of the mode, or the trace.
        note: that it failed, or is not finite.
        tail: where the tip was before [n, 2].
    """

    name: str
    t: float
    q: np.ndarray
    u: float
    share: float
    mode: str
    colour: str
    note: str
    tail: np.ndarray


class Player:
    """Plays a trace: states between samples are interpolated, inputs are held.

    It ends where the trace fails or is not finite any more, and then stands still.

    Args:
        name: of the trace.
        trace: a single one.
        world: what it is of.
        colours: by mode, and by name for traces without modes.
        limit: of the input.
    """

    def __init__(
        self,
        name: str,
        trace: Trace,
        world: World,
        colours: Mapping[str, str],
        limit: float,
    ):
        self.name, self.chain, self.colours, self.limit = (
            name, world.chain, colours, limit,
        )  # fmt: skip
        self.t, x = finite_part(trace)
        self.note = "" if len(self.t) == len(trace.t) else "not finite"
        failed = world.failure(trace)
        if failed is not None and failed < len(self.t):
            self.t, x, self.note = self.t[: failed + 1], x[: failed + 1], "failed"
        if self.note:
            self.note += f" at {self.t[-1]:.2f} s"
        angles = [i for i in trace.angles if i < self.chain.n_q]
        x[:, angles] = np.unwrap(x[:, angles], axis=0)
        self.q = x[:, : self.chain.n_q]
        u = np.asarray(trace.u, np.float64)[:, 0]
        self.u = np.where(np.isfinite(u), u, 0.0)
        self.modes = modes_of(trace)

    def at(self, t: float) -> Moment:
        """What there is to see at a time [s]; after the end, the end."""
        over = bool(self.note) and t >= self.t[-1]
        k = int(np.searchsorted(self.t, t + 1e-6 * max(t, 1.0), side="right")) - 1
        k = min(max(k, 0), len(self.u) - 1)
        before = np.linspace(max(t - TAIL, 0.0), t, POINTS)
        q = np.stack([np.interp(before, self.t, part) for part in self.q.T], axis=-1)
        mode, u = self.modes[k] if self.modes else "", 0.0 if over else self.u[k]
        return Moment(
            name=self.name, t=t, q=q[-1], u=float(u),
            share=float(np.clip(u / self.limit, -1.0, 1.0)), mode=mode,
            colour=MUTED if over else self.colours[mode or self.name],
            note=self.note if over else "", tail=self.chain.joints(q)[:, -1],
        )  # fmt: skip

    def way(self, times: np.ndarray) -> np.ndarray:
        """How far the tip has gone at given times [m]."""
        q = np.stack([np.interp(times, self.t, part) for part in self.q.T], axis=-1)
        steps = np.diff(self.chain.joints(q)[:, -1], axis=0)
        return np.append(0.0, np.cumsum(np.hypot(*steps.T)))


def modes_of(trace: Trace) -> list[str]:
    """Name of the mode in every period; empty without modes."""
    if trace.mode is None or not trace.modes:
        return []
    return [trace.modes[i] for i in np.asarray(trace.mode).tolist()]


def players_of(traces: Mapping[str, Trace], world: World) -> list[Player]:
    """One a trace; a mode has one colour, and the input one limit, in all of them."""
    keys = [key for name, tr in traces.items() for key in _keys(name, tr)]
    colours = {
        key: COLOURS[i % len(COLOURS)] for i, key in enumerate(dict.fromkeys(keys))
    }
    first = next(iter(traces.values())).inputs[0]
    limit = world.limits.get(first)
    if limit is None:
        inputs = [np.asarray(trace.u)[:, 0] for trace in traces.values()]
        sizes = np.abs(np.concatenate(inputs))
        limit = float(np.max(sizes, where=np.isfinite(sizes), initial=0.0)) or 1.0
    return [Player(n, tr, world, colours, limit) for n, tr in traces.items()]


def _keys(name: str, trace: Trace) -> tuple[str, ...]:
    return trace.modes if modes_of(trace) else (name,)
