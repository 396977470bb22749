"""Where a plant is seen and can be grabbed, and what a hand there does to it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.plants import BouncingBall, MechanicalPlant, Plant
from hybridctl.plants.flow import Motion, Moved, fixed_motion
from hybridctl.plants.lagrangian import solved
from hybridctl.precision import float64, float64_on_host
from hybridctl.show.film.chain import body_of, links_of


def points_of(plant: Plant, x: Array) -> Array:
    """The joints of a plant at state x [n_x], the tip last: [n, 2] in metres.

    None at all where there is nothing to draw.
    """
    if isinstance(plant, BouncingBall):
        return jnp.stack([jnp.zeros_like(x[0]), x[0]])[None]
    lengths = links_of(plant)
    if lengths is None:
        return jnp.zeros((0, 2))
    on_cart = plant.states[0] == "x"
    at = [x[0] if on_cart else jnp.zeros_like(x[0]), jnp.zeros_like(x[0])]
    rows, angle = [jnp.stack(at)], jnp.zeros_like(x[0])
    for length, turn in zip(lengths, x[int(on_cart) :], strict=False):
        angle = angle + turn
        step = jnp.stack([jnp.sin(angle), -jnp.cos(angle)])
        rows.append(rows[-1] + length * step)
    return jnp.stack(rows)


def count_points(plant: Plant) -> int:
    """How many joints there are."""
    with float64_on_host():
        x = np.zeros(plant.n_x)
        return jax.eval_shape(lambda x: points_of(plant, x), x).shape[0]


def can_grab(plant: Plant) -> bool:
    """Whether a hand can pull at every point of a plant, not at its input alone."""
    return (
        isinstance(plant, MechanicalPlant)
        and body_of(plant) is plant
        and (links_of(plant) is not None)
    )


class _Held(NamedTuple):
    """A plant with forces [n, 2] at its points, in newtons."""

    plant: Any
    hand: Array

    @property
    def steps_every(self) -> float | None:
        """Period [s] of a discrete plant, which has no points to pull at."""
        return self.plant.steps_every

    def ode(self, t: Array, x: Array, u: Array) -> Array:
        """Its derivative: q̈ + M⁻¹ Jᵀ F."""
        n = self.plant.n_x // 2
        q, rest = x[:n], jnp.zeros_like(x[n:])
        pull = jax.vjp(lambda q: points_of(self.plant, q), q)[1](self.hand)[0]
        mass = jax.hessian(lambda dq: self.plant.kinetic(q, dq))(rest)
        push = jnp.concatenate([jnp.zeros(n, x.dtype), solved(mass, pull)])
        return self.plant.ode(t, x, u) + push


def held_motion(dt: float, substeps: int) -> Callable[[Array, Array], Motion]:
    """RK4 over a period, with a force on the input [n_u] and a hand [n, 2] held.

    Where the plant cannot be grabbed, what the hand pulls along the first input's own
    direction is added to it: to the right of a cart, upwards of a ball.
    """
    inner = fixed_motion(dt, substeps)

    def of(force: Array, hand: Array) -> Motion:
        def motion(plant: Plant, t: Array, x: Array, u: Array) -> Moved:
            if can_grab(plant):
                return inner(_Held(plant, hand), t, x, u + force)  # type: ignore[arg-type]
            along = hand[:, int(isinstance(plant, BouncingBall))]
            first = jnp.sum(along) if len(hand) else jnp.zeros((), x.dtype)
            return inner(plant, t, x, (u + force).at[0].add(first))

        return motion

    return of


class Model(NamedTuple):
    """A plant about its target, as numbers in float64.

    Attributes:
        A: ∂ẋ/∂x [n_x, n_x].
        B: ∂ẋ/∂u [n_x, n_u].
        points: where its points are [n, 2].
        mass: M(q) [n_q, n_q]; None of a plant without energies.
        pull: J of the points [n, 2, n_q]; None where it cannot be grabbed.
        brake: by how much each number of the plant brakes at unit rates, as a plant;
            None of a plant without energies.
    """

    A: Any
    B: Any
    points: Any
    mass: Any = None
    pull: Any = None
    brake: Any = None

    @property
    def rate(self) -> float:
        """Its own quickest rate [1/s]."""
        rates = np.abs(np.linalg.eigvals(np.nan_to_num(self.A)))
        return float(max(np.max(rates), 0.5))

    @property
    def weights(self) -> list[float]:
        """How heavy each point is for a hand [kg].

        The smallest mass that it feels in any direction: 1 / λ of J M⁻¹ Jᵀ.
        """
        if self.pull is None:
            heavy = 1.0 / max(float(np.max(np.abs(self.B[:, 0]))), 1e-12)
            return [heavy] * len(self.points)
        feel = [j @ np.linalg.solve(self.mass, j.T) for j in self.pull]
        light = [float(np.linalg.eigvalsh(f)[-1]) for f in feel]
        return [1.0 / max(f, 1e-9 * max(light)) for f in light]  # a hinge is a rock


def model_of(plant: Plant, x: Any, u: Any) -> Model:
    """A plant about state x [n_x] and input u [n_u]."""
    with float64_on_host():
        x, u = np.asarray(x, float), np.asarray(u, float)
        return jax.tree.map(np.asarray, jax.jit(_model)(float64(plant), x, u))


def _model(plant: Any, x: Array, u: Array) -> Model:
    A, B = jax.jacfwd(lambda x, u: plant.ode(jnp.zeros(()), x, u), (0, 1))(x, u)
    points, n = points_of(plant, x), plant.n_x // 2
    if not isinstance(plant, MechanicalPlant):
        return Model(A, B, points)
    q, ones = x[:n], jnp.ones(n)
    mass = jax.hessian(lambda dq: plant.kinetic(q, dq))(jnp.zeros(n))

    def braked(plant: Any) -> Array:
        dx = plant.ode(jnp.zeros(()), jnp.concatenate([q, ones]), jnp.zeros_like(u))
        return jnp.sum(mass @ dx[n:])

    J = jax.jacfwd(lambda q: points_of(plant, q))(q) if can_grab(plant) else None
    return Model(A, B, points, mass, J, jax.grad(braked, allow_int=True)(plant))
