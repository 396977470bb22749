"""How large a plant's own second, metre and joule are, and its states."""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hybridctl.checks import as_float, is_concrete, require
from hybridctl.plants.cartpole import CartPole
from hybridctl.plants.linearize import float64, float64_on_host
from hybridctl.plants.plant import Equilibrium, MechanicalPlant, Plant


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
    try:
        known = isinstance(plant, MechanicalPlant) and len(plant.actuated) == 1
        return float(own_units(plant).second) if known else 1.0
    except ValueError:  # no scale of its own
        return 1.0


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
    driven = isinstance(plant, MechanicalPlant) and len(plant.actuated) == 1
    try:
        if driven:
            return coordinate_units(plant)
    except ValueError:  # no scale of its own
        pass
    found = np.ones(plant.n_x) if model is None else sizes(plant, *model)
    return np.nan_to_num(found, nan=1.0)


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


def sizes(plant: Plant, at: Equilibrium, A: NDArray, B: NDArray) -> NDArray[np.float64]:
    """How large each state of a plant is by nature, shape [n_x]; NaN where unknown.

    An angle is 1 rad and a state that is not 0 at rest is as large as it is there.
    From those the others follow by the linear model ė = A e + B v and its fastest
    mode ω: |A[i, j]| times the size of j is ω times that of i. Where these tell
    nothing, the input at rest does, then the plant's limits.

    Args:
        plant: names, angles and limits.
        at: where it rests.
        A: shape [n_x, n_x].
        B: shape [n_x, n_u].

    Example:
        >>> from hybridctl.plants.linearize import linearize
        >>> plant = CartPole(L=4.0)
        >>> up = plant.upright()
        >>> print(sizes(plant, up, *linearize(plant, up)).round(2))
        [0.36 1.   0.6  1.64]
    """
    A = np.block([[A, B], [np.zeros((B.shape[1], A.shape[1] + B.shape[1]))]])
    rate = float(np.abs(np.linalg.eigvals(A)).max(initial=0.0))
    rate = rate if rate > 0 else 1.0
    n, names = plant.n_x, (*plant.states, *plant.inputs)
    resting = np.abs(np.concatenate([at.x, at.u]).astype(np.float64))
    limits = np.array([plant.limits.get(name, 0.0) for name in names])
    turned = np.isin(np.arange(len(names)), plant.angles)
    known = np.where(turned, 1.0, np.where(np.arange(len(names)) < n, resting, 0.0))
    for more in (known, resting, limits):
        known = spread(np.where(known > 0, known, more), np.abs(A) / rate)
    return np.where(known > 0, known, np.nan)[:n]


def spread(known: NDArray, A: NDArray) -> NDArray:
    """Sizes of what is not known (0) from what is, a step along A [n, n] at a time."""
    while True:
        unknown, reached = known == 0, A * known
        forth = reached.max(axis=1, initial=0.0)
        ratio = np.divide(known[:, None], A, out=np.zeros_like(A), where=A > 0)
        back = ratio.max(axis=0, initial=0.0)
        found = np.where(unknown, np.where(forth > 0, forth, back), 0.0)
        if not found.any():
            return known
        known = known + found
