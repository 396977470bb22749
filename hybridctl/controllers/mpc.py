"""Model-predictive control by iLQR within the input's limits."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import as_float, count, positive, require, shape
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import deviation, product, total
from hybridctl.controllers.feedback import StateFeedback, within
from hybridctl.controllers.value import Value, check_value
from hybridctl.kinds import real_number
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_step
from hybridctl.ports import Ports, merged

SWEEPS = 50  # over the inputs, where there are several
SHARES = (1.0, 0.5, 0.2, 0.05)  # of a step, tried side by side


@runtime_checkable
class LeastSquares(Protocol):
    """A running cost that is a sum of squares, as a task's `Cost` is one."""

    def residuals(self, x: Array, u: Array) -> Array:
        """What is squared, at state x [n_x] and input u [n_u]."""
        ...


class Expansion(NamedTuple):
    """Dynamics and cost along a plan, to first and second order in z = (x, u).

    Attributes:
        F: slope of the next state, [H, n_x, n_x + n_u].
        l: slope of the period's cost, [H, n_x + n_u].
        L: its Gauss-Newton curvature, [H, n_x + n_u, n_x + n_u].
    """

    F: Array
    l: Array  # noqa: E741
    L: Array


class MPC(Controller):
    """Model-predictive control: at every period iLQR on the coming H periods.

    Minimizes Σ c(x, u) dt + V(x_H) over inputs |u| <= limit, where c is a sum of
    squares of residuals (a Gauss-Newton Hessian keeps every step well-posed) and V
    the terminal controller's cost-to-go, or `value`, with which a short horizon does.
    One iteration is a rollout, its expansion, a backward Riccati sweep in which inputs
    at their limit are held there, and a line search. The plan, shifted by a period, is
    the next period's start.

    Args:
        plant: the model, autonomous: its ode is taken at t = 0.
        residuals: e(x, u) -> list of scalars with c = Σ e²; for example `task.cost`.
        terminal: its V ends the horizon, its law extends the plan; `hc.lqr(...)`.
        dt: control period [s].
        limit: largest |u|, scalar or [n_u].
        horizon: number of periods H that are looked ahead.
        iterations: of iLQR, a period.
        guess: makes the first plan. At every period it and `terminal` also make
            another one from the current measurement, and the cheapest is taken, so
            that a push does not leave the planner with a plan that is out of date.
            None: `terminal` alone.
        substeps: RK4 steps a period.
        value: cost-to-go that ends the horizon; of it the slope counts, no curvature.
            `hc.Greedy` in it is the guess to give. None: `terminal.V`.

    Raises:
        ValueError: a size that does not fit, or a terminal controller without V.

    Source: Y. Tassa, N. Mansard, E. Todorov, "Control-limited differential dynamic
        programming", ICRA 2014.

    Example:
        >>> import hybridctl as hc
        >>> task = hc.tasks.get("swingup")
        >>> hc.reference("mpc", task).horizon
        125
    """

    plant: Plant
    residuals: eqx.Module
    terminal: StateFeedback
    dt: float = eqx.field(static=True, converter=real_number)
    limit: Array = eqx.field(converter=as_float)
    horizon: int = eqx.field(static=True, default=125)
    iterations: int = eqx.field(static=True, default=3)
    guess: Controller | None = None
    substeps: int = eqx.field(static=True, default=1)
    value: Value | None = None

    def __check_init__(self):
        positive("dt", self.dt)
        positive("limit", self.limit)
        for name in ("horizon", "iterations", "substeps"):
            count(name, getattr(self, name))
        require(
            isinstance(self.residuals, LeastSquares),
            f"{type(self.residuals).__name__} has no residuals(x, u); give a Cost",
        )
        require(
            isinstance(self.terminal, StateFeedback),
            f"terminal is {type(self.terminal).__name__}, expected the StateFeedback "
            "of hc.lqr for a loop without delay",
        )
        shape("terminal.x0", self.terminal.x0, (self.plant.n_x,))
        _ = self.terminal.V  # refuses one without a cost-to-go
        if self.value is not None:
            check_value(self.value, self.plant)

    @property
    def ports(self) -> Ports:
        """The state of its plant, and its inputs."""
        known = self.plant.ports
        inner = merged(self.terminal, *([] if self.guess is None else [self.guess]))
        return inner.but(y=known.y, u=known.u, dt=self.dt, applied=known.u, mode=())

    @property
    def n_u(self) -> int:
        """Number of inputs."""
        return self.plant.n_u

    def init(self, tick: Tick) -> State:
        """The plan of the guess."""
        return self._plan(self.terminal if self.guess is None else self.guess, tick)

    def _plan(self, guess: Controller, tick: Tick) -> Array:
        """Inputs [H, n_u] of a controller, period by period on the model."""
        flow = fixed_step(self.dt, self.substeps)

        def body(carry: Any, i: Array) -> Any:
            memory, now = carry
            memory, u = guess.step(memory, now)
            u = within(u, self.limit)
            x = flow(self.plant, now.t, now.y, u)
            later = now.but(t=now.t + self.dt, k=now.k + 1, y=x)
            if now.u_applied is not None:
                later = later.but(u_applied=u)
            if now.u_asked is not None:
                later = later.but(u_asked=u)
            return (memory, later), u

        start = (guess.init(tick), tick)
        return jax.lax.scan(body, start, jnp.arange(self.horizon))[1]

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Improve the plan, apply its first input, shift it."""
        x, u, cost = self._start(state, tick)

        def improve(_: Any, plan: Any) -> Any:
            return self._iterate(*plan)

        x, u, cost = jax.lax.fori_loop(0, self.iterations, improve, (x, u, cost))
        last = within(jnp.stack(self.terminal.demand(x[-1])), self.limit)
        last = jnp.where(jnp.isfinite(last), last, u[-1])  # y may be NaN once
        return jnp.concatenate([u[1:], last[None]]), u[0]

    def _start(self, shifted: Array, tick: Tick) -> Any:
        """The cheapest of the shifted plan, a new guess and the terminal law."""
        plans = [shifted, self._plan(self.terminal, tick)]
        if self.guess is not None:
            plans.append(self._plan(self.guess, tick))
        rolled = jax.vmap(lambda u: self._roll(tick.y, u))(jnp.stack(plans))
        best = jnp.nanargmin(rolled[2])
        return tuple(part[best] for part in rolled)

    def _ahead(self, x: Array, u: Array) -> Array:
        flow = fixed_step(self.dt, self.substeps)
        return flow(self.plant, jnp.zeros_like(x[0]), x, u)

    def _roll(self, x0: Array, u: Array) -> tuple[Array, Array, Array]:
        """States [H+1, n_x] under a plan, the plan, and its cost."""

        def body(x: Array, u: Array) -> Any:
            after = self._ahead(x, u)
            return after, (after, self._rate(x, u))

        end, (xs, rates) = jax.lax.scan(body, x0, u)
        cost = jnp.sum(rates) + self._end(end)
        return jnp.concatenate([x0[None], xs]), u, cost

    def _end(self, x: Array) -> Array:
        """What the horizon ends with."""
        return (self.terminal.V if self.value is None else self.value)(x)

    def _expand_end(self, x: Array) -> tuple[Array, Array]:
        """Its slope; its curvature where that is known to be positive."""
        P = jnp.asarray(self.terminal.V.P)
        if self.value is not None:
            return self.value.gradient(x), jnp.zeros_like(P)
        e = jnp.stack(deviation(x, self.terminal.x0, self.terminal.angles))
        return product(2 * P, e), 2 * P

    def _rate(self, x: Array, u: Array) -> Array:
        return self.dt * total([e**2 for e in self._parts(x, u)])

    def _parts(self, x: Array, u: Array) -> list[Array]:
        return self.residuals.residuals(x, u)  # type: ignore[attr-defined]

    def _iterate(self, x: Array, u: Array, cost: Array) -> Any:
        """One backward sweep, and the best of some shares of its step."""
        k, K = self._backward(self._expand(x[:-1], u), x[-1], u)
        shares = jnp.asarray(SHARES, x.dtype)
        tried = jax.vmap(lambda s: self._follow(x, u, s * k, K))(shares)
        best = jnp.nanargmin(tried[2])
        return _cheaper((x, u, cost), tuple(part[best] for part in tried))

    def _follow(self, x: Array, u: Array, k: Array, K: Array) -> Any:
        """The plan u + k + K (x' - x) within its limits."""

        def body(now: Array, row: Any) -> Any:
            x, u, k, K = row
            new = within(u + k + product(K, now - x), self.limit)
            after = self._ahead(now, new)
            return after, (after, new, self._rate(now, new))

        end, (xs, us, rates) = jax.lax.scan(body, x[0], (x[:-1], u, k, K))
        cost = jnp.sum(rates) + self._end(end)
        return jnp.concatenate([x[:1], xs]), us, cost

    def _expand(self, x: Array, u: Array) -> Expansion:
        """Jacobians of the dynamics; gradient and Gauss-Newton Hessian of the cost."""
        n = x.shape[-1]

        def both(z: Array) -> Any:
            e = jnp.stack(self._parts(z[:n], z[n:]))
            return (self._ahead(z[:n], z[n:]), e), e

        def one(z: Array) -> Expansion:
            (F, J), e = jax.jacfwd(both, has_aux=True)(z)
            h = 2 * self.dt
            return Expansion(F, h * product(J.T, e), h * product(J.T, J))

        return jax.vmap(one)(jnp.concatenate([x, u], -1))

    def _backward(self, plan: Expansion, end: Array, u: Array) -> tuple[Array, Array]:
        """Steps k [H, n_u] and gains K [H, n_u, n_x] from the end to the start."""
        n = len(end)

        def body(after: Any, row: Any) -> Any:
            (v, V), (now, u) = after, row
            q = now.l + product(now.F.T, v)
            Q = now.L + product(now.F.T, product(V, now.F))
            k, K = self._bounded(Q[n:, n:], q[n:], Q[n:, :n], u)
            M = jnp.concatenate([jnp.eye(n, dtype=K.dtype), K])  # z = M x
            v = product(M.T, q + product(Q[:, n:], k))
            V = product(M.T, product(Q, M))
            return (v, 0.5 * (V + V.T)), (k, K)

        return jax.lax.scan(body, self._expand_end(end), (plan, u), reverse=True)[1]

    def _bounded(
        self, Quu: Array, Qu: Array, Qux: Array, u: Array
    ) -> tuple[Array, Array]:
        """Minimizer of ½k'Quu k + Qu'k with u + k within limits; K of free inputs.

        By coordinate descent, of which one sweep is exact for a single input.
        """
        low, high = -self.limit - u, self.limit - u
        low, high = jnp.broadcast_to(low, u.shape), jnp.broadcast_to(high, u.shape)

        def sweep(_: Any, k: Array) -> Array:
            for i in range(self.n_u):
                best = k[i] - (Qu[i] + product(Quu[i : i + 1], k)[0]) / Quu[i, i]
                k = k.at[i].set(jnp.clip(best, low[i], high[i]))
            return k

        sweeps = 1 if self.n_u == 1 else SWEEPS
        k = jax.lax.fori_loop(0, sweeps, sweep, jnp.zeros_like(u))
        free = (k > low) & (k < high)
        both = free[:, None] & free[None, :]
        inverse = _inverse(jnp.where(both, Quu, jnp.eye(self.n_u)))
        return k, -product(inverse, jnp.where(free[:, None], Qux, 0.0))


def _cheaper(old: Any, new: Any) -> Any:
    """The plan (x, u, cost) that costs less; NaN never does."""
    better = (new[2] < old[2]) | (jnp.isnan(old[2]) & ~jnp.isnan(new[2]))
    return jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)


def _inverse(matrix: Array) -> Array:
    """Inverse of a positive definite matrix; of one number without any solver."""
    return 1.0 / matrix if np.shape(matrix) == (1, 1) else jnp.linalg.inv(matrix)
