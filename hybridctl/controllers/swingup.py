"""Energy swing-up from a plant's own energies, by partial feedback linearization."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, finite, optional_float, positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.plants import MechanicalPlant

WALL = 100.0  # braking per metre that the stopping point lies off the track [1/s²]


class EnergySwingUp(Controller):
    """Pump energy into the passive joints; keep the actuated one centred.

    With E the energy at actuated velocities of zero, E* that of the upright
    equilibrium, and p = ∂Ė/∂a the power per unit of actuated acceleration::

        a = sat(pump (E* + margin - E) (p + kick sign p)) - stiffness q_a - damping q̇_a

    and beyond that it brakes hard as soon as the stopping point q_a + q̇_a|q̇_a|/2 drive
    would lie off the track.

    The input that gives the actuated coordinate this acceleration follows from
    the plant's `ode`, affine in u; nothing here is specific to a plant.

    Args:
        plant: the model, with one actuated coordinate.
        pump: gain on energy error times power.
        stiffness: centring of the actuated coordinate [1/s²].
        damping: of the actuated coordinate [1/s].
        kick: power that is assumed when the plant rests, which starts the swing.
        margin: energy [J] aimed at beyond E*.
        drive: largest acceleration spent on pumping, so that centring keeps its say.
        track: largest |q_a| that the stopping point may reach, or None.
        limit: largest |u|, or None.

    Source: M. W. Spong, "Energy based control of a class of underactuated
        mechanical systems", IFAC World Congress 1996.
    """

    plant: MechanicalPlant
    pump: Array = eqx.field(converter=as_float, default=10.0)
    stiffness: Array = eqx.field(converter=as_float, default=1.0)
    damping: Array = eqx.field(converter=as_float, default=1.0)
    kick: Array = eqx.field(converter=as_float, default=0.1)
    margin: Array = eqx.field(converter=as_float, default=0.0)
    drive: Array = eqx.field(converter=as_float, default=10.0)
    track: Array | None = eqx.field(converter=optional_float, default=None)
    limit: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        require(
            isinstance(self.plant, MechanicalPlant) and len(self.plant.actuated) == 1,
            "EnergySwingUp needs a mechanical plant with one actuated coordinate",
        )
        names = ("pump", "stiffness", "damping", "kick", "margin")
        for name in names:
            finite(name, getattr(self, name))
        for name in ("drive", "track", "limit"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    def init(self, tick: Tick) -> State:
        """No memory."""
        del tick

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Acceleration wanted, then the input that gives it."""
        n, (driven,) = self.plant.n_x // 2, self.plant.actuated
        zero, one = jnp.zeros(1), jnp.ones(1)
        drift, gain = jax.jvp(  # f and g of ẋ = f + g u
            lambda u: self.plant.ode(tick.t, tick.y, u), (zero,), (one,)
        )
        slope = [gain[n + i] / gain[n + driven] for i in range(n)]
        error, power = self._energy(tick.y, slope)
        power = power + jnp.where(power < 0, -self.kick, self.kick)
        pumping = jnp.clip(self.pump * error * power, -self.drive, self.drive)
        wanted = pumping - self._centring(tick.y[driven], tick.y[n + driven])
        u = jnp.stack([(wanted - drift[n + driven]) / gain[n + driven]])
        return state, u if self.limit is None else jnp.clip(u, -self.limit, self.limit)

    def _centring(self, q: Array, dq: Array) -> Array:
        """Pull towards the middle, and away from the ends of the track."""
        pull = self.stiffness * q + self.damping * dq
        if self.track is None:
            return pull
        stop = q + 0.5 * dq * jnp.abs(dq) / self.drive
        return pull + WALL * (stop - jnp.clip(stop, -self.track, self.track))

    def _energy(self, y: Array, slope: list[Array]) -> tuple[Array, Array]:
        """E* + margin - E and p = ∂E/∂q̇ · slope, the actuated coordinate held still.

        slope: accelerations per unit of actuated acceleration, n of them.
        """
        n, driven = self.plant.n_x // 2, self.plant.actuated
        q, top, zero = (
            y[:n],
            jnp.asarray(self.plant.upright().x)[:n],
            jnp.zeros_like(y[0]),
        )
        speeds = jnp.stack([zero if i in driven else y[n + i] for i in range(n)])
        along = jnp.stack([zero if i in driven else slope[i] for i in range(n)])
        energy = lambda dq: self.plant.kinetic(q, dq)  # noqa: E731
        kinetic, power = jax.jvp(energy, (speeds,), (along,))
        target = self.plant.potential(top) + self.margin
        return target - kinetic - self.plant.potential(q), power
