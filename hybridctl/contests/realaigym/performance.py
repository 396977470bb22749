"""RealAIGym's performance scores v1 and v2 of a swing-up, for the cart-pole."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import fail, positive, require
from hybridctl.controllers import Controller
from hybridctl.describe import Shown, plain_data
from hybridctl.loop import Actuator, Loop, Trace, simulate
from hybridctl.plants import CartPole
from hybridctl.tasks.cartpole import cartpole

HEIGHT = 0.9  # of the tip, in lengths of the pole, from which the pole is up
SECONDS = 10.0  # of an episode, as in the original
MOTOR = 6.0  # [N m] largest torque of the double pendulum that the norms belong to


@dataclasses.dataclass(frozen=True)
class Criterion:
    """How a criterion enters the two scores.

    Attributes:
        weight: in v1.
        norm_v1: largest value, at a torque limit of 6 N m.
        norm_v2: typical value, at that limit; None: not in v2.
        power: of the torque in the criterion's unit.
    """

    weight: float
    norm_v1: float
    norm_v2: float | None
    power: int

    def norms(self, limit: float) -> tuple[float, float | None]:
        """Norms at another limit of the input: the unit of force is limit / 6."""
        unit = (limit / MOTOR) ** self.power
        return unit * self.norm_v1, self.norm_v2 and unit * self.norm_v2


CRITERIA: Mapping[str, Criterion] = MappingProxyType(
    {
        "swingup_time": Criterion(0.2, 10.0, 20.0, 0),
        "max_force": Criterion(0.1, 6.0, None, 1),
        "energy": Criterion(0.1, 100.0, 60.0, 1),
        "integrated_force": Criterion(0.1, 60.0, None, 1),
        "force_cost": Criterion(0.1, 360.0, 20.0, 2),
        "force_smoothness": Criterion(0.2, 12.0, 0.1, 1),
        "velocity_cost": Criterion(0.2, 1000.0, 400.0, 0),
    }
)


@dataclasses.dataclass(frozen=True, repr=False)
class RealAIGymScores(Shown):
    """What a swing-up scores.

    Attributes:
        success: the tip was up at the end, the cart never left the track.
        swingup_time: [s] from which the tip stayed up, inf without success.
        max_force: largest |u| [N].
        energy: Σ |u Δx|, mechanical work [J].
        integrated_force: ∫ |u| dt [N s].
        force_cost: ∫ u² dt [N² s].
        force_smoothness: standard deviation of the changes of u from period to
            period [N].
        velocity_cost: ∫ ẋ² + θ̇² dt.
        v1: 1 - Σ wᵢ cᵢ / nᵢ, 0 without success.
        v2: 1 - ⅕ Σ tanh(π cᵢ / nᵢ), 0 without success.
    """

    success: bool
    swingup_time: float
    max_force: float
    energy: float
    integrated_force: float
    force_cost: float
    force_smoothness: float
    velocity_cost: float
    v1: float
    v2: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON; an infinite time is None."""
        known = dataclasses.asdict(self)
        time = self.swingup_time if self.success else None
        return plain_data(known | {"swingup_time": time})

    def __str__(self) -> str:
        """One line."""
        found = f"up after {self.swingup_time:.2f} s" if self.success else "not up"
        return (
            f"RealAIGym v1 {self.v1:.3f}, v2 {self.v2:.3f}: {found}, "
            f"energy {self.energy:.3g} J, ∫u²dt {self.force_cost:.3g}, "
            f"smoothness {self.force_smoothness:.3g} N, "
            f"velocity cost {self.velocity_cost:.3g}"
        )


def realaigym(
    controller: Controller,
    plant: CartPole | None = None,
    *,
    limit: float | None = None,
    seconds: float = SECONDS,
    dt: float = 0.02,
) -> RealAIGymScores:
    """Score a swing-up of the cart-pole as the RealAIGym leaderboard does.

    The cart-pole hangs at rest; after 10 s its tip must be above 0.9 L, and the cart
    must not have left the track. With the criteria c of `RealAIGymScores`::

        v1 = success (1 - Σ wᵢ cᵢ / nᵢ)
        v2 = success (1 - ⅕ Σ tanh(π cᵢ / nᵢ))

    The weights w and norms n are the original's (`CRITERIA`), force in place of
    torque, with limit / 6 N as the unit of force because its motors give 6 N m.

    Args:
        controller: decides the force; without open questions.
        plant: a cart-pole; the tutorial's by default.
        limit: largest |force| [N]; the plant's by default.
        seconds: length of the episode [s].
        dt: control period [s].

    Returns:
        The scores.

    Raises:
        ValueError: a controller or plant that does not fit.

    Source: F. Wiebe et al., "RealAIGym: Education and Research Platform for Studying
    Athletic Intelligence", 2022; github.com/dfki-ric-underactuated-lab/double_pendulum,
    `leaderboard` (v1: 2023, v2: 2024).

    Example:
        >>> import hybridctl as hc
        >>> machine = hc.reference("machine", hc.tasks.get("swingup"))
        >>> scores = realaigym(machine)
        >>> scores.success, 0 < scores.v2 < scores.v1 < 1
        (True, True)
    """
    plant = cartpole("swingup", plant)
    limit = plant.limits["force"] if limit is None else limit
    loop = Loop(dt, actuator=Actuator(limit=limit))
    start = plant.hanging().x
    trace = simulate(plant, controller, start, seconds, loop=loop)
    return scores_of(trace, track=plant.limits["x"], limit=limit)


def scores_of(
    trace: Trace, *, track: float | None = None, limit: float | None = None
) -> RealAIGymScores:
    """RealAIGym's scores of a trace of the cart-pole; see `realaigym`.

    Args:
        trace: one episode, from hanging at rest for the scores to be comparable.
        track: largest |x| [m]; 2.4 by default.
        limit: largest |force| [N], the unit of the norms; 10 by default.

    Returns:
        The scores; a trace that leaves the track or is not finite has none.

    Raises:
        ValueError: a trace of another plant, or a batch.
    """
    known = CartPole.limits
    track = known["x"] if track is None else track
    limit = known["force"] if limit is None else limit
    positive("track", track)
    positive("limit", limit)
    if trace.states != CartPole.states:
        fail(f"expected a trace of a CartPole, got states {trace.states}")
    require(trace.x.ndim == 2, "this trace is a batch; choose one first: trace[0]")
    x, u = np.asarray(trace.x, np.float64), np.asarray(trace.u[:, 0], np.float64)
    found = criteria(x, u, np.diff(np.asarray(trace.t)))
    held = bool(np.all(np.abs(x[:, 0]) <= track) and np.isfinite(x).all())
    start = up_from(x[:, 1])
    success = held and start < len(x)
    found["swingup_time"] = float(trace.t[start]) if success else np.inf
    v1, v2 = totals(found, limit) if success else (0.0, 0.0)
    return RealAIGymScores(success, **found, v1=v1, v2=v2)


def up_from(theta: NDArray) -> int:
    """The first sample from which the tip stays above 0.9 L; their number if none."""
    low = np.flatnonzero(~(-np.cos(theta) >= HEIGHT))
    return int(low[-1]) + 1 if len(low) else 0


def criteria(x: NDArray, u: NDArray, dt: NDArray) -> dict[str, float]:
    """The criteria but the time, of states [T+1, 4], forces [T] and periods [T]."""
    speed = (x[:-1, 2:] ** 2).sum(axis=1)
    found = {
        "max_force": np.abs(u).max(),
        "energy": np.abs(u * np.diff(x[:, 0])).sum(),
        "integrated_force": (np.abs(u) * dt).sum(),
        "force_cost": (u**2 * dt).sum(),
        "force_smoothness": np.diff(u).std() if len(u) > 1 else 0.0,
        "velocity_cost": (speed * dt).sum(),
    }
    return {name: float(value) for name, value in found.items()}


def totals(found: Mapping[str, float], limit: float) -> tuple[float, float]:
    """The scores v1 and v2 of a success."""
    loss_v1, losses_v2 = 0.0, []
    for name, criterion in CRITERIA.items():
        norm_v1, norm_v2 = criterion.norms(limit)
        loss_v1 += criterion.weight * found[name] / norm_v1
        if norm_v2 is not None:
            losses_v2.append(np.tanh(np.pi * found[name] / norm_v2))
    return 1.0 - loss_v1, float(1.0 - np.mean(losses_v2))
