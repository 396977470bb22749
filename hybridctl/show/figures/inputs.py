"""What a controller does: its input over two states."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import one_of, require
from hybridctl.controllers import Controller, StateMachine, Switch
from hybridctl.controllers.bind import bind
from hybridctl.controllers.machine import mode_names
from hybridctl.controllers.plane import answers, plane
from hybridctl.describe.style import COLOURS, mark_turns
from hybridctl.loop.fit import check_fit
from hybridctl.plants import Equilibrium, Plant
from hybridctl.show.figures.region import FINER
from hybridctl.show.style import LEFT, STYLE, WIDTH, blank

EDGE, DEMAND = "#1a1a1a", (0, (4, 2))
SMALLEST = 0.02  # share of the picture of a mode that is named


def input_map(
    controller: Controller,
    plant: Plant,
    states: tuple[str, str] = ("theta", "dtheta"),
    *,
    at: Equilibrium | None = None,
    low: tuple[float, float] | None = None,
    high: tuple[float, float] | None = None,
    limit: float | None = None,
    mode: str | None = None,
) -> Any:
    """Draw a controller's first input over two states, the others at rest.

    The colour is the input, clipped to the limit; a dashed line is where the limit is
    met. Of a machine a solid line parts the modes that it enters from the given one,
    so that two of these maps show its hysteresis.

    Args:
        controller: which sees the state itself, without memory of what was before.
        plant: names the states, the input and its unit.
        states: across and up.
        at: where the other states are; the plant's `upright()` by default.
        low: smallest values of both; by default three units (an angle: half a turn)
            below.
        high: largest values of both.
        limit: largest |input|; by default the plant's, or the largest drawn.
        mode: of a machine, in which it is; its first by default.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown state or mode, or a controller that does not fit.
    """
    from matplotlib import rc_context

    check_fit(plant, controller)
    controller = bind(controller, plant.ports.y or ())
    at = at if at is not None else plant.upright()  # type: ignore[attr-defined]
    low, high = spans(at, states, low, high)
    a, b = (np.linspace(low[i], high[i], FINER) for i in (0, 1))
    u, modes = answers(in_mode(controller, mode), plant.n_u, plane(at, states, a, b))
    known = plant.limits.get(plant.inputs[0])
    limit = float(limit or known or np.nanmax(np.abs(u)) or 1.0)
    with rc_context(STYLE):
        figure = blank(1, 3.4, WIDTH + 0.75)
        axis = figure.axes[0]
        figure.subplots_adjust(right=1 - 1.0 / (WIDTH + 0.75))
        drawn = _colours(axis, a, b, u, limit)
        if modes is not None:
            _modes(axis, a, b, modes, mode_names(controller))
        rest = [float(at.x[at.states.index(name)]) for name in states]
        axis.plot(*rest, "+", color=EDGE, ms=10, mew=1.0)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        bar = label_plane(figure, axis, drawn, plant, states, (low, high))
        name = plant.inputs[0]
        bar.set_label(f"{name} [{plant.units.get(name, '–')}]")
        figure.text(
            LEFT / figure.get_figwidth(), 0.995, "dashed: input limit", va="top",
            fontsize=8, color="0.35",
        )  # fmt: skip
    return figure


def spans(
    at: Equilibrium, states: tuple[str, str], low: Any, high: Any
) -> tuple[tuple[float, float], tuple[float, float]]:
    """What is drawn: as asked for, or around the equilibrium."""
    for name in states:
        one_of("state", name, at.states)
    columns = [at.states.index(name) for name in states]
    centre = [float(at.x[i]) for i in columns]
    half = [np.pi if i in at.angles else 3.0 for i in columns]
    low = np.subtract(centre, half) if low is None else np.asarray(low)
    high = np.add(centre, half) if high is None else np.asarray(high)
    require(
        low.shape == high.shape == (2,) and bool((low < high).all()),
        f"low={low.tolist()} and high={high.tolist()} must be two numbers each, low "
        "below high",
    )
    (a, b), (c, d) = low.tolist(), high.tolist()
    return (a, b), (c, d)


def in_mode(controller: Controller, mode: str | None) -> Controller:
    """A machine that starts in a mode."""
    if mode is None:
        return controller
    one_of("mode", mode, mode_names(controller))
    machine = controller.supervisor if isinstance(controller, Switch) else None
    require(
        isinstance(machine, StateMachine),
        f"mode={mode!r} is for a machine, not for {type(controller).__name__}",
    )
    start = controller.names.index(mode)  # type: ignore[attr-defined]
    supervisor = dataclasses.replace(machine, start=start)  # type: ignore[type-var]
    assert isinstance(controller, Switch)
    return Switch(supervisor, controller.modes, controller.names)


def _colours(axis: Any, a: NDArray, b: NDArray, u: NDArray, limit: float) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    ends = [COLOURS[0], "#ffffff", COLOURS[1]]
    colours = LinearSegmentedColormap.from_list("push and pull", ends)
    drawn = axis.pcolormesh(
        a, b, u, cmap=colours, vmin=-limit, vmax=limit, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    if np.nanmax(np.abs(u)) >= 0.999 * limit:
        style: dict[str, Any] = {"colors": EDGE, "linewidths": 0.8}
        axis.contour(a, b, np.abs(u), [0.999 * limit], linestyles=[DEMAND], **style)
    return drawn


def _modes(
    axis: Any, a: NDArray, b: NDArray, modes: NDArray, names: tuple[str, ...]
) -> None:
    """A line between modes, and the name of each where it has most room."""
    from matplotlib.patheffects import withStroke
    from scipy.ndimage import distance_transform_edt

    for i, name in enumerate(names):
        inside = modes == i
        if not inside.any():
            continue
        if not inside.all():
            axis.contour(a, b, inside, [0.5], colors=EDGE, linewidths=1.3)
        if inside.mean() >= SMALLEST:
            room: Any = distance_transform_edt(np.pad(inside, 1))
            row, column = np.unravel_index(np.argmax(room), room.shape)
            axis.text(
                a[column - 1], b[row - 1], name, ha="center", va="center",
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )  # fmt: skip


def label_plane(
    figure: Any, axis: Any, drawn: Any, plant: Plant, states: Any, ends: Any
) -> Any:
    """Names and units of two states beside their axes; gives the bar of the colours."""
    units, angles = plant.units, [plant.states[i] for i in plant.angles]
    axis.grid(False)
    axis.set_xlabel(f"{states[0]} [{units.get(states[0], '–')}]")
    axis.set_ylabel(f"{states[1]} [{units.get(states[1], '–')}]")
    for which, name, low, high in zip(
        (axis.xaxis, axis.yaxis), states, *ends, strict=True
    ):
        if name in angles:
            mark_turns(which, high - low)
    box, width = axis.get_position(), figure.get_figwidth()
    place = (box.x1 + 0.12 / width, box.y0, 0.12 / width, box.height)
    bar = figure.colorbar(drawn, cax=figure.add_axes(place), extend="neither")
    bar.outline.set_visible(False)
    return bar
