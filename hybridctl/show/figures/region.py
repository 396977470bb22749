"""Planes through the state space, and sets in them."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from numpy.typing import NDArray

from hybridctl.cache import kept_programs
from hybridctl.checks import cast, fail, require
from hybridctl.controllers import Guard
from hybridctl.controllers.plane import plane
from hybridctl.describe.style import COLOURS
from hybridctl.plants import Equilibrium
from hybridctl.show.style import Look
from hybridctl.tasks.margin import distance

FINE, FINER = 241, 401  # points on each side of a picture
SHADES = (COLOURS[2], COLOURS[4], COLOURS[5])
FAINT = 0.16


def check_regions(
    region: Guard | Mapping[str, Guard] | None, target: Equilibrium | None
) -> dict[str, Guard]:
    """Regions by name."""
    if region is None:
        return {}
    named = {"hand-over set": region} if isinstance(region, Guard) else dict(region)
    for name, guard in named.items():
        if not isinstance(guard, Guard):
            fail(f"region {name!r} is a {type(guard).__name__}; give a guard")
    require(target is not None, "a region needs target=..., for the states not drawn")
    return named


def shade_look(i: int) -> Look:
    """The legend's entry of the region of that number."""
    colour = SHADES[i % len(SHADES)]
    return {"color": colour, "marker": "s", "ms": 7, "ls": "none", "alpha": 0.45}


def shade(
    axis: Any, guard: Guard, centre: Any, states: tuple[str, str], i: int
) -> None:
    """Shade where a guard holds in what an axis shows, with its edge."""
    limits = axis.get_xlim(), axis.get_ylim()
    a, b = (np.linspace(low, high, FINE) for low, high in limits)
    far = np.log(within(guard, plane(centre, states, a, b)))
    colour = SHADES[i % len(SHADES)]
    bottom = min(float(far.min()), 0.0) - 1.0
    axis.contourf(a, b, far, [bottom, 0.0], colors=[colour], alpha=FAINT, zorder=0.2)
    axis.contour(a, b, far, [0.0], colors=[colour], linewidths=1.0, zorder=0.3)
    axis.set(xlim=limits[0], ylim=limits[1])


@kept_programs()
def within(guard: Guard, x: NDArray) -> NDArray:
    """`distance` of a guard at states [n, m, n_x]: at most 1 where it holds."""
    rows = x.reshape(-1, x.shape[-1])
    guard, rows = cast((guard, rows))
    return np.asarray(_distances(guard, rows), np.float64).reshape(x.shape[:-1])


@eqx.filter_jit
def _distances(guard: Guard, rows: Any) -> Any:
    return jax.vmap(lambda x: distance(guard, x))(rows)
