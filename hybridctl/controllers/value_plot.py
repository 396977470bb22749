"""Slices through a cost-to-go: lines of equal cost, and where its input turns."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import cast, one_of, require
from hybridctl.controllers.controller import Controller
from hybridctl.controllers.guards import Level
from hybridctl.controllers.plane import answers, plane
from hybridctl.describe.style import COLOURS, STYLE, mark_turns
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium
from hybridctl.ports import of

FINE = 301  # points on each side of a slice
LINES = 13  # of equal cost, which differ by these steps:
ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
MOST = 98.0  # percentile of the costs that the colours reach: a failure costs far more
BEYOND = 0.08  # of a limit is shown behind it
LOCK: Any = {"color": COLOURS[1], "linewidth": 1.6}
TURNS: Any = {"color": "#1a1a1a", "linewidth": 1.3}
WALL: Any = {"facecolor": "#e4e4e4", "edgecolor": "#9a9a9a", "hatch": "////", "lw": 0}


class Extent(NamedTuple):
    """What a value tells of its states.

    Attributes:
        target: where V is least, with the names of the states.
        units: of the states by name.
        low: from where the value tells something [n_x].
        high: to where it does [n_x].
        lock: level set inside of which it is the LQR's; None: nowhere.
    """

    target: Equilibrium
    units: Mapping[str, str]
    low: NDArray
    high: NDArray
    lock: Level | None = None


class Slice(NamedTuple):
    """Costs [n, m] of states [n, m, n_x] at values a [m] and b [n] of two of them."""

    states: tuple[str, str]
    a: NDArray
    b: NDArray
    x: NDArray
    costs: NDArray


@checked
def plot_value(
    value: Any,
    states: tuple[str, str] | None = None,
    *,
    controller: Controller | None = None,
    limits: Mapping[str, float] | None = None,
    spans: Mapping[str, tuple[float, float]] | None = None,
    at: Equilibrium | None = None,
) -> Any:
    """Draw slices through a cost-to-go: two states each, the others at the target.

    Lines are of equal cost, closer together where it is small; the cross is the target.
    A coloured line is the edge of the lock, inside of which the value is an LQR's. With
    a controller a dark line is where its first input changes sign: the switching
    surface.

    Args:
        value: the cost-to-go, a `Value`.
        states: across and up; None: a slice for every position and its rate.
        controller: such as the `hc.Greedy` of this value; None: no such line.
        limits: largest distances from the target by state, such as `task.limits`;
            what lies behind them is hatched.
        spans: smallest and largest value by state; by default what the value spans.
        at: where the states that are not drawn are; the target by default.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown state, or a range that is none.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    told: Extent = value.extent
    at, limits = told.target if at is None else at, limits or {}
    spans = _spans(told, limits, spans or {})
    pairs = _pairs(at.states) if states is None else [states]
    slices = [_slice(value, at, pair, spans) for pair in pairs]
    lines = _lines(np.concatenate([part.costs.ravel() for part in slices]))
    with rc_context(STYLE):
        size = (1.4 + 3.3 * len(pairs), 3.4)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(pairs), squeeze=False)[0]
        looks: dict[str, dict] = {}
        for axis, part in zip(axes, slices, strict=True):
            drawn = _draw(axis, part, lines)
            looks |= _mark(axis, part, told, limits, controller)
            _label(axis, told, part.states, spans)
        bar = figure.colorbar(drawn, ax=axes, label="cost-to-go [unit of J]")
        bar.outline.set_visible(False)
        _legend(figure, looks)
    return figure


def _pairs(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every position with its rate; the first two states where they have none."""
    require(len(names) > 1, f"a slice needs two states, but there is {names} alone")
    rates = [(name, f"d{name}") for name in names if f"d{name}" in names]
    return rates or [(names[0], names[1])]


def _spans(told: Extent, limits: Any, asked: Any) -> dict[str, tuple[float, float]]:
    """What is drawn of every state: as asked for, or all that the value tells."""
    names, found = told.target.states, {}
    for name in (*limits, *asked):
        one_of("state", name, names)
    for name, x, low, high in zip(
        names, told.target.x, told.low, told.high, strict=True
    ):
        reach = (1 + BEYOND) * limits.get(name, 0.0)
        usual = min(low, x - reach), max(high, x + reach)
        low, high = (float(end) for end in asked.get(name, usual))
        require(low < high, f"{name} from {low:g} to {high:g} is no range")
        found[name] = low, high
    return found


def _slice(value: Any, at: Equilibrium, states: tuple[str, str], spans: Any) -> Slice:
    for name in states:
        one_of("state", name, at.states)
    a, b = (np.linspace(spans[name][0], spans[name][1], FINE) for name in states)
    x = plane(at, states, a, b)
    return Slice(states, a, b, x, costs_at(value, x))


def _lines(costs: NDArray) -> NDArray:
    """Round costs of the lines, closer together where they are small."""
    costs = costs[np.isfinite(costs)]
    require(costs.size > 0, "this value is a number nowhere here")
    low, high = min(float(costs.min()), 0.0), float(np.percentile(costs, MOST))
    low = low if low < -1e-3 * high else 0.0
    size = max(high - low, 1e-30)
    tens = 10.0 ** np.arange(np.floor(np.log10(size)) - 2, np.log10(size) + 1)
    steps = np.outer(tens, ROUND).ravel()
    steps = steps[: np.searchsorted(steps, 0.999 * size) + 1][-LINES:]
    return low + np.append(0.0, steps)


def _draw(axis: Any, part: Slice, lines: NDArray) -> Any:
    from matplotlib.colors import BoundaryNorm

    places = part.a, part.b, part.costs, lines
    evenly = BoundaryNorm(lines, 256, extend="max")
    drawn = axis.contourf(*places, cmap="Blues", norm=evenly, extend="max")
    axis.contour(*places, colors="white", linewidths=0.6)
    return drawn


def _mark(
    axis: Any, part: Slice, told: Extent, limits: Any, controller: Controller | None
) -> dict[str, dict]:
    """What else there is to see, with the look of each."""
    looks, (a, b), target = {}, (part.a, part.b), told.target
    if controller is not None:
        u, _ = answers(controller, len(of(controller).u or (0,)), part.x)
        axis.contour(a, b, u, [0.0], colors=TURNS["color"], linewidths=1.3)
        looks["the input changes sign"] = TURNS
    if told.lock is not None:
        far = costs_at(told.lock.V, part.x) / float(told.lock.rho)
        axis.contour(a, b, far, [1.0], colors=LOCK["color"], linewidths=1.6)
        looks["lock"] = LOCK
    centre = [float(target.x[target.states.index(name)]) for name in part.states]
    axis.plot(*centre, "+", color=TURNS["color"], ms=9, mew=1.0)
    for name, x, shade in zip(
        part.states, centre, (axis.axvspan, axis.axhspan), strict=True
    ):
        for side in (-1.0, 1.0) if name in limits else ():
            shade(x + side * limits[name], x + side * 9 * limits[name], **WALL)
            looks["beyond the limit"] = WALL
    return looks


def _label(axis: Any, told: Extent, states: tuple[str, str], spans: Any) -> None:
    axis.grid(False)
    for name, setter in zip(states, (axis.set_xlim, axis.set_ylim), strict=True):
        low, high = spans[name]
        setter(low - 1e-6 * (high - low), high)  # so that an end has its number
    texts = [f"{name} [{told.units.get(name) or '–'}]" for name in states]
    axis.set(xlabel=texts[0], ylabel=texts[1])
    angles = [told.target.states[i] for i in told.target.angles]
    for which, name in zip((axis.xaxis, axis.yaxis), states, strict=True):
        if name in angles:
            mark_turns(which, float(np.ptp(spans[name])))


def _legend(figure: Any, looks: Mapping[str, dict]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(**look, label=name)
        if look is WALL
        else Line2D([], [], **look, label=name)
        for name, look in looks.items()
    ]
    if handles:
        place = {"loc": "outside upper left", "ncols": len(handles)}
        figure.legend(handles, list(looks), **place)


@kept_programs()
def costs_at(value: Any, x: NDArray) -> NDArray:
    """Costs [n, m] of states [n, m, n_x]."""
    rows = cast(x.reshape(-1, x.shape[-1]))
    return np.asarray(_costs(cast(value), rows), np.float64).reshape(x.shape[:-1])


@eqx.filter_jit
def _costs(value: Any, rows: Any) -> Any:
    return jax.vmap(value)(rows)
