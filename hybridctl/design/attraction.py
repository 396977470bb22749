"""The region of attraction of a closed loop, as a level set of a cost-to-go."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import positive, require
from hybridctl.controllers import Controller, Quadratic
from hybridctl.describe import Shown, plain_data
from hybridctl.design.trials import Trials, search
from hybridctl.kinds import checked
from hybridctl.loop import Loop
from hybridctl.plants import Plant
from hybridctl.scale.workers import On, Workers

ATTEMPTS = 20  # at a level that no fresh start refutes


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Attraction(Shown):
    """What sampling says of a level set V(x) < rho; `hc.level(result)` is its guard.

    Attributes:
        V: cost-to-go.
        rho: the level, in the unit of the cost.
        samples: starts, uniform in the level set, fresh ones.
        failures: how many of them did not converge.
        confidence: of the bound.
        bound: the share of the set that fails is below this.
        counterexample: the failing start with the least V, [n_x], or None.
        seconds: length of each simulation [s].
        invariant: whether V may never rise above where it started.
    """

    V: Quadratic
    rho: float
    samples: int
    failures: int
    confidence: float
    bound: float
    counterexample: NDArray | None
    seconds: float
    invariant: bool

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON; what is not finite is None."""
        return plain_data(self)

    @property
    def holds(self) -> bool:
        """Whether no start was found that fails."""
        return self.failures == 0

    def __str__(self) -> str:
        tried = f"{self.samples} starts drawn from V < {self.rho:.4g}"
        bound = f"below {self.bound:.2g} with {100 * self.confidence:g} % confidence"
        way = "converge and never rise above their V" if self.invariant else "converge"
        if self.holds:
            return f"All {tried} {way}: the share that fails is {bound}."
        start = np.array2string(np.asarray(self.counterexample), precision=4)
        return (
            f"{self.failures} of {tried} do not {way}, for example {start}: the share "
            f"that fails is {bound}."
        )


@checked
def region_of_attraction(
    plant: Plant,
    controller: Controller,
    loop: Loop,
    *,
    V: Quadratic | None = None,
    limits: Mapping[str, float] | None = None,
    invariant: bool | None = None,
    samples: int = 100_000,
    confidence: float = 0.99,
    seconds: float = 10.0,
    margin: float = 0.02,
    seed: int = 0,
    on: On = None,
) -> Attraction:
    """Largest level set of a cost-to-go from which the closed loop converges.

    The loop is simulated as it is: nonlinear, sampled, saturated, delayed, its delay
    line empty at the start. Search: starts are drawn in V < rho, rho falls to the
    least V of those that fail, and half of the next ones are drawn about the
    failures, until several rounds find none. Then rho (1 - margin) is verified by
    fresh, uniform samples; where one fails, rho falls below it and they are drawn
    again, at half the error probability.

    Args:
        plant: the plant.
        controller: holds an equilibrium.
        loop: sensor, actuator, disturbance and timing.
        V: cost-to-go, by default the controller's own, as of `lqr`.
        limits: largest |deviation| on the way, by state name, such as the track's.
        invariant: a start fails too if V ever rises above what it was there, so that
            no state leaves the level set; False: it only has to converge in the end.
            By default where x is all that the loop remembers (no delay, lag or
            memory) and nothing is random: elsewhere V(x) cannot always fall.
        samples: number of fresh starts that verify the level.
        confidence: of the bound on the share that fails.
        seconds: length of each simulation [s]; a start converges if V ends below a
            hundredth of the level.
        margin: share by which the level is lowered below the least failure found.
        seed: of the samples.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.

    Returns:
        `Attraction`: the level, and the Clopper-Pearson bound on the share of its
        set that fails. Angles are wrapped, so no level reaches beyond ±π.

    Raises:
        ValueError: no V, an unknown limit, parts that do not fit, no level at all, or
            samples, a confidence or a margin that mean nothing.

    Source: E. Najafi, R. Babuška, G. A. D. Lopes, "A fast sampling method for
    estimating the domain of attraction", Nonlinear Dynamics 86 (2016); C. J. Clopper,
    E. S. Pearson, Biometrika 26 (1934).

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), [1, 10, 1, 1], 0.1, 0.02)
        >>> loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0))
        >>> found = region_of_attraction(plant, lqr, loop, samples=1000, seconds=6)
        >>> print(found)
        All 1000 starts drawn from V < 3.8... converge and never rise above their V:
        the share that fails is below 0.0053 with 99 % confidence.
        >>> catch = hc.level(found)
    """
    _check_numbers(samples, confidence)
    require(0 <= margin < 1, f"margin={margin} must be a share from 0 to below 1")
    with Workers.of(on) as team:
        parts = V, limits, invariant, seconds, seed, team
        trials = Trials(plant, controller, loop, *parts)
        rho = search(trials) * (1 - margin)
        for attempt in range(1, ATTEMPTS + 1):
            error = (1 - confidence) / 2**attempt
            found = _verify(trials, rho, samples, confidence, error)
            if found.holds:
                break
            rho = float(trials.V(found.counterexample)) * (1 - margin)
    require(
        found.holds,
        f"every level that was tried has failing starts, the last one {rho:.3g}; the "
        "loop does not converge near the equilibrium, or needs longer seconds",
    )
    return found


@checked
def check_level(
    plant: Plant,
    controller: Controller,
    loop: Loop,
    rho: float,
    *,
    V: Quadratic | None = None,
    limits: Mapping[str, float] | None = None,
    invariant: bool | None = None,
    samples: int = 100_000,
    confidence: float = 0.99,
    seconds: float = 10.0,
    seed: int = 0,
    on: On = None,
) -> Attraction:
    """Whether the closed loop converges from a given level set V(x) < rho.

    Args:
        plant: the plant.
        controller: holds an equilibrium.
        loop: sensor, actuator, disturbance and timing.
        rho: the level, in the unit of the cost.
        V: cost-to-go, by default the controller's own.
        limits: largest |deviation| on the way, by state name.
        invariant: a start fails too if V ever rises above what it was there.
        samples: number of starts, uniform in the level set.
        confidence: of the bound on the share that fails.
        seconds: length of each simulation [s].
        seed: of the samples.
        on: who works, see `hc.scale.Workers`: None (this process), a number of
            processes, any Executor. The result is the same.

    Returns:
        `Attraction`, with a counterexample where it does not hold.

    Raises:
        ValueError: as `region_of_attraction`, or a level in which an angle turns by
            more than π.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), [1, 10, 1, 1], 0.1, 0.02)
        >>> loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0))
        >>> check_level(plant, lqr, loop, 9.0, samples=1000).holds
        False
    """
    _check_numbers(samples, confidence)
    with Workers.of(on) as team:
        parts = V, limits, invariant, seconds, seed, team
        trials = Trials(plant, controller, loop, *parts)
        positive("rho", rho)
        top = trials.top
        require(rho <= top, f"rho={rho:g}: angles turn beyond π above rho={top:.4g}")
        return _verify(trials, float(rho), samples, confidence, 1 - confidence)


def _check_numbers(samples: int, confidence: float) -> None:
    """Refuse what would make no bound."""
    require(samples > 0, f"samples={samples}; give at least 1")
    require(
        0 < confidence < 1,
        f"confidence={confidence} must lie between 0 and 1; give 0.99 for 99 %",
    )


def _verify(
    trials: Trials, rho: float, samples: int, confidence: float, error: float
) -> Attraction:
    """Fresh starts, and the bound on failures that errs with this probability."""
    from scipy.special import betaincinv

    bad = trials.failing(trials.draw(samples), rho)
    n, sizes = len(bad), np.sum(bad**2, 1)
    bound = 1.0 if n == samples else float(betaincinv(n + 1, samples - n, 1 - error))
    worst = trials.states(bad[np.argmin(sizes)], rho) if n else None
    return Attraction(
        trials.V, rho, samples, n, confidence, bound, worst, trials.seconds,
        trials.invariant,
    )  # fmt: skip
