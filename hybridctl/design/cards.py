"""What designs say of themselves: gains, poles, margins, regions."""

import itertools
from typing import Any

import numpy as np

from hybridctl.describe import Card, Known, names, number, quantity, tells
from hybridctl.design.attraction import Attraction
from hybridctl.design.closedloop import LinearLoop
from hybridctl.design.identification.fit import SURE, Fit, Quality
from hybridctl.design.margins import Margins
from hybridctl.design.riccati import LQRDesign

MOST = 8  # poles that are told
ALIKE = 0.95  # correlation of two values that is told


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
def _name_fit(found: Fit, known: Known) -> str:
    return f"Fit({', '.join(f'{n}={v:.4g}' for n, v in found.values.items())})"


@tells
def _fit(found: Fit, known: Known) -> Card:
    spread = found.std
    rows = [(n, f"{v:.5g} +- {SURE * spread[n]:.2g}") for n, v in found.values.items()]
    alike = [
        f"{a} and {b} ({found.correlation[i, j]:+.3f})"
        for (i, a), (j, b) in itertools.combinations(enumerate(found.values), 2)
        if abs(found.correlation[i, j]) > ALIKE
    ]
    rows += [("correlated", ", ".join(alike))] if alike else []
    rows += [("follows", _score(found.fitted))]
    rows += [("predicts", _score(found.held))] if found.held is not None else []
    coloured = [name for name, p in found.fitted.white.items() if p < 0.01]
    if coloured:
        lacks = "the model lacks something, and the intervals are too narrow"
        rows += [("not white", f"what is left of {', '.join(coloured)}: {lacks}")]
    n = sum(len(log) for log in found.logs)
    title = f"Fit of {type(found.plant).__name__} to {n} rows, with 95 % intervals"
    return Card(title, tuple(rows))


def _score(found: Quality) -> str:
    told = (f"{n} {found.score[n]:.2%} (rms {rms:.2g})" for n, rms in found.rms.items())
    return ", ".join(told)


@names
def _name_region(found: Attraction, known: Known) -> str:
    told = f"{found.failures} of {found.samples} starts fail"
    return f"Attraction(V < {found.rho:.4g}, {told})"
