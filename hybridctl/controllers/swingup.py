"""Energy swing-up from a plant's own energies, by partial feedback linearization."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, finite, optional_float, positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import wrap
from hybridctl.plants import MechanicalPlant

WALL = 100.0  # braking per metre that the stopping point lies off the track [1/s²]
TINY = 1e-9  # keeps D / p finite where neither is known


class EnergySwingUp(Controller):
    """Pump energy into the passive joints; keep the actuated one centred.

    With E the energy at actuated velocities of zero, E* that of the upright
    equilibrium, p = ∂Ė/∂a the power per unit of actuated acceleration, D the power
    that the passive joints' friction takes, and e_a the actuated coordinate's
    deviation from the upright equilibrium (an angle's wrapped to ±π)::

        a = sat(pump (E* + margin - E) p + friction D / p) - stiffness e_a - damping q̇_a

    where p stands for p + kick sign p, and beyond that it brakes hard as soon as the
    stopping point e_a + q̇_a|q̇_a|/2 drive would lie off the track.

    The input that gives the actuated coordinate this acceleration follows from
    the plant's `ode`, affine in u (collocated partial feedback linearization);
    nothing here is specific to a plant. Without passive joints E is the whole
    energy, and sat(…) is added to the acceleration that gravity gives.

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
        friction: share of the power that friction takes which is given back, so that
            the energy rises as on the plant without friction; None: nothing.

    Source: M. W. Spong, "Energy based control of a class of underactuated
        mechanical systems", IFAC World Congress 1996.

    Example:
        >>> from hybridctl.plants import Pendulum
        >>> pump = EnergySwingUp(Pendulum(friction=0.2), limit=3.0, friction=1.0)
        >>> float(pump.friction)
        1.0
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
    friction: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        require(
            isinstance(self.plant, MechanicalPlant) and len(self.plant.actuated) == 1,
            "EnergySwingUp needs a mechanical plant with one actuated coordinate",
        )
        names = ("pump", "stiffness", "damping", "kick", "margin", "friction")
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
        pumping = self.pump * error * power
        if self.friction is not None:
            given_back = self.friction * self._lost(tick.y)
            pumping = pumping + given_back * power / (power**2 + TINY)
        wanted = jnp.clip(pumping, -self.drive, self.drive)
        if self.plant.passive:
            wanted = wanted - self._centring(tick.y[driven], tick.y[n + driven])
            wanted = wanted - drift[n + driven]
        u = jnp.stack([wanted / gain[n + driven]])
        return state, u if self.limit is None else jnp.clip(u, -self.limit, self.limit)

    def _centring(self, q: Array, dq: Array) -> Array:
        """Pull towards the target, and away from the ends of the track."""
        (driven,) = self.plant.actuated
        error = q - self.plant.upright().x[driven]
        error = wrap(error) if driven in self.plant.angles else error
        pull = self.stiffness * error + self.damping * dq
        if self.track is None:
            return pull
        stop = error + 0.5 * dq * jnp.abs(dq) / self.drive
        return pull + WALL * (stop - jnp.clip(stop, -self.track, self.track))

    def _energy(self, y: Array, slope: list[Array]) -> tuple[Array, Array]:
        """E* + margin - E and p = ∂E/∂q̇ · slope, the actuated coordinate held still.

        slope: accelerations per unit of actuated acceleration, n of them.
        """
        n = self.plant.n_x // 2
        top = jnp.asarray(self.plant.upright().x)[:n]
        q, speeds, along = y[:n], self._still(y[n:]), self._still(slope)
        energy = lambda dq: self.plant.kinetic(q, dq)  # noqa: E731
        kinetic, power = jax.jvp(energy, (speeds,), (along,))
        target = self.plant.potential(top) + self.margin
        return target - kinetic - self.plant.potential(q), power

    def _lost(self, y: Array) -> Array:
        """Power that friction takes with the actuated coordinate held still."""
        n = self.plant.n_x // 2
        return self.plant.dissipated(jnp.concatenate([y[:n], self._still(y[n:])]))

    def _still(self, rates: Array | list[Array]) -> Array:
        """The rates [n], that of the actuated joint 0 where another one is passive."""
        held = self.plant.actuated if self.plant.passive else ()
        zero = jnp.zeros_like(rates[0])
        n = self.plant.n_x // 2
        return jnp.stack([zero if i in held else rates[i] for i in range(n)])
