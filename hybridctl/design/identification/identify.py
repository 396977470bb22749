"""From what a rig recorded to the numbers of its model."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import count, require
from hybridctl.design.identification.fit import Fit
from hybridctl.design.identification.fitting import Fitting
from hybridctl.design.identification.recorded import LEAST, Recorded
from hybridctl.design.identification.unknowns import LATEST, Unknowns
from hybridctl.kinds import checked
from hybridctl.loop import Log, Loop
from hybridctl.plants import Plant


@checked
def identify(
    plant: Plant,
    logs: Log | Sequence[Log],
    parameters: Sequence[str],
    *,
    loop: Loop | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None,
    window: float | None = None,
    holdout: float = 0.25,
    evaluations: int = 100,
) -> Fit:
    """Parameters of a plant, its actuator and its sensor, from logs.

    The least squared difference between what was measured and what the closed loop's
    own actuator, plant and sensor make of the recorded input, in units of the noise,
    which is found, too. By multiple shooting: short segments with starts of their own,
    whose gaps close as the fit goes on; derivatives by JAX, least squares by SciPy.

    Args:
        plant: with first guesses of the parameters, within a factor of a few.
        logs: one or several; columns are named as the plant's states and inputs, the
            input being what was asked for. States that were not recorded are found.
        parameters: names: of the plant's ("m_c", "motor.R", "body_mass[2]"),
            "actuator.gain", "actuator.delay" (in periods), "actuator.lag" (in s),
            "actuator.dead_zone", "sensor.bias[theta]".
        loop: what is known of actuator and sensor (its delay, too: measurements are
            put back to the times that they are of), and the period; by default that
            of the log, and a sensor of all states that were recorded.
        bounds: smallest and largest value by name; by default what the plant's class
            allows.
        window: length [s] over which the model has to follow the log before it may
            start anew; None: each log as a whole. Shorter where the model is coarse.
        holdout: share of every log, its end, that is not fitted but predicted.
        evaluations: of the model, at most, in each round.

    Returns:
        A `Fit`: the plant, its loop, and how sure the numbers are.

    Raises:
        ValueError: what a log lacks; units that differ from the plant's; parameters
            that the logs cannot tell apart, by name.

    Source: H. G. Bock, "Recent advances in parameter identification techniques for
    O.D.E.", 1983; L. Ljung, *System Identification*, 2nd ed., 1999, chapters 7, 16.

    Example:
        >>> import hybridctl as hc
        >>> rig, k = hc.Pendulum(L=0.7), np.arange(150.0)
        >>> push = hc.Sequence(np.sin(2e-3 * k * k)[:, None])
        >>> trace = hc.simulate(rig, push, [0.5, 0.0], 3.0, dt=0.02)
        >>> fit = identify(hc.Pendulum(L=1.0), Log.from_trace(trace), ["L"])
        >>> print(round(fit.values["L"], 4))
        0.7
    """
    began = time.perf_counter()
    require(0 <= holdout <= 0.9, f"holdout={holdout} must be a share from 0 to 0.9")
    count("evaluations", evaluations)
    require(bool(parameters), "name at least one parameter to look for")
    kept = [logs] if isinstance(logs, Log) else list(logs)
    require(bool(kept), "give at least one log")
    recorded = Recorded.by(plant, kept, loop)
    latest = max((bounds or {}).get("actuator.delay", (LATEST,)))
    unknowns = Unknowns(tuple(parameters), recorded.outputs, float(latest))
    within = unknowns.bounds(plant, recorded.loop, bounds or {})
    history = _history(unknowns, within[1], recorded.loop)
    fitting = Fitting(recorded, window, evaluations, history)
    halves = [_halves(log, holdout) for log in recorded.logs]
    guess = unknowns.guess(plant, recorded.loop)
    best = fitting.solved(unknowns, [first for first, _ in halves], guess, within)
    found = unknowns.found(best.values, plant, best.loop)
    sure = fitting.of(*found)
    later = [last for _, last in halves if last is not None]
    held = sure.started(later) if later else None
    return Fit(
        *found, dict(zip(unknowns.names, best.values.tolist(), strict=True)),
        best.covariance(), best.quality(), held and held.quality(), recorded.logs,
        (*best.followed(), *(held.followed() if held else ())),
        time.perf_counter() - began,
    )  # fmt: skip


def _halves(log: Log, holdout: float) -> tuple[Log, Log | None]:
    """The part that is fitted, and the one that is only predicted."""
    n = round(len(log) * (1.0 - holdout))
    if len(log) - n < LEAST:
        return log, None
    return log.between(log.t[0], log.t[n - 1]), log.between(log.t[n - 1], log.t[-1])


def _history(unknowns: Unknowns, high: NDArray[np.float64], loop: Loop) -> int:
    """Periods whose inputs still matter to a later one."""
    most = dict(zip(unknowns.names, high, strict=True))
    delay = int(np.ceil(most.get("actuator.delay", 0.0))) + 1
    lag = most.get("actuator.lag", 0.0)
    own = loop.actuator
    if own is not None:
        delay += own.delay + (0 if own.spread is None else np.size(own.spread))
        slow = own.time_constant(loop.dt)
        lag = max(lag, 0.0 if slow is None else float(np.max(slow)))
    return delay + int(5.0 * lag / loop.dt)
