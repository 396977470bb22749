"""A learned cost-to-go: a network of physical features, with its gradient."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import as_float, positive, require
from hybridctl.controllers.adaptive import Family, designed
from hybridctl.controllers.guards import Level
from hybridctl.controllers.value import Value
from hybridctl.controllers.value_plot import Extent
from hybridctl.describe import Shown
from hybridctl.kinds import as_row
from hybridctl.plants import MechanicalPlant, Plant
from hybridctl.plants.uncertain import UncertainPlant
from hybridctl.ports import Ports

REACH = 3.0  # root mean squares of its states that a picture shows, either way


def _arrays(values: Any) -> tuple:
    return tuple(as_float(v) for v in as_row(values))


Layers = tuple[tuple[Array, Array], ...]


def value_and_slope(layers: Layers, scale: Any, z: Array) -> tuple[Array, Array]:
    """V = scale · softplus(MLP(z)) [...] and dV/dz [..., m], of tanh layers.

    Args:
        layers: weights [n_in, n_out] and biases [n_out]; the last has one output.
        scale: of V.
        z: features [..., m].
    """
    hidden, h = [], z
    for w, b in layers[:-1]:
        h = jnp.tanh(h @ w + b)
        hidden.append(h)
    w, b = layers[-1]
    out = (h @ w + b)[..., 0]
    slope = (scale * jax.nn.sigmoid(out))[..., None] * w[:, 0]
    for (w, _), h in zip(layers[-2::-1], hidden[::-1], strict=True):
        slope = (slope * (1.0 - h * h)) @ w.T
    return scale * jax.nn.softplus(out), slope


class Physical(Shown, eqx.Module):
    """What a cost-to-go is a smooth function of, each about 1 in size: φ(x).

    Of the deviation from the target: what is no angle, sin and cos of every angle, and
    their products; of a mechanical plant also the energy, and that of the coordinates
    which no input pushes while the others rest. Parameters of an `UncertainPlant` are
    states as the others, and energies those with them.

    Args:
        plant: the model.
        x0: target, shape [n_x].
        size: of each feature, shape [m], in its own unit; see `told_on`.
    """

    plant: Plant
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    size: Float[Array, " m"] = eqx.field(converter=as_float)

    def __check_init__(self):
        n = (self.plant.n_x,)
        got = np.shape(self.x0)
        require(got == n, f"x0 has shape {got}, expected {n} as the states")
        positive("size", self.size)

    @staticmethod
    def told_on(plant: Plant, x0: Any, states: Array) -> "Physical":
        """Features whose sizes are their root mean squares over some states.

        Args:
            plant: the model.
            x0: target, shape [n_x].
            states: shape [n, n_x].
        """
        states = states[np.isfinite(states).all(axis=-1)]
        size = np.asarray(_sizes(plant, jnp.asarray(x0), states))
        return Physical(plant, x0, np.where(size > 0, size, 1.0))

    def __call__(self, x: Array) -> Array:
        """φ(x), shape [m]."""
        return _raw(self.plant, self.x0, x) / self.size


@jax.jit
def _sizes(plant: Plant, x0: Array, states: Array) -> Array:
    """Root mean squares of the features over states [n, n_x], shape [m]."""
    raw = jax.vmap(lambda x: _raw(plant, x0, x))(states)
    return jnp.sqrt(jnp.mean(raw**2, axis=0))


def _raw(plant: Plant, x0: Array, x: Array) -> Array:
    """Features in their own units, shape [m]."""
    e = [x[i] - x0[i] for i in range(plant.n_x)]
    parts = [e[i] for i in range(plant.n_x) if i not in plant.angles]
    for i in plant.angles:
        turn = [jnp.cos(e[i]), jnp.sin(e[i])]
        parts = [*parts, *turn, *(part * f for part in parts for f in turn)]
    return jnp.stack([*parts, *_energies(plant, x0, x)])


def _energies(plant: Plant, x0: Array, x: Array) -> list[Array]:
    """All of it, and that of the passive coordinates, above those at the target."""
    if isinstance(plant, UncertainPlant):
        n = plant.plant.n_x
        return _energies(plant.at(x[n:]), x0[:n], x[:n])
    if not isinstance(plant, MechanicalPlant):
        return []
    found, n = [plant.energy(x) - plant.energy(x0)], plant.n_x // 2
    if plant.passive:
        moves = np.isin(np.arange(n), plant.passive)
        slow = x * np.concatenate([np.ones(n), moves])
        found.append(plant.energy(slow) - plant.energy(x0))
    return found


class NetworkValue(Value):
    """V(x) = scale · softplus(MLP(φ(x))); inside the lock V is the LQR's cost-to-go.

    Args:
        features: φ.
        weights: one matrix a layer, shape [n_in, n_out]; the last has one output.
        biases: one vector a layer, shape [n_out].
        scale: of V, in the unit of the cost, scalar.
        lock: level set inside of which V is known, for every parameter of an
            `UncertainPlant` one; None: nowhere.

    Raises:
        ValueError: layers that do not fit the features or each other.
    """

    features: Physical
    weights: tuple[Array, ...] = eqx.field(converter=_arrays)
    biases: tuple[Array, ...] = eqx.field(converter=_arrays)
    scale: Array = eqx.field(converter=as_float)
    lock: Level | Family | None = None

    def __check_init__(self):
        positive("scale", self.scale)
        widths = [np.shape(self.features.size)[-1]]
        for w, b in zip(self.weights, self.biases, strict=True):
            got = (*np.shape(w)[-2:], *np.shape(b)[-1:])
            ok = len(got) == 3 and got[0] == widths[-1] and got[1] == got[2]
            require(ok, f"a layer's weights {got[:2]} do not fit its neighbours")
            widths.append(got[-1])
        require(
            len(widths) > 1 and widths[-1] == 1,
            f"the last layer has {widths[-1]} outputs; a value has one",
        )

    def __call__(self, x: Array) -> Array:
        """V(x), scalar."""
        V, _ = value_and_slope(self._layers, self.scale, self.features(x))
        if self.lock is None:
            return V
        lock = designed(self.lock, x)
        known = lock.V(x)
        return jnp.where(known < lock.rho, known, V)

    def gradient(self, x: Array) -> Array:
        """∇V(x), shape [n_x]."""
        z, back = jax.vjp(self.features, x)
        (slope,) = back(value_and_slope(self._layers, self.scale, z)[1])
        if self.lock is None:
            return slope
        known, push = jax.value_and_grad(lambda x: designed(self.lock, x).V(x))(x)
        return jnp.where(known < designed(self.lock, x).rho, push, slope)

    @property
    def ports(self) -> Ports:
        """The state of its plant, and no inputs."""
        return Ports(y=self.features.plant.ports.y)

    @property
    def extent(self) -> Extent:
        """A turn of its angles, and else some times what its features were told on."""
        plant, x0 = self.features.plant, np.asarray(self.features.x0)
        straight = [i for i in range(plant.n_x) if i not in plant.angles]
        half = np.full(plant.n_x, np.pi)
        half[straight] = REACH * np.asarray(self.features.size)[: len(straight)]
        target, lock = plant.equilibrium(x0), designed(self.lock, jnp.asarray(x0))
        return Extent(target, plant.units, x0 - half, x0 + half, lock)

    @property
    def _layers(self) -> Layers:
        return tuple(zip(self.weights, self.biases, strict=True))
