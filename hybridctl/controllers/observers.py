"""Observers: from noisy, late measurements to the state; written `observer >> c`."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from hybridctl.checks import (
    as_float,
    count,
    finite,
    not_negative,
    optional_float,
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
from hybridctl.plants.outputs import Outputs, function_of, pairs
from hybridctl.plants.scales import natural_units
from hybridctl.ports import Names, Ports, named

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
        x̂  = x̂⁻ + L (y - h(x̂⁻)),  h(x) = x[columns], or y0 + C (x - x0)

    Its output is x̂; `hc.kalman` designs L. It starts at x0, states that are measured
    on the first measurement, and uses `tick.u_applied`, so saturation and delays do
    not mislead it.

    Args:
        A: sampled state matrix, shape [n_x, n_x].
        B: sampled input matrix, shape [n_x, n_u].
        L: gain, shape [n_x, n_y].
        x0: state about which the plant is linear, shape [n_x].
        u0: input there, shape [n_u].
        columns: states that are measured, in the order of y [n_y]. Where the states
            have no names, y is the whole state [n_x] and these are its columns.
        angles: states that are angles.
        dt: control period [s] that it was designed for.
        states: names and units of the states, where known.
        inputs: names and units of the inputs, where known.
        C: output matrix, shape [n_y, n_x], instead of columns; or None.
        y0: measurement at x0, shape [n_y], with C.
        outputs: names and units of y, with C, where known.
        turned: coordinates of y that are angles, with C.
    """

    A: Float[Array, "n_x n_x"] = eqx.field(converter=as_float)
    B: Float[Array, "n_x n_u"] = eqx.field(converter=as_float)
    L: Float[Array, "n_x n_y"] = eqx.field(converter=as_float)
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)
    u0: Float[Array, " n_u"] = eqx.field(converter=as_float)
    columns: tuple[int, ...] = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True, default=())
    dt: float | None = eqx.field(static=True, default=None)
    states: Names = eqx.field(static=True, default=())
    inputs: Names = eqx.field(static=True, default=())
    C: Float[Array, "n_y n_x"] | None = eqx.field(
        converter=optional_float, default=None
    )
    y0: Float[Array, " n_y"] | None = eqx.field(converter=optional_float, default=None)
    outputs: Names = eqx.field(static=True, default=())
    turned: tuple[int, ...] = eqx.field(static=True, default=())

    def __check_init__(self):
        check_fields(self)
        row("x0", self.x0)
        row("u0", self.u0)
        n, m = np.shape(self.x0)[-1], np.shape(self.u0)[-1]
        n_y = len(self.columns)
        sizes = {"A": (n, n), "B": (n, m)}
        if self.C is not None:
            y0: Any = self.y0
            row("y0", y0)
            n_y = np.shape(y0)[-1]
            sizes |= {"C": (n_y, n)}
        for name, size in (sizes | {"L": (n, n_y)}).items():
            finite(name, getattr(self, name))
            shape(name, getattr(self, name), size)

    @property
    def n_u(self) -> int:
        """Number of applied inputs that it sees."""
        return np.shape(self.u0)[-1]

    @property
    def ports(self) -> Ports:
        """What it reads, and the states that it gives."""
        states = named(self.states, np.shape(self.x0)[-1], self.angles)
        y = tuple(states[c] for c in self.columns) if self.states else states
        if self.C is not None:
            y = named(self.outputs, len(self.C), self.turned)
        applied = named(self.inputs, self.n_u)
        whole = self.C is None and len(self.columns) == len(states)
        return Ports(y, (), states, self.dt, applied=applied, by_name=not whole)

    @property
    def _places(self) -> dict[int, int]:
        """Where the states that are measured stand in y, by state."""
        rows = enumerate(self.columns)
        return {c: i if self.states else c for i, c in rows}

    def init(self, tick: Tick) -> State:
        """The first measurement is believed; of what is no state, as far as L does."""
        rest = jnp.asarray(self.x0, tick.y.dtype)
        start = _started(tick.y, self._places, rest)
        if self.C is not None:
            start = self._corrected(tick.y, list(start))
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
        new = self._corrected(tick.y, ahead)
        x = jnp.where(state.fresh, state.x, jnp.stack(new))
        return Estimate(x, None, jnp.asarray(False)), x

    def shows(self, state: State) -> dict[str, Array]:
        """The estimate [n_x]."""
        return {"estimate": state.x}

    def _corrected(self, y: Array, ahead: list[Array]) -> list[Array]:
        """What is expected, and as much of the news as L takes."""
        news = self._news(y, ahead)
        return [
            a + total([self.L[i, j] * s for j, s in enumerate(news)])
            for i, a in enumerate(ahead)
        ]

    def _news(self, y: Array, ahead: list[Array]) -> list[Array]:
        """What is measured beyond what was expected."""
        if self.C is None:
            places = self._places.items()
            return [_apart(y[i], ahead[c], c in self.angles) for c, i in places]
        y0: Any = self.y0
        e = deviation(ahead, self.x0, self.angles)
        seen = [
            y0[i] + total([self.C[i, j] * e[j] for j in range(len(e))])
            for i in range(len(y0))
        ]
        return [_apart(y[i], s, i in self.turned) for i, s in enumerate(seen)]


class EKF(Controller):
    """Extended Kalman filter with the plant's own dynamics and Jacobians.

    Over a period the estimate follows the plant under the input really applied, and
    its covariance the Jacobians F = ∂x⁺/∂x and G = ∂x⁺/∂u of the same RK4 steps::

        P⁻ = F P Fᵀ + G diag(disturbance²) Gᵀ + diag(process²)

    The measurements, whose noise is independent, then correct one after the other,
    which needs no matrix inverse; those of y = h(x) by its Jacobian at the estimate
    before. Its output is the estimate. It starts at x0 ± unseen, states that are
    measured on the first measurement.

    Args:
        plant: the model.
        dt: control period [s].
        noise: standard deviation of each measurement, a number or [n_y].
        disturbance: standard deviation of an unknown input that changes every
            period, shape [n_u].
        process: standard deviation by which a state drifts in a period, shape [n_x];
            None: 1e-4 of its natural unit, which is 1 for a `CartPole()`, follows the
            scale of any mechanical plant, and is the state's own unit elsewhere.
        columns: where y is the whole state [n_x], which of it are trusted; all by
            default. `noise` is then [n_x].
        substeps: RK4 steps a period.
        unseen: standard deviation at the start of states that are not measured,
            shape [n_x]; None: 1 natural unit.
        outputs: what is measured: names of states in the order of y, or a module-level
            function in `jax.numpy` from x [n_x] to y [n_y]; None: the whole state.
        names: of what a function gives, length n_y; () where it has none.
        units: unit by name of what a function gives.
        angles: names of what a function gives that are angles.
        x0: where states start that are not measured, shape [n_x]; None: 0.

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
        >>> [s.name for s in EKF(task.plant, 0.02, 0.01, outputs=["theta"]).ports.y]
        ['theta']
    """

    plant: Plant
    dt: float = eqx.field(static=True, converter=real_number)
    noise: Array = eqx.field(converter=as_float)
    disturbance: Float[Array, " n_u"] = eqx.field(converter=as_float)
    process: Float[Array, " n_x"] = eqx.field(converter=as_float)
    columns: tuple[int, ...] | None = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    unseen: Float[Array, " n_x"] = eqx.field(converter=as_float)
    outputs: tuple[str, ...] | Callable[[Array], Array] | None = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    units: Names = eqx.field(static=True)
    angles: tuple[str, ...] = eqx.field(static=True)
    x0: Float[Array, " n_x"] = eqx.field(converter=as_float)

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
        outputs: Any = None,
        names: tuple[str, ...] = (),
        units: Any = None,
        angles: tuple[str, ...] = (),
        x0: Any = None,
    ):
        check_kind("plant", plant, Plant)
        self.plant, self.dt, self.noise = plant, dt, as_float(noise)
        self.disturbance, self.columns, self.substeps = disturbance, columns, substeps
        self.outputs, self.units = function_of(outputs), pairs(units)
        self.names, self.angles = tuple(names), tuple(angles)
        if not np.ndim(self.noise):
            self.noise = self.noise * np.ones(len(self.ports.y or ()))
        missing = process is None or unseen is None
        natural: Any = natural_units(plant) if missing else None
        self.process = DRIFT * natural if process is None else process
        self.unseen = natural if unseen is None else unseen
        self.x0 = as_float([0.0] * plant.n_x) if x0 is None else x0

    def __check_init__(self):
        check_fields(self)
        positive("dt", self.dt)
        count("substeps", self.substeps)
        positive("unseen", self.unseen)
        positive("noise", self.noise)
        not_negative("disturbance", self.disturbance)
        not_negative("process", self.process)
        self._equation.check("EKF")
        shape("x0", self.x0, (self.plant.n_x,))
        finite("x0", self.x0)
        shape("noise", self.noise, (len(self.ports.y or ()),))
        known = range(self.plant.n_x)
        require(
            all(c in known for c in self.columns or ()),
            f"columns={self.columns} must be among the {self.plant.n_x} measurements",
        )
        require(
            self.columns is None or self.outputs is None,
            f"columns={self.columns} are of the whole state, and outputs= name what is "
            "measured; give one of the two",
        )

    @property
    def n_u(self) -> int:
        """Number of applied inputs that it sees."""
        return self.plant.n_u

    @property
    def ports(self) -> Ports:
        """What it reads, and the states that it gives."""
        given = self.plant.ports
        y = self._equation.signals("EKF", self.plant)
        some = self.outputs is not None
        return Ports(y, (), given.y, self.dt, applied=given.u, by_name=some)

    @property
    def _equation(self) -> Outputs:
        return Outputs(self.outputs, self.names, self.units, self.angles)

    @property
    def _places(self) -> dict[int, int]:
        """Where the states that are measured stand in y, by state."""
        if self.columns is not None:
            return {c: c for c in self.columns}
        columns = self._equation.columns("EKF", self.plant) or ()
        return {c: i for i, c in enumerate(columns)}

    def init(self, tick: Tick) -> State:
        """The first measurement is believed as far as its noise allows."""
        places, rest = self._places, jnp.asarray(self.x0, tick.y.dtype)
        unseen = jnp.broadcast_to(self.unseen, rest.shape)
        x = jnp.stack(_started(tick.y, places, rest))
        deviation = jnp.stack(_started(self.noise, places, unseen))
        P = jnp.diag(deviation**2)
        if callable(self.outputs):
            x, P = self._correct(x, P, tick.y)
        return Estimate(x, P, jnp.asarray(True))

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

    def shows(self, state: State) -> dict[str, Array]:
        """The estimate [n_x]."""
        return {"estimate": state.x}

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
        if callable(self.outputs):
            return self._correct_by_slope(x, P, y)
        for c, i in self._places.items():
            gain = P[:, c] / (P[c, c] + self.noise[i] ** 2)
            x = x + gain * _apart(y[i], x[c], c in self.plant.angles)
            P = P - gain[:, None] * P[c][None]
        return x, 0.5 * (P + P.T)

    def _correct_by_slope(self, x: Array, P: Array, y: Array) -> tuple[Array, Array]:
        """As `_correct`, h linear about the estimate before all of them."""

        def h(x: Array) -> tuple[Array, Array]:
            seen = self._equation.of("EKF", self.plant, x)
            return seen, seen

        ahead, (H, seen) = x, jax.jacfwd(h, has_aux=True)(x)
        signals = self.ports.y or ()
        for i in range(len(signals)):
            PH = P @ H[i]
            gain = PH / (H[i] @ PH + self.noise[i] ** 2)
            expected = seen[i] + H[i] @ (x - ahead)
            x = x + gain * _apart(y[i], expected, signals[i].angle)
            P = P - gain[:, None] * PH[None]
        return x, 0.5 * (P + P.T)


def _started(y: Array, places: dict[int, int], x0: Array) -> list[Array]:
    """Of states that are measured what is in y, of others what is in x0."""
    return [y[places[i]] if i in places else x0[i] for i in range(len(x0))]


def applied(tick: Tick, by: Any) -> list[Array]:
    """What was applied in the last period, coordinate by coordinate."""
    given = tick.need("u_applied", by)
    return [given[j] for j in range(by.n_u)]


def _apart(y: Array, x: Array, angle: bool) -> Array:
    return wrap(y - x) if angle else y - x
