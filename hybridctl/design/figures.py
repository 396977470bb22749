"""The engineer's pictures of a sampled loop, computed by python-control.

They are plain matplotlib figures without a window: save them with `savefig`.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from hybridctl.checks import one_of
from hybridctl.describe.style import COLOURS, STYLE
from hybridctl.design.closedloop import LinearLoop
from hybridctl.design.margins import Margins, frequencies, margins_of
from hybridctl.kinds import checked
from hybridctl.loop.fit import steps_of

FAINT: Any = {"color": "0.6", "linewidth": 0.8, "linestyle": "--", "zorder": 1}
CURVE: Any = {"color": COLOURS[0]}
GAINS = np.r_[0.0, np.geomspace(1e-3, 1e3, 2000)]
P = ParamSpec("P")


def _styled(draw: Callable[P, Any]) -> Callable[P, Any]:
    @functools.wraps(draw)
    def styled(*args: P.args, **options: P.kwargs) -> Any:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*args, **options)

    return styled


@_styled
@checked
def bode(linear: LinearLoop, input: str | None = None) -> Any:
    """Bode plot of the loop broken at a plant input, its margins marked.

    Args:
        linear: of `hc.closed_loop`.
        input: where the loop is broken; the first by default.

    Returns:
        The matplotlib figure.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> figure = bode(hc.closed_loop(plant, lqr))
        >>> [axis.get_ylabel() for axis in figure.axes]
        ['|L| [dB]', 'phase of L [°]']
    """
    import control

    w = frequencies(linear, 1000)
    response: Any = control.frequency_response(linear.open_loop(input), w)
    figure, (size, phase) = _figure(2, 1, 6.4, 4.4)
    size.semilogx(w, 20 * np.log10(response.magnitude), **CURVE)
    angle = np.degrees(np.unwrap(response.phase))
    margins = margins_of(linear, input)
    at_one = np.interp(margins.phase_at, w, angle)  # shown between -360° and 0
    angle -= 360 * np.ceil(np.nan_to_num(at_one) / 360)
    phase.semilogx(w, angle, **CURVE)
    _mark_gain(size, margins)
    _mark_phase(phase, margins, float(np.interp(margins.phase_at, w, angle)))
    size.set(ylabel="|L| [dB]")
    phase.set(ylabel="phase of L [°]", xlabel="ω [rad/s]", xlim=(w[0], w[-1]))
    return figure


@_styled
@checked
def nyquist(linear: LinearLoop, input: str | None = None, reach: float = 3.0) -> Any:
    """Nyquist curve of the loop broken at a plant input, about the point -1.

    Args:
        linear: of `hc.closed_loop`.
        input: where the loop is broken; the first by default.
        reach: how far from the origin the picture shows it, a number.

    Returns:
        The matplotlib figure.
    """
    import control

    w, margins = frequencies(linear), margins_of(linear, input)
    response: Any = control.frequency_response(linear.open_loop(input), w)
    L: Any = response.magnitude * np.exp(1j * response.phase)
    figure, axis = _figure(1, 1, 5.4, 5.2)
    axis.plot(L.real, L.imag, **CURVE, label="ω > 0")
    axis.plot(L.real, -L.imag, **CURVE, linestyle=":", label="ω < 0")
    _circle(axis, 0.0, 1.0, "|L| = 1", **FAINT)
    label = f"modulus margin {margins.modulus:.2f}"
    _circle(axis, -1.0, margins.modulus, label, color=COLOURS[1], linewidth=1.0)
    axis.plot(-1, 0, "+", color=COLOURS[1], markersize=9, zorder=3)
    axis.set(xlabel="Re L", ylabel="Im L", xlim=(-reach, reach), ylim=(-reach, reach))
    axis.set_aspect("equal")
    axis.legend(loc="upper right")
    return figure


@_styled
@checked
def step_response(
    linear: LinearLoop, input: str | None = None, seconds: float | None = None
) -> Any:
    """What the closed loop does after a unit step, one panel a signal.

    Args:
        linear: of `hc.closed_loop`.
        input: "disturbance_force" (a step of 1 N, say) or "r0"; by default the last
            reference where there is one, else a disturbance.
        seconds: length [s]; six times the slowest time constant by default.

    Returns:
        The matplotlib figure.

    Raises:
        ValueError: an unknown input, or no such time.
    """
    import control

    system = linear.to_control()
    name = system.input_labels[-1] if input is None else input
    one_of("input", name, system.input_labels)
    t = np.arange(_periods(linear, seconds) + 1) * linear.dt
    i = system.input_labels.index(name)
    response = control.step_response(system, t, input=i)
    labels = system.output_labels
    figure, axes = _figure(len(labels), 1, 6.4, 1.25 * len(labels))
    for j, (axis, label) in enumerate(zip(axes, labels, strict=True)):
        axis.step(t, response.outputs[j].ravel(), where="post", **CURVE)
        axis.axhline(0, **FAINT)
        axis.set_ylabel(f"{label} [{linear.units.get(label, '')}]")
    axes[0].set_title(f"unit step of {name}")
    axes[-1].set(xlabel="time [s]", xlim=(0, t[-1]))
    return figure


@_styled
@checked
def root_locus(linear: LinearLoop, input: str | None = None) -> Any:
    """Poles of the closed loop in the z-plane while its gain goes from 0 to ∞.

    Args:
        linear: of `hc.closed_loop`.
        input: whose gain is changed; the first by default.

    Returns:
        The matplotlib figure: crosses are the open loop's poles, circles its zeros,
        dots the poles as designed (gain 1).
    """
    import control

    system = linear.open_loop(input)
    found: Any = control.root_locus_map(system, GAINS)
    figure, (whole, near) = _figure(1, 2, 9.6, 5.0)
    for axis in (whole, near):
        for branch in found.loci.T:
            axis.plot(branch.real, branch.imag, **CURVE)
        _circle(axis, 0.0, 1.0, "|z| = 1", **FAINT)
        _points(axis, system.poles(), "x", "open loop, gain 0", COLOURS[6])
        _points(axis, system.zeros(), "o", "zeros, gain ∞", COLOURS[6])
        _points(axis, linear.poles, ".", "closed loop, gain 1", COLOURS[1])
        axis.set(xlabel="Re z", ylabel="Im z", aspect="equal")
    slow = [abs(p - 1) for p in (*system.poles(), *linear.poles) if abs(p - 1) < 0.35]
    half = 1.4 * max(slow, default=0.1)
    whole.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    near.set(xlim=(1 - half, 1 + half), ylim=(-half, half), title="near z = 1")
    whole.legend(loc="upper left")
    return figure


def _figure(rows: int, columns: int, width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, sharex=rows > 1)


def _circle(axis: Any, centre: float, radius: float, label: str, **style: Any) -> None:
    turn = np.linspace(0, 2 * np.pi, 400)
    x, y = centre + radius * np.cos(turn), radius * np.sin(turn)
    axis.plot(x, y, label=label, **style)


def _points(axis: Any, z: Any, mark: str, label: str, colour: str) -> None:
    face = "none" if mark == "o" else colour
    style = {"color": colour, "label": label, "markerfacecolor": face, "zorder": 3}
    axis.plot(z.real, z.imag, mark, **style)


def _periods(linear: LinearLoop, seconds: float | None) -> int:
    if seconds is not None:
        return steps_of(seconds, linear.dt, len(linear.poles))
    slowest = min(float(np.abs(linear.poles[0])), 0.999)
    return int(np.clip(-6 / np.log(slowest), 50, 5000))


def _mark_gain(axis: Any, margins: Margins) -> None:
    """How far the gain is from 1 where the phase is -180°."""
    axis.axhline(0, **FAINT)
    up = (margins.gain_up, margins.gain_up_at, "bottom")
    down = (margins.gain_down, margins.gain_down_at, "top")
    for gain, at, side in (up, down):
        if np.isfinite(at) and at > 0:
            axis.plot([at, at], [-gain, 0], color=COLOURS[1])
            place = {"ha": "right", "va": side, "color": COLOURS[1]}
            axis.annotate(f"{gain:+.1f} dB ", (at, 0), **place)


def _mark_phase(axis: Any, margins: Margins, angle: float) -> None:
    """How far the phase is from -180° where the gain is 1."""
    axis.axhline(-180, **FAINT)
    if np.isfinite(angle):
        axis.plot([margins.phase_at] * 2, [-180, angle], color=COLOURS[1])
        text = f"{margins.phase:.0f}°, or {1e3 * margins.delay:.0f} ms "
        place = {"ha": "right", "va": "top", "color": COLOURS[1]}
        axis.annotate(text, (margins.phase_at, -184), **place)
