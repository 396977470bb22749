"""A cost-to-go over two states, and where its best input turns round."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import cast, require
from hybridctl.controllers import Controller, Value
from hybridctl.kinds import checked
from hybridctl.plants import Equilibrium, Plant
from hybridctl.show.figures.inputs import EDGE, answers, label_plane, spans
from hybridctl.show.figures.region import FINER, plane
from hybridctl.show.style import STYLE, WIDTH, blank

LEVELS = 12  # lines of equal cost


@checked
def value_map(
    value: Value,
    plant: Plant,
    states: tuple[str, str] = ("theta", "dtheta"),
    *,
    controller: Controller | None = None,
    at: Equilibrium | None = None,
    low: tuple[float, float] | None = None,
    high: tuple[float, float] | None = None,
) -> Any:
    """Draw a cost-to-go over two states, the others at rest.

    Lines are of equal cost, closer together where it is small. A dark line is where
    the first input of the controller changes its sign: its switching surface.

    Args:
        value: cost-to-go of the plant's state.
        plant: names the states and their units.
        states: across and up.
        controller: such as `hc.Greedy`; None: no such line.
        at: where the other states are; the plant's `upright()` by default.
        low: smallest values of both; by default three units (an angle: half a turn)
            below.
        high: largest values of both.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown state, or a range that is none.
    """
    from matplotlib import rc_context

    at = at if at is not None else plant.upright()  # type: ignore[attr-defined]
    low, high = spans(at, states, low, high)
    a, b = (np.linspace(low[i], high[i], FINER) for i in (0, 1))
    x = plane(at, states, a, b)
    costs = costs_at(value, x)
    require(bool(np.isfinite(costs).any()), "this value is a number nowhere here")
    with rc_context(STYLE):
        figure = blank(1, 3.4, WIDTH + 0.75)
        axis = figure.axes[0]
        figure.subplots_adjust(right=1 - 1.0 / (WIDTH + 0.75))
        lines = np.nanmax(costs) * np.linspace(0.0, 1.0, LEVELS + 1) ** 2
        drawn = axis.contourf(a, b, costs, lines, cmap="Blues_r")
        axis.contour(a, b, costs, lines, colors="white", linewidths=0.5, alpha=0.6)
        if controller is not None:
            u, _ = answers(controller, plant, x)
            axis.contour(a, b, u, [0.0], colors=EDGE, linewidths=1.3)
        rest = [float(at.x[at.states.index(name)]) for name in states]
        axis.plot(*rest, "+", color=EDGE, ms=10, mew=1.0)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        bar = label_plane(figure, axis, drawn, plant, states, (low, high))
        bar.set_label("cost-to-go")
    return figure


@kept_programs()
def costs_at(value: Value, x: NDArray) -> NDArray:
    """Cost-to-go of states [n, m, n_x], shape [n, m]."""
    rows = cast(x.reshape(-1, x.shape[-1]))
    return np.asarray(_costs(cast(value), rows), np.float64).reshape(x.shape[:-1])


@eqx.filter_jit
def _costs(value: Value, rows: Any) -> Any:
    return jax.vmap(value)(rows)
