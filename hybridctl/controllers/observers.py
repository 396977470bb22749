"""Observers: from noisy, late measurements to the state; written `observer >> c`."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import (
    as_float,
    count,
    finite,
    not_negative,
    positive,
    require,
    row,
    shape,
)
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import deviation, total, wrap
from hybridctl.kinds import check_fields, check_kind, real_number
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_step
from hybridctl.plants.scales import natural_units

DRIFT = 1e-4  # of a state in a period, in its natural unit


class Estimate(eqx.Module):
    """Memory of an observer.

    Attributes:
        x: estimate after the last measurement, shape [n_x].
        P: covariance of its error, shape [n_x, n_x]; None where the gain is fixed.
        fresh: whether no period has passed since `init`.
    """

    x: Array
    P: Array | None
    fresh: Array


class KalmanFilter(Controller):
    """Steady-state Kalman filter of a linearized plant.

    Over a period with the applied input u, and then with the measurement y::

        x̂⁻ = x0 + A (x̂ - x0) + B (u - u0)
        x̂  = x̂⁻ + L (y - x̂⁻)[columns]

    Its output is x̂; `hc.kalman` designs L. It starts on the first measurement, states
    that are not measured at x0, and uses `tick.u_applied`, so saturation and delays do
    not mislead it.

    Args:
        A: sampled state matrix, shape [n_x, n_x].
        B: sampled input matrix, shape [n_x, n_u].
        L: gain, shape [n_x, len(columns)].
        x0: state about which the plant is linear, shape [n_x].
        u0: input there, shape [n_u].
        columns: which coordinates of y are trusted; all by default.
        angles: coordinates that are angles.
        dt: control period [s] that it was designed for.
    """

    A: Array = eqx.field(converter=as_float)
    B: Array = eqx.field(converter=as_float)
    L: Array = eqx.field(converter=as_float)
    x0: Array = eqx.field(converter=as_float)
    u0: Array = eqx.field(converter=as_float)
    columns: tuple[int, ...] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_fields(self)
        row("x0", self.x0)
        row("u0", self.u0)
        n, m = np.shape(self.x0)[-1], np.shape(self.u0)[-1]
        sizes = {"A": (n, n), "B": (n, m), "L": (n, len(self.columns))}
        for name, size in sizes.items():
            finite(name, getattr(self, name))
            shape(name, getattr(self, name), size)

    @property
    def n_u(self) -> int:
        """Number of applied inputs that it sees."""
        return np.shape(self.u0)[-1]

    def init(self, tick: Tick) -> State:
        """The first measurement is believed."""
        rows = range(len(self.x0))
        rest = jnp.asarray(self.x0, tick.y.dtype)
        start = [(tick.y if i in self.columns else rest)[i] for i in rows]
        return Estimate(jnp.stack(start), None, jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Predict, then correct."""
        n = range(len(self.x0))
        e, v = deviation(state.x, self.x0, self.angles), applied(tick, self)
        v = [v[j] - self.u0[j] for j in range(self.n_u)]
        ahead = [
            state.x[i] - e[i]  # x0, on the estimate's own turn
            + total([self.A[i, j] * e[j] for j in n])
            + total([self.B[i, j] * vj for j, vj in enumerate(v)])
            for i in n
        ]  # fmt: skip
        news = [_apart(tick.y[c], ahead[c], c in self.angles) for c in self.columns]
        new = [
            a + total([self.L[i, j] * s for j, s in enumerate(news)])
            for i, a in enumerate(ahead)
        ]
        x = jnp.where(state.fresh, state.x, jnp.stack(new))
        return Estimate(x, None, jnp.asarray(False)), x


class EKF(Controller):
    """Extended Kalman filter with the plant's own dynamics and Jacobians.

    Over a period the estimate follows the plant under the input really applied, and
    its covariance the Jacobians F = ∂x⁺/∂x and G = ∂x⁺/∂u of the same RK4 steps::

        P⁻ = F P Fᵀ + G diag(disturbance²) Gᵀ + diag(process²)

    The measurements, whose noise is independent, then correct one after the other,
    which needs no matrix inverse. Its output is the estimate. It starts on the first
    measurement, states that are not measured at 0 ± unseen.

    Args:
        plant: the model.
        dt: control period [s].
        noise: standard deviation of each measurement, shape [n_x].
        disturbance: standard deviation of an unknown input that changes every
            period, shape [n_u].
        process: standard deviation by which a state drifts in a period, shape [n_x];
            None: 1e-4 of its natural unit, which is 1 for a `CartPole()`, follows the
            scale of any mechanical plant, and is the state's own unit elsewhere.
        columns: which coordinates of y are trusted; all by default.
        substeps: RK4 steps a period.
        unseen: standard deviation at the start of states that are not measured,
            shape [n_x]; None: 1 natural unit.

    Raises:
        ValueError: a shape does not fit, or a deviation is not positive.

    Source: D. Simon, *Optimal State Estimation* (2006), chapter 13.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("swingup")
        >>> machine = hc.reference("machine", task)
        >>> ekf = EKF(task.plant, 0.02, noise=[0.01, 0.02, 0.1, 0.1])
        >>> type(ekf >> machine).__name__
        'Series'
    """

    plant: Plant
    dt: float = eqx.field(static=True, converter=real_number)
    noise: Array = eqx.field(converter=as_float)
    disturbance: Array = eqx.field(converter=as_float)
    process: Array = eqx.field(converter=as_float)
    columns: tuple[int, ...] | None = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    unseen: Array = eqx.field(converter=as_float)

    def __init__(
        self,
        plant: Plant,
        dt: float,
        noise: Any,
        disturbance: Any = 0.0,
        process: Any = None,
        columns: tuple[int, ...] | None = None,
        substeps: int = 1,
        unseen: Any = None,
    ):
        check_kind("plant", plant, Plant)
        self.plant, self.dt, self.noise = plant, dt, noise
        self.disturbance, self.columns, self.substeps = disturbance, columns, substeps
        missing = process is None or unseen is None
        units: Any = natural_units(plant) if missing else None
        self.process = DRIFT * units if process is None else process
        self.unseen = units if unseen is None else unseen

    def __check_init__(self):
        check_fields(self)
        positive("dt", self.dt)
        count("substeps", self.substeps)
        positive("unseen", self.unseen)
        positive("noise", self.noise)
        not_negative("disturbance", self.disturbance)
        not_negative("process", self.process)
        shape("noise", self.noise, (self.plant.n_x,))
        known = range(self.plant.n_x)
        require(
            all(c in known for c in self.columns or ()),
            f"columns={self.columns} must be among the {self.plant.n_x} measurements",
        )

    @property
    def n_u(self) -> int:
        """Number of applied inputs that it sees."""
        return self.plant.n_u

    def init(self, tick: Tick) -> State:
        """The first measurement is believed as far as its noise allows."""
        seen = np.array([i in self._trusted() for i in range(self.plant.n_x)])
        deviation = jnp.where(seen, self.noise, self.unseen)
        x = jnp.where(seen, tick.y, 0.0)
        return Estimate(x, jnp.diag(deviation**2), jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Predict with the applied input, then correct."""
        u = jnp.stack(applied(tick, self))
        ahead, F, G = self._predict(state.x, u, tick.t - self.dt)
        n = self.plant.n_x
        unknown = jnp.broadcast_to(self.disturbance, (self.n_u,)) ** 2
        drift = jnp.broadcast_to(self.process, (n,)) ** 2
        P = F @ state.P @ F.T + (G * unknown[None]) @ G.T + jnp.diag(drift)
        x, P = self._correct(ahead, P, tick.y)
        x = jnp.where(state.fresh, state.x, x)
        P = jnp.where(state.fresh, state.P, P)
        return Estimate(x, P, jnp.asarray(False)), x

    def _predict(self, x: Array, u: Array, t: Array) -> tuple[Array, Array, Array]:
        """State after a period, and its Jacobians by state and input."""
        flow = fixed_step(self.dt, self.substeps)

        def ahead(x: Array, u: Array) -> tuple[Array, Array]:
            after = flow(self.plant, t, x, u)
            return after, after

        (F, G), after = jax.jacfwd(ahead, (0, 1), has_aux=True)(x, u)
        return after, F, G

    def _correct(self, x: Array, P: Array, y: Array) -> tuple[Array, Array]:
        """One scalar measurement after the other."""
        for c in self._trusted():
            gain = P[:, c] / (P[c, c] + self.noise[c] ** 2)
            x = x + gain * _apart(y[c], x[c], c in self.plant.angles)
            P = P - gain[:, None] * P[c][None]
        return x, 0.5 * (P + P.T)

    def _trusted(self) -> tuple[int, ...]:
        return tuple(range(self.plant.n_x)) if self.columns is None else self.columns


def applied(tick: Tick, by: Any) -> list[Array]:
    """What was applied in the last period, coordinate by coordinate."""
    given = tick.need("u_applied", by)
    return [given[j] for j in range(by.n_u)]


def _apart(y: Array, x: Array, angle: bool) -> Array:
    return wrap(y - x) if angle else y - x
