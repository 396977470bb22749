"""How much a loop may change before it becomes unstable."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import require
from hybridctl.controllers import Controller
from hybridctl.describe import html, plain_data, text
from hybridctl.design.closedloop import LinearLoop, closed_loop
from hybridctl.kinds import checked
from hybridctl.loop import Loop
from hybridctl.plants import Equilibrium, Plant

POINTS = 4000  # of the frequency response in which margins are looked for


class Margins(NamedTuple):
    """Stability margins of a loop broken at one input; ω in rad/s, nan where none.

    Attributes:
        gain_up: factor [dB] above 0 by which the gain may grow, inf without bound.
        gain_up_at: phase crossover ω that belongs to it.
        gain_down: factor [dB] below 0 by which it may fall, -inf without bound.
        gain_down_at: phase crossover ω that belongs to it.
        phase: how far [deg] the phase may turn, either way.
        phase_at: gain crossover ω that belongs to it.
        delay: how much time [s] more the loop may take.
        delay_at: gain crossover ω that belongs to it.
        modulus: smallest distance of the Nyquist curve from -1: 1 / max |S|.
        modulus_at: ω of it.
        disk: α of the balanced disk: gain and phase may change at once by any factor
            (1 + αδ/2) / (1 - αδ/2) with |δ| < 1, so the gain alone by
            (2 + α) / (2 - α) and the phase alone by 2 arctan(α/2).
        disk_at: ω of it.
    """

    gain_up: float
    gain_up_at: float
    gain_down: float
    gain_down_at: float
    phase: float
    phase_at: float
    delay: float
    delay_at: float
    modulus: float
    modulus_at: float
    disk: float
    disk_at: float

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON; what is not finite is None."""
        return plain_data(self)


@checked
def margins(
    plant: Plant,
    controller: Controller,
    loop: Loop | None = None,
    equilibrium: Equilibrium | None = None,
    *,
    r: Any = None,
    input: str | None = None,
) -> Margins:
    """Gain, phase, delay and modulus margin of a sampled closed loop.

    Crossovers come from python-control's `stability_margins` on the exact frequency
    response of the sampled loop up to half the sampling rate (on its polynomials it
    finds crossovers that are none). An unstable plant has gain margins on both sides.

    Args:
        plant: the plant.
        controller: decides the input; see `closed_loop`.
        loop: actuator and timing; by default the controller's own dt, or 0.02 s.
        equilibrium: near which the loop rests; `plant.upright()` by default.
        r: reference [n_r] that the controller sees.
        input: where the loop is broken, other loops closed; the first by default.

    Returns:
        `Margins`.

    Raises:
        ValueError: the closed loop is unstable, or as `closed_loop`.

    Source: K. J. Åström and R. M. Murray, *Feedback Systems*, ch. 10.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> m = margins(plant, lqr)
        >>> print(f"{m.gain_up:.1f} dB, {m.phase:.1f}°, {1e3 * m.delay:.0f} ms")
        19.6 dB, 58.4°, 102 ms
    """
    return margins_of(closed_loop(plant, controller, loop, equilibrium, r=r), input)


def margins_of(linear: LinearLoop, input: str | None = None) -> Margins:
    """Margins of a linearized loop; see `margins`."""
    import control

    largest = float(np.abs(linear.poles[0]))
    require(
        largest <= 1 + 1e-9,
        f"the closed loop is unstable: its largest pole has |z|={largest:.4g}, so it "
        "has no margins; make it stable first",
    )
    system = linear.open_loop(input)
    w = frequencies(linear)
    response = system(np.exp(1j * w * linear.dt))
    curve = np.abs(response), np.degrees(np.angle(response)), w
    found = control.stability_margins(curve, returnall=True)
    gain, phase, _, at_gain, at_phase, _ = map(np.asarray, found)
    gain, at_gain = _with_ends(system, linear.dt, gain, at_gain)
    distance = np.abs(1 + response)
    decibel = 20 * np.log10(gain)
    lag = np.radians(np.mod(phase, 360.0)) / at_phase
    up, down = decibel > 0, decibel < 0
    return Margins(
        *_least(decibel[up], at_gain[up], np.inf),
        *_least(decibel[down], at_gain[down], -np.inf),
        *_least(np.abs(phase), at_phase, np.inf),
        *_least(lag, at_phase, np.inf),
        *_least(distance, w, np.nan),
        *_least(2 * distance / np.abs(1 - response), w, np.nan),
    )


def frequencies(linear: LinearLoop, points: int = POINTS) -> NDArray:
    """Logarithmic ω [rad/s] from below the slowest pole to half the sampling rate."""
    top = np.pi / linear.dt
    poles = [*linear.poles, *linear.open_loop().poles()]
    speeds = [abs(np.log(p)) / linear.dt for p in poles if abs(p) > 1e-9]
    slowest = min((s for s in speeds if s > 1e-4 * top), default=0.01 * top)
    return np.geomspace(0.01 * slowest, top * (1 - 1e-9), points)


def _with_ends(
    system: Any, dt: float, gain: NDArray, at: NDArray
) -> tuple[NDArray, NDArray]:
    """Crossings of the negative real axis also at ω = 0 and at half the rate."""
    for z, w in ((1.0, 0.0), (-1.0, np.pi / dt)):
        with np.errstate(all="ignore"):
            value = system(z, warn_infinite=False)
        if np.isfinite(value) and value.real < 0:
            gain, at = np.append(gain, 1 / abs(value)), np.append(at, w)
    return gain, at


def _least(values: NDArray, at: NDArray, none: float) -> tuple[float, float]:
    if not len(values):
        return none, float("nan")
    i = int(np.argmin(np.abs(values)))
    return float(values[i]), float(at[i])
