"""Rates from positions: a filtered difference."""

import math

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import seen, wrap
from hybridctl.kinds import real_number
from hybridctl.ports import Ports


class Differentiate(Controller):
    """Positions and their rates, for controllers of a whole state.

    A measurement q [n] becomes [q, r] with r = r₋ + (1 - e^(-ω dt)) (Δq / dt - r₋): the
    difference, behind a first-order low-pass, half a period and 1/ω late. An `EKF` is
    better where the plant is known.

    Args:
        dt: control period [s].
        cutoff: ω of the low-pass [rad/s].
        angles: coordinates of q that are angles, whose differences are wrapped.

    Raises:
        ValueError: dt or cutoff is not positive.

    Source: K. J. Åström, R. M. Murray, *Feedback Systems*, section 11.5.

    Example:
        >>> import hybridctl as hc
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> seen = Differentiate(0.02, cutoff=60.0, angles=(1,)) >> lqr
        >>> loop = hc.Loop(0.02, sensor=hc.Sensor(outputs=["x", "theta"]))
        >>> trace = hc.simulate(plant, seen, [0, 3.1, 0, 0], 5.0, loop=loop)
        >>> bool(abs(trace["x"][-1]) < 0.05)
        True
    """

    dt: float = eqx.field(static=True, converter=real_number)
    cutoff: float = eqx.field(static=True, converter=real_number)
    angles: tuple[int, ...] = eqx.field(static=True, default=(), converter=tuple)

    def __check_init__(self):
        positive("dt", self.dt)
        positive("cutoff", self.cutoff)
        wrong = [i for i in self.angles if not (isinstance(i, int) and i >= 0)]
        require(not wrong, f"angles={self.angles} must be numbers of coordinates")

    @property
    def ports(self) -> Ports:
        """Made for its period."""
        return Ports(dt=self.dt)

    def init(self, tick: Tick) -> State:
        """The first positions, at rest."""
        return tick.y, jnp.zeros_like(tick.y)

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Positions and rates."""
        before, rate = state
        seen("Differentiate(angles=...)", tick.y, self.angles)
        moved = tick.y - before
        moved = [
            wrap(moved[i]) if i in self.angles else moved[i]
            for i in range(moved.shape[0])
        ]
        share = -math.expm1(-self.cutoff * self.dt)
        rate = rate + share * (jnp.stack(moved) / self.dt - rate)
        return (tick.y, rate), jnp.concatenate([tick.y, rate])
