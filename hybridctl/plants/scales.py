"""How large a plant's own second, metre and joule are."""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import as_float, is_concrete, require
from hybridctl.plants.bodies.cartpole import CartPole
from hybridctl.plants.linearize import sizes
from hybridctl.plants.plant import Equilibrium, MechanicalPlant, Plant
from hybridctl.precision import float64, float64_on_host


class OwnUnits(NamedTuple):
    """A mechanical plant's own units; those of `CartPole()` are 1 s, 1 m and 1 J.

    A number that was tuned on that cart-pole means the same on any plant once it is
    told in the plant's own units: a stiffness of 2 1/s² is there 2 / second².

    Attributes:
        second: unit of time.
        metre: unit of the actuated coordinate, which may be an angle.
        joule: unit of energy.
    """

    second: Any
    metre: Any
    joule: Any

    def told(self, value: Any, second: int = 0, metre: int = 0, joule: int = 0) -> Any:
        """A number with a unit, given by its powers, in the plant's own units."""
        return value * self.second**second * self.metre**metre * self.joule**joule

    def over(self, other: "OwnUnits") -> "OwnUnits":
        """These units where those of another plant are 1."""
        return OwnUnits(*(a / b for a, b in zip(self, other, strict=True)))


def own_units(plant: MechanicalPlant) -> OwnUnits:
    """A plant's own units, from inertia and gravity about its upright equilibrium.

    With s the passive joints' acceleration for a unit of the actuated coordinate's,
    T = ½ m ζ̇² and V = V* - ½ k ζ² the energies of a motion q = q* + s ζ with the
    actuated coordinate held still, the plant's own time is √(m / k), its own length
    the ζ that turns the passive joints by 1 rad, and its own energy k ζ². Those of
    `CartPole()` are counted as 1.

    Args:
        plant: with one actuated coordinate; without passive joints s is 1 there.

    Raises:
        ValueError: several actuated coordinates, or a potential energy that is flat
            about the upright equilibrium: there is nothing to tell a scale from.

    Example:
        >>> units = own_units(CartPole(m_c=0.01, m_p=0.001, L=0.25))
        >>> print(np.round([units.second, units.metre, units.joule], 6))
        [0.5    0.25   0.0025]
    """
    return _scales(plant).over(_tutorial())


def own_second(plant: Plant) -> float:
    """A plant's own second [s]; 1 where it has none."""
    units = _own(plant)
    return 1.0 if units is None else float(units.second)


def coordinate_units(plant: MechanicalPlant) -> NDArray[np.float64]:
    """Own units of the states [n_x]: 1 rad or a metre, and those per second."""
    units = own_units(plant)
    q = [1.0 if i in plant.angles else units.metre for i in range(plant.n_x // 2)]
    return as_float([*q, *(size / units.second for size in q)])


def natural_units(
    plant: Plant, model: tuple[Equilibrium, NDArray, NDArray] | None = None
) -> Any:
    """What numbers about a plant's states are told in by default, [n_x].

    `coordinate_units` where the plant has units of its own; elsewhere, where a linear
    model (equilibrium, A, B) is given, `sizes`; and 1 where nothing tells them.
    """
    if isinstance(plant, MechanicalPlant) and _own(plant) is not None:
        return coordinate_units(plant)
    found = np.ones(plant.n_x) if model is None else sizes(plant, *model)
    return np.nan_to_num(found, nan=1.0)


def _own(plant: Plant) -> OwnUnits | None:
    """Own units where a plant has some."""
    if not isinstance(plant, MechanicalPlant) or len(plant.actuated) != 1:
        return None
    try:
        return own_units(plant)
    except ValueError:  # no scale of its own
        return None


@functools.cache
def _tutorial() -> OwnUnits:
    return _scales(CartPole())


def _scales(plant: MechanicalPlant) -> OwnUnits:
    """Time, length and energy in the plant's parameters' units."""
    require(
        len(plant.actuated) == 1,
        f"{type(plant).__name__} has {len(plant.actuated)} actuated coordinates; a "
        "swing-up needs one",
    )
    if not is_concrete(plant):
        return _from(*_swing(plant))
    with float64_on_host():
        inertia, fall, turn = (float(v) for v in _swing(float64(plant)))
    require(
        inertia > 0 and fall > 0 and turn > 0,
        f"{type(plant).__name__} has no scale of its own: its potential energy is flat "
        "about upright(), or the input turns no joint; give a swing-up all its numbers",
    )
    return _from(inertia, fall, turn)


def _from(inertia: Any, fall: Any, turn: Any) -> OwnUnits:
    metre = 1.0 / turn
    return OwnUnits((inertia / fall) ** 0.5, metre, fall * metre**2)


@eqx.filter_jit
def _swing(plant: MechanicalPlant) -> tuple[Any, Any, Any]:
    """m, |k| and the largest angle turned per ζ of the motion along s."""
    n, (driven,) = plant.n_x // 2, plant.actuated
    rest = plant.upright()
    x, u = jnp.asarray(rest.x), jnp.asarray(rest.u)
    gain = jax.jvp(lambda u: plant.ode(jnp.zeros(()), x, u), (u,), (u * 0 + 1,))[1]
    slope = gain[n:] / gain[n + driven]
    held = jnp.arange(n) == driven
    slope = jnp.where(held & bool(plant.passive), 0.0, slope)
    along = lambda a: plant.potential(x[:n] + a * slope)  # noqa: E731
    fall = jnp.abs(jax.grad(jax.grad(along))(jnp.zeros((), x.dtype)))
    turns = jnp.isin(jnp.arange(n), np.asarray(plant.angles, int))
    turn = jnp.where(turns.any(), jnp.max(jnp.where(turns, jnp.abs(slope), 0.0)), 1.0)
    return 2.0 * plant.kinetic(x[:n], slope), fall, turn
