"""Energy swing-up from a plant's own energies, by partial feedback linearization."""

from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from hybridctl.checks import as_float, finite, optional_float, positive, require
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import wrap
from hybridctl.plants import MechanicalPlant, OwnUnits, own_units
from hybridctl.ports import Ports

POWERS = MappingProxyType(  # of second, metre and joule in the unit of each number
    {
        "pump": (-3, 2, -2),
        "stiffness": (-2, 0, 0),
        "damping": (-1, 0, 0),
        "kick": (1, -1, 1),
        "margin": (0, 0, 1),
        "drive": (-2, 1, 0),
        "wall": (-2, 0, 0),
    }
)
USUAL = MappingProxyType(  # where a number is not given, in the plant's own units
    {
        "pump": 10.0,
        "stiffness": 1.0,
        "damping": 1.0,
        "kick": 0.1,
        "margin": 0.0,
        "drive": 10.0,
        "wall": 100.0,
    }
)


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

    A number that is not given is `USUAL`, which is in the units of `CartPole()`, told
    in the plant's `own_units`: the same rig in grams and millimetres, or a light one,
    swings up alike. One that is given is taken as it is, in the units below, where m
    stands for the actuated coordinate's unit (rad of a rotary one).

    Args:
        plant: the model, with one actuated coordinate.
        pump: gain on energy error times power [m²/(J² s³)]; 10 for `CartPole()`.
        stiffness: centring of the actuated coordinate [1/s²]; 1.
        damping: of the actuated coordinate [1/s]; 1.
        kick: power per acceleration [J s/m] that is assumed when the plant rests,
            which starts the swing; 0.1.
        margin: energy [J] aimed at beyond E*; 0.
        drive: largest acceleration [m/s²] spent on pumping, so that centring keeps its
            say; 10.
        track: largest |q_a| [m] that the stopping point may reach, or None.
        limit: largest |u|, in its own unit, scalar or [n_u], or None.
        friction: share of the power that friction takes which is given back, scalar,
            so that the energy rises as on the plant without friction; None: nothing.
        wall: braking per metre that the stopping point lies off the track [1/s²]; 100.

    Raises:
        ValueError: no mechanical plant with one actuated coordinate, a number that is
            not finite, or one not given on a plant that has no scale of its own.

    Source: M. W. Spong, "Energy based control of a class of underactuated
        mechanical systems", IFAC World Congress 1996.

    Example:
        >>> from hybridctl.plants import CartPole, Pendulum
        >>> pump = EnergySwingUp(Pendulum(friction=0.2), limit=3.0, friction=1.0)
        >>> float(pump.friction)
        1.0
        >>> light = EnergySwingUp(CartPole(m_c=0.01, m_p=0.001), limit=0.1)
        >>> print(light.drive.round(3), light.kick.round(6))
        10.0 0.001
    """

    plant: MechanicalPlant
    pump: Array = eqx.field(converter=as_float)
    stiffness: Array = eqx.field(converter=as_float)
    damping: Array = eqx.field(converter=as_float)
    kick: Array = eqx.field(converter=as_float)
    margin: Array = eqx.field(converter=as_float)
    drive: Array = eqx.field(converter=as_float)
    track: Array | None = eqx.field(converter=optional_float)
    limit: Array | None = eqx.field(converter=optional_float)
    friction: Array | None = eqx.field(converter=optional_float)
    wall: Array = eqx.field(converter=as_float)

    def __init__(
        self,
        plant: MechanicalPlant,
        pump: Any = None,
        stiffness: Any = None,
        damping: Any = None,
        kick: Any = None,
        margin: Any = None,
        drive: Any = None,
        track: Any = None,
        limit: Any = None,
        friction: Any = None,
        wall: Any = None,
    ):
        require(
            isinstance(plant, MechanicalPlant) and len(plant.actuated) == 1,
            "EnergySwingUp needs a mechanical plant with one actuated coordinate",
        )
        given = {
            "pump": pump, "stiffness": stiffness, "damping": damping, "kick": kick,
            "margin": margin, "drive": drive, "wall": wall,
        }  # fmt: skip
        missing = {name: USUAL[name] for name, v in given.items() if v is None}
        usual = told(missing, own_units(plant)) if missing else {}
        for name, value in (given | usual).items():
            setattr(self, name, value)
        self.plant, self.track, self.limit = plant, track, limit
        self.friction = friction

    def __check_init__(self):
        for name in (*POWERS, "friction"):
            finite(name, getattr(self, name))
        for name in ("drive", "track", "limit"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    @property
    def ports(self) -> Ports:
        """The state of its plant, and its input."""
        known = self.plant.ports
        return Ports(known.y, (), known.u)

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
            lost, none = self.friction * self._lost(tick.y), power == 0
            back = lost / jnp.where(none, 1.0, power)
            pumping = pumping + jnp.where(none, 0.0, back)
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
        return pull + self.wall * (stop - jnp.clip(stop, -self.track, self.track))

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


def told(numbers: dict[str, float], units: OwnUnits) -> dict[str, Any]:
    """Numbers of an `EnergySwingUp` by name, from `CartPole()`'s units to others."""
    return {name: units.told(v, *POWERS[name]) for name, v in numbers.items()}
