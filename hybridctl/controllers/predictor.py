"""The delay predictor: what a late input will meet; written `predictor >> c`."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from hybridctl.checks import count, optional_float, positive, require, shares
from hybridctl.controllers.controller import Controller, State, Tick
from hybridctl.controllers.error import total
from hybridctl.controllers.feedback import within
from hybridctl.controllers.observers import applied
from hybridctl.kinds import real_number
from hybridctl.plants import Plant
from hybridctl.plants.flow import fixed_step
from hybridctl.ports import Ports


class Pipe(eqx.Module):
    """Memory of a `Predictor`: inputs asked for and not yet applied, oldest first."""

    u: Array
    fresh: Array


class Predictor(Controller):
    """The state at which the input that is asked for now will be applied.

    Where the actuator delays by d periods, the plant's model is run over the d
    inputs that are still on their way (`tick.u_asked`, period by period), so that
    `predictor >> controller` acts on x[k + d] as if there were no delay; so does
    `ekf >> predictor >> controller`, whoever asks.

    Args:
        plant: the model.
        dt: control period [s].
        delay: whole periods between asking and applying, at least 1.
        limit: of the actuator, largest |u|, scalar or [n_u]; None: unlimited.
        lag: of the actuator [s]; None: none.
        substeps: RK4 steps a period.
        spread: of the actuator: what part of an input arrives after the delay, one
            period later, ... [n]; None: all of it at once.
        response: of the actuator, scalar, in place of a lag; None: none.

    Raises:
        ValueError: the delay is no whole number above 0, a spread that does not add up
            to 1, or lag and response are both given.

    Source: O. J. M. Smith, "Closer control of loops with dead time" (1957); in state
        space: W. H. Kwon, A. E. Pearson, IEEE Trans. Automatic Control 25 (1980).

    Example:
        >>> import hybridctl as hc
        >>> loop = hc.Loop(0.02, actuator=hc.Actuator(limit=10.0, delay=3))
        >>> plant = hc.CartPole()
        >>> lqr = hc.lqr(plant, plant.upright(), Q=[1, 10, 1, 1], R=0.1, dt=0.02)
        >>> late = Predictor(plant, 0.02, delay=3, limit=10.0) >> lqr
        >>> trace = hc.simulate(plant, late, [0, 3.0, 0, 0], 5.0, loop=loop)
        >>> bool(abs(trace["x"][-1]) < 0.05)
        True
    """

    plant: Plant
    dt: float = eqx.field(static=True, converter=real_number)
    delay: int = eqx.field(static=True)
    limit: Array | None = eqx.field(converter=optional_float, default=None)
    lag: Array | None = eqx.field(converter=optional_float, default=None)
    substeps: int = eqx.field(static=True, default=1)
    spread: Array | None = eqx.field(converter=optional_float, default=None)
    response: Array | None = eqx.field(converter=optional_float, default=None)

    def __check_init__(self):
        positive("dt", self.dt)
        count("substeps", self.substeps)
        require(
            isinstance(self.delay, int) and self.delay > 0,
            f"delay={self.delay!r} must be a whole number of periods above 0; "
            "without a delay there is nothing to predict",
        )
        for name in ("limit", "lag", "response"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        require(
            self.lag is None or self.response is None,
            f"lag={self.lag} and response={self.response} tell the same of an "
            "actuator; give one of the two",
        )
        if self.spread is not None:
            shares("spread", self.spread)

    @property
    def n_u(self) -> int:
        """Number of applied inputs that it sees."""
        return self.plant.n_u

    @property
    def ports(self) -> Ports:
        """The state, as it is and as it will be."""
        known = self.plant.ports
        return Ports(y=known.y, r=(), u=known.y, applied=known.u, dt=self.dt)

    def init(self, tick: Tick) -> State:
        """The pipe holds what is applied now; it is empty where a loop begins."""
        u = jnp.stack(applied(tick, self))
        long = self.delay + self._parts - 1
        return Pipe(jnp.broadcast_to(u, (long, self.n_u)), jnp.asarray(True))

    def step(self, state: State, tick: Tick) -> tuple[State, Array]:
        """Run the model over what is in the pipe."""
        asked = tick.need("u_asked", self)
        asked = within(asked, self.limit)
        moved = jnp.concatenate([state.u[1:], asked[None]])
        pipe = jnp.where(state.fresh, state.u, moved)
        flow, share = fixed_step(self.dt, self.substeps), self._share
        x, u = tick.y, jnp.stack(applied(tick, self))
        for i in range(self.delay):
            u = u + share * (self._arriving(pipe, i) - u)
            u = u if self.response is None else within(u, self.limit)
            x = flow(self.plant, tick.t + i * self.dt, x, u)
        return Pipe(pipe, jnp.asarray(False)), x

    @property
    def _parts(self) -> int:
        """Over how many periods an input arrives."""
        return 1 if self.spread is None else np.shape(self.spread)[0]

    @property
    def _share(self) -> Any:
        """What of the way to its input the actuator makes in a period."""
        if self.lag is not None:
            return -jnp.expm1(-self.dt / self.lag)
        return 1.0 if self.response is None else self.response

    def _arriving(self, pipe: Array, i: int) -> Array:
        """What of the pipe arrives i periods from now [n_u]."""
        if self.spread is None:
            return pipe[i]
        newest = i + self._parts - 1
        return total([self.spread[j] * pipe[newest - j] for j in range(self._parts)])
