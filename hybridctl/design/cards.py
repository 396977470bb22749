"""What designs say of themselves: gains, poles, margins, regions."""

from typing import Any

import numpy as np

from hybridctl.describe import Card, Known, names, number, quantity, tells
from hybridctl.design.attraction import Attraction
from hybridctl.design.closedloop import LinearLoop
from hybridctl.design.margins import Margins
from hybridctl.design.riccati import LQRDesign

MOST = 8  # poles that are told


def poles_text(poles: Any) -> str:
    """Poles, pairs in one: `-2 +- 3j`.

    Example:
        >>> poles_text([-1.0, -2 + 3j, -2 - 3j])
        '-1, -2 +- 3j'
    """
    kept = [p for p in np.asarray(poles).ravel() if p.imag >= 0]
    told = [f"{p.real:.4g}{f' +- {p.imag:.4g}j' if p.imag else ''}" for p in kept]
    more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
    return ", ".join([*told[:MOST], *more])


@tells
def _design(found: LQRDesign, known: Known) -> Card:
    rows = (("K", number(found.K)), ("X", _rows(found.X)))
    return Card("LQRDesign: u = -K x", (*rows, ("poles", poles_text(found.poles))))


def _rows(matrix: Any) -> str:
    return "\n".join(number(row) for row in np.asarray(matrix))


@tells
def _margins(m: Margins, known: Known) -> Card:
    rows = (
        ("gain up", f"{_at(m.gain_up, 'dB', m.gain_up_at)}"),
        ("gain down", f"{_at(m.gain_down, 'dB', m.gain_down_at)}"),
        ("phase", _at(m.phase, "deg", m.phase_at)),
        ("delay", _at(m.delay, "s", m.delay_at)),
        ("modulus", _at(m.modulus, "", m.modulus_at)),
        ("disk", _at(m.disk, "", m.disk_at)),
    )
    return Card("Margins of the loop, broken at its input", rows)


def _at(value: float, unit: str, frequency: float) -> str:
    where = f" at {quantity(frequency, 'rad/s')}" if np.isfinite(frequency) else ""
    bound = "without bound" if np.isinf(value) else quantity(value, unit)
    return f"{bound}{where}"


@tells
def _loop(found: LinearLoop, known: Known) -> Card:
    size = float(np.max(np.abs(found.poles), initial=0.0))
    kind = "stable" if size < 1 else "not stable"
    rows = [
        ("poles", poles_text(found.poles)),
        ("slowest", f"|z| = {number(size)}, {kind}"),
        ("states", ", ".join((*found.equilibrium.states, *found.memory))),
        ("inputs", ", ".join((*found.inputs, *found.references))),
    ]
    rows += [("mode", found.mode)] if found.mode else []
    return Card(f"LinearLoop: sampled every {found.dt:g} s", tuple(rows))


@names
def _name_loop(found: LinearLoop, known: Known) -> str:
    return f"LinearLoop({', '.join(found.equilibrium.states)}; dt={found.dt:g})"


@names
def _name_region(found: Attraction, known: Known) -> str:
    told = f"{found.failures} of {found.samples} starts fail"
    return f"Attraction(V < {found.rho:.4g}, {told})"
