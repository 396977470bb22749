"""The optimal cost-to-go of a state: what a value-based controller descends."""

import abc
import itertools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, fail, finite, is_concrete, require, shape
from hybridctl.controllers.error import total
from hybridctl.controllers.value_plot import Extent, plot_value
from hybridctl.describe import Shown
from hybridctl.kinds import check_fields, check_fields_first
from hybridctl.plants import Equilibrium, Plant
from hybridctl.ports import Names, Ports, known, named


class Value(Shown, eqx.Module):
    """Cost-to-go V(x): what the best inputs still have to pay from state x on."""

    CURE: ClassVar[str] = "; for example hc.value_iteration(task)"

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        check_fields_first(cls)

    def __check_init__(self):
        check_fields(self)

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array:
        """Cost-to-go at state x [n_x], scalar."""

    def gradient(self, x: Array) -> Array:
        """Costates ∂V/∂x at state x [n_x], shape [n_x]."""
        return jax.grad(self.__call__)(x)

    @property
    def ports(self) -> Ports:
        """The state that it is of, where that is known by name, and no inputs."""
        return Ports()

    @property
    def extent(self) -> Extent:
        """What it tells of its states, for a picture."""
        fail(
            f"a {type(self).__name__} does not tell its states; give it a property "
            "`extent`, or draw a GridValue or a NetworkValue"
        )

    def plot(self, states: tuple[str, str] | None = None, **options: Any) -> Any:
        """Draw slices through it; see `hybridctl.controllers.value_plot.plot_value`."""
        return plot_value(self, states, **options)


def check_value(value: Value, plant: Plant) -> None:
    """Refuse the cost-to-go of another plant.

    Args:
        value: the cost-to-go.
        plant: whose states it is asked about.

    Raises:
        ValueError: another number of states, or other names of them.
    """
    n, name, own = plant.n_x, type(plant).__name__, value.ports.y
    try:
        found = jax.eval_shape(value, jnp.zeros(n)).shape
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"this value does not take the {n} states of {name}; give one of that plant"
        ) from error
    require(found == (), f"V(x) has shape {found}, expected one number")
    told = [signal.name for signal in own or ()]
    require(
        not known(own) or told == list(plant.states),
        f"this value is of {', '.join(told)}, but the states of {name} are "
        f"{', '.join(plant.states)}; give one of that plant",
    )


class GridValue(Value):
    """V on a regular grid, linear between its nodes in every state.

    Nodes go from low to high, both included. Outside, V is what it is at the nearest
    point of the grid. A periodic state is wrapped into it first: its last layer of
    nodes is its first one again.

    Args:
        values: V at the nodes, shape [n_1, ..., n_x].
        low: state of the first node, shape [n_x].
        high: state of the last node, shape [n_x].
        periodic: which states are, such as angles.
        states: names and units of x, where known.

    Raises:
        ValueError: shapes that do not fit, or values that are not finite.

    Example:
        >>> value = GridValue([[0.0, 2.0], [1.0, 3.0]], low=[0, 0], high=[1, 4])
        >>> x = jnp.array([0.5, 1.0])
        >>> print(value(x), value.gradient(x))
        1.0 [1.  0.5]
    """

    values: Float[Array, "n_1 ... n_x"] = eqx.field(converter=as_float)
    low: Float[Array, " n_x"] = eqx.field(converter=as_float)
    high: Float[Array, " n_x"] = eqx.field(converter=as_float)
    periodic: tuple[int, ...] = eqx.field(static=True, default=())
    states: Names = eqx.field(static=True, default=())

    def __check_init__(self):
        sizes = np.shape(self.values)
        for name in ("low", "high"):
            shape(name, getattr(self, name), (len(sizes),))
        for name in ("values", "low", "high"):
            finite(name, getattr(self, name))
        require(
            all(size > 1 for size in sizes),
            f"values has shape {sizes}; give two nodes or more in every state",
        )
        if is_concrete(self.low, self.high):
            wide = np.all(np.asarray(self.low) < np.asarray(self.high))
            require(bool(wide), f"low={self.low} is not below high={self.high}")

    def __call__(self, x: Array) -> Array:
        """Cost-to-go at state x [n_x], scalar."""
        shape("x", x, np.shape(self.low))
        places, weights = self.corners(x)
        values = jnp.asarray(self.values).reshape(-1)
        found = values.at[jnp.stack(places)].get(mode="clip")
        return total([found[i] * weight for i, weight in enumerate(weights)])

    @property
    def ports(self) -> Ports:
        """The state, and no inputs."""
        return Ports(y=named(self.states, len(self.low), self.periodic))

    @property
    def extent(self) -> Extent:
        """All of the grid, about its least node."""
        signals = enumerate(self.ports.y or ())
        names = tuple(signal.name or f"x[{i}]" for i, signal in signals)
        values, low, high = map(np.asarray, (self.values, self.low, self.high))
        least = np.array(np.unravel_index(np.argmin(values), values.shape))
        x = low + least * (high - low) / (np.array(values.shape) - 1)
        target = Equilibrium(x, (), names, self.periodic)
        return Extent(target, dict(self.states), low, high)

    def corners(self, x: Array) -> tuple[list[Array], list[Array]]:
        """The nodes around state x [n_x].

        Returns:
            Their places in the flattened values and their shares, 2^n_x scalars.
        """
        sizes = np.shape(self.values)
        strides = [int(np.prod(sizes[i + 1 :])) for i in range(len(sizes))]
        sides = [self._sides(i, x[i], size) for i, size in enumerate(sizes)]
        places, weights = [], []
        for ends in itertools.product((0, 1), repeat=len(sizes)):
            picked = [side[end] for side, end in zip(sides, ends, strict=True)]
            pairs = zip(picked, strides, strict=True)
            places.append(total([node * stride for (node, _), stride in pairs]))
            weight = picked[0][1]
            for _, share in picked[1:]:
                weight = weight * share
            weights.append(weight)
        return places, weights

    def _sides(self, i: int, x: Array, size: int) -> tuple[Any, Any]:
        """The two nodes around one coordinate, each with its share."""
        span = self.high[i] - self.low[i]
        apart = x - self.low[i]
        if i in self.periodic:
            apart = apart - span * jnp.floor(apart * (1.0 / span))
        at = apart * ((size - 1) / span)
        below = jnp.where(at > 0, jnp.minimum(jnp.floor(at), size - 2), 0.0)
        share = jnp.clip(at - below, 0.0, 1.0)
        node = below.astype(jnp.int32)
        return (node, 1.0 - share), (node + 1, share)
